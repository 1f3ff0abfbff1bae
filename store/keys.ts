import { createHash, randomBytes } from "node:crypto";
import type { Database } from "./database.ts";

/**
 * API keys. The secret is shown once, when it is made; the table keeps its SHA-256, which suffices for 256 random bits,
 * and a few leading characters to recognise it by. The look-up goes by hash: no comparison whose time tells anything.
 */

export const KEY_PREFIX = "tg_live_";
const KEY_RANDOM_BYTES = 32;
const SHOWN_CHARACTERS = KEY_PREFIX.length + 4;
/** Serialises first starts of several processes; any constant that nobody else uses. */
const ADMIN_KEY_LOCK = 7_401_220_001;

export type ApiKey = {
  keyId: number;
  /** Null: every fleet (administration). */
  fleetId: number | null;
  name: string;
  /** The first characters of the secret. */
  prefix: string;
  scopes: string[];
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  revokedAt: Date | null;
};

export type NewKey = { fleetId: number | null; name: string; scopes: readonly string[]; expiresAt: Date | null };

const KEY_COLUMNS = `key_id as "keyId", fleet_id as "fleetId", name, prefix, scopes, created_at as "createdAt",
  expires_at as "expiresAt", last_used_at as "lastUsedAt", revoked_at as "revokedAt"`;

const INSERT_KEY = `insert into api_key (fleet_id, name, prefix, hash, scopes, expires_at)
  values ($1, $2, $3, $4, $5, $6) on conflict (hash) do nothing returning ${KEY_COLUMNS}`;

/** Makes a key; `secret` exists nowhere else afterwards. Rejects when there is no such fleet. */
export async function createKey(database: Database, key: NewKey): Promise<{ key: ApiKey; secret: string }> {
  const secret = newSecret();
  const { rows } = await database.pool.query<ApiKey>(INSERT_KEY, insertValues(key, secret));
  return { key: rows[0]!, secret };
}

/** The key of this secret, expired and revoked ones included: the caller decides what to say about them. */
export async function findKey(database: Database, secret: string): Promise<ApiKey | undefined> {
  const { rows } = await database.pool.query<ApiKey>({
    name: "find-key",
    text: `select ${KEY_COLUMNS} from api_key where hash = $1`,
    values: [hashOf(secret)],
  });
  return rows[0];
}

/** Whether the key is neither revoked nor expired, by the server's clock. */
export async function isKeyLive(database: Database, keyId: number): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    "select from api_key where key_id = $1 and revoked_at is null and (expires_at is null or expires_at > now())",
    [keyId],
  );
  return rowCount === 1;
}

/** A fleet's keys (null: every key) in the order they were made, without their secrets. */
export async function listKeys(
  database: Database,
  fleetId: number | null,
  page: { afterKeyId: number; limit: number },
): Promise<ApiKey[]> {
  const { rows } = await database.pool.query<ApiKey>(
    `select ${KEY_COLUMNS} from api_key
     where ($1::integer is null or fleet_id = $1) and key_id > $2 order by key_id limit $3`,
    [fleetId, page.afterKeyId, page.limit],
  );
  return rows;
}

/** Revokes a key of this fleet (null: any); false when there is none. A second call changes nothing. */
export async function revokeKey(database: Database, fleetId: number | null, keyId: number): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    `update api_key set revoked_at = coalesce(revoked_at, now())
     where key_id = $2 and ($1::integer is null or fleet_id = $1)`,
    [fleetId, keyId],
  );
  return rowCount === 1;
}

/** Notes when keys were last used: key id → Unix milliseconds. Never moves a time back. */
export async function touchKeys(database: Database, lastUsedMs: ReadonlyMap<number, number>): Promise<void> {
  if (lastUsedMs.size === 0) return;
  await database.pool.query(
    `update api_key set last_used_at = greatest(last_used_at, used.at)
     from unnest($1::integer[], $2::timestamptz[]) as used(key_id, at) where api_key.key_id = used.key_id`,
    [[...lastUsedMs.keys()], [...lastUsedMs.values()].map((timeMs) => new Date(timeMs))],
  );
}

/**
 * Sees to it that somebody can administer: stores the configured key if it is not known yet, or makes one when no key for
 * all fleets exists. `created` is the secret of a key made here, to be shown once; null when nothing was made up.
 */
export async function ensureAdminKey(database: Database, configured?: string): Promise<{ created: string | null }> {
  const admin: NewKey = { fleetId: null, name: "first administrator", scopes: ["admin"], expiresAt: null };
  const client = await database.pool.connect();
  try {
    await client.query("begin");
    await client.query("select pg_advisory_xact_lock($1)", [ADMIN_KEY_LOCK]);
    let created: string | null = null;
    if (configured !== undefined) {
      await client.query(INSERT_KEY, insertValues(admin, configured));
    } else {
      const { rowCount } = await client.query("select from api_key where fleet_id is null limit 1");
      if (rowCount === 0) {
        created = newSecret();
        await client.query(INSERT_KEY, insertValues(admin, created));
      }
    }
    await client.query("commit");
    client.release();
    return { created };
  } catch (error) {
    client.release(true);
    throw error;
  }
}

function newSecret(): string {
  return KEY_PREFIX + randomBytes(KEY_RANDOM_BYTES).toString("base64url");
}

function hashOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

function insertValues(key: NewKey, secret: string): unknown[] {
  return [key.fleetId, key.name, secret.slice(0, SHOWN_CHARACTERS), hashOf(secret), [...key.scopes], key.expiresAt];
}
