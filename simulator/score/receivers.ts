import { between, gaussian, type Random } from "../random.ts";
import { offsetDeg } from "../roads/geometry.ts";
import type { VehicleState } from "../vehicle.ts";

/** What a receiver makes of the truth; undefined where it has no position. */
export type Observation = { latDeg: number; lonDeg: number; speedMps: number; headingDeg: number };
/** Looks at the true state; times must not go back. */
export type Receiver = (state: VehicleState) => Observation | undefined;

/**
 * white: independent errors. correlated: slowly wandering, as real receivers do. canyon: good in the open, far off and slow to
 * recover between tall buildings. tunnel: as correlated, with outages. outliers: now and then grossly wrong. standstill: the
 * position wanders while the vehicle stands, with a speed of its own.
 */
export const NOISE_MODELS = ["white", "correlated", "canyon", "tunnel", "outliers", "standstill"] as const;
export type NoiseModel = (typeof NOISE_MODELS)[number];

type Wander = { sigmaM: number; keepPerS: number };
const OPEN: Wander = { sigmaM: 5, keepPerS: 0.97 };
const WHITE: Wander = { sigmaM: 10, keepPerS: 0 };
const CANYON: Wander = { sigmaM: 20, keepPerS: 0.97 };
const STANDING: Wander = { sigmaM: 14, keepPerS: 0.985 };
const STANDS_BELOW_MPS = 0.3;
/** Squares of the town, and the share of them that is a canyon. */
const SQUARE_DEG = 0.003;
const CANYON_SHARE = 0.35;
const TUNNELS_PER_S = 1 / 400;
const TUNNEL_S = [15, 120] as const;
const OUTLIER_SHARE = 0.02;
const OUTLIER_M = [60, 600] as const;
/** Errors of the measured speed (m/s) and of its direction sideways (m/s). */
const SPEED_SIGMA_MPS = 0.4;
const SIDEWAYS_SIGMA_MPS = 0.5;
const WANDER_SPEED_MPS = 0.8;

/** A receiver with errors of one kind; `random` is its own. */
export function createReceiver(model: NoiseModel, random: Random): Receiver {
  let [northM, eastM] = [0, 0];
  let lastMs: number | undefined;
  let outageUntilMs = 0;

  function wander({ sigmaM, keepPerS }: Wander, dtS: number): void {
    const keep = lastMs === undefined ? 0 : keepPerS ** dtS;
    const fresh = sigmaM * Math.sqrt(1 - keep * keep);
    northM = keep * northM + fresh * gaussian(random);
    eastM = keep * eastM + fresh * gaussian(random);
  }

  return (state) => {
    const dtS = lastMs === undefined ? 0 : Math.max(0, (state.timeMs - lastMs) / 1000);
    wander(wanderOf(model, state), dtS);
    lastMs = state.timeMs;
    if (model === "tunnel" && state.speedMps > STANDS_BELOW_MPS && random() < 1 - (1 - TUNNELS_PER_S) ** dtS)
      outageUntilMs = state.timeMs + between(random, ...TUNNEL_S) * 1000;
    if (state.timeMs < outageUntilMs) return undefined;
    let off = offsetDeg(state.latDeg, northM, eastM);
    if (model === "outliers" && random() < OUTLIER_SHARE) {
      const angle = random() * 2 * Math.PI;
      const farM = between(random, ...OUTLIER_M);
      off = offsetDeg(state.latDeg, farM * Math.sin(angle), farM * Math.cos(angle));
    }
    return { latDeg: state.latDeg + off.latDeg, lonDeg: state.lonDeg + off.lonDeg, ...motionOf(model, state, random) };
  };
}

function wanderOf(model: NoiseModel, state: VehicleState): Wander {
  switch (model) {
    case "white":
      return WHITE;
    case "canyon":
      return isCanyon(state) ? CANYON : OPEN;
    case "standstill":
      return state.speedMps < STANDS_BELOW_MPS ? STANDING : OPEN;
    case "correlated":
    case "tunnel":
    case "outliers":
      return OPEN;
  }
}

/** The same squares for every run. */
function isCanyon({ latDeg, lonDeg }: VehicleState): boolean {
  const square =
    Math.imul(Math.floor(latDeg / SQUARE_DEG), 73_856_093) ^ Math.imul(Math.floor(lonDeg / SQUARE_DEG), 19_349_663);
  return (Math.imul(square, 0x9e3779b1) >>> 0) / 0x1_0000_0000 < CANYON_SHARE;
}

function motionOf(model: NoiseModel, state: VehicleState, random: Random): { speedMps: number; headingDeg: number } {
  if (state.speedMps < STANDS_BELOW_MPS) {
    const speedMps = model === "standstill" ? Math.abs(gaussian(random)) * WANDER_SPEED_MPS : 0;
    return { speedMps, headingDeg: model === "standstill" ? random() * 360 : state.headingDeg };
  }
  const sidewaysDeg = (Math.atan2(SIDEWAYS_SIGMA_MPS * gaussian(random), state.speedMps) * 180) / Math.PI;
  return {
    speedMps: Math.max(0, state.speedMps + SPEED_SIGMA_MPS * gaussian(random)),
    headingDeg: (state.headingDeg + sidewaysDeg + 360) % 360,
  };
}
