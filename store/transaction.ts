import type { PoolClient } from "pg";
import type { Database } from "./database.ts";

/** Rows of one statement inside a transaction. */
export type Query = <Row extends object>(sql: string, values: readonly unknown[]) => Promise<Row[]>;

/** Thrown inside `inTransaction` to give a result without keeping what was done. */
class RolledBack<Result> extends Error {
  readonly result: Result;
  constructor(result: Result) {
    super("rolled back on purpose");
    this.result = result;
  }
}

/**
 * Runs `work` in a transaction of its own: all of it or, when it rejects, nothing. Inside a transaction it is a part of that
 * one, and is kept or lost with it.
 */
export function inTransaction<Result>(
  database: Database,
  work: (query: Query, client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const { inside } = database;
  return inside === undefined ? inOwnTransaction(database, work) : inSavepoint(inside, work);
}

/** The database as whoever takes part in the transaction of `client` sees it. */
export function insideOf(database: Database, client: PoolClient): Database {
  const connect = (): never => {
    throw new Error("a transaction has one connection");
  };
  return { ...database, pool: { query: client.query.bind(client), connect }, inside: client };
}

async function inOwnTransaction<Result>(
  { pool }: Database,
  work: (query: Query, client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let lost: Error | undefined;
  try {
    await client.query("begin");
    const result = await work(queryOf(client), client);
    await client.query("commit");
    return result;
  } catch (error) {
    try {
      await client.query("rollback");
    } catch (cause) {
      lost = new Error("rollback failed", { cause });
    }
    throw error;
  } finally {
    // A connection that is given back with an error is closed, and its transaction with it.
    client.release(lost);
  }
}

async function inSavepoint<Result>(
  client: PoolClient,
  work: (query: Query, client: PoolClient) => Promise<Result>,
): Promise<Result> {
  await client.query("savepoint part");
  try {
    const result = await work(queryOf(client), client);
    await client.query("release savepoint part");
    return result;
  } catch (error) {
    await client.query("rollback to savepoint part; release savepoint part");
    throw error;
  }
}

function queryOf(client: PoolClient): Query {
  return async (sql, values) => (await client.query(sql, [...values])).rows;
}

/** The same, but nothing is kept: what `work` would have done and found. */
export async function inRehearsal<Result>(
  database: Database,
  work: (query: Query, client: PoolClient) => Promise<Result>,
): Promise<Result> {
  try {
    return await inTransaction(database, async (query, client) => {
      throw new RolledBack(await work(query, client));
    });
  } catch (error) {
    if (error instanceof RolledBack) return error.result as Result;
    throw error;
  }
}
