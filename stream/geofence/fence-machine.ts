import { DRIVEN_MPS_MAX } from "../placed-fix.ts";
import { chordOf, edgeShare, planarM } from "./crossing.ts";
import {
  type Basis,
  CONFIDENCE_MAX,
  confidenceOf,
  isLikelyStay,
  neededSigmas,
  type Pending,
  SURE_SIGMAS,
  weighed,
} from "./evidence.ts";
import type { FenceVersion } from "./fence-set.ts";
import type { Place } from "./place.ts";
import { signedDistanceM } from "./signed-distance.ts";

/**
 * One device and one fence. States and what moves them:
 *
 *     outside ──a fix on the other side──▶ outside, pending ──sure and long enough──▶ inside
 *     inside  ──a fix on the other side──▶ inside, pending  ──sure and long enough──▶ outside
 *     pending ──back on its side, and the other was not likely──▶ no longer pending
 *
 * Pending is sure when one fix lies far enough beyond the edge in terms of its own accuracy, or the mean of all since the
 * edge does in terms of what is left of the error after averaging (`evidence.ts`). It is long enough after the fence's minimum
 * time inside or outside. Then the event happened where the way crossed the edge, however much later it is known.
 */
export type FenceState = {
  readonly inside: boolean;
  readonly enteredAtMs: number | null;
  readonly dwelled: boolean;
  readonly pending: Pending | null;
};

/** What a fix has shown to have happened. */
export type Happening = {
  readonly type: "entered" | "exited" | "dwelled";
  readonly fenceId: number;
  readonly version: number;
  readonly name: string;
  readonly occurredAtMs: number;
  readonly confidence: number;
  readonly fixIds: readonly number[];
  readonly basis: Basis;
};

/** How a fix follows the one before. `covered`: what was between them was looked at already, and nothing happened. */
export type Step = { readonly place: Place; readonly last: Place | null; readonly covered: boolean };

export const OUTSIDE: FenceState = { inside: false, enteredAtMs: null, dwelled: false, pending: null };

/** What errors add to a way is not held against it. */
const JUMP_SIGMAS = 8;

/** An absence that ended must rest on more than one outlier. */
const ABSENCE_FIXES_MIN = 2;

const NOTHING: readonly Happening[] = [];

export type FenceStep = {
  readonly state: FenceState;
  readonly happenings: readonly Happening[];
  /** The fix lies so clearly on the side where the device is that it says no more than its neighbours. */
  readonly clear: boolean;
};

/** The state after a fix, and what happened by then. Pure. */
export function stepFence(state: FenceState, fence: FenceVersion, step: Step): FenceStep {
  const { place } = step;
  const distanceM = signedDistanceM(fence.rule.shape, place.latDeg, place.lonDeg);
  const beyondM = state.inside ? -distanceM : distanceM;
  if (beyondM > 0) {
    const pending =
      state.pending === null ? begun(state, fence, step, beyondM) : continued(state, fence, step, beyondM);
    return { ...confirm(state, pending, fence, step), clear: false };
  }
  if (state.pending !== null) return { ...returned(state, state.pending, fence, step, beyondM), clear: false };
  const clear = -beyondM >= neededSigmas(fence, place, state.inside) * place.sigmaM;
  const happened = state.inside ? dwell(state, fence, step) : passage(fence, step);
  return happened === undefined ? { state, happenings: NOTHING, clear } : { ...happened, clear };
}

/** A fence that is no longer there: a visit ends with it. `fence` is its last version. */
export function endFence(state: FenceState, fence: FenceVersion, place: Place): readonly Happening[] {
  if (!state.inside) return [];
  const basis = state.pending === null ? "fence_removed" : state.pending.basis;
  const occurredAtMs = Math.max(state.pending?.crossedAtMs ?? fence.validToMs, state.enteredAtMs ?? 0);
  const fixIds = [place.fixId];
  const exited = happening("exited", fence, { occurredAtMs, confidence: CONFIDENCE_MAX, fixIds, basis });
  const dwelled = dwellBy(state, fence, occurredAtMs, fixIds);
  return dwelled === undefined ? [exited] : [dwelled, exited];
}

function begun(state: FenceState, fence: FenceVersion, step: Step, beyondM: number): Pending {
  return begunAt(edgeTime(state, fence, step), state, fence, step, beyondM);
}

