import { haversineM } from "../roads/geometry.ts";
import type { EtaFix, EtaState, EtaStop, Followed, TrafficSample } from "./eta.ts";
import { DETOUR, type Leg } from "./leg.ts";
import type { OnLine } from "./progress.ts";
import { PAUSE_S_MIN } from "./rests.ts";

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
/** A vehicle that stays within this stands. */
const HALT_M = 40;
/** Across a gap it has stood for as long as it did not need, at this speed, to get where it is. */
const LEAVING_MPS = 5;
/** A stand longer than this is no traffic. */
const TRAFFIC_STILL_MS_MAX = 120_000;
const PAUSES_KEPT_MAX = 40;
/** Nothing is said of speeds across longer gaps. */
const SAMPLE_GAP_MS_MAX = 120_000;

/** What the following knows of the leg: its line and its learned seconds; and from when on a halt is a rest. */
export type LegView = {
  restMinS: number;
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
export function follow(before: EtaState, leg: Leg, next: EtaStop, fix: EtaFix, view: LegView): Followed {
  const state = { ...before, ...haltAfter(before, fix, view.restMinS) };
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
  return { state: { ...state, origin, timeMs, alongM: 0, offPathFixes: 0 }, move: "rerouted", sample: null };
}

function moved(state: EtaState, leg: Leg, fix: EtaFix, foundM: number, view: LegView): Followed {
  const alongM = leg.onRoads ? Math.max(state.alongM, foundM) : Math.max(0, foundM);
  const sample = state.offPathFixes === 0 ? sampleOf(state, fix, alongM, view) : null;
  return { state: { ...state, alongM, timeMs: fix.timeMs, offPathFixes: 0 }, move: "along", sample };
}

type Halts = Pick<EtaState, "stillSinceMs" | "stillAt" | "rest" | "pauses">;

/** Noise moves a standing vehicle, too: it stands until it is further away than that. What is over was a rest, a pause, or nothing. */
function haltAfter(state: EtaState, { latDeg, lonDeg, timeMs }: EtaFix, restMinS: number): Halts {
  const { stillSinceMs, stillAt, rest, pauses = [] } = state;
  const here = { stillSinceMs: timeMs, stillAt: { latDeg, lonDeg } };
  if (stillSinceMs === null || stillAt === undefined) return { ...here, rest, pauses };
  const goneM = haversineM(latDeg, lonDeg, stillAt.latDeg, stillAt.lonDeg);
  if (goneM < HALT_M) return { stillSinceMs, stillAt, rest, pauses };
  const leftMs = Math.max(state.timeMs, timeMs - (goneM / LEAVING_MPS) * 1000);
  const stoodMs = leftMs - stillSinceMs;
  if (stoodMs <= PAUSE_S_MIN * 1000) return { ...here, rest, pauses };
  const halt = { fromMs: stillSinceMs, toMs: Math.round(leftMs) };
  if (rest === null && stoodMs > restMinS * 1000) return { ...here, rest: halt, pauses };
  return { ...here, rest, pauses: [...pauses, halt].slice(-PAUSES_KEPT_MAX) };
}

function sampleOf(state: EtaState, fix: EtaFix, alongM: number, view: LegView): TrafficSample | null {
  const elapsedMs = fix.timeMs - state.timeMs;
  if (elapsedMs > SAMPLE_GAP_MS_MAX || alongM < state.alongM) return null;
  if (state.stillSinceMs !== null && fix.timeMs - state.stillSinceMs > TRAFFIC_STILL_MS_MAX) return null;
  const expectedS = view.expectedS(state.alongM, alongM);
  return { latDeg: fix.latDeg, lonDeg: fix.lonDeg, timeMs: fix.timeMs, drivenS: elapsedMs / 1000, expectedS };
}
