import { eventIdOf, insertEvents, type NewEvent } from "./event-writes.ts";
import { EFFECT_DELAY_S } from "./geofences.ts";
import {
  type DraftRoute,
  type DraftStop,
  isExpected,
  isPlannedAgain,
  isResequenced,
  isRouteChanged,
  isStopChanged,
  reasonOf,
} from "./plan-draft.ts";
import type { PlanEdit } from "./plan-load.ts";
import { type Route, type Stop, unixMs } from "./plan-rows.ts";
import { changeStopFences } from "./stop-fences.ts";
import type { Query } from "./transaction.ts";

/** What an edit has changed: ids of the new and the changed, in their order. */
export type PlanChanges = {
  routes: Map<DraftRoute, number>;
  stops: Map<DraftStop, number>;
};

/**
 * Writes what an edit has made and changed, with the geofences of stops and a version of every plan that is another now.
 * Nothing is written of what is as it was.
 */
export async function commitPlans(edit: PlanEdit): Promise<PlanChanges> {
  const { query, fleetId } = edit;
  const everyRoute = [...edit.routes.values(), ...edit.newRoutes];
  const everyStop = [...edit.stops.values(), ...edit.newStops];
  const routes = everyRoute.filter(isRouteChanged);
  const stops = everyStop.filter(isStopChanged);
  if (routes.length + stops.length === 0) return { routes: new Map(), stops: new Map() };
  const routeIds = await idsOf(query, "route", "route_id", routes);
  const stopIds = await idsOf(query, "stop", "stop_id", stops);
  const fenceIds = await settleFences(query, fleetId, everyStop);
  await writeRoutes(query, fleetId, routes, routeIds);
  await writeStops(query, fleetId, stops, (stop) => ({
    stopId: stopIds.get(stop)!,
    routeId: stop.route && (routeIds.get(stop.route) ?? stop.route.stored!.routeId),
  }));
  await query(PLACE_FENCES, [
    [...fenceIds.keys()].map((stop) => stopIds.get(stop) ?? stop.stored!.stopId),
    [...fenceIds.values()],
  ]);
  await writePositions(query, routes, stopIds);
  const versions = await writeVersions(query, routes, routeIds);
  await tellResequenced(edit, routes, stopIds, versions);
  return { routes: routeIds, stops: stopIds };
}

async function idsOf<Draft extends DraftRoute | DraftStop>(
  query: Query,
  table: "route" | "stop",
  column: string,
  drafts: readonly Draft[],
): Promise<Map<Draft, number>> {
  const fresh = drafts.filter(({ stored }) => stored === null);
  const rows =
    fresh.length === 0
      ? []
      : await query<{ id: number }>(
          `select nextval(pg_get_serial_sequence('${table}', '${column}')) as id from generate_series(1, $1::integer)`,
          [fresh.length],
        );
  const made = rows.map(({ id }) => id);
  return new Map(drafts.map((draft) => [draft, draft.stored === null ? made.shift()! : storedIdOf(draft.stored)]));
}

function storedIdOf(stored: Route | Stop): number {
  return "stopId" in stored ? stored.stopId : stored.routeId;
}

/** Gives a geofence to whoever needs one, moves those whose stop moved and ends those of stops that nobody expects. */
async function settleFences(
  query: Query,
  fleetId: number,
  stops: readonly DraftStop[],
): Promise<Map<DraftStop, number | null>> {
  const made = stops.filter((stop) => !stop.fenced && isExpected(stop) && (isStopChanged(stop) || !wasExpected(stop)));
  const moved = stops.filter((stop) => stop.fenced && isExpected(stop) && hasMoved(stop));
  const ended = stops.filter((stop) => stop.fenced && !isExpected(stop));
  const ids = await changeStopFences(query, fleetId, {
    made: made.map(({ content }) => content),
    moved: moved.map(({ content, stored }) => ({ ...content, geofenceId: stored!.geofenceId! })),
    ended: ended.map(({ stored }) => stored!.geofenceId!),
  });
  return new Map<DraftStop, number | null>([
    ...made.map((stop, index): [DraftStop, number] => [stop, ids[index]!]),
    ...ended.map((stop): [DraftStop, null] => [stop, null]),
  ]);
}

function hasMoved({ content, stored }: DraftStop): boolean {
  return content.latDeg !== stored!.latDeg || content.lonDeg !== stored!.lonDeg || content.radiusM !== stored!.radiusM;
}

/** The route of a stop that stays on it may have been cancelled before, and be revived now. */
function wasExpected({ stored, route }: DraftStop): boolean {
  return stored?.status === "planned" && route?.stored?.status !== "cancelled";
}

