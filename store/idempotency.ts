import type { Database } from "./database.ts";

/**
 * Requests with a key of their own, whose answer is kept for a day.
 *
 *     (none) ──begin──▶ in flight ──keep──▶ answered ──a day──▶ (none)
 *                        │    ▲
 *               release ─┘    └── begin, once whoever held it is taken to be dead
 */

/** How long a request may be in flight: well above what any takes. */
export const IN_FLIGHT_S_MAX = 60;

export type IdempotentRequest = { fleetId: number; keyHash: Buffer; requestHash: Buffer };

export type Begun =
  | { kind: "begun" }
  | { kind: "in_flight" }
  /** The key was used with another request. */
  | { kind: "reused" }
  | { kind: "answered"; status: number; answer: Buffer };

type Held = { requestHash: Buffer; status: number | null; answer: Buffer | null };

/** Takes the key for this request, where nobody has it. */
export async function beginIdempotent(database: Database, request: IdempotentRequest): Promise<Begun> {
  const values = [request.fleetId, request.keyHash, request.requestHash, IN_FLIGHT_S_MAX];
  const taken = await database.pool.query(
    `insert into idempotency_key as k (fleet_id, key_hash, request_hash, held_until)
     values ($1, $2, $3, now() + make_interval(secs => $4))
     on conflict (fleet_id, key_hash) do update
       set request_hash = excluded.request_hash, held_until = excluded.held_until, created_at = now(), status = null,
         answer = null
       where k.created_at < now() - interval '1 day'
         or k.status is null and k.held_until < now() and k.request_hash = excluded.request_hash
     returning 1`,
    values,
  );
  if (taken.rowCount === 1) return { kind: "begun" };
  const { rows } = await database.pool.query<Held>(
    `select request_hash as "requestHash", status, answer from idempotency_key where fleet_id = $1 and key_hash = $2`,
    [request.fleetId, request.keyHash],
  );
  const held = rows[0];
  // Released between the two statements: whoever asks again will get it.
  if (held === undefined) return { kind: "in_flight" };
  if (!held.requestHash.equals(request.requestHash)) return { kind: "reused" };
  if (held.status === null || held.answer === null) return { kind: "in_flight" };
  return { kind: "answered", status: held.status, answer: held.answer };
}

export async function keepAnswer(
  database: Database,
  { fleetId, keyHash }: IdempotentRequest,
  status: number,
  answer: Buffer,
): Promise<void> {
  await database.pool.query(
    "update idempotency_key set status = $3, answer = $4 where fleet_id = $1 and key_hash = $2 and status is null",
    [fleetId, keyHash, status, answer],
  );
}

/** Nothing was made: the key is free again. */
export async function releaseKey(database: Database, { fleetId, keyHash }: IdempotentRequest): Promise<void> {
  await database.pool.query("delete from idempotency_key where fleet_id = $1 and key_hash = $2 and status is null", [
    fleetId,
    keyHash,
  ]);
}
