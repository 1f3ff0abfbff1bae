import type { Database } from "./database.ts";
import { insideOf, inTransaction } from "./transaction.ts";

/**
 * Requests with a key of their own, whose answer is kept for a day. What a request makes, its key and its answer are one
 * commit: after a crash at any moment there is all of it, or nothing.
 *
 *     (none) ──answerOnce──▶ answered ──a day──▶ (none)
 *
 * Whoever is at work holds an advisory lock that its transaction took, so that it is gone with its connection.
 */

/** How long a connection that has begun may be silent before the server takes whoever had it to be dead. */
export const IN_FLIGHT_S_MAX = 60;

export type IdempotentRequest = { fleetId: number; keyHash: Buffer; requestHash: Buffer };

export type KeptAnswer = { status: number; answer: Buffer };

export type Known =
  | { kind: "new" }
  /** The key was used with another request. */
  | { kind: "reused" }
  | ({ kind: "answered" } & KeptAnswer);

/** What is kept of this key. */
export async function findAnswer(database: Database, request: IdempotentRequest): Promise<Known> {
  const { rows } = await database.pool.query<KeptAnswer & { requestHash: Buffer }>(
    `select request_hash as "requestHash", status, answer from idempotency_key
     where fleet_id = $1 and key_hash = $2 and created_at >= now() - interval '1 day'`,
    [request.fleetId, request.keyHash],
  );
  const kept = rows[0];
  if (kept === undefined) return { kind: "new" };
  if (!kept.requestHash.equals(request.requestHash)) return { kind: "reused" };
  return { kind: "answered", status: kept.status, answer: kept.answer };
}

/**
 * Runs `work` inside a transaction and keeps its answer in the same; when it rejects, nothing is kept and the key is free.
 * `in_flight`: another is at work with this key. What is known by then is given instead of working again.
 */
export async function answerOnce(
  database: Database,
  request: IdempotentRequest,
  work: (inside: Database) => Promise<KeptAnswer>,
): Promise<Exclude<Known, { kind: "new" }> | { kind: "in_flight" } | { kind: "done" }> {
  return inTransaction(database, async (query, client) => {
    const [lock] = await query<{ held: boolean }>(
      `select pg_try_advisory_xact_lock($1) as held, set_config('idle_in_transaction_session_timeout', $2, true)`,
      [lockOf(request), `${IN_FLIGHT_S_MAX}s`],
    );
    if (!lock!.held) return { kind: "in_flight" };
    const inside = insideOf(database, client);
    const known = await findAnswer(inside, request);
    if (known.kind !== "new") return known;
    const { status, answer } = await work(inside);
    await query(KEEP, [request.fleetId, request.keyHash, request.requestHash, status, answer]);
    return { kind: "done" };
  });
}

/** A row that is older than a day has not been swept away yet. */
const KEEP = `insert into idempotency_key (fleet_id, key_hash, request_hash, status, answer) values ($1, $2, $3, $4, $5)
  on conflict (fleet_id, key_hash) do update set request_hash = excluded.request_hash, status = excluded.status,
    answer = excluded.answer, created_at = now()`;

/** A lock of this fleet's key. Two keys that share one by chance wait for each other, no more. */
function lockOf({ fleetId, keyHash }: IdempotentRequest): bigint {
  return keyHash.readBigInt64BE() ^ BigInt(fleetId);
}
