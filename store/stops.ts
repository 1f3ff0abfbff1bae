import type { Database } from "./database.ts";
import { changeStop, type DraftStop, newStop, type PlanRefusal, placeStop, removeStop, takeOff } from "./plan-draft.ts";
import { conflictOf, editPlans } from "./plan-edit.ts";
import type { PlanEdit } from "./plan-load.ts";
import { STOP_COLUMNS, type Stop, type StopContent, unixMs } from "./plan-rows.ts";

/** Stops, on a route or waiting for one. Every change is one transaction with its geofence and its route's new version. */

/** What the stream has observed of a stop on its route. */
export type StopProgress = Progress<Date>;

/** `Time` is how instants are written. */
type Progress<Time> = {
  status: "planned" | "en_route" | "approaching" | "arrived" | "departed" | "missed" | "cancelled";
  arrivedAt: Time | null;
  departedAt: Time | null;
  stopsBefore: number | null;
  etaP10: Time | null;
  etaP50: Time | null;
  etaP90: Time | null;
  etaComputedAt: Time | null;
  etaBasis: "live" | "degraded" | "planned" | null;
  etaReason: string | null;
  atRisk: boolean;
};

/** A stop as it is shown. */
export type StopView = Stop & {
  routeExternalId: string | null;
  routeStatus: "planned" | "cancelled" | null;
  /** Of the newest proof of the attempt that counts. */
  outcome: "delivered" | "failed" | null;
  /** Null before the stream has seen the stop on the route that it is on. */
  progress: StopProgress | null;
};

const PROGRESS = `case when p.stop_id is not null then json_build_object('status', p.status,
  'arrivedAt', ${unixMs("p.arrived_at")}, 'departedAt', ${unixMs("p.departed_at")}, 'stopsBefore', p.stops_before,
  'etaP10', ${unixMs("p.eta_p10")}, 'etaP50', ${unixMs("p.eta_p50")}, 'etaP90', ${unixMs("p.eta_p90")},
  'etaComputedAt', ${unixMs("p.eta_computed_at")}, 'etaBasis', p.eta_basis, 'etaReason', p.eta_reason,
  'atRisk', p.at_risk) end as progress`;

const SELECT_STOP = `select ${STOP_COLUMNS}, r.external_id as "routeExternalId", r.status as "routeStatus", ${PROGRESS},
    (select o.outcome from current_pod(s) o) as outcome
  from stop s left join route r on r.route_id = s.route_id
  left join stop_state p on p.stop_id = s.stop_id and p.route_id = s.route_id`;

type StopViewRow = Omit<StopView, "progress"> & { progress: Progress<number> | null };

/** The stop if it is of this fleet (null: any). */
export async function findStop(
  database: Database,
  fleetId: number | null,
  stopId: number,
): Promise<StopView | undefined> {
  const { rows } = await database.pool.query<StopViewRow>(
    `${SELECT_STOP} where s.stop_id = $2 and ($1::integer is null or s.fleet_id = $1)`,
    [fleetId, stopId],
  );
  return rows.map(viewOf)[0];
}

export type StopFilter = {
  externalId: string | null;
  routeId: number | null;
  /** Whether only stops that no route serves are asked for. */
  unassigned: boolean;
};

/** Stops that were not removed, in the order of their ids. */
export async function listStops(
  database: Database,
  page: StopFilter & { fleetId: number | null; afterStopId: number; limit: number },
): Promise<StopView[]> {
  const { rows } = await database.pool.query<StopViewRow>(
    `${SELECT_STOP} where s.stop_id > $2 and s.status = 'planned' and ($1::integer is null or s.fleet_id = $1)
      and ($4::text is null or s.external_id = $4) and ($5::bigint is null or s.route_id = $5)
      and (not $6::boolean or s.route_id is null) order by s.stop_id limit $3`,
    [page.fleetId, page.afterStopId, page.limit, page.externalId, page.routeId, page.unassigned],
  );
  return rows.map(viewOf);
}

/** The stops of routes, in driving order. */
export async function readRouteStops(database: Database, routeIds: readonly number[]): Promise<StopView[]> {
  const { rows } = await database.pool.query<StopViewRow>(
    `${SELECT_STOP} where s.route_id = any($1::bigint[]) and s.position is not null order by s.route_id, s.position`,
    [routeIds],
  );
  return rows.map(viewOf);
}

export type StopResult = { kind: "done"; stop: StopView; created: boolean; changed: boolean } | PlanRefusal;

/** A new stop, at the end of a route (null: waiting for one). */
export async function createStop(
  database: Database,
  fleetId: number,
  content: StopContent,
  routeId: number | null = null,
): Promise<StopResult> {
  return editStop(database, fleetId, async (edit) => {
    if (content.externalId !== null) {
      await edit.loadStops([], [content.externalId]);
      if (edit.stopNamed(content.externalId)?.status === "planned")
        return { kind: "taken", externalId: content.externalId };
    }
    const old = content.externalId === null ? undefined : edit.stopNamed(content.externalId);
    const stop = old ?? edit.addStop(newStop(content));
    changeStop(stop, content);
    return (await assign(edit, stop, routeId)) ?? stop;
  });
}

