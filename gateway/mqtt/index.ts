export { type Broker, openBroker } from "./broker.ts";
export { openMqttContext } from "./mqtt-context.ts";
export { openMqttListener } from "./mqtt-listener.ts";
export { openUpstream } from "./upstream.ts";
