import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { findEmbeddedPostgres, openEmbeddedPostgres } from "./embedded.ts";
import { migrate } from "./migrate.ts";

declare module "vitest" {
  interface ProvidedContext {
    testServerDoor: string;
  }
}

export const TEMPLATE_DATABASE = "migrated_template";

const FOLDER_PREFIX = "telematics-test-";
const FORGOTTEN_AFTER_MS = 3_600_000;

/** Settings that make many short databases quick. They hold for tests only: durability is tested on servers of their own. */
const TEST_SETTINGS = { fsync: "off", full_page_writes: "off", max_connections: "200", autovacuum: "off" };

/**
 * Vitest's global set-up: one native server with a migrated template for the whole run, gone when it ends. It is started
 * by the first test that asks for a database, over a door on the loopback interface; most runs need none.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  let started: Promise<StartedServer> | undefined;
  const door = createServer((_request, response) => {
    // A connection that is kept may be closed just when the next question is on its way.
    response.setHeader("connection", "close");
    started ??= startTemplateServer();
    started.then(
      ({ url }) => response.end(url),
      (error) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
  project.provide("testServerDoor", `http://127.0.0.1:${(door.address() as AddressInfo).port}`);
  return async () => {
    door.closeAllConnections();
    door.close();
    await (await started)?.close();
  };
}

type StartedServer = { url: string; close(): Promise<void> };

async function startTemplateServer(): Promise<StartedServer> {
  await removeForgottenFolders();
  const folder = await mkdtemp(join(tmpdir(), FOLDER_PREFIX));
  const server = await openEmbeddedPostgres({ dataDir: folder, settings: TEST_SETTINGS });
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(`create database ${TEMPLATE_DATABASE}`);
  await client.end();
  await migrate(withDatabase(server.url, TEMPLATE_DATABASE));
  return {
    url: server.url,
    close: async () => {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A run that was killed could not remove its folder; its server is stopped by the watchdog. */
async function removeForgottenFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(FOLDER_PREFIX)) continue;
    const folder = join(tmpdir(), name);
    const found = await stat(folder).catch(() => undefined);
    if (found === undefined || Date.now() - found.mtimeMs < FORGOTTEN_AFTER_MS) continue;
    if ((await findEmbeddedPostgres(folder)) === undefined) await rm(folder, { recursive: true, force: true });
  }
}

export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
