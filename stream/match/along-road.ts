import { FIELD } from "./hypothesis.ts";
import type { Noise } from "./noise.ts";
import type { EdgePlace } from "./project.ts";

const { alongM: A, speedMps: S, errorEastM: E, errorNorthM: N } = FIELD;
const { covAA, covAS, covAE, covAN, covSS, covSE, covSN, covEE, covEN, covNN } = FIELD;

/** Power of the random acceleration, (m/s²)² s: town traffic. */
const ACCELERATION_POWER = 1.6;
/** Spread of speeds over a minute (m/s) and how long a speed lasts (s): bounds what a long gap can mean. */
const SPEED_SPREAD_MPS = 7;
const SPEED_LASTS_S = 40;
const STEADY_S = 15;
/**
 * Vehicles stop and drive off between two fixes: over half a minute the way that two speeds leave open was measured to vary
 * by so much more than the random acceleration says, all of it from `STOP_AND_GO_S` on.
 */
const STOP_AND_GO_SHARE = 0.17;
const STOP_AND_GO_S = 20;
const TYPICAL_SPEED_MPS = 9;
/** Receiver noise without memory, beside the slowly changing error, metres. */
const WHITE_VARIANCE_M2 = 0.6 ** 2;
/** Measured speed: Doppler noise, quantisation and the lag of the device's filter. */
const SPEED_SIGMA_MPS = 0.6;
const SPEED_SIGMA_SHARE = 0.04;
/** Vehicles brake and accelerate no harder on the road; a greater change of speed is the receiver's. */
const ACCELERATION_MPS2_MAX = 4;
/** What is not known of the speed of a vehicle that stands, (m/s)². */
const RESTING_VARIANCE = 0.6 ** 2;
/** Degrees of freedom of the Student tails: a fix five sigma off is rare, not impossible. */
const TAIL = 7;

/** How a speed carries over `dtS` seconds and what is added to offset and speed variance. */
export interface Motion {
  /** Seconds that the present speed counts for, and the share of it that is left at the end. */
  lastingS: number;
  keep: number;
  growthAA: number;
  growthAS: number;
  growthSS: number;
}

const MOTION: Motion & { dtS: number } = { dtS: -1, lastingS: 0, keep: 1, growthAA: 0, growthAS: 0, growthSS: 0 };

/** A speed stays for short times and drifts to the typical one over long ones. The result is reused by the next call. */
export function motionOver(dtS: number): Motion {
  const m = MOTION;
  if (m.dtS === dtS) return m;
  m.dtS = dtS;
  m.keep = dtS > STEADY_S ? Math.exp(-(dtS - STEADY_S) / SPEED_LASTS_S) : 1;
  m.lastingS = dtS > STEADY_S ? STEADY_S + SPEED_LASTS_S * (1 - m.keep) : dtS;
  const stopAndGo = 1 + STOP_AND_GO_SHARE * Math.min(1, dtS / STOP_AND_GO_S) ** 2;
  m.growthAA = Math.min(
    (stopAndGo * ACCELERATION_POWER * dtS ** 3) / 3,
    2 * SPEED_SPREAD_MPS ** 2 * SPEED_LASTS_S * dtS,
  );
  m.growthSS = Math.min(ACCELERATION_POWER * dtS, SPEED_SPREAD_MPS ** 2);
  m.growthAS = Math.min((m.growthSS * dtS) / 2, 0.85 * Math.sqrt(m.growthAA * m.growthSS));
  return m;
}

/** Moves a hypothesis `dtS` seconds on, from `from[at…]` to `to[0…STRIDE)`. The noise model says how its error ages. */
export function predict(from: Float64Array, at: number, dtS: number, noise: Noise, to: Float64Array): void {
  const memory = noise.memoryAfter(dtS);
  const motion = motionOver(dtS);
  const { lastingS, keep } = motion;
  const kept = memory * memory;
  const fresh = noise.varianceM2 * (1 - kept);
  const speed = from[at + S]!;
  const as = from[at + covAS]!;
  const ss = from[at + covSS]!;
  const se = from[at + covSE]!;
  const sn = from[at + covSN]!;
  to[FIELD.score] = from[at + FIELD.score]!;
  to[FIELD.edge] = from[at + FIELD.edge]!;
  to[A] = from[at + A]! + speed * lastingS + TYPICAL_SPEED_MPS * (dtS - lastingS);
  to[S] = TYPICAL_SPEED_MPS + (speed - TYPICAL_SPEED_MPS) * keep;
  to[E] = from[at + E]! * memory;
  to[N] = from[at + N]! * memory;
  to[covAA] = from[at + covAA]! + 2 * lastingS * as + lastingS * lastingS * ss + motion.growthAA;
  to[covAS] = keep * (as + lastingS * ss) + motion.growthAS;
  to[covAE] = memory * (from[at + covAE]! + lastingS * se);
  to[covAN] = memory * (from[at + covAN]! + lastingS * sn);
  to[covSS] = keep * keep * ss + motion.growthSS;
  to[covSE] = se * memory * keep;
  to[covSN] = sn * memory * keep;
  to[covEE] = from[at + covEE]! * kept + fresh;
  to[covEN] = from[at + covEN]! * kept;
  to[covNN] = from[at + covNN]! * kept + fresh;
  to[FIELD.node] = from[at + FIELD.node]!;
}

/** As `predict` for a vehicle that stands (`h[at…]`): only the receiver's error goes on. */
export function rest(h: Float64Array, at: number, dtS: number, noise: Noise): void {
  const memory = noise.memoryAfter(dtS);
  const kept = memory * memory;
  const fresh = noise.varianceM2 * (1 - kept);
  h[at + S] = 0;
  h[at + covSS] = RESTING_VARIANCE;
  h[at + covAS] = 0;
  h[at + covSE] = 0;
  h[at + covSN] = 0;
  h[at + covAE]! *= memory;
  h[at + covAN]! *= memory;
  h[at + covEE] = h[at + covEE]! * kept + fresh;
  h[at + covEN]! *= kept;
  h[at + covNN] = h[at + covNN]! * kept + fresh;
  h[at + E]! *= memory;
  h[at + N]! *= memory;
}

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