function begunAt(
  edge: Pick<Pending, "crossedAtMs" | "basis">,
  state: FenceState,
  fence: FenceVersion,
  { place, last }: Step,
  beyondM: number,
): Pending {
  const fixIds = last === null ? [place.fixId] : [last.fixId, place.fixId];
  return weighed(state, fence, place, {
    ...{ ...edge, sinceMs: place.timeMs, fixes: 1, sumM: beyondM, sigmas: 0, sure: false, fixIds },
  });
}

function continued(state: FenceState, fence: FenceVersion, { place }: Step, beyondM: number): Pending {
  const { pending } = state as { pending: Pending };
  return weighed(state, fence, place, { ...pending, fixes: pending.fixes + 1, sumM: pending.sumM + beyondM });
}

/** When the way to this fix crossed the edge, as far as that is known. */
function edgeTime(state: FenceState, fence: FenceVersion, step: Step): { crossedAtMs: number; basis: Basis } {
  const { place, last, covered } = step;
  if (last === null) return { crossedAtMs: place.timeMs, basis: "first_fix" };
  const lastM = signedDistanceM(fence.rule.shape, last.latDeg, last.lonDeg);
  if (state.inside ? lastM < 0 : lastM > 0) {
    // Already there by today's edge: the edge has moved, or what was before is not known.
    const changed = fence.validFromMs > last.fencesAtMs;
    if (!changed) return { crossedAtMs: place.timeMs, basis: "gap" };
    const changedAtMs = Math.min(Math.max(fence.validFromMs, last.timeMs), place.timeMs);
    return { crossedAtMs: changedAtMs, basis: "fence_changed" };
  }
  if (covered) return { crossedAtMs: place.timeMs, basis: "gap" };
  if (isGap(fence, step) || isJump(step))
    return { crossedAtMs: state.inside ? last.timeMs : place.timeMs, basis: "gap" };
  return { crossedAtMs: timeOf(last, place, edgeShare(fence.rule.shape, last, place)), basis: "crossing" };
}

function confirm(
  state: FenceState,
  pending: Pending,
  fence: FenceVersion,
  { place }: Step,
): { state: FenceState; happenings: readonly Happening[] } {
  const elapsedMs = place.timeMs - (pending.basis === "gap" ? pending.sinceMs : pending.crossedAtMs);
  if (!pending.sure || elapsedMs < minimumMs(state, fence))
    return { state: { ...state, pending }, happenings: NOTHING };
  return flipped(state, pending, fence, [place.fixId]);
}

/** Back on its own side: the other side may have been a visit, an absence, or noise. */
function returned(
  state: FenceState,
  pending: Pending,
  fence: FenceVersion,
  step: Step,
  beyondM: number,
): { state: FenceState; happenings: readonly Happening[] } {
  const { place, last } = step;
  if (last === null || isGap(fence, step) || isJump(step)) return { state: settled(state), happenings: NOTHING };
  const backAtMs = timeOf(last, place, edgeShare(fence.rule.shape, last, place));
  const enough = !state.inside || pending.fixes >= ABSENCE_FIXES_MIN;
  if (pending.sure && enough && backAtMs - pending.crossedAtMs >= minimumMs(state, fence)) {
    return thereAndBack(state, pending, fence, step, last);
  }
  const sumM = pending.sumM + beyondM;
  const certain = -beyondM >= SURE_SIGMAS * place.sigmaM;
  if (certain && isLikelyStay(state, pending, fence, last)) return thereAndBack(state, pending, fence, step, last);
  if (certain || sumM <= 0) return { state: settled(state), happenings: NOTHING };
  return { state: { ...state, pending: { ...pending, fixes: pending.fixes + 1, sumM } }, happenings: NOTHING };
}

function thereAndBack(
  state: FenceState,
  pending: Pending,
  fence: FenceVersion,
  step: Step,
  last: Place,
): { state: FenceState; happenings: readonly Happening[] } {
  const there = flipped(state, pending, fence, [last.fixId]);
  const back = stepFence(there.state, fence, step);
  return { state: back.state, happenings: [...there.happenings, ...back.happenings] };
}

function flipped(
  state: FenceState,
  pending: Pending,
  fence: FenceVersion,
  shownBy: readonly number[],
): { state: FenceState; happenings: readonly Happening[] } {
  const confidence = confidenceOf(pending.sigmas, pending.basis);
  const fixIds = [...new Set([...pending.fixIds, ...shownBy])];
  const crossing = { occurredAtMs: pending.crossedAtMs, confidence, fixIds, basis: pending.basis };
  if (!state.inside) {
    return {
      state: { inside: true, enteredAtMs: pending.crossedAtMs, dwelled: false, pending: null },
      happenings: [happening("entered", fence, crossing)],
    };
  }
  const exited = happening("exited", fence, crossing);
  const dwelled = dwellBy(state, fence, pending.crossedAtMs, fixIds);
  return { state: OUTSIDE, happenings: dwelled === undefined ? [exited] : [dwelled, exited] };
}

