import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migrate } from "./migrate.ts";
import { openTestDatabase, type TestDatabase } from "./testing.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

test("migrating a migrated database applies nothing", async () => {
  expect(await migrate(database.url)).toEqual({ applied: [], engine: "plain" });
});

test("a migration that changed after it was applied is an error", async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query("update schema_migration set checksum = 'other' where name = '0001-schema'");
    await expect(migrate(database.url)).rejects.toMatchObject({ code: "MIGRATION_CHANGED" });
  } finally {
    await client.end();
  }
});
