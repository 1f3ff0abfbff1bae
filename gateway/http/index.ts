export { openHttpContext } from "./http-context.ts";
export { openHttpListener } from "./http-listener.ts";
