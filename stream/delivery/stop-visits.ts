import { haversineM } from "../roads/geometry.ts";
import { type Crossing, type Stay, staysOf } from "./crossings.ts";
import type { PlannedStop } from "./plan.ts";
import { plannedStartMs } from "./plan.ts";
import { isServed } from "./remaining.ts";
import type { RouteDraft } from "./route-draft.ts";
import { type RouteCrossing, type StopStatus, type Visit, visitsThatCount } from "./route-state.ts";
import { isStand, type Stand } from "./stand.ts";

/**
 * Visits of a stop from the stays of the vehicle inside its geofence. A stay is a visit once the vehicle has stood there, or
 * was inside for long; both take longer at a stop that was not next, where a red light is likelier than a change of order.
 *
 *     stay ──stood or long inside──▶ visit: arrived ──left the geofence──▶ departed
 *          └──neither──▶ passed by: nothing
 *
 * Late data change stays; what was told of a visit that looks different now is told again as its successor.
 */

/** Of the stop that is next; and of any other. Milliseconds. */
const STOOD_MS = { next: 20_000, other: 90_000 } as const;
const INSIDE_MS = { next: 60_000, other: 150_000 } as const;
/** An exit is told of only once it has lasted so long (a stop's geofence asks for that): the newest of a stay may be no part of it. */
const EXIT_UNTOLD_MS = 30_000;
/** A return so soon after leaving, if the vehicle stands again, is still the same visit. */
const SAME_VISIT_MS = 180_000;
/** Stops this close together are served from one place. */
const ONE_PLACE_M = 25;
/** Where geofences overlap a stand counts for the stop that is nearer by this. */
const NEARER_M = 20;
/** A vehicle that has stood at another stop for so long has left the one before, although its geofence reaches here. */
const LEFT_AFTER_MS = 90_000;
/** No stop is reached earlier than this before the route is to begin: the vehicle is on other business. */
const EARLY_MS = 3_600_000;
/** A time that moves by less is not told again. */
const MOVED_MS_MIN = 1_000;

/** Takes over what a crossing changes in what is believed of a stop's visits. */
export function reviseVisits(draft: RouteDraft, stop: PlannedStop, crossing: RouteCrossing): void {
  const { supersedes, withdrawn } = crossing;
  if (supersedes === null) return;
  const visits = draft.stop(stop.stopId).visits.flatMap((visit): Visit[] => {
    if (visit.enteredId === supersedes)
      return withdrawn ? unmade(draft, stop, visit) : [moved(draft, stop, visit, crossing)];
    if (visit.exitedId === supersedes)
      return [withdrawn ? reopened(draft, stop, visit) : left(draft, stop, visit, crossing)];
    return [visit];
  });
  put(draft, stop, visits);
}

/** Finds visits that have begun or ended. `crossing`: the one that just came; null: time has passed. */
export function judgeVisits(draft: RouteDraft, stop: PlannedStop, crossing: RouteCrossing | null): void {
  const deviceId = draft.state.source.live?.deviceId ?? crossing?.deviceId;
  if (deviceId === undefined) return;
  for (const stay of staysOf(draft.stop(stop.stopId).crossings, deviceId)) {
    const { visits } = draft.stop(stop.stopId);
    const known = visits.find((visit) => isOf(visit, stay));
    if (known !== undefined) {
      const { exited } = stay;
      if (exited === null || known.exitedId === exited.eventId) continue;
      const next =
        known.departedAtMs === null ? left(draft, stop, known, exited) : { ...known, exitedId: exited.eventId };
      put(draft, stop, visits.with(visits.indexOf(known), next));
    } else if (stay.exited === null || (crossing !== null && isPartOf(crossing, stay))) {
      begin(draft, stop, stay);
    }
  }
}

