import type { Database } from "./database.ts";

/** A driver's routes: which are to be driven now, and when the driver is on duty for them. */

export type DriverRoute = {
  routeId: number;
  name: string | null;
  vehicleId: number | null;
  vehicleName: string | null;
  policy: unknown;
  status: "planned" | "started" | "completed";
  /** When the driver is at work for it, from its plan: the shift, else the windows, else a day. */
  begins: Date;
  ends: Date;
};

/** A route is shown this long before it begins and after it ends. */
const SHOWN_BEFORE_H = 18;
const SHOWN_AFTER_H = 12;
/** A driver drives to the first stop and home from the last. */
const DUTY_BEFORE_H = 2;
const DUTY_AFTER_H = 3;
/** After the last stop was left. */
const DUTY_AFTER_COMPLETION_H = 1;
/** Old routes say nothing of positions: no queue is kept longer than a link lives. */
const DUTY_DAYS_MAX = 8;

const ROUTES = `select r.route_id as "routeId", r.name, r.vehicle_id as "vehicleId", v.name as "vehicleName", r.policy,
    case when p.status in ('started', 'completed') then p.status else 'planned' end as status,
    span.begins, coalesce(r.ends_at, span.last, span.begins + interval '24 hours') as ends, p.completed_at as "completedAt"
  from route r left join route_state p on p.route_id = r.route_id left join vehicle v on v.vehicle_id = r.vehicle_id
  cross join lateral (
    select coalesce(r.starts_at, min(s.window_start), r.created_at) as begins,
      greatest(max(s.window_end), max(s.promised_by)) as last
    from stop s where s.route_id = r.route_id and s.position is not null
  ) span
  where r.driver_id = $1 and r.status = 'planned'`;

/** What a driver has to do now, in the order of the day: no cancelled routes, none that are long over or far ahead. */
export async function readDriverRoutes(database: Database, driverId: number, now: Date): Promise<DriverRoute[]> {
  const { rows } = await database.pool.query<DriverRoute>(
    `select * from (${ROUTES}) routes
     where begins < $2::timestamptz + interval '${SHOWN_BEFORE_H} hours'
       and (coalesce("completedAt", ends) > $2::timestamptz - interval '${SHOWN_AFTER_H} hours' or status = 'started')
     order by begins, "routeId"`,
    [driverId, now],
  );
  return rows;
}

/** When a driver is on duty: outside of it nothing is stored of where they are. Unix milliseconds. */
export type Duty = { routeId: number; vehicleId: number | null; fromMs: number; toMs: number };

/** In the order of the day. */
export async function readDuties(database: Database, driverId: number, now: Date): Promise<Duty[]> {
  const { rows } = await database.pool.query<{ routeId: number; vehicleId: number | null; from: Date; to: Date }>(
    `select "routeId", "vehicleId", begins - interval '${DUTY_BEFORE_H} hours' as from,
       coalesce("completedAt" + interval '${DUTY_AFTER_COMPLETION_H} hours',
         case when status = 'started' then greatest(ends, $2) else ends end + interval '${DUTY_AFTER_H} hours') as to
     from (${ROUTES}) routes
     where begins < $2::timestamptz + interval '${SHOWN_BEFORE_H} hours'
       and ends > $2::timestamptz - interval '${DUTY_DAYS_MAX} days'
     order by begins, "routeId"`,
    [driverId, now],
  );
  return rows.map(({ from, to, ...route }) => ({ ...route, fromMs: from.getTime(), toMs: to.getTime() }));
}

/**
 * True when this stop is or was the driver's by a plan: what a phone kept while it was offline is taken although somebody
 * else drives there by now.
 */
export async function isStopOfDriver(database: Database, driverId: number, stopId: string): Promise<boolean> {
  const { rows } = await database.pool.query(
    `select from driver d join stop s on s.fleet_id = d.fleet_id
     where d.driver_id = $1 and s.stop_id = $2 and (
       exists (select from route r where r.route_id = s.route_id and r.driver_id = d.driver_id)
       or exists (
         select from route_version v where v.fleet_id = d.fleet_id and v.plan -> 'driverId' = to_jsonb(d.driver_id)
           and v.made_at > now() - interval '${DUTY_DAYS_MAX} days'
           and v.plan -> 'stops' @> jsonb_build_array(jsonb_build_object('stopId', s.stop_id))
       ))`,
    [driverId, stopId],
  );
  return rows.length === 1;
}
