import { lonMetresPerE7, METRES_PER_E7 } from "../roads/geometry.ts";
import {
  observePlanePosition,
  observePlaneVelocity,
  PLANE,
  PLANE_STRIDE,
  predictPlane,
  startPlane,
  surpriseOf,
} from "./kalman.ts";

/** What the filter needs of a fix: WGS 84 degrees, SI units, null where the device does not say. */
export interface SmoothInput {
  timeMs: number;
  lat: number;
  lon: number;
  speedMps: number | null;
  headingDeg: number | null;
  /** Radius of the 68 % circle, metres. */
  accuracyM: number | null;
  hdop: number | null;
  satellites: number | null;
}

export interface Smoothed {
  lat: number;
  lon: number;
  speedMps: number;
  headingDeg: number | null;
  /** Standard deviation per axis, metres. */
  sigmaM: number;
  /** The fix was a gross error: this is what the filter expected instead. */
  rejected: boolean;
}

/** Plain JSON: the plane's origin, time of the last fix used, the filter, and gross errors in a row. */
export interface SmoothState {
  originLat: number;
  originLon: number;
  timeMs: number;
  plane: readonly number[];
  rejected: number;
}

/** Random acceleration of a vehicle in traffic, (m/s²)² s; and of one that stands. */
const MOVING_POWER = 1.5;
/** Of one that turned or braked hard between two fixes that are at least so far apart, and how far it can have come meanwhile. */
const MANOEUVRE_POWER = 40;
const MANOEUVRE_S_MIN = 3;
const REACH_FACTOR = 1.2;
const REACH_SIGMAS = 3;
const STANDING_POWER = 1e-4;
const STANDING_MPS = 0.5;
const STANDING_SIGMA_MPS = 0.1;
const UNKNOWN_SPEED_VARIANCE = 15 ** 2;
/** A fix this many sigmas squared away is a gross error (chi-square, one in 10,000), unless the next ones agree with it. */
const GATE = 18.4;
const REJECTED_MAX = 3;
/** After this long without a fix the past says nothing. */
const GAP_S_MAX = 900;
/** The plane is moved along before its curvature shows. */
const ORIGIN_DISTANCE_M = 10_000;
const EAST_SCALE_MIN = METRES_PER_E7 / 100;
const SIGMA_PER_ACCURACY = 1 / 1.5;
const SIGMA_PER_HDOP_M = 3.5;
const DEFAULT_SIGMA_M = 5;
const SIGMA_M_MIN = 1.5;
const SIGMA_M_MAX = 200;
const FEW_SATELLITES = 5;

/** Error per axis (m) from what the receiver tells: its accuracy, else HDOP, else how many satellites it saw. */
export function fixSigmaM(fix: SmoothInput): number {
  const sigma =
    fix.accuracyM !== null && fix.accuracyM > 0
      ? fix.accuracyM * SIGMA_PER_ACCURACY
      : fix.hdop !== null && fix.hdop > 0
        ? fix.hdop * SIGMA_PER_HDOP_M
        : DEFAULT_SIGMA_M * (fix.satellites !== null && fix.satellites < FEW_SATELLITES ? 2 : 1);
  return Math.min(SIGMA_M_MAX, Math.max(SIGMA_M_MIN, sigma));
}

/** Takes the next fix of a device. A pure step: the state that it was given is not changed. */
export function smoothFix(state: SmoothState | null, fix: SmoothInput): { state: SmoothState; output: Smoothed } {
  const sigmaM = fixSigmaM(fix);
  const dtS = state === null ? Number.POSITIVE_INFINITY : (fix.timeMs - state.timeMs) / 1000;
  if (state === null || dtS > GAP_S_MAX) return begin(fix, sigmaM);
  const plane = Float64Array.from(state.plane);
  const standing = fix.speedMps !== null && fix.speedMps < STANDING_MPS;
  // One that drove when it was last seen has braked since: only who stood all the time has not moved.
  const stood = standing && Math.hypot(plane[PLANE.eastMps]!, plane[PLANE.northMps]!) < STANDING_MPS;
  const { eastM, northM } = toPlane(state, fix);
  const variance = sigmaM * sigmaM;
  const elapsedS = Math.max(0, dtS);
  predictPlane(plane, 0, elapsedS, stood ? STANDING_POWER : MOVING_POWER);
  let rejected = surpriseOf(plane, 0, eastM, northM, variance) > GATE;
  if (rejected && !stood && isWithinReach(state, fix, eastM, northM, elapsedS, sigmaM)) {
    plane.set(state.plane);
    predictPlane(plane, 0, elapsedS, MANOEUVRE_POWER);
    rejected = surpriseOf(plane, 0, eastM, northM, variance) > GATE;
  }
  if (rejected && state.rejected >= REJECTED_MAX) return begin(fix, sigmaM);
  if (!rejected) {
    observeMotion(plane, fix, standing);
    observePlanePosition(plane, 0, eastM, northM, variance);
  }
  const output = { ...describe(state, plane), rejected };
  const next: SmoothState = rejected
    ? { ...state, rejected: state.rejected + 1 }
    : { ...state, timeMs: Math.max(state.timeMs, fix.timeMs), plane: Array.from(plane), rejected: 0 };
  return { state: moveOrigin(next, output), output };
}

