import { randomBytes } from "node:crypto";
import { type EmbeddedPostgres, openEmbeddedPostgres } from "#store/embedded.ts";
import type { SimulationTarget } from "../index.ts";
import { findFreePort } from "./free-port.ts";
import { type RoleProcess, startRoleProcess } from "./role-process.ts";

export type RoleName = "gateway" | "stream" | "api";

/** The real service, role by role in processes that can be killed, on a PostgreSQL that can be killed too. */
export type KillableService = {
  /** Where devices of every protocol connect. */
  readonly target: SimulationTarget;
  readonly apiUrl: string;
  readonly apiKey: string;
  /** One process of each role; the stream has another beside it, which nobody kills. */
  readonly roles: Readonly<Record<RoleName, RoleProcess>>;
  /** Ends of role processes that nobody asked for. */
  crashes(): readonly string[];
  /** SIGKILL to the PostgreSQL server; it is started again as an init system would. */
  killDatabase(): void;
  /** Stops PostgreSQL as an administrator does. */
  stopDatabase(): Promise<void>;
  startDatabase(): Promise<void>;
  /** Resolves when every role listens. */
  ready(): Promise<void>;
  close(): Promise<void>;
};

export type ServiceOptions = {
  /** Folder of the program to run. */
  checkout: string;
  /** Folder for the database, made when missing. */
  dataDir: string;
  /** Road network file that positions are matched on. */
  roads?: string | undefined;
};

const HOST = "127.0.0.1";
const API_KEY_BYTES = 32;

export async function startKillableService({ checkout, dataDir, roads }: ServiceOptions): Promise<KillableService> {
  let database: EmbeddedPostgres | undefined = await openEmbeddedPostgres({ dataDir });
  const apiKey = `tg_live_${randomBytes(API_KEY_BYTES).toString("base64url")}`;
  const httpPort = await findFreePort();
  const ports = {
    teltonikaPort: await findFreePort(),
    queclinkPort: await findFreePort(),
    gt06Port: await findFreePort(),
    mqttPort: await findFreePort(),
    osmandPort: await findFreePort(),
  };
  const environment = {
    DATABASE_URL: database.url,
    HOST,
    HTTP_PORT: String(httpPort),
    TELTONIKA_PORT: String(ports.teltonikaPort),
    QUECLINK_PORT: String(ports.queclinkPort),
    GT06_PORT: String(ports.gt06Port),
    MQTT_PORT: String(ports.mqttPort),
    OSMAND_PORT: String(ports.osmandPort),
    METRICS_PORT: "0",
    ADMIN_API_KEY: apiKey,
    LOG_LEVEL: "warn",
    ...(roads === undefined ? {} : { ROADS: roads }),
  };
  const start = (role: RoleName): RoleProcess => startRoleProcess({ role, checkout, environment });
  const roles = { api: start("api"), stream: start("stream"), gateway: start("gateway") };
  // The partitions of a stream that is killed go on in this one.
  const otherStream = start("stream");
  const all = [...Object.values(roles), otherStream];

  async function close(): Promise<void> {
    await Promise.all(all.map((role) => role.stop()));
    await database?.close();
    database = undefined;
  }

  const service: KillableService = {
    target: {
      ...{ host: HOST, transport: "mixed", ...ports },
      queclinkUdpPort: ports.queclinkPort,
      owntracksHttpPort: ports.osmandPort,
    },
    apiUrl: `http://${HOST}:${httpPort}`,
    apiKey,
    roles,
    crashes: () => all.flatMap((role) => role.crashes),
    killDatabase() {
      if (database) process.kill(database.processId, "SIGKILL");
    },
    async stopDatabase() {
      await database?.close();
      database = undefined;
    },
    async startDatabase() {
      database ??= await openEmbeddedPostgres({ dataDir });
      if (database.url !== environment.DATABASE_URL) throw new Error("the database came back at another address");
    },
    async ready() {
      await Promise.all(all.map((role) => role.ready()));
    },
    close,
  };
  try {
    await service.ready();
  } catch (error) {
    await close();
    throw error;
  }
  return service;
}
