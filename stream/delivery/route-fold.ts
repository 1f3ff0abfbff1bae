import { afterSourceFix, liveSourceInitial } from "../vehicle/live-source.ts";
import { afterCrossing, staysOf } from "./crossings.ts";
import { estimate, etaFixOf, followFix, isFresh, nameNext, setOffFrom } from "./eta-upkeep.ts";
import { checkCompleted, checkMissed, checkSetOff, startRoute } from "./lifecycle.ts";
import { plannedStartMs, type RoutePlan } from "./plan.ts";
import { isServed } from "./remaining.ts";
import { type Cause, type RouteContext, RouteDraft } from "./route-draft.ts";
import {
  type RouteCrossing,
  type RouteFix,
  type RouteFold,
  type RouteInput,
  type RouteOutputs,
  type RouteState,
  type StopState,
  visitsThatCount,
} from "./route-state.ts";
import { stepStand } from "./stand.ts";
import { judgeVisits, leaveOverlapped, reviseVisits } from "./stop-visits.ts";

/**
 * One route: its plans, the positions of its vehicle and the crossings of its stops' geofences, in the order of the journal,
 * give what happened and what is to be expected. Pure: the same inputs give the same, however they fall into batches.
 */

/** Past stands that visits may still rest on. */
const STANDS_MAX = 12;
/** A silence in which a stop may have been served. */
const SILENCE_MS = 120_000;
/** When the fold of a route begins to look, before its planned start. */
export const LOOK_AHEAD_MS = 12 * 3_600_000;
/** So long after a route is over late data still change what is told of it. */
export const RETIRED_MS = 12 * 3_600_000;

export function outputsInitial(): RouteOutputs {
  return { events: [], etas: [], changed: new Set(), traffic: [], pathChanged: false };
}

/** The fold after an input. `outputs` takes what comes of it. */
export function foldRoute(
  before: RouteFold,
  input: RouteInput,
  context: RouteContext,
  outputs: RouteOutputs,
): RouteFold {
  const plan = input.kind === "plan" ? input.plan : before.plan;
  if (plan === null || isRetired(before.state, input)) return before;
  const draft = new RouteDraft(plan, before.state, context, causeOf(input, before.state), outputs);
  switch (input.kind) {
    case "plan":
      takePlan(draft, before.plan, input);
      break;
    case "clock":
      passTime(draft, input.atMs);
      break;
    case "fix":
      takeFix(draft, input.fix);
      break;
    case "crossing":
      takeCrossing(draft, input.crossing);
      break;
  }
  return { plan, state: draft.state };
}

/** What comes long after the end says nothing more, whenever it is folded. */
function isRetired({ status, completedAtMs }: RouteState, input: RouteInput): boolean {
  if (input.kind === "plan") return false;
  if (status === "cancelled") return true;
  if (status !== "completed" || completedAtMs === null || input.kind === "clock") return false;
  const receivedAtMs = input.kind === "fix" ? input.fix.receivedAtMs : input.crossing.receivedAtMs;
  return receivedAtMs > completedAtMs + RETIRED_MS;
}

function causeOf(input: RouteInput, { source }: RouteState): Cause {
  const deviceId = source.live?.deviceId ?? null;
  switch (input.kind) {
    case "plan":
      return { key: `plan ${input.version}`, deviceId, seq: null, detectedAtMs: input.atMs, late: false };
    case "clock":
      return { key: `clock ${input.atMs}`, deviceId, seq: null, detectedAtMs: input.atMs, late: false };
    case "fix": {
      const { fix, seq } = input;
      return { key: `fix ${fix.fixId}`, deviceId: fix.deviceId, seq, detectedAtMs: fix.receivedAtMs, late: false };
    }
    case "crossing": {
      const { eventId, deviceId: crosser, seq, receivedAtMs, replayed } = input.crossing;
      return { key: `event ${eventId}`, deviceId: crosser, seq, detectedAtMs: receivedAtMs, late: replayed };
    }
  }
}