/** Whether a vehicle can have driven there, by its speeds before and now: then it turned or braked, and the fix is none too far. */
function isWithinReach(
  { plane }: SmoothState,
  { speedMps }: SmoothInput,
  eastM: number,
  northM: number,
  elapsedS: number,
  sigmaM: number,
): boolean {
  if (speedMps === null || elapsedS < MANOEUVRE_S_MIN) return false;
  const before = Math.hypot(plane[PLANE.eastMps]!, plane[PLANE.northMps]!);
  const awayM = Math.hypot(eastM - plane[PLANE.eastM]!, northM - plane[PLANE.northM]!);
  return awayM < REACH_FACTOR * elapsedS * Math.max(before, speedMps) + REACH_SIGMAS * sigmaM;
}

function begin(fix: SmoothInput, sigmaM: number): { state: SmoothState; output: Smoothed } {
  const plane = new Float64Array(PLANE_STRIDE);
  startPlane(plane, 0, 0, 0, sigmaM * sigmaM, UNKNOWN_SPEED_VARIANCE);
  observeMotion(plane, fix, fix.speedMps !== null && fix.speedMps < STANDING_MPS);
  const state: SmoothState = {
    originLat: fix.lat,
    originLon: fix.lon,
    timeMs: fix.timeMs,
    plane: Array.from(plane),
    rejected: 0,
  };
  return { state, output: { ...describe(state, plane), rejected: false } };
}

/** A standing vehicle has no velocity, and does not wander with its receiver; a moving one has that of the device. */
function observeMotion(plane: Float64Array, fix: SmoothInput, standing: boolean): void {
  if (standing) observePlaneVelocity(plane, 0, 0, 0, STANDING_SIGMA_MPS ** 2);
  else if (fix.speedMps !== null && fix.headingDeg !== null) {
    const heading = (fix.headingDeg * Math.PI) / 180;
    const sigma = 0.7 + 0.05 * fix.speedMps;
    observePlaneVelocity(plane, 0, fix.speedMps * Math.sin(heading), fix.speedMps * Math.cos(heading), sigma * sigma);
  }
}

function toPlane({ originLat, originLon }: SmoothState, place: { lat: number; lon: number }) {
  return {
    eastM: wrapDegrees(place.lon - originLon) * 1e7 * eastScale(originLat),
    northM: (place.lat - originLat) * 1e7 * METRES_PER_E7,
  };
}

/** Metres per 1e-7 degree of longitude; at the poles, where a metre is any longitude, those of half a degree beside them. */
function eastScale(lat: number): number {
  return Math.max(EAST_SCALE_MIN, lonMetresPerE7(lat));
}

function wrapDegrees(lon: number): number {
  return lon >= -180 && lon <= 180 ? lon : lon - 360 * Math.round(lon / 360);
}

function describe(state: SmoothState, plane: Float64Array): Omit<Smoothed, "rejected"> {
  const [eastMps, northMps] = [plane[PLANE.eastMps]!, plane[PLANE.northMps]!];
  const speedMps = Math.hypot(eastMps, northMps);
  return {
    lat: Math.max(-90, Math.min(90, state.originLat + plane[PLANE.northM]! / (METRES_PER_E7 * 1e7))),
    lon: wrapDegrees(state.originLon + plane[PLANE.eastM]! / (eastScale(state.originLat) * 1e7)),
    speedMps,
    headingDeg: speedMps < STANDING_MPS ? null : ((Math.atan2(eastMps, northMps) * 180) / Math.PI + 360) % 360,
    sigmaM: Math.sqrt(plane[PLANE.varPosition]!),
  };
}

function moveOrigin(state: SmoothState, at: { lat: number; lon: number }): SmoothState {
  const [eastM, northM] = [state.plane[PLANE.eastM]!, state.plane[PLANE.northM]!];
  if (state.rejected > 0 || Math.hypot(eastM, northM) < ORIGIN_DISTANCE_M) return state;
  return { ...state, originLat: at.lat, originLon: at.lon, plane: [0, 0, ...state.plane.slice(2)] };
}
