import type { Eta, EtaFix, EtaReason, EtaRequest, NoEta } from "../eta/eta.ts";
import { changeReason, isWorthIssuing, isWorthTelling, riskAfter } from "../eta/eta-changes.ts";
import { haversineM } from "../roads/geometry.ts";
import { startPlace } from "./lifecycle.ts";
import { deadlineOf, type PlannedStop, plannedStartMs } from "./plan.ts";
import type { Serving } from "./remaining.ts";
import type { RouteDraft } from "./route-draft.ts";
import type { RouteFix, ShownEta, StopState, Visit } from "./route-state.ts";

/**
 * Keeps the ETAs of a route: the vehicle's progress along its way, an estimate for every remaining stop, and what of it is
 * shown, recorded and told. Nothing is written while a vehicle keeps to its times.
 */

/** Progress that is older says nothing of now: a batch of stored fixes is estimated once, not fix by fix. */
const FRESH_MS_MAX = 120_000;
const ESTIMATED_MS_MIN = { planned: 60_000, started: 30_000 } as const;
/** Between two estimates of all stops a fix is worth one of the nearest. */
const NEAR_STOPS = 8;
/** What is shown is written again when it moves so much, or by this share of what remains … */
const SHOWN_MOVE_MS_MIN = 20_000;
const SHOWN_MOVE_SHARE = 0.02;
/** … or when it was computed so long ago: this share of what remains, between these bounds. */
const SHOWN_AGE_SHARE = 0.1;
const SHOWN_AGE_MS = { min: 60_000, max: 240_000 } as const;
/** A crossing of the promise by less is noise, and not told. */
const CROSSING_MS_MIN = 30_000;
/** `stop.approaching`: this near in time, or in a straight line. */
export const APPROACHING_MS = 600_000;
export const APPROACHING_M = 1_000;

/** Moves the vehicle on along its way. */
export function followFix(draft: RouteDraft, fix: RouteFix): void {
  const { estimator } = draft.context;
  const { state } = draft;
  if (estimator === null || state.status !== "started" || draft.serving !== null) return;
  const remaining = draft.remaining;
  const [next] = remaining;
  if (next === undefined) return;
  const at = etaFixOf(fix);
  if (state.progress === null || state.towards !== next.stopId) {
    state.progress = estimator.setOff(at, at.timeMs, state.progress);
    state.towards = next.stopId;
    draft.outputs.pathChanged = true;
    return;
  }
  const followed = estimator.follow(state.progress, remaining, at);
  state.progress = followed.state;
  if (followed.move === "rerouted") draft.outputs.pathChanged = true;
  if (followed.sample !== null) draft.outputs.traffic.push(followed.sample);
}

/** The way to the next stop begins at the one that was left. */
export function setOffFrom(draft: RouteDraft, stop: PlannedStop, visit: Visit): void {
  const { estimator } = draft.context;
  const { state } = draft;
  if (estimator === null || visit.departedAtMs === null || state.status !== "started") return;
  const [next] = draft.remaining;
  state.progress = estimator.depart(state.progress, stop, visit.arrivedAtMs, visit.departedAtMs);
  state.towards = next?.stopId ?? null;
  draft.outputs.pathChanged = true;
}

export function isFresh(fix: RouteFix): boolean {
  return fix.receivedAtMs - fix.fixTimeMs <= FRESH_MS_MAX;
}

/** Estimates again where it is time to. `fresh`: something has happened, or a fix came without delay. */
export function estimate(draft: RouteDraft, trigger: EtaReason, fresh: boolean): void {
  const { estimator } = draft.context;
  const { state } = draft;
  if (state.status !== "planned" && state.status !== "started") return;
  const isDue = trigger !== "position" || state.nowMs - state.estimatedMs >= ESTIMATED_MS_MIN[state.status];
  if (!isDue && !(fresh && state.status === "started")) return;
  const remaining = draft.remaining;
  const serving = draft.serving;
  countStopsBefore(draft, remaining);
  if (estimator === null || remaining.length === 0) return;
  if (isDue) state.estimatedMs = state.nowMs;
  const whole = state.status === "planned" ? withoutStart(draft, remaining) : remaining;
  const stops = isDue ? whole : whole.slice(0, NEAR_STOPS);
  const answers = estimator.estimate(requestOf(draft, stops, serving));
  for (const [index, answer] of answers.entries()) publish(draft, stops[index] as PlannedStop, answer, trigger);
}