function takePlan(draft: RouteDraft, before: RoutePlan | null, input: Extract<RouteInput, { kind: "plan" }>): void {
  const { plan, state } = draft;
  state.version = input.version;
  state.nowMs = Math.max(state.nowMs, input.atMs);
  if (before !== null && before.vehicleId !== plan.vehicleId) forgetVehicle(state);
  const planned = new Set(plan.stops.map(({ stopId }) => stopId));
  for (const { stopId } of before?.stops ?? []) if (!planned.has(stopId)) dropStop(draft, stopId);
  for (const { stopId, failedAtMs = null } of plan.stops) {
    if (failedAtMs !== null && failedAtMs !== draft.stop(stopId).failedAtMs) expectAgain(draft, stopId, failedAtMs);
    const stop = draft.stop(stopId);
    const isBack = stop.status === "cancelled" && plan.status === "planned";
    draft.show(stopId, isBack ? { status: statusOfVisits(stop) } : {});
  }
  if (plan.status === "cancelled") {
    cancel(draft);
    return;
  }
  if (state.status === "cancelled") state.status = state.startedAtMs === null ? "planned" : "started";
  if (state.status === "completed" && draft.remaining.length > 0) {
    state.status = state.startedAtMs === null ? "planned" : "started";
    state.completedAtMs = null;
  }
  for (const stop of plan.stops) judgeVisits(draft, stop, null);
  draft.outputs.pathChanged = true;
  settle(draft, "plan", true);
}

function statusOfVisits(stop: StopState): "departed" | "planned" {
  return visitsThatCount(stop).length > 0 ? "departed" : "planned";
}

/** An attempt failed, and the plan has the stop again. Where the vehicle still stands there it is first to leave. */
function expectAgain(draft: RouteDraft, stopId: string, failedAtMs: number): void {
  const stop = { ...draft.stop(stopId), failedAtMs };
  const isThere = stop.visits.at(-1)?.departedAtMs === null;
  const status = isThere ? "arrived" : stop.status === "cancelled" ? "cancelled" : statusOfVisits(stop);
  draft.show(stopId, { failedAtMs, status, missed: null, enRouteAtMs: null, approachingAtMs: null });
}

/** Another vehicle drives the route: what is known of the one before says nothing of it. */
function forgetVehicle(state: RouteDraft["state"]): void {
  Object.assign(state, { source: liveSourceInitial, position: null, anchor: null, stand: null, stands: [] });
  Object.assign(state, { progress: null, towards: null });
}

/** A stop that was not reached is not expected any more; one that was keeps its visits. */
function dropStop(draft: RouteDraft, stopId: string): void {
  if (!isServed(draft.stop(stopId).status)) draft.show(stopId, { status: "cancelled", ...NOTHING_EXPECTED });
}

const NOTHING_EXPECTED = {
  eta: null,
  absence: null,
  told: null,
  stopsBefore: null,
  atRisk: false,
  riskSinceMs: null,
} as const;

function cancel(draft: RouteDraft): void {
  const { plan, state } = draft;
  state.status = "cancelled";
  for (const { stopId } of plan.stops) dropStop(draft, stopId);
  state.progress = null;
  draft.outputs.pathChanged = true;
}

function passTime(draft: RouteDraft, atMs: number): void {
  draft.state.nowMs = Math.max(draft.state.nowMs, atMs);
  settle(draft, "data gap", true);
}

function takeFix(draft: RouteDraft, fix: RouteFix): void {
  const { state, plan } = draft;
  state.nowMs = Math.max(state.nowMs, fix.receivedAtMs);
  const shown = state.source.shown;
  state.source = afterSourceFix(state.source, fix, draft.context.priorityOf);
  if (state.source.shown === null || state.source.shown === shown || state.source.shown.fixId !== fix.fixId) return;
  const at = etaFixOf(fix);
  if (state.position !== null && at.timeMs - state.position.timeMs >= SILENCE_MS) state.silentUntilMs = at.timeMs;
  state.position = { ...at, receivedAtMs: fix.receivedAtMs };
  const { latDeg, lonDeg } = fix;
  const stepped = stepStand(state.stand, {
    timeMs: at.timeMs,
    latDeg,
    lonDeg,
    speedMps: fix.smoothed?.speedMps ?? fix.speedMps,
  });
  state.stand = stepped.stand;
  if (stepped.ended !== null) state.stands = [...state.stands, stepped.ended].slice(-STANDS_MAX);
  if (state.status === "cancelled") return;
  for (const stop of plan.stops) if (isInside(draft, stop.stopId)) judgeVisits(draft, stop, null);
  checkSetOff(draft);
  followFix(draft, fix);
  settle(draft, "position", isFresh(fix));
}