/**
 * A way from outside to outside through the fence is an arrival when it is long and deep enough. The departure is shown like
 * any other: the fix at the end of the way is the first outside, and may lie there by its error only.
 */
function passage(fence: FenceVersion, step: Step): { state: FenceState; happenings: readonly Happening[] } | undefined {
  const { place, last, covered } = step;
  if (last === null || covered || isGap(fence, step) || fence.validFromMs > last.fencesAtMs) return undefined;
  if (place.timeMs - last.timeMs < fence.rule.minInsideMs || place.timeMs === last.timeMs) return undefined;
  const { shape } = fence.rule;
  const chord = chordOf(shape, last, place);
  if (chord === undefined) return undefined;
  const enteredAtMs = timeOf(last, place, chord.inShare);
  const exitedAtMs = timeOf(last, place, chord.outShare);
  const sigmaM = Math.max(last.sigmaM, place.sigmaM);
  const sigmas = chord.depthM / sigmaM;
  if (exitedAtMs - enteredAtMs < fence.rule.minInsideMs) return undefined;
  if (sigmas < neededSigmas(fence, { ...place, sigmaM }, true) || isJump(step)) return undefined;
  const fixIds = [last.fixId, place.fixId];
  const shown = {
    occurredAtMs: enteredAtMs,
    confidence: confidenceOf(sigmas, "gap"),
    fixIds,
    basis: "crossing" as const,
  };
  const inside: FenceState = { inside: true, enteredAtMs, dwelled: false, pending: null };
  const beyondM = -signedDistanceM(shape, place.latDeg, place.lonDeg);
  const pending = begunAt({ crossedAtMs: exitedAtMs, basis: "crossing" }, inside, fence, step, beyondM);
  const after = confirm(inside, pending, fence, step);
  return { state: after.state, happenings: [happening("entered", fence, shown), ...after.happenings] };
}

function dwell(state: FenceState, fence: FenceVersion, { place }: Step) {
  const dwelled = dwellBy(state, fence, place.timeMs, [place.fixId]);
  return dwelled === undefined ? undefined : { state: { ...state, dwelled: true }, happenings: [dwelled] };
}

function dwellBy(
  state: FenceState,
  fence: FenceVersion,
  atMs: number,
  fixIds: readonly number[],
): Happening | undefined {
  const { dwellMs } = fence.rule;
  if (dwellMs === null || state.dwelled || state.enteredAtMs === null || atMs - state.enteredAtMs < dwellMs) {
    return undefined;
  }
  const occurredAtMs = state.enteredAtMs + dwellMs;
  return happening("dwelled", fence, { occurredAtMs, confidence: CONFIDENCE_MAX, fixIds, basis: "crossing" });
}

function happening(
  type: Happening["type"],
  { fenceId, version, rule }: FenceVersion,
  shown: Pick<Happening, "occurredAtMs" | "confidence" | "fixIds" | "basis">,
): Happening {
  return { type, fenceId, version, name: rule.name, ...shown };
}

function settled(state: FenceState): FenceState {
  return state.inside ? { ...state, pending: null } : OUTSIDE;
}

function minimumMs(state: FenceState, { rule }: FenceVersion): number {
  return state.inside ? rule.minOutsideMs : rule.minInsideMs;
}

function isGap({ rule }: FenceVersion, { place, last, covered }: Step): boolean {
  return !covered && last !== null && place.timeMs - last.timeMs > rule.maxGapMs;
}

/** No vehicle drove this way: a fix at one of its ends is grossly wrong, so where it crossed the edge says nothing. */
function isJump({ place, last, covered }: Step): boolean {
  if (covered || last === null) return false;
  const reachM = ((place.timeMs - last.timeMs) / 1000) * DRIVEN_MPS_MAX + JUMP_SIGMAS * (place.sigmaM + last.sigmaM);
  return planarM(last, place) > reachM;
}

function timeOf(last: Place, place: Place, share: number): number {
  return Math.round(last.timeMs + (place.timeMs - last.timeMs) * share);
}
