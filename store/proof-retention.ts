import type { Database } from "./database.ts";
import { eraseRecipient } from "./evidence.ts";

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
