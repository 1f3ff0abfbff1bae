import { FIELD } from "./hypothesis.ts";
import type { EdgePlace } from "./project.ts";

const { alongM: A, speedMps: S, errorEastM: E, errorNorthM: N } = FIELD;
const { covAA, covAS, covAE, covAN, covSS, covSE, covSN, covEE, covEN, covNN } = FIELD;

/** Receiver noise without memory, beside the slowly changing error, metres. */
const WHITE_VARIANCE_M2 = 0.6 ** 2;
/** Measured speed: Doppler noise, quantisation and the lag of the device's filter. */
const SPEED_SIGMA_MPS = 0.6;
const SPEED_SIGMA_SHARE = 0.04;
/** Vehicles brake and accelerate no harder on the road; a greater change of speed is the receiver's. */
const ACCELERATION_MPS2_MAX = 4;
/** Degrees of freedom of the Student tails: a fix five sigma off is rare, not impossible. */
const TAIL = 7;

/**
 * Conditions a state predicted over `dtS` seconds on a measured speed and returns the log-likelihood of that speed. One that
 * surprises but is in reach of brakes and engine is believed: the vehicle stopped, and where it is follows from that. What
 * else it did on the way stays open, so less is taken off the covariance.
 */
export function observeSpeed(h: Float64Array, dtS: number, speedMps: number): number {
  const sigma = SPEED_SIGMA_MPS + SPEED_SIGMA_SHARE * speedMps;
  const variance = h[covSS]! + sigma * sigma;
  const innovation = speedMps - h[S]!;
  const squared = (innovation * innovation) / variance;
  const beyond = Math.max(0, Math.abs(innovation) - ACCELERATION_MPS2_MAX * dtS);
  const step = (innovation / variance) * Math.min(1, (TAIL + 1) / (TAIL + (beyond * beyond) / variance));
  const gain = Math.min(1, (TAIL + 1) / (TAIL + squared)) / variance;
  const as = h[covAS]!;
  const ss = h[covSS]!;
  const se = h[covSE]!;
  const sn = h[covSN]!;
  h[A] = h[A]! + as * step;
  h[S] = h[S]! + ss * step;
  h[E] = h[E]! + se * step;
  h[N] = h[N]! + sn * step;
  h[covAA] = h[covAA]! - as * as * gain;
  h[covAS] = as - as * ss * gain;
  h[covAE] = h[covAE]! - as * se * gain;
  h[covAN] = h[covAN]! - as * sn * gain;
  h[covSS] = ss - ss * ss * gain;
  h[covSE] = se - ss * se * gain;
  h[covSN] = sn - ss * sn * gain;
  h[covEE] = h[covEE]! - se * se * gain;
  h[covEN] = h[covEN]! - se * sn * gain;
  h[covNN] = h[covNN]! - sn * sn * gain;
  return -0.5 * Math.log(variance * eighthPower(1 + squared / TAIL));
}

/** How far the last observed fix was from where it was expected, both squared: in sigmas, and in metres. */
export const INNOVATION = { squared: 0, distanceM2: 0 };

/** Variance of the receiver's error in the direction in which it is largest, m². */
export function widestVariance(h: Float64Array): number {
  const half = (h[covEE]! - h[covNN]!) / 2;
  return (h[covEE]! + h[covNN]!) / 2 + Math.sqrt(half * half + h[covEN]! * h[covEN]!) + WHITE_VARIANCE_M2;
}

/**
 * No fix can have a greater log-likelihood than this by the predicted state, whatever the direction of the road: the error left
 * when the offset is known, spread along the road by what is not known of the offset.
 */
export function likelihoodMax(h: Float64Array): number {
  const varianceM2 = h[covAA]!;
  const bE = h[covAE]! / varianceM2;
  const bN = h[covAN]! / varianceM2;
  const vEE = h[covEE]! - h[covAE]! * bE + WHITE_VARIANCE_M2;
  const vEN = h[covEN]! - h[covAE]! * bN;
  const vNN = h[covNN]! - h[covAN]! * bN + WHITE_VARIANCE_M2;
  const half = (vEE - vNN) / 2;
  const widest = (vEE + vNN) / 2 + Math.sqrt(half * half + vEN * vEN);
  const apart = Math.max(0, 1 - Math.sqrt(bE * bE + bN * bN));
  return -0.5 * Math.log((vEE * vNN - vEN * vEN) * (1 + (varianceM2 * apart * apart) / widest));
}

/** A straight road through a place on it, as seen from the fix. */
type StraightRoad = Pick<EdgePlace, "atM" | "eastM" | "northM" | "tangentE" | "tangentN">;

/** What `weighPosition` worked out, for `settlePosition` to finish. */
const WEIGHED = new Float64Array(16);

/**
 * Weighs the fix against a predicted state, given the straight road at `place`, as seen from the fix. `shiftM` is taken off the
 * predicted offset first (the length of the edges crossed since). Returns the offset that the fix makes likeliest; `improbability`
 * says how likely the fix is, and `settlePosition` gives the state after it. In three parts because most candidates fall at the second.
 */
