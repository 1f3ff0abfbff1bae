import type { Database } from "./database.ts";
import {
  changeStop,
  type DraftRoute,
  type DraftStop,
  newRoute,
  newStop,
  type PlanRefusal,
  placeStop,
  takeOff,
} from "./plan-draft.ts";
import { conflictOf, editPlans } from "./plan-edit.ts";
import type { PlanEdit } from "./plan-load.ts";
import { type PlanReason, ROUTE_COLUMNS, type Route, type RouteContent, type StopContent } from "./plan-rows.ts";
import { readRouteStops, type StopView } from "./stops.ts";

/**
 * Routes and the order of their stops. Every change makes a new version of the whole plan (`route_version`), in the
 * transaction that changes the stops and their geofences; it is announced on the channel `plans`.
 */

/** What a route names, as it is shown. */
export type Named = { id: number; externalId: string | null; name: string | null };

/** A route as it is shown. What the stream has observed of it is null before the stream has seen it. */
export type RouteSummary = Route & {
  vehicle: Named | null;
  driver: Named | null;
  brand: Named | null;
  stopsCount: number;
  progressStatus: "planned" | "started" | "completed" | "cancelled" | null;
  startedAt: Date | null;
  completedAt: Date | null;
  currentStopId: number | null;
  /** An encoded polyline of precision 5, from the vehicle through all stops that remain. */
  remainingPath: string | null;
};

export type RouteView = RouteSummary & { stops: StopView[] };

const SELECT_ROUTE = `select ${ROUTE_COLUMNS},
    case when v.vehicle_id is not null then
      json_build_object('id', v.vehicle_id, 'externalId', v.external_id, 'name', v.name) end as vehicle,
    case when d.driver_id is not null then
      json_build_object('id', d.driver_id, 'externalId', d.external_id, 'name', d.given_name) end as driver,
    case when b.brand_id is not null then
      json_build_object('id', b.brand_id, 'externalId', b.external_id, 'name', b.name) end as brand,
    (select count(*) from stop s where s.route_id = r.route_id and s.position is not null)::integer as "stopsCount",
    p.status as "progressStatus", p.started_at as "startedAt", p.completed_at as "completedAt",
    p.current_stop_id as "currentStopId", p.remaining_path as "remainingPath"
  from route r left join vehicle v on v.vehicle_id = r.vehicle_id left join driver d on d.driver_id = r.driver_id
  left join brand b on b.brand_id = r.brand_id left join route_state p on p.route_id = r.route_id`;

/** The route with its stops in driving order, if it is of this fleet (null: any). */
export async function findRoute(
  database: Database,
  fleetId: number | null,
  routeId: number,
): Promise<RouteView | undefined> {
  const { rows } = await database.pool.query<RouteSummary>(
    `${SELECT_ROUTE} where r.route_id = $2 and ($1::integer is null or r.fleet_id = $1)`,
    [fleetId, routeId],
  );
  return rows[0] && { ...rows[0], stops: await readRouteStops(database, [routeId]) };
}

export type RouteFilter = {
  externalId: string | null;
  vehicleId: number | null;
  status: Route["status"] | null;
};

/** In the order of their ids, without their stops. */
export async function listRoutes(
  database: Database,
  page: RouteFilter & { fleetId: number | null; afterRouteId: number; limit: number },
): Promise<RouteSummary[]> {
  const { rows } = await database.pool.query<RouteSummary>(
    `${SELECT_ROUTE} where r.route_id > $2 and ($1::integer is null or r.fleet_id = $1)
      and ($4::text is null or r.external_id = $4) and ($5::integer is null or r.vehicle_id = $5)
      and ($6::text is null or r.status = $6) order by r.route_id limit $3`,
    [page.fleetId, page.afterRouteId, page.limit, page.externalId, page.vehicleId, page.status],
  );
  return rows;
}

export type RouteResult = { kind: "done"; route: RouteView; created: boolean; changed: boolean } | PlanRefusal;

/** What the caller knows of the route: the version it expects, null for any. */
export type Expected = { expectedVersion: number | null };

/** A new route with stops in this order; a stop whose external id waits without a route is taken along. */
export async function createRoute(
  database: Database,
  fleetId: number,
  content: RouteContent,
  stops: readonly StopContent[],
): Promise<RouteResult> {
  return editRoute(database, fleetId, async (edit) => {
    const { externalId } = content;
    if (externalId !== null) {
      await edit.loadRoutes([], [externalId]);
      if (edit.routeNamed(externalId) !== undefined) return { kind: "taken", externalId };
    }
    const route = edit.addRoute(newRoute(content));
    return (await lineUp(edit, route, stops)) ?? route;
  });
}

/**
 * Makes the route of this external id what it is said to be; one that was cancelled is planned again. Stops that are given
 * are the route's from then on, in their order: others wait for a route again. Undefined leaves the stops.
 */
export async function putRoute(
  database: Database,
  fleetId: number,
  content: RouteContent & { externalId: string },
  stops: readonly StopContent[] | undefined,
  { expectedVersion }: Expected,
): Promise<RouteResult> {
  return editRoute(database, fleetId, async (edit) => {
    await edit.loadRoutes([], [content.externalId]);
    const known = edit.routeNamed(content.externalId);
    const conflict = conflictOf(known, expectedVersion);
    if (conflict !== undefined) return conflict;
    const route = known ?? edit.addRoute(newRoute(content));
    route.content = content;
    route.status = "planned";
    return (stops && (await lineUp(edit, route, stops))) ?? route;
  });
}

