import type { Client } from "pg";
import { floorMs } from "./floor-ms.ts";

/** The routes that are folded: which, their plans, states and vehicles. Unix milliseconds; ids of routes and stops are text. */

const DELIVERY_FOLD_LOCK = 7_411_820_006;

/** One process at a time folds routes, for as long as this session lives; false while another does. */
export async function claimDeliveryFold(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ claimed: boolean }>("select pg_try_advisory_lock($1) as claimed", [
    DELIVERY_FOLD_LOCK,
  ]);
  return rows[0]!.claimed;
}

/** A route that is to be folded. `version`: of its newest plan. */
export type OpenRoute = { routeId: string; fleetId: number; version: number };

export type OpenRouteSearch = {
  nowMs: number;
  /** So long before its start a route is taken up, and so long after its completion late data may still change it. */
  aheadMs: number;
  retiredMs: number;
  /** A route that nobody has touched, and that was to begin, longer ago is history. */
  forgottenMs: number;
  limit: number;
};

/** Routes that are planned for now, under way or just over, and those with a plan that was not folded yet. */
export async function readOpenRoutes(client: Client, search: OpenRouteSearch): Promise<OpenRoute[]> {
  const { nowMs, aheadMs, retiredMs, forgottenMs, limit } = search;
  const { rows } = await client.query<OpenRoute>({
    name: "delivery-open-routes",
    text: `select r.route_id::text as "routeId", r.fleet_id as "fleetId", r.version
      from route r left join route_state s using (route_id)
      where greatest(r.starts_at, r.updated_at) > $3
        and (s.status in ('planned', 'started') or s.completed_at > $2 or s.version < r.version
          or s.route_id is null and r.status = 'planned' and coalesce(r.starts_at,
            (select min(w.window_start) from stop w where w.route_id = r.route_id and w.position is not null),
            r.created_at) <= $1)
      order by r.route_id limit $4`,
    values: [new Date(nowMs + aheadMs), new Date(nowMs - retiredMs), new Date(nowMs - forgottenMs), limit],
  });
  return rows;
}

export type PlanVersionRow = {
  routeId: string;
  version: number;
  effectiveAtMs: number;
  /** Its place in the journal; null before it was taken up. */
  fromSeq: number | null;
  plan: unknown;
};

/** The plans of a route from `version` on, in their order. */
export async function readPlanVersions(
  client: Client,
  after: readonly { routeId: string; version: number }[],
): Promise<PlanVersionRow[]> {
  const { rows } = await client.query<PlanVersionRow>({
    name: "delivery-plans",
    text: `select v.route_id::text as "routeId", v.version, ${floorMs("v.effective_at")} as "effectiveAtMs",
        v.from_seq::float8 as "fromSeq", v.plan
      from unnest($1::bigint[], $2::integer[]) as a (route_id, version)
      join route_version v on v.route_id = a.route_id and v.version >= a.version
      order by v.route_id, v.version`,
    values: [after.map(({ routeId }) => routeId), after.map(({ version }) => version)],
  });
  return rows;
}

export type RouteStateRow = { routeId: string; fold: unknown };

export async function readRouteStates(client: Client, routeIds: readonly string[]): Promise<RouteStateRow[]> {
  const { rows } = await client.query<RouteStateRow>({
    name: "delivery-states",
    text: `select route_id::text as "routeId", fold from route_state where route_id = any($1::bigint[])`,
    values: [routeIds],
  });
  return rows;
}

export type RouteTick = { routeId: string; fromSeq: number; atMs: number };

export async function readRouteTicks(client: Client, routeIds: readonly string[]): Promise<RouteTick[]> {
  const { rows } = await client.query<RouteTick>({
    name: "delivery-ticks",
    text: `select route_id::text as "routeId", from_seq::float8 as "fromSeq", ${floorMs("at")} as "atMs" from route_tick
      where route_id = any($1::bigint[]) order by route_id, from_seq, at`,
    values: [routeIds],
  });
  return rows;
}

/** Until when ETAs of these routes have been recorded, Unix milliseconds; routes without any are left out. */
export async function readIssuedUntil(client: Client, routeIds: readonly string[]): Promise<Map<string, number>> {
  if (routeIds.length === 0) return new Map();
  const { rows } = await client.query<{ routeId: string; untilMs: number }>({
    name: "delivery-issued-until",
    text: `select e.route_id::text as "routeId", ${floorMs("max(e.computed_at)")} as "untilMs"
      from stop s join eta e on e.stop_id = s.stop_id and e.route_id = s.route_id
      where s.route_id = any($1::bigint[]) group by e.route_id`,
    values: [routeIds],
  });
  return new Map(rows.map(({ routeId, untilMs }) => [routeId, untilMs]));
}

export type BindingRow = {
  vehicleId: number;
  deviceId: number;
  priority: number;
  boundFromMs: number;
  boundToMs: number | null;
};

/** The devices that are in these vehicles, or were since `sinceMs`. */
export async function readVehicleBindings(
  client: Client,
  vehicleIds: readonly number[],
  sinceMs: number,
): Promise<BindingRow[]> {
  const { rows } = await client.query<BindingRow>({
    name: "delivery-bindings",
    text: `select vehicle_id as "vehicleId", device_id as "deviceId", priority, ${floorMs("bound_from")} as "boundFromMs",
        ${floorMs("bound_to")} as "boundToMs"
      from vehicle_device where vehicle_id = any($1::integer[]) and (bound_to is null or bound_to > $2)
      order by binding_id`,
    values: [vehicleIds, new Date(sinceMs)],
  });
  return rows;
}
