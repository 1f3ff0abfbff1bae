import type { ClientBase } from "pg";
import { MISSED_SOON } from "./database.ts";
import type { Cursor } from "./fold-commit.ts";
import { PARTITIONS } from "./journal.ts";

/** First key of the advisory locks that claim partitions; the second is the partition. */
const CLAIM_LOCK = 0x666f6c64;
/** Second key of the lock that every stream shares: its holders are the streams there are. */
const PRESENCE = PARTITIONS;

/** Makes this session count as a stream, for as long as it lives. Once a session. */
export async function joinStreams(client: ClientBase): Promise<void> {
  await client.query(MISSED_SOON);
  await client.query("select pg_advisory_lock_shared($1, $2)", [CLAIM_LOCK, PRESENCE]);
}

/** Partitions that a stream may hold at present so that every other gets as many: all where it is alone. */
export async function findShare(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ streams: number }>(
    `select count(*)::integer as streams from pg_locks
     where locktype = 'advisory' and classid::bigint = $1 and objid::bigint = $2 and objsubid = 2 and granted
       and database = (select oid from pg_database where datname = current_database())`,
    [CLAIM_LOCK, PRESENCE],
  );
  return Math.ceil(PARTITIONS / Math.max(1, rows[0]!.streams));
}

/**
 * Claims the partitions that no other stream holds, for as long as this session lives. Returns the cursors of those newly
 * claimed; `held` are not claimed twice.
 */
export async function claimPartitions(client: ClientBase, held: readonly number[]): Promise<Cursor[]> {
  const wanted = Array.from({ length: PARTITIONS }, (_, partition) => partition).filter((p) => !held.includes(p));
  if (wanted.length === 0) return [];
  const { rows: claimed } = await client.query<{ partition: number }>(
    `select partition from unnest($2::integer[]) as partition where pg_try_advisory_lock($1, partition)`,
    [CLAIM_LOCK, wanted],
  );
  if (claimed.length === 0) return [];
  // Read after the locks are held: the previous holder can commit nothing more without being noticed.
  const { rows } = await client.query<{ partition: number; seq: string; revision: number }>(
    `select partition, seq, revision from stream_cursor where partition = any($1::smallint[]) order by partition`,
    [claimed.map((row) => row.partition)],
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

/** Lets partitions go that this session holds; what is in flight for them must have been committed. */
export async function releasePartitions(client: ClientBase, partitions: readonly number[]): Promise<void> {
  await client.query("select pg_advisory_unlock($1, partition) from unnest($2::integer[]) as partition", [
    CLAIM_LOCK,
    partitions,
  ]);
}
