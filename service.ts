import { setTimeout as sleep } from "node:timers/promises";
import { type Logger, pino } from "pino";
import { ensureAdminKey, migrate, openDatabase, openEmbeddedPostgres } from "#store";
import { type Config, ConfigSchema } from "./config.ts";
import { type Listener, type Metrics, ROLES, type Role, type RoleName, startRole } from "./roles.ts";
import { openSupervisor, type RoleMessage } from "./supervisor.ts";
import { UsageError } from "./usage-error.ts";

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

const DATABASE_RETRY_MS = 500;
/** How often the log says that the database is still away. */
const DATABASE_AWAY_LOG_MS = 10_000;
/** A server that is away, starting up or shutting down; anything else that a connection says is final. */
const AWAY = new Set(["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "57P01", "57P02", "57P03"]);

/** The start was called off by a signal. */
class StartAbortedError extends Error {}

/** Brings the tables up to date as soon as the server answers; a server that is away is waited for. */
async function prepareTablesWhenReachable(
  config: Config,
  databaseUrl: string,
  log: Logger,
  signal: AbortSignal,
): Promise<string | null> {
  for (let loggedAtMs = Number.NEGATIVE_INFINITY; ; ) {
    if (signal.aborted) throw new StartAbortedError("stopped before the database answered");
    try {
      return await prepareTables(config, databaseUrl);
    } catch (error) {
      if (!AWAY.has((error as { code?: string }).code ?? "")) throw error;
      if (performance.now() - loggedAtMs >= DATABASE_AWAY_LOG_MS) {
        log.warn({ err: error }, "database is away, waiting for it");
        loggedAtMs = performance.now();
      }
      await sleep(DATABASE_RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
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
 * Starts database, tables and roles; several roles get a process each, a single one runs in this process. Rejects when
 * `signal` aborts before everything listens; afterwards it is left to `stop`.
 */
export async function startService(config: Config, roles: readonly RoleName[], signal: AbortSignal): Promise<Service> {
  const log = pino({ level: config.LOG_LEVEL }, pino.destination(2));
  const server = await openDatabaseServer(config, (line) => log.info(line));
  try {
    const adminApiKey = await prepareTablesWhenReachable(config, server.url, log, signal);
    const first = roles[0];
    const running =
      roles.length === 1 && first !== undefined
        ? await startRole(first, config, {
            log,
            databaseUrl: server.url,
            otherMetrics: () => Promise.resolve([]),
            apart: true,
          })
        : await openSupervisor(roles, environmentOf(config, server.url), log, signal);
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
  const ended = untilAsked("SIGTERM", (stop) => process.once("disconnect", stop));
  const databaseUrl = config.DATABASE_URL ?? "";
  try {
    running = await startRole(role, config, { log, databaseUrl, otherMetrics, apart: false });
    send({ kind: "listening", listeners: running.listeners });
    await ended;
    await running.stop();
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
  for (const listener of service.listeners) print(`listening ${listener.name} ${listener.host}:${listener.port}`);
  if (service.adminApiKey) print(`admin API key (shown once): ${service.adminApiKey}`);
  await asked;
  await service.stop();
}
