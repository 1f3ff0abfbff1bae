import { flushCompileCache } from "node:module";
import { pino } from "pino";
import { ensureAdminKey, migrate, openDatabase, openEmbeddedPostgres } from "#store";
import { type Config, ConfigSchema } from "./config.ts";
import type { Listener, Metrics, Role } from "./role.ts";
import { ROLES, type RoleName, startRole } from "./roles.ts";
import { openSupervisor, type RoleMessage } from "./supervisor.ts";
import { UsageError } from "./usage-error.ts";
import { StartAbortedError, whenReachable } from "./when-reachable.ts";

/** The service: a database (embedded unless one is named), its tables, and the roles on top of it. */

export type Service = {
  listeners: readonly Listener[];
  /** The first administration key, when this start created it. */
  adminApiKey: string | null;
  databaseUrl: string;
  stop(): Promise<void>;
};

export function parseRoles(list: string | undefined): RoleName[] {
  if (list === undefined) return [...ROLES];
  const names = list.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !(ROLES as readonly string[]).includes(name));
  if (unknown.length > 0) throw new UsageError(`--roles: unknown ${unknown.join(", ")}; known: ${ROLES.join(", ")}`);
  return ROLES.filter((role) => names.includes(role));
}

/** A role for each process: the stream's work is shared by several, which claim their partitions in the store. */
function processesOf(roles: readonly RoleName[], { STREAM_PROCESSES }: Config): RoleName[] {
  return roles.flatMap((role) => Array<RoleName>(role === "stream" ? STREAM_PROCESSES : 1).fill(role));
}

/** What the processes of the roles are told: every setting, with the database that was found or started. */
function environmentOf(config: Config, databaseUrl: string): Record<string, string> {
  const settings = Object.keys(ConfigSchema.properties) as (keyof Config)[];
  const given = settings.filter((name) => config[name] !== undefined).map((name) => [name, String(config[name])]);
  return { ...Object.fromEntries(given), DATABASE_URL: databaseUrl };
}

export async function openDatabaseServer(
  config: Config,
  log?: (line: string) => void,
): Promise<{ url: string; close(): Promise<void> }> {
  if (config.DATABASE_URL) return { url: config.DATABASE_URL, close: () => Promise.resolve() };
  return openEmbeddedPostgres({ dataDir: config.DATA_DIR, ...(log === undefined ? {} : { log }) });
}

async function prepareTables(config: Config, databaseUrl: string): Promise<string | null> {
  await migrate(databaseUrl);
  const database = await openDatabase({ url: databaseUrl, applicationName: "telematics setup", connectionsMax: 1 });
  try {
    return (await ensureAdminKey(database, config.ADMIN_API_KEY)).created;
  } finally {
    await database.close();
  }
}

/**
 * Starts database, tables and roles; several roles get processes of their own, a single one runs in this process. Rejects when
 * `signal` aborts before everything listens; afterwards it is left to `stop`.
 */
export async function startService(config: Config, roles: readonly RoleName[], signal: AbortSignal): Promise<Service> {
  const log = pino({ level: config.LOG_LEVEL }, pino.destination(2));
  const server = await openDatabaseServer(config, (line) => log.info(line));
  try {
    const adminApiKey = await whenReachable(() => prepareTables(config, server.url), log, signal);
    const first = roles[0];
    const running =
      roles.length === 1 && first !== undefined
        ? await whenReachable(
            () =>
              startRole(first, config, {
                ...{ log, databaseUrl: server.url, otherMetrics: () => Promise.resolve([]), apart: true },
              }),
            log,
            signal,
          )
        : await openSupervisor(processesOf(roles, config), environmentOf(config, server.url), log, signal);
    const stop = async () => {
      await running.stop();
      await server.close();
    };
    return { listeners: running.listeners, adminApiKey, databaseUrl: server.url, stop };
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** A role in a process of the supervisor: reports its listeners and metrics over the channel, ends when it closes. */
async function runSupervisedRole(config: Config, role: RoleName, send: (message: RoleMessage) => void): Promise<void> {
  const log = pino({ level: config.LOG_LEVEL }, pino.destination(2));
  const waiting = new Map<number, (metrics: Metrics[]) => void>();
  let requestId = 0;
  const otherMetrics = () =>
    new Promise<Metrics[]>((resolve) => {
      waiting.set(++requestId, resolve);
      send({ kind: "metricsWanted", requestId });
    });
  let running: Role | undefined;
  process.on("message", (message: RoleMessage) => {
    if (message.kind === "metrics") {
      waiting.get(message.requestId)?.(message.metrics);
      waiting.delete(message.requestId);
    } else if (message.kind === "metricsWanted") {
      const answer = (metrics: Metrics) => send({ kind: "metrics", requestId: message.requestId, metrics: [metrics] });
      void (running?.metrics() ?? Promise.resolve([])).then(answer);
    }
  });
  process.on("SIGINT", () => log.debug({ role }, "interrupt left to the supervisor"));
  const stopping = new AbortController();
  const ended = untilAsked("SIGTERM", (stop) => process.once("disconnect", stop)).then(() => stopping.abort());
  const databaseUrl = config.DATABASE_URL ?? "";
  try {
    const start = () => startRole(role, config, { log, databaseUrl, otherMetrics, apart: false });
    running = await whenReachable(start, log, stopping.signal);
    send({ kind: "listening", listeners: running.listeners });
    flushCompileCache();
    await ended;
    await running.stop();
  } catch (error) {
    if (!(error instanceof StartAbortedError)) throw error;
  } finally {
    // The channel would keep a role that could not start alive, and its supervisor waiting.
    process.disconnect?.();
  }
}

/** Resolves on the first of the given signals or on what `also` reports. */
export function untilAsked(
  signals: NodeJS.Signals | NodeJS.Signals[],
  also?: (stop: () => void) => void,
): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of [signals].flat()) process.once(signal, () => resolve());
    also?.(resolve);
  });
}

/** Starts the service; undefined when it was stopped before it ran, which is no failure. */
export async function startUnlessStopped(
  config: Config,
  roles: readonly RoleName[],
  signal: AbortSignal,
): Promise<Service | undefined> {
  try {
    return await startService(config, roles, signal);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

/** The `serve` command. Prints one line a listener and, on the first start, an administration key. */
export async function runService(
  config: Config,
  roleList: string | undefined,
  print: (line: string) => void,
): Promise<void> {
  const roles = parseRoles(roleList);
  const [first] = roles;
  if (process.send && first !== undefined && roles.length === 1) {
    return runSupervisedRole(config, first, (message) => process.send?.(message));
  }
  const stopping = new AbortController();
  const asked = untilAsked(["SIGINT", "SIGTERM"]).then(() => stopping.abort());
  const service = await startUnlessStopped(config, roles, stopping.signal);
  if (service === undefined) return;
  flushCompileCache();
  for (const listener of service.listeners) print(`listening ${listener.name} ${listener.host}:${listener.port}`);
  if (service.adminApiKey) print(`admin API key (shown once): ${service.adminApiKey}`);
  await asked;
  await service.stop();
}
