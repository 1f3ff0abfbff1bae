import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import pg from "pg";
import { connectionSettings } from "./database.ts";

/**
 * Plain SQL files in `migrations/`, applied in the order of their names, each in a transaction, recorded with a checksum.
 *
 * `0001-name.sql` runs everywhere. Where engines differ, `0002-name.timescale.sql` and `0002-name.plain.sql` stand beside
 * each other and one of them runs. The first migration of a database decides its engine for good.
 */

export type Engine = "timescale" | "plain";

/** What migrating needs of a connection; `run` takes a script of several statements. */
export type MigrationTarget = {
  query(sql: string, parameters?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  run(script: string): Promise<unknown>;
};

export class MigrationError extends Error {
  override readonly name = "MigrationError";
  readonly code: "MIGRATION_CHANGED" | "MIGRATION_MISSING" | "MIGRATION_FAILED";
  constructor(code: MigrationError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

type Migration = { name: string; script: string; checksum: string };

const FOLDER = new URL("migrations/", import.meta.url);
const FILE_NAME = /^(\d{4}-[a-z0-9-]+)(?:\.(timescale|plain))?\.sql$/;
/** Held while migrating, so that several roles may start at once. */
const MIGRATION_LOCK = 7_411_820_001;

/** Brings the schema up to date. Applying nothing is fine; a file that changed after it was applied is an error. */
export async function migrate(url: string): Promise<{ applied: string[]; engine: Engine }> {
  const client = new pg.Client(connectionSettings(url, "migrate"));
  let lost: Error | undefined;
  client.on("error", (error) => {
    lost = error;
  });
  await client.connect();
  try {
    return await migrateWith({ query: (sql, values) => client.query(sql, values), run: (sql) => client.query(sql) });
  } catch (error) {
    throw lost ?? error;
  } finally {
    await client.end();
  }
}

/** The same through any connection to the server. */
export async function migrateWith(target: MigrationTarget): Promise<{ applied: string[]; engine: Engine }> {
  await target.query("select pg_advisory_lock($1)", [MIGRATION_LOCK]);
  try {
    await target.run(`create table if not exists schema_migration (
      name text primary key, engine text not null, checksum text not null, applied_at timestamptz not null default now())`);
    const { rows } = await target.query("select name, engine, checksum from schema_migration order by name");
    const engine = rows.length > 0 ? (rows[0]!.engine as Engine) : await chooseEngine(target);
    const migrations = await readMigrations(engine);
    const recorded = new Map(rows.map((row) => [String(row.name), String(row.checksum)]));
    refuseChanges(migrations, recorded);
    const pending = migrations.filter((migration) => !recorded.has(migration.name));
    for (const migration of pending) await apply(target, migration, engine);
    return { applied: pending.map((migration) => migration.name), engine };
  } finally {
    await target.query("select pg_advisory_unlock($1)", [MIGRATION_LOCK]);
  }
}

async function chooseEngine(target: MigrationTarget): Promise<Engine> {
  const { rows } = await target.query("select 1 from pg_available_extensions where name = 'timescaledb'");
  if (rows.length === 0) return "plain";
  try {
    await target.run("create extension if not exists timescaledb");
    return "timescale";
  } catch (error) {
    // Servers list the extension where it is installed but neither preloaded nor allowed: those serve the plain tables.
    if (error instanceof Error && "code" in error) return "plain";
    throw error;
  }
}

async function readMigrations(engine: Engine): Promise<Migration[]> {
  const migrations: Migration[] = [];
  for (const fileName of (await readdir(FOLDER)).sort()) {
    const match = FILE_NAME.exec(fileName);
    if (match === null) throw new MigrationError("MIGRATION_FAILED", `${fileName} is not named like a migration`);
    if (match[2] !== undefined && match[2] !== engine) continue;
    const script = await readFile(new URL(fileName, FOLDER), "utf8");
    migrations.push({ name: match[1]!, script, checksum: createHash("sha256").update(script).digest("hex") });
  }
  return migrations;
}

function refuseChanges(migrations: readonly Migration[], recorded: ReadonlyMap<string, string>): void {
  const known = new Map(migrations.map((migration) => [migration.name, migration.checksum]));
  for (const [name, checksum] of recorded) {
    const now = known.get(name);
    if (now === undefined) {
      throw new MigrationError("MIGRATION_MISSING", `the database has ${name}, which this version does not know`);
    }
    if (now !== checksum) {
      throw new MigrationError("MIGRATION_CHANGED", `${name} was changed after it was applied`);
    }
  }
}

async function apply(target: MigrationTarget, migration: Migration, engine: Engine): Promise<void> {
  await target.run("begin");
  try {
    await target.run(migration.script);
    await target.query("insert into schema_migration (name, engine, checksum) values ($1, $2, $3)", [
      migration.name,
      engine,
      migration.checksum,
    ]);
    await target.run("commit");
  } catch (error) {
    await target.run("rollback");
    const reason = error instanceof Error ? error.message : String(error);
    throw new MigrationError("MIGRATION_FAILED", `${migration.name}: ${reason}`, { cause: error });
  }
}
