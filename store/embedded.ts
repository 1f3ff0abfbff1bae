import { access, constants, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { findBinaries } from "./embedded/binaries.ts";
import {
  type Access,
  type Layout,
  layoutOf,
  makeFolder,
  prepareCluster,
  prepareLog,
  readAccess,
  writeAccess,
} from "./embedded/cluster.ts";
import { EmbeddedPostgresError } from "./embedded/error.ts";
import { claimFolder, findOwner } from "./embedded/owner.ts";
import {
  findFreePort,
  isPortFree,
  type Server,
  type ServerOptions,
  startServer,
  stopStaleServer,
} from "./embedded/server.ts";

export { EmbeddedPostgresError } from "./embedded/error.ts";

/**
 * A real PostgreSQL server under a data folder, started and stopped by this process.
 *
 *     claimed → stale server stopped → cluster made or checked → started → (died → started again)* → stopped → released
 *
 * A second live process is refused with `EMBEDDED_IN_USE`. When this process is killed, a watchdog stops the server, and
 * whatever it leaves (server, lock files, shared memory) is cleared by the next start. A server that dies alone comes
 * back on the same port, so `url` stays true.
 */
export type EmbeddedPostgres = {
  readonly url: string;
  /** Of the server now; it changes when the server had to be started again. */
  readonly processId: number;
  close(): Promise<void>;
};

export type EmbeddedOptions = {
  dataDir: string;
  log?: (line: string) => void;
  /** PostgreSQL settings besides ours. */
  settings?: Readonly<Record<string, string>>;
};

const DATABASE_NAME = "telematics";
const RESTART_DELAY_MS = 100;
const RESTART_DELAY_MAX_MS = 5_000;

export async function openEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const layout = await openLayout(options.dataDir);
  const log = options.log ?? (() => undefined);
  const claim = await claimFolder(layout.owner);
  try {
    const binaries = await findBinaries();
    if (await stopStaleServer(layout.cluster)) log("stopped an embedded PostgreSQL that a killed process had left");
    const { identity, access } = await prepareCluster(binaries, layout);
    const { password } = access;
    await prepareLog(layout);
    const port = await choosePort(access.port);
    await writeAccess(layout, { password, port });
    const settings = options.settings ?? {};
    const serverOptions = { postgres: binaries.postgres, identity, files: layout, port, password, settings };
    const server = await startServer(serverOptions);
    log(`embedded PostgreSQL runs as ${identity.description}, process ${server.processId}`);
    const supervised = supervise(server, serverOptions, log, claim.release);
    await createDatabase({ password, port });
    return supervised;
  } catch (error) {
    await claim.release();
    throw error;
  }
}

/** The server that another live process runs on the folder, for administration beside it; undefined when none does. */
export async function findEmbeddedPostgres(
  dataDir: string,
): Promise<{ url: string; ownerProcessId: number } | undefined> {
  const layout = layoutOf(resolve(dataDir));
  const ownerProcessId = await findOwner(layout.owner);
  if (ownerProcessId === undefined) return undefined;
  return { url: urlOf(await readAccess(layout)), ownerProcessId };
}

async function openLayout(dataDir: string): Promise<Layout> {
  try {
    const layout = layoutOf(resolve(dataDir));
    await makeFolder(layout);
    // The server's working folder has no links in it, and that is how a stale one is known.
    const real = layoutOf(await realpath(resolve(dataDir)));
    await access(real.folder, constants.W_OK);
    return real;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
    throw new EmbeddedPostgresError(
      "EMBEDDED_OWNER",
      `${dataDir} can't be written by this user: start as its owner (or root), or choose another data folder`,
      { cause: error },
    );
  }
}

function supervise(
  first: Server,
  options: ServerOptions,
  log: (line: string) => void,
  release: () => Promise<void>,
): EmbeddedPostgres {
  let server = first;
  let closing = false;
  let restarted: Promise<void> = Promise.resolve();
  const restart = async () => {
    for (let delayMs = RESTART_DELAY_MS; !closing; delayMs = Math.min(delayMs * 2, RESTART_DELAY_MAX_MS)) {
      try {
        server = await startServer(options);
        log(`embedded PostgreSQL was started again, process ${server.processId}`);
        watch();
        return;
      } catch (error) {
        log(`embedded PostgreSQL did not come back: ${String(error)}`);
        await sleep(delayMs);
      }
    }
  };
  const watch = () => {
    const again = () => {
      if (closing) return;
      log("embedded PostgreSQL ended unexpectedly");
      restarted = restart();
    };
    if (server.child.exitCode === null && server.child.signalCode === null) server.child.once("exit", again);
    else again();
  };
  watch();
  return {
    url: urlOf(options),
    get processId() {
      return server.processId;
    },
    close: async () => {
      if (closing) return;
      closing = true;
      await restarted;
      await server.stop();
      await release();
    },
  };
}

async function choosePort(knownPort: number): Promise<number> {
  return knownPort !== 0 && (await isPortFree(knownPort)) ? knownPort : findFreePort();
}

function urlOf({ password, port }: Access): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/${DATABASE_NAME}`;
}

async function createDatabase({ password, port }: Access): Promise<void> {
  const client = new pg.Client({ host: "127.0.0.1", port, password, user: "postgres", database: "postgres" });
  await client.connect();
  try {
    const found = await client.query("select 1 from pg_database where datname = $1", [DATABASE_NAME]);
    if (found.rowCount === 0) await client.query(`create database ${DATABASE_NAME}`);
  } finally {
    await client.end();
  }
}
