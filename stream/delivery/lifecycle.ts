import type { EtaPlace } from "../eta/eta.ts";
import { haversineM } from "../roads/geometry.ts";
import { deadlineOf, type PlannedStop, plannedEndMs, plannedStartMs, type RoutePlan } from "./plan.ts";
import { isServed, servedBehind } from "./remaining.ts";
import type { RouteDraft } from "./route-draft.ts";
import type { MissedRule } from "./route-state.ts";

/**
 *     planned ──sets off, or reaches a stop──▶ started ──no stop left, back for good, or long overdue──▶ completed
 *        └───────────────────────────────────────┴──the plan says so──▶ cancelled
 */

/** How far from where it waited a vehicle has set off, metres. */
const SET_OFF_M = 300;
/** It may set off this much before the route is to begin. */
const SET_OFF_EARLY_MS = 900_000;
/** One that never was at the start may begin elsewhere, this long after the route was to begin. */
const ELSEWHERE_MS = 1_800_000;
/** `passed_over`: so many later stops were served, and the promise has been over for so long. */
const PASSED_OVER_STOPS = 3;
const PASSED_OVER_MS = 900_000;
/** `window_gone`: the promise has been over for so long. */
const WINDOW_GONE_MS = 4 * 3_600_000;
/** Back at the last depot for so long, the vehicle is not going out again. */
const BACK_FOR_GOOD_MS = 1_800_000;
/** A route ends at the latest so long after its last promise or its shift, or, where none is known, after its start. */
const OVERDUE_MS = 4 * 3_600_000;
const DURATION_MS_MAX = 16 * 3_600_000;

/** Starts the route once the vehicle has left where it waited. */
export function checkSetOff(draft: RouteDraft): void {
  const { plan, state } = draft;
  const { position } = state;
  if (state.status !== "planned" || position === null || plan.stops.length === 0) return;
  const startMs = plannedStartMs(plan);
  if (startMs !== null && position.timeMs < startMs - SET_OFF_EARLY_MS) return;
  if (state.anchor !== null) {
    if (apartM(state.anchor, position) > SET_OFF_M) startRoute(draft, position.timeMs, "set_off");
    return;
  }
  const home = startPlace(plan);
  const isElsewhere = startMs !== null && position.timeMs >= startMs + ELSEWHERE_MS;
  if (home === null || isElsewhere || apartM(home, position) <= SET_OFF_M) {
    state.anchor = { latDeg: position.latDeg, lonDeg: position.lonDeg };
  }
}

/** Where the vehicle is expected before the route; null: anywhere. */
export function startPlace(plan: RoutePlan): EtaPlace | null {
  const [first] = plan.stops;
  return plan.start ?? (first?.kind === "depot" ? { latDeg: first.latDeg, lonDeg: first.lonDeg } : null);
}

export function startRoute(draft: RouteDraft, atMs: number, by: "set_off" | "stop_arrived"): void {
  const { plan, state } = draft;
  state.status = "started";
  state.startedAtMs = atMs;
  draft.emit("route.started", "route", atMs, { by });
  const [first] = plan.stops;
  // It begins at its depot whether or not anybody saw it there.
  if (first?.kind === "depot" && plan.stops.length > 1 && draft.stop(first.stopId).visits.length === 0) {
    draft.show(first.stopId, { status: "departed" });
  }
}

/** Names stops that are not going to be served. */
export function checkMissed(draft: RouteDraft): void {
  const { plan, state } = draft;
  if (state.status !== "planned" && state.status !== "started") return;
  for (const stop of plan.stops) {
    const deadlineMs = deadlineOf(stop);
    if (deadlineMs === null || state.nowMs <= deadlineMs + PASSED_OVER_MS || stop.kind === "depot") continue;
    const { status } = draft.stop(stop.stopId);
    if (isServed(status) || status === "missed" || status === "cancelled") continue;
    if (state.nowMs > deadlineMs + WINDOW_GONE_MS) miss(draft, stop, "window_gone");
    else if (servedBehind(draft, stop.stopId) >= PASSED_OVER_STOPS) miss(draft, stop, "passed_over");
  }
}

/** Ends the route when it is over. */
export function checkCompleted(draft: RouteDraft): void {
  const { plan, state } = draft;
  if (plan.stops.length === 0) return;
  const serving = draft.serving;
  const isBack = serving !== null && serving.stop === plan.stops.at(-1) && serving.stop.kind === "depot";
  if (state.status === "started") {
    const remaining = draft.remaining;
    if (remaining.length === 0 && (serving === null || isBack)) {
      complete(draft, lastVisitMs(draft), "all_stops");
      return;
    }
    const backMs = isBack ? (state.position?.timeMs ?? 0) - serving.visit.arrivedAtMs : 0;
    if (backMs > BACK_FOR_GOOD_MS) {
      complete(draft, serving!.visit.arrivedAtMs, "returned");
      return;
    }
  }
  if (state.status !== "started" && state.status !== "planned") return;
  if (state.nowMs > overdueMs(draft)) complete(draft, state.nowMs, "overdue");
}

/** When the route ends at the latest, Unix milliseconds. */
function overdueMs({ plan, state }: RouteDraft): number {
  const endMs = plannedEndMs(plan);
  const beganMs = state.startedAtMs ?? plannedStartMs(plan);
  const last = Math.max(endMs ?? 0, beganMs === null || endMs !== null ? 0 : beganMs + DURATION_MS_MAX);
  return last === 0 ? Number.POSITIVE_INFINITY : last + OVERDUE_MS;
}

function complete(draft: RouteDraft, atMs: number, by: "all_stops" | "returned" | "overdue"): void {
  const { state } = draft;
  for (const stop of draft.remaining) if (stop.kind !== "depot") miss(draft, stop, "route_ended");
  state.status = "completed";
  state.completedAtMs = atMs;
  state.progress = null;
  state.towards = null;
  draft.outputs.pathChanged = true;
  draft.emit("route.completed", "route", atMs, { by });
}

function miss(draft: RouteDraft, stop: PlannedStop, rule: MissedRule): void {
  const atMs = draft.state.nowMs;
  const eventId = draft.emitOf("stop.missed", stop, atMs, { rule });
  draft.show(stop.stopId, { status: "missed", missed: { eventId, rule, atMs } });
}

function lastVisitMs({ plan, state }: RouteDraft): number {
  const times = plan.stops.flatMap(({ stopId }) => {
    const visit = state.stops[stopId]?.visits.at(-1);
    return visit === undefined ? [] : [visit.departedAtMs ?? visit.arrivedAtMs];
  });
  return times.length === 0 ? state.nowMs : Math.max(...times);
}

function apartM(a: EtaPlace, b: EtaPlace): number {
  return haversineM(a.latDeg, a.lonDeg, b.latDeg, b.lonDeg);
}
