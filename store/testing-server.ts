import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { openEmbeddedPostgres } from "./embedded.ts";
import { migrate } from "./migrate.ts";

declare module "vitest" {
  interface ProvidedContext {
    testServerUrl: string;
  }
}

export const TEMPLATE_DATABASE = "migrated_template";

/** Settings that make many short databases quick. They hold for tests only: durability is tested on servers of their own. */
const TEST_SETTINGS = { fsync: "off", full_page_writes: "off", max_connections: "200", autovacuum: "off" };

/** Vitest's global set-up: one native server with a migrated template for the whole run, gone when it ends. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "telematics-test-"));
  const server = await openEmbeddedPostgres({ dataDir: folder, settings: TEST_SETTINGS });
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(`create database ${TEMPLATE_DATABASE}`);
  await client.end();
  await migrate(withDatabase(server.url, TEMPLATE_DATABASE));
  project.provide("testServerUrl", server.url);
  return async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  };
}

export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
