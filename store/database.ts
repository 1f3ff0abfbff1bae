import pg from "pg";

/** A server whose schema is up to date, reached through a bounded pool; or the inside of a transaction on one. */
export type Database = {
  readonly pool: Pick<pg.Pool, "query" | "connect">;
  /** The connection of the transaction that this is the inside of. */
  readonly inside?: pg.PoolClient;
  readonly url: string;
  /** True where the time-series tables are TimescaleDB hypertables; false where the same names are plain tables. */
  readonly timescale: boolean;
  close(): Promise<void>;
};

export type DatabaseOptions = { url: string; applicationName: string; connectionsMax?: number };

const CONNECTIONS_MAX = 8;
const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_CONNECTION_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_DELAY_MS = 10_000;
const INT8_OID = 20;

/**
 * Connects once to learn what the server is, so it fails when the server is away. A server that is lost later never ends
 * the process: queries reject, idle connections are dropped, and the pool connects anew by itself.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const pool = new pg.Pool({
    ...connectionSettings(options.url, options.applicationName),
    max: options.connectionsMax ?? CONNECTIONS_MAX,
    idleTimeoutMillis: IDLE_CONNECTION_TIMEOUT_MS,
  });
  pool.on("error", ignoreLostConnection);
  pool.on("connect", (client) => client.on("error", ignoreLostConnection));
  try {
    const found = await pool.query("select 1 from pg_extension where extname = 'timescaledb'");
    return { pool, url: options.url, timescale: found.rowCount === 1, close: () => pool.end() };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/** What every connection of ours asks for: int8 as numbers, and keep-alive probes so that a lost peer is noticed. */
export function connectionSettings(url: string, applicationName: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    types: { getTypeParser },
  };
}

/**
 * For sessions that hold locks for as long as they live: the server notices within seconds that their process has vanished
 * without a word. By default that takes it two hours, and a quarter of one where an answer of its own was on the way: then
 * no probes are sent, and the last setting counts.
 */
export const MISSED_SOON = `set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3;
  set tcp_user_timeout = 11000`;

/** int8 becomes a number where that is exact, and stays decimal text where it is not. */
export function parseInt8(text: string): number | string {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}

const getTypeParser = ((oid: number, format?: "text" | "binary") =>
  oid === INT8_OID && format !== "binary"
    ? parseInt8
    : pg.types.getTypeParser(oid, format as "text")) as typeof pg.types.getTypeParser;

// The query in progress rejects with the same error, and the pool drops the connection: nothing is left to do here.
function ignoreLostConnection(): void {}