function isInside({ state }: RouteDraft, stopId: string): boolean {
  const stop = state.stops[stopId];
  if (stop === undefined || stop.crossings.length === 0) return false;
  const deviceId = state.source.live?.deviceId;
  const stay = deviceId === undefined ? undefined : staysOf(stop.crossings, deviceId).at(-1);
  const isOpen = stop.visits.at(-1)?.departedAtMs === null;
  return (stay !== undefined && stay.exited === null) || isOpen;
}

function takeCrossing(draft: RouteDraft, crossing: RouteCrossing): void {
  const { state, plan } = draft;
  state.nowMs = Math.max(state.nowMs, crossing.receivedAtMs);
  for (const stop of plan.stops) {
    if (stop.geofenceId !== crossing.geofenceId) continue;
    draft.remember(stop.stopId, { crossings: afterCrossing(draft.stop(stop.stopId).crossings, crossing) });
    if (state.status === "cancelled") continue;
    reviseVisits(draft, stop, crossing);
    judgeVisits(draft, stop, crossing);
  }
  if (state.status !== "cancelled") settle(draft, "position", false);
}

/** What follows from whatever has changed. */
function settle(draft: RouteDraft, trigger: "plan" | "position" | "data gap", fresh: boolean): void {
  const before = draft.startedWith;
  leaveOverlapped(draft);
  startByVisit(draft);
  const left = leftStop(draft, before);
  if (left !== null) setOffFrom(draft, left.stop, left.visit);
  const isChanged = left !== null || draft.serving?.stop.stopId !== before.servingId;
  checkMissed(draft);
  checkCompleted(draft);
  closeServed(draft);
  if (fresh || isChanged) estimate(draft, isChanged && trigger === "position" ? "service time" : trigger, true);
  else estimate(draft, trigger, false);
  if (trigger === "position") nameNext(draft);
}

/** A stop that was reached starts the route. */
function startByVisit(draft: RouteDraft): void {
  const { plan, state } = draft;
  if (state.status !== "planned") return;
  for (const [index, { stopId, kind }] of plan.stops.entries()) {
    const [visit] = draft.stop(stopId).visits;
    if (visit === undefined || (index === 0 && kind === "depot")) continue;
    if (kind === "depot" && index === plan.stops.length - 1) continue;
    startRoute(draft, visit.arrivedAtMs, "stop_arrived");
    return;
  }
}

/** The stop that was stood at when this input came, and has been left by it. */
function leftStop(draft: RouteDraft, { servingId }: RouteDraft["startedWith"]) {
  if (servingId === null || draft.serving !== null) return null;
  const stop = draft.plan.stops.find(({ stopId }) => stopId === servingId);
  const visit = draft.stop(servingId).visits.at(-1);
  return stop === undefined || visit === undefined || visit.departedAtMs === null ? null : { stop, visit };
}

/** What has been served or given up is no longer expected. */
function closeServed(draft: RouteDraft): void {
  for (const stopId of draft.outputs.changed) {
    const { status, eta, told, atRisk } = draft.stop(stopId);
    const isOver = isServed(status) || status === "missed" || status === "cancelled";
    if (isOver && (eta !== null || told !== null || atRisk)) draft.show(stopId, NOTHING_EXPECTED);
  }
}

/** From when on a route is folded, Unix milliseconds. */
export function opensAtMs(plan: RoutePlan, madeAtMs: number): number {
  const startMs = plannedStartMs(plan);
  return startMs === null ? madeAtMs : Math.max(madeAtMs, startMs - LOOK_AHEAD_MS);
}
