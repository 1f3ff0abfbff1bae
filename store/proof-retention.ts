import type { Database } from "./database.ts";
import { eraseRecipient, FORGET_RECIPIENT } from "./evidence.ts";
import { inTransaction } from "./transaction.ts";

/** Proofs that are past their time: their recipients are forgotten as if they had asked for it; the chain stays whole. */

const STOPS_PER_ROUND_MAX = 500;
/** As custody and the chain name it. */
const WHO = "retention";

/** Forgets the recipients of stops without a proof since `keepSince`; gives how many. */
export async function forgetOldRecipients(database: Database, keepSince: Date, nowMs: number): Promise<number> {
  const { rows } = await database.pool.query<{ stopId: string }>(
    `select k.stop_id::text as "stopId" from recipient_key k
    where k.key is not null and k.created_at < $1
      and not exists (select from pod p where p.stop_id = k.stop_id and p.received_at >= $1)
    order by k.created_at limit $2`,
    [keepSince, STOPS_PER_ROUND_MAX],
  );
  for (const { stopId } of rows) await eraseRecipient(database, null, { stopId, who: WHO, atMs: nowMs });
  return rows.length;
}

/**
 * Forgets who waited at stops that nobody has changed or was expected at since `keepSince`; gives how many. Stops with a
 * proof are forgotten with it. Nothing was stored under a key of theirs: the same stop may be planned again, with a contact.
 */
export async function forgetOldContacts(database: Database, keepSince: Date, nowMs: number): Promise<number> {
  return inTransaction(database, async (query) => {
    // Whoever changes plans now has read the contact, and would write it again.
    await query("select 1 from plan_revision for update", []);
    const stops = await query<{ stopId: string }>(OLD_CONTACTS, [keepSince, STOPS_PER_ROUND_MAX]);
    for (const { stopId } of stops) await query(FORGET_RECIPIENT, [stopId, new Date(nowMs)]);
    return stops.length;
  });
}

const OLD_CONTACTS = `select s.stop_id::text as "stopId" from stop s left join route r using (route_id)
  where s.contact <> '{}' and s.updated_at < $1
    and coalesce(greatest(s.window_end, s.promised_by, r.starts_at, r.ends_at), s.updated_at) < $1
    and not exists (select from recipient_key k where k.stop_id = s.stop_id)
  order by s.updated_at limit $2`;
