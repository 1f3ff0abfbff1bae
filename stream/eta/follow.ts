import { haversineM } from "../roads/geometry.ts";
import type { EtaFix, EtaState, EtaStop, Followed, TrafficSample } from "./eta.ts";
import { DETOUR, type Leg } from "./leg.ts";
import type { OnLine } from "./progress.ts";

/** A vehicle this far from its way, beyond the fix's own accuracy, has left it … */
const BESIDE_M_MAX = 40;
const ACCURACY_M_MAX = 60;
/** … once so many fixes in a row say so. */
const BESIDE_FIXES = 3;
/** Around the place left and the stop, yards and car parks are no deviation. */
const YARD_M = 90;
/** How far a vehicle may have gone since its last fix, and back by noise. */
const SPEED_MPS_MAX = 45;
const AHEAD_M_MIN = 150;
const BACK_M = 40;
/** Less than this between two fixes is standing. */
const STILL_M = 12;
/** A stand longer than this is no traffic. */
const TRAFFIC_STILL_MS_MAX = 120_000;
/** A stand away from stops, or a service beyond its expectation, that lasts so much longer is a rest. */
export const REST_S_MIN = 900;
/** Nothing is said of speeds across longer gaps. */
const SAMPLE_GAP_MS_MAX = 120_000;

/** What the following knows of the leg: its line and its learned seconds. */
export type LegView = {
  nearest: (fromM: number, toM: number) => OnLine;
  expectedS: (fromM: number, toM: number) => number;
};

/**
 * Moves a vehicle on along its leg.
 *
 *     along ──beside the way──▶ beside (1, 2) ──3rd in a row──▶ rerouted: a new origin
 *       ▲                          │
 *       └────────on the way────────┘
 */
export function follow(state: EtaState, leg: Leg, next: EtaStop, fix: EtaFix, view: LegView): Followed {
  const toStopM = haversineM(fix.latDeg, fix.lonDeg, next.latDeg, next.lonDeg);
  if (!leg.onRoads) return moved(state, leg, fix, leg.lengthM - toStopM * DETOUR, view);
  const elapsedS = (fix.timeMs - state.timeMs) / 1000;
  const aheadM = Math.max(AHEAD_M_MIN, elapsedS * SPEED_MPS_MAX);
  const on = view.nearest(Math.max(0, state.alongM - BACK_M), state.alongM + aheadM);
  const tolerated = BESIDE_M_MAX + Math.min(ACCURACY_M_MAX, fix.accuracyM ?? 0);
  if (on.besideM <= tolerated) return moved(state, leg, fix, on.alongM, view);
  if (toStopM < YARD_M) return moved(state, leg, fix, Math.max(state.alongM, leg.lengthM - toStopM), view);
  if (haversineM(fix.latDeg, fix.lonDeg, state.origin.latDeg, state.origin.lonDeg) < YARD_M)
    return moved(state, leg, fix, state.alongM, view);
  const offPathFixes = state.offPathFixes + 1;
  if (offPathFixes < BESIDE_FIXES)
    return { state: { ...state, offPathFixes, timeMs: fix.timeMs }, move: "beside", sample: null };
  const { latDeg, lonDeg, headingDeg, timeMs } = fix;
  const origin = { latDeg, lonDeg, headingDeg };
  const rerouted = { ...state, origin, timeMs, alongM: 0, offPathFixes: 0, stillSinceMs: null };
  return { state: rerouted, move: "rerouted", sample: null };
}

function moved(state: EtaState, leg: Leg, fix: EtaFix, foundM: number, view: LegView): Followed {
  const alongM = leg.onRoads ? Math.max(state.alongM, foundM) : Math.max(0, foundM);
  const isStill = alongM - state.alongM < STILL_M;
  const stillSinceMs = isStill ? (state.stillSinceMs ?? state.timeMs) : null;
  const stoodMs = isStill || state.stillSinceMs === null ? 0 : state.timeMs - state.stillSinceMs;
  const rested = stoodMs > REST_S_MIN * 1000 ? { fromMs: state.stillSinceMs!, toMs: state.timeMs } : null;
  const sample = state.offPathFixes === 0 ? sampleOf(state, fix, alongM, stillSinceMs, view) : null;
  const { timeMs } = fix;
  const rest = state.rest ?? rested;
  return { state: { ...state, alongM, timeMs, stillSinceMs, rest, offPathFixes: 0 }, move: "along", sample };
}

function sampleOf(
  state: EtaState,
  fix: EtaFix,
  alongM: number,
  stillSinceMs: number | null,
  view: LegView,
): TrafficSample | null {
  const elapsedMs = fix.timeMs - state.timeMs;
  if (elapsedMs > SAMPLE_GAP_MS_MAX || alongM < state.alongM) return null;
  if (stillSinceMs !== null && fix.timeMs - stillSinceMs > TRAFFIC_STILL_MS_MAX) return null;
  const expectedS = view.expectedS(state.alongM, alongM);
  return { latDeg: fix.latDeg, lonDeg: fix.lonDeg, timeMs: fix.timeMs, drivenS: elapsedMs / 1000, expectedS };
}
