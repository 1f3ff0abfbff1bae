import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { openTestDatabase } from "#store/testing.ts";
import { ConfigSchema } from "./config.ts";

const MAIN = new URL("main.ts", import.meta.url).pathname;
/** Nothing listens on port 1 of the loopback interface. */
const NO_DATABASE = "postgres://nobody:none@127.0.0.1:1/none";

function serve({ ROLES, ...settings }: Record<string, string>) {
  const inherited = Object.entries(process.env).filter(([name]) => !Object.hasOwn(ConfigSchema.properties, name));
  return spawn(process.execPath, [MAIN, "serve", "--roles", ROLES ?? "gateway,api"], {
    env: { ...Object.fromEntries(inherited), ...settings },
    stdio: ["ignore", "ignore", "pipe"],
  });
}

test("a port that is taken ends the start with 1 and names the port", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const port = String((taken.address() as AddressInfo).port);
  const database = await openTestDatabase();
  const service = serve({ DATABASE_URL: database.url, HOST: "127.0.0.1", HTTP_PORT: port });
  const [said, ended] = await Promise.all([text(service.stderr), once(service, "exit")]);
  expect(ended).toEqual([1, null]);
  expect(said).toContain(port);
  expect(said).not.toContain("restarting");
  taken.close();
  await database.close();
});

test.each(["gateway", "gateway,api"])(
  "a start that waits for its database ends at once when asked (%s)",
  async (roles) => {
    const service = serve({ DATABASE_URL: NO_DATABASE, ROLES: roles });
    const ended = once(service, "exit");
    let said = "";
    for await (const chunk of service.stderr) {
      said += String(chunk);
      if (said.includes("database is away, waiting for it")) service.kill("SIGINT");
    }
    expect(await ended).toEqual([0, null]);
  },
);
