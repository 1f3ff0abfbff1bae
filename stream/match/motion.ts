import { FIELD } from "./hypothesis.ts";
import type { Noise } from "./noise.ts";

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
/** What is not known of the speed of a vehicle that stands, (m/s)². */
const RESTING_VARIANCE = 0.6 ** 2;

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