export function weighPosition(h: Float64Array, shiftM: number, place: StraightRoad): number {
  const { tangentE, tangentN } = place;
  const w = WEIGHED;
  const along = h[A]! - shiftM;
  const beyondM = along - place.atM;
  const yE = -(place.eastM + tangentE * beyondM + h[E]!);
  const yN = -(place.northM + tangentN * beyondM + h[N]!);
  const aE = h[covAA]! * tangentE + h[covAE]!;
  const aN = h[covAA]! * tangentN + h[covAN]!;
  const eE = h[covAE]! * tangentE + h[covEE]!;
  const eN = h[covAE]! * tangentN + h[covEN]!;
  const nN = h[covAN]! * tangentN + h[covNN]!;
  const vEE = tangentE * aE + eE + WHITE_VARIANCE_M2;
  const vEN = tangentE * aN + eN;
  const vNN = tangentN * aN + nN + WHITE_VARIANCE_M2;
  const determinant = vEE * vNN - vEN * vEN;
  const iEE = vNN / determinant;
  const iEN = -vEN / determinant;
  const iNN = vEE / determinant;
  const wE = iEE * yE + iEN * yN;
  const wN = iEN * yE + iNN * yN;
  INNOVATION.squared = yE * wE + yN * wN;
  INNOVATION.distanceM2 = yE * yE + yN * yN;
  const after = along + aE * wE + aN * wN;
  w[0] = after;
  w[1] = aE;
  w[2] = aN;
  w[3] = eE;
  w[4] = eN;
  w[5] = nN;
  w[6] = iEE;
  w[7] = iEN;
  w[8] = iNN;
  w[9] = wE;
  w[10] = wN;
  w[11] = tangentE;
  w[12] = tangentN;
  w[13] = determinant;
  return after;
}

/** Of the fix weighed last exp(−2 · its log-likelihood): factors of one product cost one logarithm together. */
export function improbability(): number {
  return WEIGHED[13]! * tailFactor(INNOVATION.squared);
}

/** Writes the predicted state `h`, conditioned on the fix weighed last, to `to[at…]`. */
export function settlePosition(h: Float64Array, to: Float64Array, at: number): void {
  const w = WEIGHED;
  const aE = w[1]!;
  const aN = w[2]!;
  const eE = w[3]!;
  const eN = w[4]!;
  const nN = w[5]!;
  const iEE = w[6]!;
  const iEN = w[7]!;
  const iNN = w[8]!;
  const wE = w[9]!;
  const wN = w[10]!;
  const sE = h[covAS]! * w[11]! + h[covSE]!;
  const sN = h[covAS]! * w[12]! + h[covSN]!;
  const nE = h[covAN]! * w[11]! + h[covEN]!;
  to[at + A] = w[0]!;
  to[at + S] = h[S]! + sE * wE + sN * wN;
  to[at + E] = h[E]! + eE * wE + eN * wN;
  to[at + N] = h[N]! + nE * wE + nN * wN;
  const kAE = aE * iEE + aN * iEN;
  const kAN = aE * iEN + aN * iNN;
  const kSE = sE * iEE + sN * iEN;
  const kSN = sE * iEN + sN * iNN;
  const kEE = eE * iEE + eN * iEN;
  const kEN = eE * iEN + eN * iNN;
  const kNE = nE * iEE + nN * iEN;
  const kNN = nE * iEN + nN * iNN;
  to[at + covAA] = h[covAA]! - (kAE * aE + kAN * aN);
  to[at + covAS] = h[covAS]! - (kAE * sE + kAN * sN);
  to[at + covAE] = h[covAE]! - (kAE * eE + kAN * eN);
  to[at + covAN] = h[covAN]! - (kAE * nE + kAN * nN);
  to[at + covSS] = h[covSS]! - (kSE * sE + kSN * sN);
  to[at + covSE] = h[covSE]! - (kSE * eE + kSN * eN);
  to[at + covSN] = h[covSN]! - (kSE * nE + kSN * nN);
  to[at + covEE] = h[covEE]! - (kEE * eE + kEN * eN);
  to[at + covEN] = h[covEN]! - (kEE * nE + kEN * nN);
  to[at + covNN] = h[covNN]! - (kNE * nE + kNN * nN);
}

/** exp(−2 · log-likelihood) of a squared distance in sigmas in two dimensions with Student tails, 1 at the centre. */
export function tailFactor(squared: number): number {
  const x = 1 + squared / TAIL;
  return x * eighthPower(x);
}

/** `TAIL` and 1: twice the power of a Student tail in one dimension; one more in two. */
function eighthPower(x: number): number {
  const x2 = x * x;
  const x4 = x2 * x2;
  return x4 * x4;
}

/**
 * Keeps the offset on the edge and the speed not negative: the state moves to the most likely one that satisfies both,
 * and what that costs in log-likelihood is returned (≤ 0).
 */
export function confine(h: Float64Array, at: number, lengthM: number): number {
  let cost = 0;
  const along = h[at + A]!;
  if (along < 0 || along > lengthM) {
    const over = along < 0 ? -along : lengthM - along;
    const step = over / (h[at + covAA]! + 0.01);
    cost -= 0.5 * over * step;
    h[at + A] = along + h[at + covAA]! * step;
    h[at + S] = h[at + S]! + h[at + covAS]! * step;
    h[at + E] = h[at + E]! + h[at + covAE]! * step;
    h[at + N] = h[at + N]! + h[at + covAN]! * step;
  }
  const speed = h[at + S]!;
  if (speed < 0) {
    const step = -speed / (h[at + covSS]! + 0.01);
    cost += 0.5 * speed * step;
    const moved = h[at + A]! + h[at + covAS]! * step;
    h[at + A] = moved < 0 ? 0 : moved > lengthM ? lengthM : moved;
    h[at + S] = speed + h[at + covSS]! * step;
    h[at + E] = h[at + E]! + h[at + covSE]! * step;
    h[at + N] = h[at + N]! + h[at + covSN]! * step;
  }
  return cost;
}