/** Ends visits of stops whose geofence reaches to where the vehicle has been standing at another stop for a while. */
export function leaveOverlapped(draft: RouteDraft): void {
  const { state, plan } = draft;
  const serving = draft.serving;
  if (serving === null || state.position === null) return;
  if (state.position.timeMs - serving.visit.arrivedAtMs < LEFT_AFTER_MS) return;
  for (const stop of plan.stops) {
    const { visits } = draft.stop(stop.stopId);
    const visit = visits.at(-1);
    if (visit === undefined || visit.departedAtMs !== null || stop === serving.stop) continue;
    if (apartM(stop, serving.stop) <= ONE_PLACE_M) continue;
    const atMs = Math.max(visit.arrivedAtMs, Math.min(serving.visit.arrivedAtMs, lastStoodMs(draft, stop, visit)));
    put(draft, stop, visits.with(-1, departed(draft, stop, visit, atMs, null)));
  }
}

function begin(draft: RouteDraft, stop: PlannedStop, stay: Stay): void {
  const verdict = judgeStay(draft, stop, stay);
  if (verdict === null) return;
  const { visits, missed } = draft.stop(stop.stopId);
  const last = visits.at(-1);
  const enteredId = stay.entered?.eventId ?? null;
  if (last !== undefined && last.departedAtMs !== null && isSameVisit(last, verdict.arrivedAtMs)) {
    const again = { ...last, deviceId: stay.deviceId, enteredId, exitedId: null, departedAtMs: null };
    const next = stay.exited === null ? again : left(draft, stop, again, stay.exited);
    put(draft, stop, visits.with(-1, next));
    return;
  }
  const rests = { visit: visits.length + 1, by: verdict.by, geofenceEventIds: idsOf(stay) };
  const arrivedEventId = draft.emitOf("stop.arrived", stop, verdict.arrivedAtMs, rests, missed?.eventId ?? null);
  const visit: Visit = {
    ...{ deviceId: stay.deviceId, enteredId, exitedId: null, arrivedAtMs: verdict.arrivedAtMs, arrivedEventId },
    ...{ departedAtMs: null, departedEventId: null },
  };
  draft.remember(stop.stopId, { missed: null });
  const next = stay.exited === null ? visit : left(draft, stop, visit, stay.exited);
  const all = [...visits, next].toSorted((a, b) => a.arrivedAtMs - b.arrivedAtMs);
  put(draft, stop, all);
}

type Verdict = { arrivedAtMs: number; by: "stand" | "inside" };

/** Null: passing by, or not sure yet. */
function judgeStay(draft: RouteDraft, stop: PlannedStop, { entered, exited }: Stay): Verdict | null {
  const { state, plan } = draft;
  const toMs = exited?.atMs ?? state.position?.timeMs;
  if (toMs === undefined) return null;
  const fromMs = entered?.atMs ?? toMs;
  const startMs = plannedStartMs(plan);
  if (state.status === "planned" && stop.kind !== "depot" && startMs !== null && toMs < startMs - EARLY_MS) return null;
  const expected = isExpected(draft, stop, fromMs) ? "next" : "other";
  const rivals = plan.stops.filter((other) => isRival(draft, stop, other, fromMs, toMs));
  const stands = standsOf(draft).filter((stand) => stand.toMs > fromMs && stand.fromMs < toMs);
  const here = stands.filter((stand) => rivals.every((rival) => isFor(draft, stand, stop, rival)));
  const stood = here.find((stand) => Math.min(stand.toMs, toMs) - Math.max(stand.fromMs, fromMs) >= STOOD_MS[expected]);
  if (stood !== undefined) {
    const before = stands.some((stand) => stand.toMs <= stood.fromMs && !here.includes(stand));
    return { arrivedAtMs: before ? stood.fromMs : fromMs, by: "stand" };
  }
  const insideMs = toMs - fromMs - (exited === null ? EXIT_UNTOLD_MS : 0);
  if (rivals.length === 0 && insideMs >= INSIDE_MS[expected]) return { arrivedAtMs: fromMs, by: "inside" };
  return null;
}