async function writeRoutes(
  query: Query,
  fleetId: number,
  routes: readonly DraftRoute[],
  ids: ReadonlyMap<DraftRoute, number>,
): Promise<void> {
  if (routes.length === 0) return;
  const rows = routes.map((route) => ({ ...route.content, status: route.status, id: ids.get(route) }));
  await query(WRITE_ROUTES, [fleetId, JSON.stringify(rows)]);
}

async function writeStops(
  query: Query,
  fleetId: number,
  stops: readonly DraftStop[],
  idsOfStop: (stop: DraftStop) => { stopId: number; routeId: number | null },
): Promise<void> {
  if (stops.length === 0) return;
  const rows = stops.map((stop) => ({
    ...{ ...stop.content, ...idsOfStop(stop), status: stop.status, again: isPlannedAgain(stop) },
  }));
  await query(WRITE_STOPS, [fleetId, JSON.stringify(rows)]);
}

/** Stops of the changed routes get their places; those that left them lose theirs. */
async function writePositions(
  query: Query,
  routes: readonly DraftRoute[],
  ids: ReadonlyMap<DraftStop, number>,
): Promise<void> {
  const idOf = (stop: DraftStop) => ids.get(stop) ?? stop.stored!.stopId;
  const placed = routes.flatMap(({ stops }) => stops.map((stop, position) => [idOf(stop), position] as const));
  const here = new Set(placed.map(([stopId]) => stopId));
  const gone = routes.flatMap(({ storedStops }) => storedStops.map(idOf)).filter((stopId) => !here.has(stopId));
  await query(WRITE_POSITIONS, [
    [...placed.map(([stopId]) => stopId), ...gone],
    [...placed.map(([, position]) => position), ...gone.map(() => null)],
  ]);
}

type WrittenVersion = { version: number; madeAtMs: number };

/** In the order of `routes`. */
async function writeVersions(
  query: Query,
  routes: readonly DraftRoute[],
  ids: ReadonlyMap<DraftRoute, number>,
): Promise<WrittenVersion[]> {
  if (routes.length === 0) return [];
  const routeIds = routes.map((route) => ids.get(route)!);
  const rows = await query<WrittenVersion & { routeId: number }>(WRITE_VERSIONS, [
    routeIds,
    routes.map(reasonOf),
    EFFECT_DELAY_S,
  ]);
  const byRoute = new Map(rows.map((row) => [row.routeId, row]));
  return routeIds.map((routeId) => byRoute.get(routeId)!);
}

/** `route.resequenced` for every route whose stops come in another order now. */
async function tellResequenced(
  { client, fleetId }: PlanEdit,
  routes: readonly DraftRoute[],
  stopIds: ReadonlyMap<DraftStop, number>,
  versions: readonly WrittenVersion[],
): Promise<void> {
  const events = routes.flatMap((route, index): NewEvent[] => {
    if (!isResequenced(route)) return [];
    const { version, madeAtMs } = versions[index]!;
    const routeId = String(route.stored!.routeId);
    const order = route.stops.map((stop) => String(stopIds.get(stop) ?? stop.stored!.stopId));
    return [
      {
        eventId: eventIdOf("route.resequenced", routeId, version),
        ...{ type: "route.resequenced", fleetId, deviceId: null, frameSeq: null, replayed: false, supersedes: null },
        ...{ occurredAtMs: madeAtMs, detectedAtMs: madeAtMs },
        data: { routeId, version, reason: reasonOf(route), stopIds: order },
      },
    ];
  });
  if (events.length === 0) return;
  await insertEvents(client, events);
  await client.query("select pg_notify('fixes', '')");
}

const WRITE_ROUTES = `with given as (
    select * from json_to_recordset($2::json) as n (id bigint, "externalId" text, name text, status text,
      "vehicleId" integer, "driverId" integer, "brandId" integer, start json, "end" json, "startsAtMs" float8,
      "endsAtMs" float8, capacity float8, policy jsonb))
  insert into route as r (route_id, fleet_id, external_id, version, name, status, vehicle_id, driver_id, brand_id,
    start_lat_deg, start_lon_deg, end_lat_deg, end_lon_deg, starts_at, ends_at, capacity, policy)
  overriding system value
  select id, $1, "externalId", 1, name, status, "vehicleId", "driverId", "brandId", (start ->> 0)::float8,
    (start ->> 1)::float8, ("end" ->> 0)::float8, ("end" ->> 1)::float8, to_timestamp("startsAtMs" / 1000),
    to_timestamp("endsAtMs" / 1000), capacity, policy from given
  on conflict (route_id) do update set external_id = excluded.external_id, version = r.version + 1, name = excluded.name,
    status = excluded.status, vehicle_id = excluded.vehicle_id, driver_id = excluded.driver_id,
    brand_id = excluded.brand_id, start_lat_deg = excluded.start_lat_deg, start_lon_deg = excluded.start_lon_deg,
    end_lat_deg = excluded.end_lat_deg, end_lon_deg = excluded.end_lon_deg, starts_at = excluded.starts_at,
    ends_at = excluded.ends_at, capacity = excluded.capacity, policy = excluded.policy, updated_at = now()`;

