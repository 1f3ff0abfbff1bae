import type { Database } from "./database.ts";
import {
  changeStop,
  type DraftRoute,
  type DraftStop,
  newRoute,
  newStop,
  placeStop,
  ROUTE_STOPS_MAX,
} from "./plan-draft.ts";
import { editPlans } from "./plan-edit.ts";
import type { PlanEdit } from "./plan-load.ts";
import type { RouteContent, StopContact, StopContent } from "./plan-rows.ts";

/** Many stops at a time, by their external ids: what is the same already is not written. */

export type ImportRow = {
  /** Of the file, from 1. */
  line: number;
  externalId: string;
  /** What the file says of the stop; the rest stays as it is. */
  content: Partial<Omit<StopContent, "externalId" | "contact">>;
  /** Null: the file says that there is none. */
  contact: { [Name in keyof StopContact]?: string | null };
  /** The route that it belongs to, and what the file says of that; null: it stays where it is. */
  route: ({ externalId: string } & Partial<Pick<RouteContent, "vehicleId" | "driverId" | "brandId">>) | null;
  /** Its place among the stops of the route. */
  position: number | null;
};

export type ImportRefusal = {
  line: number;
  reason: "elsewhere" | "stop_cancelled" | "route_cancelled" | "route_full" | "coordinates_missing";
  detail: string;
};

export type ImportOutcome = {
  created: number;
  updated: number;
  unchanged: number;
  refused: ImportRefusal[];
  /** External ids. */
  routesCreated: string[];
  routesUpdated: string[];
};

const EMPTY_ROUTE: RouteContent = {
  ...{ externalId: null, name: null, vehicleId: null, driverId: null, brandId: null, start: null, end: null },
  ...{ startsAtMs: null, endsAtMs: null, capacity: null, policy: {} },
};

/** Imports rows in one transaction, in which no external id comes twice. `rehearse`: says what would become of them. */
export async function importStops(
  database: Database,
  fleetId: number,
  rows: readonly ImportRow[],
  defaults: StopContent,
  rehearse: boolean,
): Promise<ImportOutcome> {
  const work = async (edit: PlanEdit) => takeRows(edit, rows, defaults);
  const edited = await editPlans(database, fleetId, work, rehearse);
  if (edited.kind !== "edited") throw new Error(`an import is refused row by row, not as a whole: ${edited.kind}`);
  const { result, changes } = edited;
  const changed = result.stops.filter((stop) => changes.stops.has(stop));
  const created = changed.filter(({ stored }) => stored === null).length;
  const named = (routes: DraftRoute[]) => routes.map(({ content }) => content.externalId!);
  const routes = [...result.routes].filter((route) => changes.routes.has(route));
  return {
    created,
    updated: changed.length - created,
    unchanged: result.stops.length - changed.length,
    refused: result.refused,
    routesCreated: named(routes.filter(({ stored }) => stored === null)),
    routesUpdated: named(routes.filter(({ stored }) => stored !== null)),
  };
}

type Taken = { stops: DraftStop[]; routes: Set<DraftRoute>; refused: ImportRefusal[] };

async function takeRows(edit: PlanEdit, rows: readonly ImportRow[], defaults: StopContent): Promise<Taken> {
  const routeNames = [...new Set(rows.flatMap(({ route }) => route?.externalId ?? []))];
  await edit.loadRoutes([], routeNames);
  await edit.loadStops(
    [],
    rows.map(({ externalId }) => externalId),
  );
  const taken: Taken = { stops: [], routes: new Set(), refused: [] };
  const places = new Map<DraftStop, number>();
  for (const row of rows) {
    const refusal = refusalOf(edit, row);
    if (refusal !== undefined) {
      taken.refused.push({ line: row.line, ...refusal });
      continue;
    }
    const stop = takeStop(edit, row, defaults);
    taken.stops.push(stop);
    if (row.route === null) continue;
    const route = takeRoute(edit, row.route);
    taken.routes.add(route);
    if (stop.route !== route) placeStop(route, stop);
    if (row.position !== null) places.set(stop, row.position);
  }
  for (const route of taken.routes) route.stops = inPlaces(route.stops, places);
  return taken;
}

function refusalOf(edit: PlanEdit, { externalId, content, route }: ImportRow): Omit<ImportRefusal, "line"> | undefined {
  const stop = edit.stopNamed(externalId);
  if (stop?.status === "removed") return { reason: "stop_cancelled", detail: "the stop was cancelled" };
  if (stop === undefined && content.latDeg === undefined) {
    return { reason: "coordinates_missing", detail: "lat and lon, or an address that is looked up, are needed" };
  }
  if (route === null) return undefined;
  const named = edit.routeNamed(route.externalId);
  if (named?.status === "cancelled") return { reason: "route_cancelled", detail: "the route is cancelled" };
  if (named !== undefined && stop?.route === named) return undefined;
  if (stop?.route?.status === "planned") {
    const other = stop.route.content.externalId ?? stop.route.stored?.routeId;
    return { reason: "elsewhere", detail: `the stop is on the route ${other}` };
  }
  const isFull = named !== undefined && named.stops.length >= ROUTE_STOPS_MAX;
  return isFull ? { reason: "route_full", detail: `a route has at most ${ROUTE_STOPS_MAX} stops` } : undefined;
}

function takeStop(edit: PlanEdit, row: ImportRow, defaults: StopContent): DraftStop {
  const { externalId } = row;
  const known = edit.stopNamed(externalId);
  const before = known?.content ?? { ...defaults, externalId };
  const contact = Object.entries({ ...before.contact, ...row.contact }).filter(([, value]) => value !== null);
  const content = { ...before, ...row.content, contact: Object.fromEntries(contact) };
  if (known === undefined) return edit.addStop(newStop(content));
  changeStop(known, content);
  return known;
}

function takeRoute(edit: PlanEdit, { externalId, ...said }: NonNullable<ImportRow["route"]>): DraftRoute {
  const route = edit.routeNamed(externalId) ?? edit.addRoute(newRoute({ ...EMPTY_ROUTE, externalId }));
  route.content = { ...route.content, ...said };
  return route;
}

/** Stops that the file gives a place come there, in the order of their places; the others keep their order. */
function inPlaces(stops: readonly DraftStop[], places: ReadonlyMap<DraftStop, number>): DraftStop[] {
  const placed = stops.filter((stop) => places.has(stop)).sort((a, b) => places.get(a)! - places.get(b)!);
  const line = stops.filter((stop) => !places.has(stop));
  for (const stop of placed) line.splice(places.get(stop)!, 0, stop);
  return line;
}