/**
 * Next, at one place with the next, or not served in a time of which only late data tell. What the vehicle may have served
 * unseen since the last arrival, in a silence or while it was in its geofence, does not keep what comes after it waiting.
 */
function isExpected(draft: RouteDraft, stop: PlannedStop, fromMs: number): boolean {
  if (isServed(draft.stop(stop.stopId).status)) return false;
  if (draft.cause.late) return true;
  const sinceMs = lastArrivalMs(draft);
  for (const next of draft.remaining) {
    if (next === stop || apartM(next, stop) <= ONE_PLACE_M) return true;
    if (draft.state.silentUntilMs > sinceMs) continue;
    const wasThere = draft
      .stop(next.stopId)
      .crossings.some(({ type, atMs }) => type === "exited" && atMs > sinceMs && atMs <= fromMs);
    if (!wasThere) return false;
  }
  return false;
}

function lastArrivalMs({ state }: RouteDraft): number {
  return Object.values(state.stops).reduce(
    (lastMs, { visits }) => Math.max(lastMs, visits.at(-1)?.arrivedAtMs ?? lastMs),
    state.startedAtMs ?? 0,
  );
}

/** True for another stop in whose geofence the vehicle was at the time. */
function isRival(draft: RouteDraft, stop: PlannedStop, other: PlannedStop, fromMs: number, toMs: number): boolean {
  if (other === stop || apartM(stop, other) <= ONE_PLACE_M) return false;
  const { crossings } = draft.stop(other.stopId);
  if (crossings.length === 0) return false;
  const deviceId = draft.state.source.live?.deviceId ?? crossings[0]!.deviceId;
  return staysOf(crossings, deviceId).some(
    ({ entered, exited }) => (entered?.atMs ?? 0) < toMs && (exited?.atMs ?? Number.POSITIVE_INFINITY) > fromMs,
  );
}

function standsOf({ state }: RouteDraft): Stand[] {
  return state.stand !== null && isStand(state.stand) ? [...state.stands, state.stand] : [...state.stands];
}

/**
 * Between overlapping geofences a stand is for the nearer stop. One that is served already keeps it where there is doubt;
 * the next stand is for whichever is nearer.
 */
function isFor(draft: RouteDraft, stand: Stand, stop: PlannedStop, rival: PlannedStop): boolean {
  const served = draft
    .stop(rival.stopId)
    .visits.find(
      ({ arrivedAtMs, departedAtMs }) => arrivedAtMs < stand.toMs && (departedAtMs ?? stand.toMs) > stand.fromMs,
    );
  if (served === undefined) return !isNearer(stand, rival, stop);
  const isNext = standsOf(draft).some(({ toMs }) => toMs > served.arrivedAtMs && toMs <= stand.fromMs);
  return isNext ? apartM(stand, stop) < apartM(stand, rival) : isNearer(stand, stop, rival);
}

function isNearer(stand: Stand, one: PlannedStop, other: PlannedStop): boolean {
  return apartM(stand, one) + NEARER_M < apartM(stand, other);
}

function lastStoodMs(draft: RouteDraft, stop: PlannedStop, visit: Visit): number {
  const serving = draft.serving?.stop;
  const own = standsOf(draft).filter(
    (stand) => stand.fromMs >= visit.arrivedAtMs && serving !== undefined && !isNearer(stand, serving, stop),
  );
  return own.at(-1)?.toMs ?? Number.POSITIVE_INFINITY;
}

/** A visit rests on this stay: by its crossings, or, once another device speaks for the vehicle, by its time. */
function isOf(visit: Visit, { entered, exited, deviceId }: Stay): boolean {
  if (visit.deviceId === deviceId) {
    if (entered !== null) return visit.enteredId === entered.eventId;
    return visit.enteredId === null || visit.exitedId === exited?.eventId;
  }
  const untilMs = visit.departedAtMs ?? Number.POSITIVE_INFINITY;
  return (entered?.atMs ?? 0) < untilMs && (exited?.atMs ?? Number.POSITIVE_INFINITY) > visit.arrivedAtMs;
}

