import { deepestM } from "./deepest.ts";
import type { FenceState } from "./fence-machine.ts";
import type { FenceVersion } from "./fence-set.ts";
import { normalCdf, normalTail } from "./normal.ts";
import type { Place } from "./place.ts";
import { signedDistanceM } from "./signed-distance.ts";

/** Why the time of a crossing is what it is. */
export type Basis = "crossing" | "gap" | "first_fix" | "fence_changed" | "fence_removed";

/** What speaks for the device being on the other side of the edge than it was. */
export type Pending = {
  readonly crossedAtMs: number;
  readonly sinceMs: number;
  readonly fixes: number;
  /** Of the distances to the edge, metres beyond it. */
  readonly sumM: number;
  /** The best evidence so far, in standard deviations. */
  readonly sigmas: number;
  readonly sure: boolean;
  readonly basis: Basis;
  /** The fixes on both sides of the edge. */
  readonly fixIds: readonly number[];
};

export const SURE_SIGMAS = 1.6;
/** Of stays right at the edge so many may seem to end, and begin again, by errors alone; deeper inside it is far fewer. */
const BROKEN_STAYS = 1e-3;
/** In a small fence nobody can be so far from the edge: this share of its depth must do. */
const SURE_SHARE_OF_DEPTH = 0.5;
/** Errors in streets keep for about this long, milliseconds: fixes closer in time add nothing. */
const ERROR_KEEPS_MS = 60_000;
export const CONFIDENCE_MAX = 0.999;
/** What is left of confidence where the crossing itself was not seen. */
const UNSEEN_CONFIDENCE = 0.6;

/** Weighs the evidence with the newest fix, whose distance is in the sum already. */
export function weighed(state: FenceState, fence: FenceVersion, place: Place, pending: Pending): Pending {
  const hereM = signedDistanceM(fence.rule.shape, place.latDeg, place.lonDeg) * (state.inside ? -1 : 1);
  const errors = 1 + (place.timeMs - pending.sinceMs) / ERROR_KEEPS_MS;
  const meanSigmas = (pending.sumM / pending.fixes / place.sigmaM) * Math.sqrt(errors);
  const sigmas = Math.max(pending.sigmas, hereM / place.sigmaM, meanSigmas);
  return { ...pending, sigmas, sure: pending.sure || isSure(state, fence, place, pending, sigmas) };
}

/**
 * An arrival is judged once, a departure as often as errors change while the device is inside: in a long stay one of them
 * reaches far across the edge. So the doubt that a stay may end in is shared among all those times. Who drives away is soon
 * beyond any doubt; who stands just outside is told of later, with the time of the crossing.
 */
function isSure(state: FenceState, fence: FenceVersion, place: Place, pending: Pending, sigmas: number): boolean {
  if (!state.inside) return sigmas >= neededSigmas(fence, place, true);
  const stayedMs = pending.crossedAtMs - (state.enteredAtMs ?? pending.crossedAtMs);
  return normalTail(sigmas) * (1 + Math.max(0, stayedMs) / ERROR_KEEPS_MS) <= BROKEN_STAYS;
}

/** How many of its standard deviations a fix must lie on a side of the edge to be sure. */
export function neededSigmas({ rule: { shape } }: FenceVersion, { sigmaM }: Place, inside: boolean): number {
  if (!inside) return SURE_SIGMAS;
  return Math.min(SURE_SIGMAS, (deepestM(shape) * SURE_SHARE_OF_DEPTH) / sigmaM);
}

/**
 * Whether a stay that is over, and never was sure, was one all the same: no more evidence will come, so the likelier holds. It
 * was likelier inside as long as the mean of its fixes is, if it lasted longer than errors keep.
 */
export function isLikelyStay(state: FenceState, pending: Pending, fence: FenceVersion, last: Place): boolean {
  return !state.inside && last.timeMs - pending.crossedAtMs >= Math.max(ERROR_KEEPS_MS, fence.rule.minInsideMs);
}

export function confidenceOf(sigmas: number, basis: Basis): number {
  const confidence = Math.min(CONFIDENCE_MAX, normalCdf(sigmas)) * (basis === "gap" ? UNSEEN_CONFIDENCE : 1);
  return Math.round(confidence * 1000) / 1000;
}
