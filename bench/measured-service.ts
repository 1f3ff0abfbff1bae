import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { openEmbeddedPostgres } from "#store";

/** The whole service on a database of its own, as `serve` runs it, for the benchmarks that measure end to end. */

export type MeasuredService = {
  databaseUrl: string;
  teltonikaPort: number;
  mqttPort: number;
  httpPort: number;
  apiKey: string;
  close(): Promise<void>;
};

const MAIN = new URL("../main.ts", import.meta.url).pathname;
const ADMIN_KEY = `tg_live_${"bench".padEnd(43, "0")}`;

/** `roles`: only these, as where the others have machines of their own. */
export async function openMeasuredService(
  settings: Record<string, string> = {},
  roles: readonly string[] = ["gateway", "stream", "api"],
): Promise<MeasuredService> {
  const dataDir = await mkdtemp(join(tmpdir(), "telematics-bench-"));
  const postgres = await openEmbeddedPostgres({ dataDir });
  const service = spawn(process.execPath, [MAIN, "serve", "--roles", roles.join(",")], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: postgres.url,
      HOST: "127.0.0.1",
      HTTP_PORT: "0",
      TELTONIKA_PORT: "0",
      QUECLINK_PORT: "0",
      GT06_PORT: "0",
      OSMAND_PORT: "0",
      MQTT_PORT: "0",
      ADMIN_API_KEY: ADMIN_KEY,
      LOG_LEVEL: "error",
      AUTO_REGISTER: "true",
      CONNECTIONS_PER_ADDRESS_MAX: "50000",
      ...settings,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ports = await portsOf(
    service,
    NEEDED_OF.filter(([role]) => roles.includes(role)).flatMap(([, names]) => names),
  );
  return {
    databaseUrl: postgres.url,
    teltonikaPort: ports.get("teltonika tcp")!,
    mqttPort: ports.get("mqtt")!,
    httpPort: ports.get("http")!,
    apiKey: ADMIN_KEY,
    async close() {
      const ended = new Promise((resolve) => service.once("exit", resolve));
      service.kill("SIGTERM");
      await ended;
      await postgres.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

const NEEDED_OF: readonly (readonly [role: string, listeners: readonly string[]])[] = [
  ["gateway", ["teltonika tcp", "teltonika udp", "mqtt"]],
  ["api", ["http"]],
];

/** Reads the lines `listening <name> <host>:<port>` until all listeners that a benchmark needs are there. */
async function portsOf(service: ChildProcess, needed: readonly string[]): Promise<Map<string, number>> {
  const ports = new Map<string, number>();
  for await (const line of createInterface({ input: service.stdout! })) {
    const found = /^listening (.+) \S+:(\d+)$/.exec(line);
    if (found) ports.set(found[1]!, Number(found[2]));
    if (needed.every((name) => ports.has(name))) return ports;
  }
  throw new Error("the service ended before it listened");
}