/** Makes the stop of this external id what it is said to be; `routeId` undefined leaves it where it is. */
export async function putStop(
  database: Database,
  fleetId: number,
  content: StopContent & { externalId: string },
  options: { routeId?: number | null; expectedVersion?: number | null } = {},
): Promise<StopResult> {
  return editStop(database, fleetId, async (edit) => {
    await edit.loadStops([], [content.externalId]);
    const known = edit.stopNamed(content.externalId);
    const conflict = conflictOf(known, options.expectedVersion);
    if (conflict !== undefined) return conflict;
    const stop = known ?? edit.addStop(newStop(content));
    changeStop(stop, content);
    if (options.routeId === undefined) return stop;
    return (await assign(edit, stop, options.routeId)) ?? stop;
  });
}

/** Changes what is given. `routeId` moves the stop to the end of that route, or (null) off its route. */
export async function updateStop(
  database: Database,
  fleetId: number | null,
  stopId: number,
  change: Partial<StopContent>,
  options: { routeId?: number | null; expectedVersion?: number | null } = {},
): Promise<StopResult> {
  const ofFleet = await fleetOfStop(database, fleetId, stopId);
  if (ofFleet === undefined) return { kind: "missing" };
  return editStop(database, ofFleet, async (edit) => {
    const { externalId = null } = change;
    await edit.loadStops([stopId], externalId === null ? [] : [externalId]);
    const stop = edit.stops.get(stopId);
    if (stop === undefined || stop.status === "removed") return { kind: "missing" };
    const conflict = conflictOf(stop, options.expectedVersion);
    if (conflict !== undefined) return conflict;
    const holder = externalId === null ? stop : edit.stopNamed(externalId);
    if (externalId !== null && holder !== undefined && holder !== stop) return { kind: "taken", externalId };
    changeStop(stop, { ...stop.content, ...change });
    if (options.routeId === undefined) return stop;
    return (await assign(edit, stop, options.routeId)) ?? stop;
  });
}

/** Nobody is to come any more. The stop's history stays. */
export async function cancelStop(
  database: Database,
  fleetId: number | null,
  stopId: number,
  expectedVersion: number | null = null,
): Promise<StopResult> {
  const ofFleet = await fleetOfStop(database, fleetId, stopId);
  if (ofFleet === undefined) return { kind: "missing" };
  return editStop(database, ofFleet, async (edit) => {
    await edit.loadStops([stopId]);
    const stop = edit.stops.get(stopId);
    if (stop === undefined || stop.status === "removed") return { kind: "missing" };
    const conflict = conflictOf(stop, expectedVersion);
    if (conflict !== undefined) return conflict;
    removeStop(stop);
    return stop;
  });
}

async function assign(edit: PlanEdit, stop: DraftStop, routeId: number | null): Promise<PlanRefusal | undefined> {
  if (routeId === null) {
    takeOff(stop);
    return undefined;
  }
  await edit.loadRoutes([routeId]);
  const route = edit.routes.get(routeId);
  if (route === undefined) return { kind: "missing" };
  if (route.status === "cancelled") return { kind: "cancelled" };
  return stop.route === route ? undefined : placeStop(route, stop, undefined, true);
}

async function editStop(
  database: Database,
  fleetId: number,
  work: (edit: PlanEdit) => Promise<DraftStop | PlanRefusal>,
): Promise<StopResult> {
  const edited = await editPlans(database, fleetId, work);
  if (edited.kind !== "edited") return edited;
  const { result, changes } = edited;
  const stopId = result.stored?.stopId ?? changes.stops.get(result)!;
  const stop = await findStop(database, fleetId, stopId);
  if (stop === undefined) return { kind: "missing" };
  return { kind: "done", stop, created: result.stored === null, changed: changes.stops.has(result) };
}

async function fleetOfStop(database: Database, fleetId: number | null, stopId: number): Promise<number | undefined> {
  const { rows } = await database.pool.query<{ fleetId: number }>(
    `select fleet_id as "fleetId" from stop where stop_id = $2 and ($1::integer is null or fleet_id = $1)`,
    [fleetId, stopId],
  );
  return rows[0]?.fleetId;
}

function viewOf(row: StopViewRow): StopView {
  const { progress } = row;
  if (progress === null) return { ...row, progress };
  const { arrivedAt, departedAt, etaP10, etaP50, etaP90, etaComputedAt } = progress;
  return {
    ...row,
    progress: {
      ...progress,
      arrivedAt: timeOf(arrivedAt),
      departedAt: timeOf(departedAt),
      etaP10: timeOf(etaP10),
      etaP50: timeOf(etaP50),
      etaP90: timeOf(etaP90),
      etaComputedAt: timeOf(etaComputedAt),
    },
  };
}

function timeOf(unixMs: number | null): Date | null {
  return unixMs === null ? null : new Date(unixMs);
}