/** Changes what is given, assignment to vehicle and driver included. */
export async function updateRoute(
  database: Database,
  fleetId: number | null,
  routeId: number,
  change: Partial<RouteContent>,
  expected: Expected,
): Promise<RouteResult> {
  return editKnown(database, fleetId, routeId, expected, async (edit, route) => {
    const { externalId = null } = change;
    if (externalId !== null) {
      await edit.loadRoutes([], [externalId]);
      if ((edit.routeNamed(externalId) ?? route) !== route) return { kind: "taken", externalId };
    }
    route.content = { ...route.content, ...change };
    return route;
  });
}

/** The route is kept, with its stops; nobody is to come any more. Cancelling it again changes nothing. */
export async function cancelRoute(
  database: Database,
  fleetId: number | null,
  routeId: number,
  expected: Expected,
): Promise<RouteResult> {
  return editKnown(database, fleetId, routeId, { ...expected, cancelled: true }, async (_edit, route) => {
    route.status = "cancelled";
    return route;
  });
}

/** Puts a stop on the route: a new one, or one that there is, from wherever it is. At the end unless told. */
export async function insertStop(
  database: Database,
  fleetId: number | null,
  routeId: number,
  given: { content: StopContent } | { stopId: number },
  options: Expected & { position?: number },
): Promise<RouteResult> {
  return editKnown(database, fleetId, routeId, options, async (edit, route) => {
    if ("content" in given) {
      return placeStop(route, await stopOf(edit, given.content), options.position) ?? route;
    }
    await edit.loadStops([given.stopId]);
    const stop = edit.stops.get(given.stopId);
    if (stop === undefined || stop.status === "removed") return { kind: "missing" };
    return placeStop(route, stop, options.position, true) ?? route;
  });
}

/** Takes a stop off the route; it waits for another. */
export async function takeStopOff(
  database: Database,
  fleetId: number | null,
  routeId: number,
  stopId: number,
  expected: Expected,
): Promise<RouteResult> {
  return editKnown(database, fleetId, routeId, expected, async (_edit, route) => {
    const stop = route.stops.find(({ stored }) => stored?.stopId === stopId);
    if (stop === undefined) return { kind: "missing" };
    takeOff(stop);
    return route;
  });
}

/** Drives the stops in another order: all of them, each once. */
export async function reorderStops(
  database: Database,
  fleetId: number | null,
  routeId: number,
  stopIds: readonly number[],
  options: Expected & { reason: Extract<PlanReason, "resequenced" | "optimised"> },
): Promise<RouteResult> {
  return editKnown(database, fleetId, routeId, options, async (_edit, route) => {
    const byId = new Map(route.stops.map((stop) => [stop.stored!.stopId, stop]));
    const stops = stopIds.flatMap((stopId) => byId.get(stopId) ?? []);
    const isWhole = new Set(stops).size === route.stops.length && stopIds.length === route.stops.length;
    if (!isWhole) return { kind: "mismatch" };
    route.stops = stops;
    route.reason = options.reason;
    return route;
  });
}

/** The stops of a route as they are given, in their order; those that it had besides wait for a route. */
async function lineUp(
  edit: PlanEdit,
  route: DraftRoute,
  contents: readonly StopContent[],
): Promise<PlanRefusal | undefined> {
  await edit.loadStops(
    [],
    contents.flatMap(({ externalId }) => externalId ?? []),
  );
  const before = route.stops;
  route.stops = [];
  for (const content of contents) {
    const stop = await stopOf(edit, content);
    if (route.stops.includes(stop)) return { kind: "taken", externalId: content.externalId! };
    const refusal = placeStop(route, stop);
    if (refusal !== undefined) return refusal;
  }
  for (const stop of before) if (!route.stops.includes(stop)) takeOff(stop);
  return undefined;
}

/** The stop of this external id with new content, or a new one. */
async function stopOf(edit: PlanEdit, content: StopContent): Promise<DraftStop> {
  if (content.externalId !== null) {
    await edit.loadStops([], [content.externalId]);
    const known = edit.stopNamed(content.externalId);
    if (known !== undefined) {
      changeStop(known, content);
      return known;
    }
  }
  return edit.addStop(newStop(content));
}

async function editRoute(
  database: Database,
  fleetId: number,
  work: (edit: PlanEdit) => Promise<DraftRoute | PlanRefusal>,
): Promise<RouteResult> {
  const edited = await editPlans(database, fleetId, work);
  if (edited.kind !== "edited") return edited;
  const { result, changes } = edited;
  const routeId = result.stored?.routeId ?? changes.routes.get(result)!;
  const route = await findRoute(database, fleetId, routeId);
  if (route === undefined) return { kind: "missing" };
  return { kind: "done", route, created: result.stored === null, changed: changes.routes.has(result) };
}

async function editKnown(
  database: Database,
  fleetId: number | null,
  routeId: number,
  { expectedVersion, cancelled = false }: Expected & { cancelled?: boolean },
  work: (edit: PlanEdit, route: DraftRoute) => Promise<DraftRoute | PlanRefusal>,
): Promise<RouteResult> {
  const { rows } = await database.pool.query<{ fleetId: number }>(
    `select fleet_id as "fleetId" from route where route_id = $2 and ($1::integer is null or fleet_id = $1)`,
    [fleetId, routeId],
  );
  if (rows[0] === undefined) return { kind: "missing" };
  return editRoute(database, rows[0].fleetId, async (edit) => {
    await edit.loadRoutes([routeId]);
    const route = edit.routes.get(routeId);
    if (route === undefined) return { kind: "missing" };
    const conflict = conflictOf(route, expectedVersion);
    if (conflict !== undefined) return conflict;
    if (route.status === "cancelled" && !cancelled) return { kind: "cancelled" };
    return work(edit, route);
  });
}
