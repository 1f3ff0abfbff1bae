import type { AttributeValue } from "#decoders/decoder.ts";
import type { Database } from "./database.ts";

/** One thing that happened at a stop: an event of its own, or `eta.told`: a time that the person waiting could read. */
export type StopMoment = {
  type: string;
  at: Date;
  replayed: boolean;
  data: { [name: string]: AttributeValue };
};

/** A stop with more moments than this has been arrived at and left for days: the newest ones are shown. */
export const STOP_MOMENTS_MAX = 500;

/** In the order in which they happened. What a later event replaced is left out. Undefined: no such stop in this fleet. */
export async function readStopTimeline(
  database: Database,
  fleetId: number | null,
  stopId: number,
): Promise<StopMoment[] | undefined> {
  const known = await database.pool.query(
    "select from stop where stop_id = $2 and ($1::integer is null or fleet_id = $1)",
    [fleetId, stopId],
  );
  if (known.rows.length === 0) return undefined;
  const { rows } = await database.pool.query<StopMoment>(
    `select type, at, replayed, data from (
       select e.event_seq as seq, e.type, e.occurred_at as at, e.replayed, e.data from event e
       where e.data ? 'stopId' and e.data->>'stopId' = $1::text and e.type <> 'eta.changed'
         and ($3::integer is null or e.fleet_id = $3)
         and not exists (
           select from event l where l.data ? 'stopId' and l.data->>'stopId' = $1::text and l.supersedes = e.event_id)
       union all
       select 0, 'eta.told', e.computed_at, false, jsonb_build_object('p10', to_json(e.p10), 'p50', to_json(e.p50),
         'p90', to_json(e.p90), 'basis', e.basis, 'changeReason', e.reason)
       from eta e where e.stop_id = $1::bigint and e.told and e.p50 is not null
       order by at desc, seq desc limit $2
     ) newest order by at, seq`,
    [String(stopId), STOP_MOMENTS_MAX, fleetId],
  );
  return rows;
}