function requestOf(draft: RouteDraft, stops: readonly PlannedStop[], serving: Serving | null): EtaRequest {
  const { plan, state } = draft;
  const { nowMs } = state;
  if (state.status === "planned") {
    const startMs = plannedStartMs(plan);
    const start = startMs === null ? null : { place: startPlace(plan), atMs: Math.max(startMs, nowMs) };
    return { ...{ nowMs, heardMs: nowMs, stops, state: null, serving: null }, start };
  }
  const heardMs = Math.min(nowMs, state.position?.timeMs ?? nowMs);
  const stood = serving && { stop: serving.stop, arrivedMs: serving.visit.arrivedAtMs };
  const begun = state.position === null && stood === null && state.progress === null;
  const start = begun ? { place: startPlace(plan), atMs: nowMs } : null;
  return { ...{ nowMs, heardMs, stops, state: state.progress, serving: stood }, start };
}

/** A route that has not begun begins at its depot: there is no ETA of that. */
function withoutStart({ plan }: RouteDraft, remaining: readonly PlannedStop[]): readonly PlannedStop[] {
  const [first] = remaining;
  return first !== undefined && first === plan.stops[0] && first.kind === "depot" ? remaining.slice(1) : remaining;
}

function countStopsBefore(draft: RouteDraft, remaining: readonly PlannedStop[]): void {
  const places = new Map(remaining.map(({ stopId }, place) => [stopId, place]));
  for (const { stopId } of draft.plan.stops) {
    const stopsBefore = places.get(stopId) ?? null;
    if (draft.stop(stopId).stopsBefore !== stopsBefore) draft.show(stopId, { stopsBefore });
  }
}

function publish(draft: RouteDraft, stop: PlannedStop, answer: Eta | NoEta, trigger: EtaReason): void {
  const before = draft.stop(stop.stopId);
  if (answer.kind === "none") {
    if (before.eta === null && before.absence === answer.absence) return;
    draft.show(stop.stopId, { eta: null, absence: answer.absence, told: null, issued: null });
    return;
  }
  const last = lastOf(before);
  const reason = changeReason(last, answer, trigger);
  const tells = isTold(draft, stop, answer);
  if (tells) tell(draft, stop, answer, reason);
  if (tells || isWorthIssuing(issuedOf(before), answer)) {
    draft.outputs.etas.push({ ...answer, reason, told: tells });
    const { computedMs, p50Ms, basis } = answer;
    draft.remember(stop.stopId, { issued: { computedMs, p50Ms, basis } });
  }
  if (tells || isShown(before.eta, answer)) {
    const { p10Ms, p50Ms, p90Ms, computedMs, basis, traffic } = answer;
    draft.show(stop.stopId, { eta: { p10Ms, p50Ms, p90Ms, computedMs, basis, traffic, reason }, absence: null });
  }
  warn(draft, stop, answer);
}

function isTold(draft: RouteDraft, stop: PlannedStop, answer: Eta): boolean {
  const { told } = draft.stop(stop.stopId);
  if (!isWorthTelling(told, answer, deadlineOf(stop))) return false;
  return told === null || Math.abs(answer.p50Ms - told.p50Ms) >= CROSSING_MS_MIN;
}

function tell(draft: RouteDraft, stop: PlannedStop, answer: Eta, reason: EtaReason): void {
  const { told } = draft.stop(stop.stopId);
  const { p10Ms, p50Ms, p90Ms, computedMs, basis } = answer;
  draft.show(stop.stopId, { told: { p10Ms, p50Ms, p90Ms, toldMs: computedMs } });
  // The first time that anybody hears of is no change.
  if (told === null) return;
  const data = { p10: iso(p10Ms), p50: iso(p50Ms), p90: iso(p90Ms), basis, changeReason: reason };
  draft.emitOf("eta.changed", stop, computedMs, { ...data, before: { p50: iso(told.p50Ms) } });
}