const WRITE_STOPS = `with given as (
    select * from json_to_recordset($2::json) as n ("stopId" bigint, "routeId" bigint, status text, "externalId" text,
      kind text, "latDeg" float8, "lonDeg" float8, "radiusM" float8, address text, contact jsonb, notes text,
      "windowStartMs" float8, "windowEndMs" float8, "serviceS" integer, demand float8, "promisedByMs" float8,
      "timeZone" text, policy jsonb, again boolean))
  insert into stop as s (stop_id, fleet_id, route_id, status, external_id, kind, lat_deg, lon_deg, radius_m, address, contact,
    notes, window_start, window_end, service_s, demand, promised_by, time_zone, policy, planned_at)
  overriding system value
  select "stopId", $1, "routeId", status, "externalId", kind, "latDeg", "lonDeg", "radiusM", address, contact, notes,
    to_timestamp("windowStartMs" / 1000), to_timestamp("windowEndMs" / 1000), "serviceS", demand,
    to_timestamp("promisedByMs" / 1000), "timeZone", policy,
    coalesce((select k.planned_at from stop k where k.stop_id = "stopId" and not again), clock_timestamp()) from given
  on conflict (stop_id) do update set version = s.version + 1, route_id = excluded.route_id, status = excluded.status,
    external_id = excluded.external_id, kind = excluded.kind, lat_deg = excluded.lat_deg, lon_deg = excluded.lon_deg,
    radius_m = excluded.radius_m, address = excluded.address, contact = excluded.contact, notes = excluded.notes,
    window_start = excluded.window_start, window_end = excluded.window_end, service_s = excluded.service_s,
    demand = excluded.demand, promised_by = excluded.promised_by, time_zone = excluded.time_zone,
    policy = excluded.policy, planned_at = excluded.planned_at, updated_at = now()`;

const PLACE_FENCES = `update stop s set geofence_id = f.fence from unnest($1::bigint[], $2::integer[]) as f (stop, fence)
  where s.stop_id = f.stop`;

const WRITE_POSITIONS = `update stop s set position = p.position
  from unnest($1::bigint[], $2::integer[]) as p (stop, position)
  where s.stop_id = p.stop and s.position is distinct from p.position`;

/** $1 routes, $2 why. Revisions count on; who folds plans is told. */
const WRITE_VERSIONS = `with moved as (
    update plan_revision set revision = revision + cardinality($1::bigint[])
    returning revision - cardinality($1::bigint[]) as before,
      date_trunc('milliseconds', clock_timestamp()) + make_interval(secs => $3) as effective_at, pg_notify('plans', '')),
  given as (select * from unnest($1::bigint[], $2::text[]) with ordinality as g (route_id, reason, nr))
  insert into route_version (route_id, version, fleet_id, reason, effective_at, revision, plan)
  select r.route_id, r.version, r.fleet_id, g.reason, m.effective_at, m.before + g.nr, jsonb_build_object(
    'vehicleId', r.vehicle_id, 'driverId', r.driver_id, 'status', r.status,
    'startsAtMs', ${unixMs("r.starts_at")}, 'endsAtMs', ${unixMs("r.ends_at")},
    'start', case when r.start_lat_deg is not null then jsonb_build_array(r.start_lat_deg, r.start_lon_deg) end,
    'end', case when r.end_lat_deg is not null then jsonb_build_array(r.end_lat_deg, r.end_lon_deg) end,
    'stops', coalesce(planned.stops, '[]'))
  from given g join route r using (route_id) cross join moved m left join lateral (
    select jsonb_agg(jsonb_build_object('stopId', s.stop_id, 'version', s.version, 'kind', s.kind, 'latDeg', s.lat_deg,
      'lonDeg', s.lon_deg, 'geofenceId', s.geofence_id, 'windowStartMs', ${unixMs("s.window_start")},
      'windowEndMs', ${unixMs("s.window_end")}, 'promisedByMs', ${unixMs("s.promised_by")}, 'serviceS', s.service_s,
      'failedAtMs', ${unixMs("failed_before(s)")})
      order by s.position) as stops
    from stop s where s.route_id = r.route_id and s.position is not null
  ) planned on true
  returning route_id as "routeId", version, ${unixMs("made_at")} as "madeAtMs"`;
