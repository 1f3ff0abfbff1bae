import type { ClientBase } from "pg";

/** A route under way, or just over, that has temperature limits, its own or of a stop. Times are Unix milliseconds. */
export type LoadRow = {
  routeId: string;
  fleetId: number;
  vehicleId: number;
  startedAtMs: number;
  /** Null while it is under way. */
  endedAtMs: number | null;
  routePolicy: unknown;
  stopPolicies: unknown[];
};

const LOADS_MAX = 1_000;

/** Routes are watched until an hour after they are over: telemetry may be late. */
export async function readWatchedLoads(client: ClientBase, nowMs: number): Promise<LoadRow[]> {
  const { rows } = await client.query<LoadRow>({
    name: "watched-loads",
    text: `select r.route_id::text as "routeId", r.fleet_id as "fleetId", r.vehicle_id as "vehicleId",
        floor(extract(epoch from rs.started_at) * 1000)::float8 as "startedAtMs",
        floor(extract(epoch from rs.completed_at) * 1000)::float8 as "endedAtMs", r.policy as "routePolicy",
        array(select s.policy from stop s where s.route_id = r.route_id and s.status = 'planned') as "stopPolicies"
      from route_state rs join route r using (route_id)
      where r.vehicle_id is not null and rs.started_at > $1::timestamptz - interval '1 day'
        and (rs.status = 'started' or rs.completed_at > $1::timestamptz - interval '1 hour')
        and (r.policy ? 'temperature'
          or exists (select from stop s where s.route_id = r.route_id and s.policy ? 'temperature'))
      order by r.route_id limit ${LOADS_MAX}`,
    values: [new Date(nowMs)],
  });
  return rows;
}
