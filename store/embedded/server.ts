import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { EmbeddedPostgresError } from "./error.ts";
import { type Identity, SERVER_ENVIRONMENT } from "./identity.ts";
import { isServerOf, signal, waitForEnd } from "./process.ts";

/** Settings of every embedded server. Durability is never traded: an acknowledged record is a stored record. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "60",
  shared_buffers: "128MB",
  max_wal_size: "1GB",
  checkpoint_timeout: "15min",
  random_page_cost: "1.1",
  jit: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  log_checkpoints: "off",
  fsync: "on",
  synchronous_commit: "on",
};

const START_PATIENCE_MS = 120_000;
const POLL_MS = 25;
const RETRY_DELAY_MS = 100;
const FAST_STOP_PATIENCE_MS = 15_000;
const IMMEDIATE_STOP_PATIENCE_MS = 5_000;
const KILL_PATIENCE_MS = 5_000;
const LOG_TAIL_LINES = 6;
/** What PostgreSQL says while the processes of a server that was killed are still going away, or its port is taken. */
const PASSING_REFUSAL =
  /pre-existing shared memory block|lock file ".*" already exists|could not bind|could not create any TCP/;

export type ServerFiles = { cluster: string; log: string };
export type ServerOptions = {
  postgres: string;
  identity: Identity;
  files: ServerFiles;
  port: number;
  password: string;
  settings: Readonly<Record<string, string>>;
};
export type Server = { readonly child: ChildProcess; readonly processId: number; stop(): Promise<void> };

/** Starts a server and resolves when it takes queries, crash recovery included. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const giveUpAtMs = performance.now() + START_PATIENCE_MS;
  for (;;) {
    const child = spawnServer(options);
    const processId = child.pid;
    if (processId === undefined) {
      throw new EmbeddedPostgresError("EMBEDDED_START", `${options.postgres} could not be run`);
    }
    const watchdog = openWatchdog(processId);
    child.once("exit", () => watchdog?.kill("SIGKILL"));
    if (await becameReady(child, options, giveUpAtMs)) {
      return { child, processId, stop: () => stopServer(child) };
    }
    await stopServer(child);
    const reason = await logTail(options.files.log);
    if (!PASSING_REFUSAL.test(reason) || performance.now() >= giveUpAtMs) {
      throw new EmbeddedPostgresError("EMBEDDED_START", `the embedded PostgreSQL did not start: ${reason}`);
    }
    await sleep(RETRY_DELAY_MS);
  }
}

/** Stops a server that a killed process left behind, and clears a lock file that names a stranger. */
export async function stopStaleServer(cluster: string): Promise<boolean> {
  const pidFile = join(cluster, "postmaster.pid");
  const processId = await readProcessId(pidFile);
  if (processId === undefined) return false;
  if (isServerOf(processId, cluster)) {
    await stopProcess(processId);
    return true;
  }
  // PostgreSQL would take any process of this id for its predecessor. Shared memory still guards the cluster.
  await rm(pidFile, { force: true });
  return false;
}

/** Systems give ports from 32768 on to whoever asks for any: a port below, free now, is not taken by chance before it is used. */
const CHOSEN_PORT_MIN = 10_240;
const CHOSEN_PORTS = 22_528;
const PORT_TRIES_MAX = 100;

/** A free port of the loopback interface, that a server may leave for a while and come back to. */
export async function findFreePort(): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES_MAX; tries++) {
    const port = CHOSEN_PORT_MIN + randomInt(CHOSEN_PORTS);
    if (await isPortFree(port)) return port;
  }
  return probePort(0);
}

export async function isPortFree(port: number): Promise<boolean> {
  try {
    await probePort(port);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return false;
    throw error;
  }
}

async function probePort(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address() as AddressInfo;
      server.close(() => resolve(address.port));
    });
  });
}

// Detached: a Ctrl-C in the terminal must reach our roles first; they stop the server when they have drained.
function spawnServer({ postgres, identity, files, port, settings }: ServerOptions): ChildProcess {
  const given = Object.entries({ ...SETTINGS, ...settings, port: String(port) });
  const flags = given.flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const command = [...identity.prefix, postgres, "-D", files.cluster, ...flags];
  const log = openSync(files.log, "a", 0o600);
  try {
    const child = spawn(command[0]!, command.slice(1), {
      ...identity.spawn,
      cwd: "/",
      detached: true,
      stdio: ["ignore", log, log],
      env: SERVER_ENVIRONMENT,
    });
    // A command that can't be run has no process id, which the caller reports.
    child.on("error", () => child.unref());
    return child;
  } finally {
    closeSync(log);
  }
}

/** A tiny process that stops the server when this one is gone: our end of its pipe closes however we end. */
function openWatchdog(processId: number): ChildProcess | undefined {
  if (process.platform === "win32") return undefined;
  const watchdog = spawn("sh", ["-c", 'read -r _; kill -INT "$0"', String(processId)], {
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watchdog.on("error", () => watchdog.unref());
  watchdog.stdin?.on("error", () => watchdog.unref());
  return watchdog;
}

async function becameReady(child: ChildProcess, options: ServerOptions, giveUpAtMs: number): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null && performance.now() < giveUpAtMs) {
    if (await answers(options.port, options.password)) return child.exitCode === null && child.signalCode === null;
    await sleep(POLL_MS);
  }
  return false;
}

async function answers(port: number, password: string): Promise<boolean> {
  const client = new pg.Client({ host: "127.0.0.1", port, password, user: "postgres", database: "postgres" });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("select 1");
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  } finally {
    await client.end();
  }
}

async function stopServer(child: ChildProcess): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) await stopProcess(child.pid);
}

/** Fast shutdown, then immediate, then by force; the journal is safe in all three. */
async function stopProcess(processId: number): Promise<void> {
  signal(processId, "SIGINT");
  if (await waitForEnd(processId, FAST_STOP_PATIENCE_MS)) return;
  signal(processId, "SIGQUIT");
  if (await waitForEnd(processId, IMMEDIATE_STOP_PATIENCE_MS)) return;
  signal(processId, "SIGKILL");
  await waitForEnd(processId, KILL_PATIENCE_MS);
}

async function readProcessId(pidFile: string): Promise<number | undefined> {
  try {
    const processId = Number((await readFile(pidFile, "utf8")).split("\n")[0]);
    return Number.isInteger(processId) && processId > 0 ? processId : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function logTail(file: string): Promise<string> {
  const lines = (await readFile(file, "utf8")).trim().split("\n");
  return lines.slice(-LOG_TAIL_LINES).join(" | ");
}
