import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { ConfigSchema } from "./config.ts";

const MAIN = new URL("main.ts", import.meta.url).pathname;
/** Nothing listens on port 1 of the loopback interface. */
const NO_DATABASE = "postgres://nobody:none@127.0.0.1:1/none";

test.each(["gateway", "gateway,api"])(
  "a start that waits for its database ends at once when asked (%s)",
  async (roles) => {
    const inherited = Object.entries(process.env).filter(([name]) => !Object.hasOwn(ConfigSchema.properties, name));
    const service = spawn(process.execPath, [MAIN, "serve", "--roles", roles], {
      env: { ...Object.fromEntries(inherited), DATABASE_URL: NO_DATABASE },
      stdio: ["ignore", "inherit", "pipe"],
    });
    const ended = once(service, "exit");
    let said = "";
    for await (const chunk of service.stderr) {
      said += String(chunk);
      if (said.includes("database is away, waiting for it")) service.kill("SIGINT");
    }
    expect(await ended).toEqual([0, null]);
  },
);