function isShown(shown: ShownEta | null, next: Eta): boolean {
  if (shown === null || shown.basis !== next.basis) return true;
  const remainingMs = Math.max(0, next.p50Ms - next.computedMs);
  const ageMs = Math.min(Math.max(SHOWN_AGE_MS.min, SHOWN_AGE_SHARE * remainingMs), SHOWN_AGE_MS.max);
  if (next.computedMs - shown.computedMs >= ageMs) return true;
  const moves = [next.p10Ms - shown.p10Ms, next.p50Ms - shown.p50Ms, next.p90Ms - shown.p90Ms];
  return moves.some((moveMs) => Math.abs(moveMs) >= Math.max(SHOWN_MOVE_MS_MIN, SHOWN_MOVE_SHARE * remainingMs));
}

/** `stop.at_risk`, once for every time that the stop comes to be at risk. */
function warn(draft: RouteDraft, stop: PlannedStop, answer: Eta): void {
  const { atRisk, riskSinceMs } = draft.stop(stop.stopId);
  const deadlineMs = deadlineOf(stop);
  const lateShare = deadlineMs === null ? 0 : (draft.context.estimator?.lateShare(answer, deadlineMs) ?? 0);
  const next = riskAfter({ atRisk, riskSinceMs }, lateShare, answer.computedMs);
  if (next.riskSinceMs !== riskSinceMs) draft.remember(stop.stopId, { riskSinceMs: next.riskSinceMs });
  if (next.atRisk === atRisk) return;
  draft.show(stop.stopId, next);
  if (!next.atRisk || deadlineMs === null) return;
  const data = { p50: iso(answer.p50Ms), p90: iso(answer.p90Ms), promisedBy: iso(deadlineMs), basis: answer.basis };
  draft.emitOf("stop.at_risk", stop, answer.computedMs, { ...data, lateShare: Math.round(lateShare * 1000) / 1000 });
}

/** `stop.en_route` and `stop.approaching` of the stop that is next, by a fix that came without delay. */
export function nameNext(draft: RouteDraft): void {
  const { state } = draft;
  const { position } = state;
  if (state.status !== "started" || position === null || draft.serving !== null) return;
  if (state.nowMs - position.timeMs > FRESH_MS_MAX) return;
  const [next] = draft.remaining;
  if (next === undefined) return;
  const { enRouteAtMs, status } = draft.stop(next.stopId);
  if (enRouteAtMs === null) {
    draft.emitOf("stop.en_route", next, position.timeMs);
    draft.show(next.stopId, { status: "en_route", enRouteAtMs: position.timeMs });
  } else if (status === "planned") {
    draft.show(next.stopId, { status: draft.stop(next.stopId).approachingAtMs === null ? "en_route" : "approaching" });
  }
  for (const { stopId } of draft.plan.stops) {
    const { status: other } = draft.stop(stopId);
    if (stopId !== next.stopId && (other === "en_route" || other === "approaching"))
      draft.show(stopId, { status: "planned" });
  }
  approach(draft, next);
}

function approach(draft: RouteDraft, next: PlannedStop): void {
  const { position, nowMs } = draft.state;
  const { approachingAtMs, eta } = draft.stop(next.stopId);
  if (approachingAtMs !== null || position === null) return;
  const distanceM = haversineM(position.latDeg, position.lonDeg, next.latDeg, next.lonDeg);
  const awayMs = eta === null ? Number.POSITIVE_INFINITY : eta.p50Ms - nowMs;
  if (awayMs > APPROACHING_MS && distanceM > APPROACHING_M) return;
  const minutes = eta === null ? null : Math.max(0, Math.round(awayMs / 60_000));
  draft.emitOf("stop.approaching", next, position.timeMs, { minutes, distanceM: Math.round(distanceM) });
  draft.show(next.stopId, { status: "approaching", approachingAtMs: position.timeMs });
}

export function etaFixOf({
  fixTimeMs,
  receivedAtMs,
  latDeg,
  lonDeg,
  headingDeg,
  accuracyM,
  smoothed,
  matched,
}: RouteFix): EtaFix {
  const place = matched ?? smoothed ?? { latDeg, lonDeg };
  return {
    ...{ latDeg: place.latDeg, lonDeg: place.lonDeg, timeMs: Math.min(fixTimeMs, receivedAtMs) },
    ...{ headingDeg: smoothed?.headingDeg ?? headingDeg, accuracyM },
  };
}

function lastOf({ eta }: StopState): Eta | undefined {
  return eta === null ? undefined : ({ kind: "eta", ...eta } as unknown as Eta);
}

function issuedOf({ issued }: StopState): Eta | undefined {
  return issued === null ? undefined : ({ kind: "eta", ...issued } as unknown as Eta);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
