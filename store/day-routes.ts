import type { Database } from "./database.ts";
import { unixMs } from "./plan-rows.ts";
import type { Named, RouteSummary } from "./routes.ts";
import type { StopView } from "./stops.ts";

/** The routes of one day with where each of their stops stands: no more of them than an overview shows. */

/** Times are Unix milliseconds. */
export type DayStop = Pick<StopView, "externalId" | "kind" | "latDeg" | "lonDeg" | "address" | "status" | "outcome"> & {
  stopId: number;
  position: number;
  windowStartMs: number | null;
  windowEndMs: number | null;
  promisedByMs: number | null;
  progress: {
    status: NonNullable<StopView["progress"]>["status"];
    arrivedAtMs: number | null;
    departedAtMs: number | null;
    stopsBefore: number | null;
    atRisk: boolean;
    p10Ms: number | null;
    p50Ms: number | null;
    p90Ms: number | null;
    basis: "live" | "degraded" | "planned" | null;
    reason: string | null;
  } | null;
  /** The newest version of what telemetry says of its newest proof, and what a person said of that. */
  verdict: string | null;
  override: "accepted" | "rejected" | null;
};

export type DayRoute = Pick<
  RouteSummary,
  "routeId" | "fleetId" | "externalId" | "name" | "status" | "progressStatus" | "startsAtMs" | "currentStopId"
> & {
  vehicle: Named | null;
  driver: Named | null;
  startedAt: Date | null;
  completedAt: Date | null;
  stops: DayStop[];
};

export type DayRoutesPage = {
  fleetId: number | null;
  /** Of the fleet's calendar; null: the day it is now. */
  day: string | null;
  nowMs: number;
  afterRouteId: number;
  limit: number;
};

const STOP_JSON = `json_build_object('stopId', s.stop_id, 'externalId', s.external_id, 'position', s.position,
    'kind', s.kind, 'latDeg', s.lat_deg, 'lonDeg', s.lon_deg, 'address', s.address, 'status', s.status,
    'windowStartMs', ${unixMs("s.window_start")}, 'windowEndMs', ${unixMs("s.window_end")},
    'promisedByMs', ${unixMs("s.promised_by")}, 'outcome', o.outcome, 'verdict', o.verdict, 'override', o.override,
    'progress', case when e.stop_id is not null then json_build_object('status', e.status,
      'arrivedAtMs', ${unixMs("e.arrived_at")}, 'departedAtMs', ${unixMs("e.departed_at")},
      'stopsBefore', e.stops_before, 'atRisk', e.at_risk, 'p10Ms', ${unixMs("e.eta_p10")},
      'p50Ms', ${unixMs("e.eta_p50")}, 'p90Ms', ${unixMs("e.eta_p90")}, 'basis', e.eta_basis,
      'reason', e.eta_reason) end)`;

/** In the order of their ids. A route's day is that of its begin, planned or observed, else of its first window. */
export async function listDayRoutes(database: Database, page: DayRoutesPage): Promise<DayRoute[]> {
  const { rows } = await database.pool.query<DayRoute>(
    `select r.route_id as "routeId", r.fleet_id as "fleetId", r.external_id as "externalId", r.name, r.status,
       p.status as "progressStatus", ${unixMs("r.starts_at")} as "startsAtMs", p.current_stop_id as "currentStopId",
       p.started_at as "startedAt", p.completed_at as "completedAt",
       case when v.vehicle_id is not null then
         json_build_object('id', v.vehicle_id, 'externalId', v.external_id, 'name', v.name) end as vehicle,
       case when d.driver_id is not null then
         json_build_object('id', d.driver_id, 'externalId', d.external_id, 'name', d.given_name) end as driver,
       coalesce(line.stops, '[]') as stops
     from route r join fleet f on f.fleet_id = r.fleet_id
     left join route_state p on p.route_id = r.route_id
     left join vehicle v on v.vehicle_id = r.vehicle_id left join driver d on d.driver_id = r.driver_id
     left join lateral (
       select min(s.window_start) as first_at from stop s
       where r.starts_at is null and p.started_at is null and s.route_id = r.route_id and s.position is not null) w on true
     left join lateral (
       select json_agg(${STOP_JSON} order by s.position) as stops from stop s
       left join stop_state e on e.stop_id = s.stop_id and e.route_id = s.route_id
       left join lateral (
         select pod.outcome,
           (select k.verdict from pod_verdict k where k.pod_id = pod.pod_id order by k.version desc limit 1) as verdict,
           (select k.verdict from pod_override k where k.pod_id = pod.pod_id order by k.override_id desc limit 1) as override
         from current_pod(s) pod) o on true
       where s.route_id = r.route_id and s.position is not null) line on true
     where r.route_id > $2 and ($1::integer is null or r.fleet_id = $1)
       and (coalesce(r.starts_at, p.started_at, w.first_at, r.created_at) at time zone f.time_zone)::date
         = coalesce($3::date, ($4::timestamptz at time zone f.time_zone)::date)
     order by r.route_id limit $5`,
    [page.fleetId, page.afterRouteId, page.day, new Date(page.nowMs), page.limit],
  );
  return rows;
}
