import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { openTestDatabase } from "#store/testing.ts";
import { ConfigSchema } from "./config.ts";

// A role takes seconds of CPU time to start, and may get a tenth of a core.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const MAIN = new URL("main.ts", import.meta.url).pathname;
const PORT_SETTINGS = ["HTTP_PORT", "TELTONIKA_PORT", "QUECLINK_PORT", "GT06_PORT", "OSMAND_PORT", "MQTT_PORT"];
/** Teltonika and Queclink listen for datagrams too. */
const UDP_LISTENERS = 2;
/** Nothing listens on port 1 of the loopback interface. */
const NO_DATABASE = "postgres://nobody:none@127.0.0.1:1/none";

function serve({ ROLES, ...settings }: Record<string, string>) {
  const inherited = Object.entries(process.env).filter(([name]) => !Object.hasOwn(ConfigSchema.properties, name));
  return spawn(process.execPath, [MAIN, "serve", "--roles", ROLES ?? "gateway,api"], {
    env: { ...Object.fromEntries(inherited), ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** The process that runs a role under the supervisor `parentId`, by what Linux says of processes. */
function findRoleProcess(parentId: number, role: string): number {
  for (const file of globSync("/proc/[0-9]*/cmdline")) {
    const id = Number(file.split("/")[2]);
    try {
      const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1];
      if (Number(parent) === parentId && readFileSync(file, "utf8").includes(`--roles\0${role}\0`)) return id;
    } catch (error) {
      // A process that has ended meanwhile is not the one.
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
  throw new Error(`no process runs the role ${role}`);
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
    let isAsked = false;
    for await (const line of createInterface({ input: service.stderr })) {
      if (isAsked || !line.includes("database is away, waiting for it")) continue;
      isAsked = true;
      service.kill("SIGINT");
    }
    expect(await ended).toEqual([0, null]);
  },
);

test.skipIf(process.platform !== "linux")(
  "a gateway that hangs makes the service not ready, until it goes on",
  async () => {
    const database = await openTestDatabase();
    const service = serve({
      DATABASE_URL: database.url,
      HOST: "127.0.0.1",
      ...Object.fromEntries(PORT_SETTINGS.map((name) => [name, "0"])),
    });
    service.stderr.resume();
    const lines = createInterface({ input: service.stdout });
    let port = "";
    let listeners = 0;
    for await (const line of lines) {
      port ||= /^listening http \S+:(\d+)$/.exec(line)?.[1] ?? "";
      listeners += line.startsWith("listening ") ? 1 : 0;
      if (port !== "" && listeners === PORT_SETTINGS.length + UDP_LISTENERS) break;
    }
    service.stdout.resume();
    const readiness = async () => {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`);
      const { checks } = (await response.json()) as { checks: { name: string; detail: string }[] };
      return { status: response.status, journal: checks.find(({ name }) => name === "journal")?.detail };
    };
    const untilReadiness = async (wanted: { status: number; journal?: string }) => {
      for (;;) {
        const found = await readiness();
        if (found.status === wanted.status && (wanted.journal ?? found.journal) === found.journal) return;
        await sleep(50);
      }
    };
    await untilReadiness({ status: 200 });
    const gateway = findRoleProcess(service.pid!, "gateway");
    // Whatever fails below: a stopped process ends only when it goes on and sees its supervisor gone.
    onTestFinished(() => {
      if (service.exitCode === null && service.kill("SIGKILL")) process.kill(gateway, "SIGCONT");
    });
    process.kill(gateway, "SIGSTOP");
    await untilReadiness({ status: 503, journal: "the process of the gateway does not answer" });
    process.kill(gateway, "SIGCONT");
    await untilReadiness({ status: 200 });
    service.kill("SIGTERM");
    await once(service, "exit");
    await database.close();
  },
);
