import type { Database } from "./database.ts";
import { changeStopFences } from "./stop-fences.ts";
import { inTransaction } from "./transaction.ts";

/** Stops that nobody will come to any more: their geofences end, their history stays. */

/** After the route was completed: who comes back to a stop has had time to. */
const COMPLETED_HOURS = 24;
/** After the stop was to be served, where its route was never seen to be completed. */
const OVERDUE_DAYS = 7;
const STOPS_PER_ROUND_MAX = 5_000;

const OVER = `from stop s left join route r on r.route_id = s.route_id left join route_state p on p.route_id = s.route_id
  where s.geofence_id is not null and (p.completed_at < to_timestamp($1 / 1000.0) - make_interval(hours => ${COMPLETED_HOURS})
    or coalesce(greatest(s.window_end, s.promised_by), r.ends_at, r.starts_at, s.updated_at)
      < to_timestamp($1 / 1000.0) - make_interval(days => ${OVERDUE_DAYS}))`;

/** Ends the geofences of stops that are long over; gives how many. */
export async function endOverStopFences(database: Database, nowMs: number): Promise<number> {
  const fleets = await database.pool.query<{ fleetId: number }>(`select distinct s.fleet_id as "fleetId" ${OVER}`, [
    nowMs,
  ]);
  let ended = 0;
  for (const { fleetId } of fleets.rows) {
    ended += await inTransaction(database, async (query) => {
      await query("select 1 from plan_revision for update", []);
      const rows = await query<{ geofenceId: number }>(
        `select s.geofence_id as "geofenceId" ${OVER} and s.fleet_id = $2 limit $3`,
        [nowMs, fleetId, STOPS_PER_ROUND_MAX],
      );
      const ids = rows.map(({ geofenceId }) => geofenceId);
      await changeStopFences(query, fleetId, { made: [], moved: [], ended: ids });
      await query("update stop set geofence_id = null where geofence_id = any($1::integer[])", [ids]);
      return ids.length;
    });
  }
  return ended;
}