function isPartOf(crossing: Crossing, { entered, exited }: Stay): boolean {
  return entered?.eventId === crossing.eventId || exited?.eventId === crossing.eventId;
}

function isSameVisit(last: Visit, arrivedAtMs: number): boolean {
  const sinceMs = arrivedAtMs - (last.departedAtMs as number);
  return sinceMs <= SAME_VISIT_MS && arrivedAtMs >= last.arrivedAtMs;
}

/** The entry was at another time than told. */
function moved(draft: RouteDraft, stop: PlannedStop, visit: Visit, { eventId, atMs }: Crossing): Visit {
  if (Math.abs(atMs - visit.arrivedAtMs) < MOVED_MS_MIN) return { ...visit, enteredId: eventId };
  const data = { geofenceEventIds: [eventId] };
  const arrivedEventId = draft.emitOf("stop.arrived", stop, atMs, data, visit.arrivedEventId);
  return { ...visit, enteredId: eventId, arrivedAtMs: atMs, arrivedEventId };
}

/** There was no visit after all. */
function unmade(draft: RouteDraft, stop: PlannedStop, visit: Visit): Visit[] {
  draft.emitOf("stop.arrived", stop, visit.arrivedAtMs, { withdrawn: true }, visit.arrivedEventId);
  if (visit.departedAtMs !== null && visit.departedEventId !== null) {
    draft.emitOf("stop.departed", stop, visit.departedAtMs, { withdrawn: true }, visit.departedEventId);
  }
  return [];
}

/** It has not left, as it looks now. */
function reopened(draft: RouteDraft, stop: PlannedStop, visit: Visit): Visit {
  if (visit.departedAtMs === null || visit.departedEventId === null) return { ...visit, exitedId: null };
  draft.emitOf("stop.departed", stop, visit.departedAtMs, { withdrawn: true }, visit.departedEventId);
  return { ...visit, exitedId: null, departedAtMs: null, departedEventId: null };
}

function left(draft: RouteDraft, stop: PlannedStop, visit: Visit, exited: Crossing): Visit {
  return departed(draft, stop, visit, Math.max(exited.atMs, visit.arrivedAtMs), exited.eventId);
}

function departed(draft: RouteDraft, stop: PlannedStop, visit: Visit, atMs: number, exitedId: string | null): Visit {
  if (visit.departedAtMs !== null && Math.abs(atMs - visit.departedAtMs) < MOVED_MS_MIN) return { ...visit, exitedId };
  const data = {
    arrivedAt: new Date(visit.arrivedAtMs).toISOString(),
    dwellS: Math.round((atMs - visit.arrivedAtMs) / 1000),
    geofenceEventIds: exitedId === null ? [] : [exitedId],
  };
  const departedEventId = draft.emitOf("stop.departed", stop, atMs, data, visit.departedEventId);
  return { ...visit, exitedId, departedAtMs: atMs, departedEventId };
}

/** Keeps the visits, and shows what they make of the stop. */
function put(draft: RouteDraft, stop: PlannedStop, visits: readonly Visit[]): void {
  const before = draft.stop(stop.stopId);
  const last = visits.at(-1);
  const isThere = last !== undefined && last.departedAtMs === null;
  let status: StopStatus = before.status;
  if (isThere) status = "arrived";
  else if (visitsThatCount({ ...before, visits }).length > 0) status = "departed";
  else if (isServed(before.status)) status = "planned";
  draft.show(stop.stopId, { visits, status });
}

function idsOf({ entered, exited }: Stay): string[] {
  return [entered, exited].flatMap((crossing) => (crossing === null ? [] : [crossing.eventId]));
}

function apartM(a: { latDeg: number; lonDeg: number }, b: { latDeg: number; lonDeg: number }): number {
  return haversineM(a.latDeg, a.lonDeg, b.latDeg, b.lonDeg);
}
