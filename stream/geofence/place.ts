import type { Fix } from "../stage.ts";

/** A fix as far as geofences care. */
export type Place = {
  readonly fixId: number;
  readonly timeMs: number;
  /** The time whose fences judge it: its own, or of receipt where the device's clock runs ahead. */
  readonly fencesAtMs: number;
  readonly latDeg: number;
  readonly lonDeg: number;
  /** Standard deviation of each axis, metres. */
  readonly sigmaM: number;
};

/** Where the receiver says nothing of its accuracy. */
const SIGMA_M_DEFAULT = 12;
/** Receivers are too sure of themselves between buildings. */
const SIGMA_M_MIN = 6;
const SIGMA_M_MAX = 500;
/** Per-axis sigma of a reported accuracy (radius of 68 %). */
const SIGMA_PER_ACCURACY = 1 / 1.5;
/** Per-axis error of a measurement, metres, that the dilution of precision multiplies. */
const SIGMA_M_PER_HDOP = 6;
/** A fix that comes later than this after its time is no evidence of a visit: the fences of then may be forgotten. */
export const BACKLOG_MS_MAX = 60 * 86_400_000;

/** The place of a fix, rounded to a centimetre so that it can be kept small; undefined where it has none, no time of its own that can be believed, or is too old. */
export function placeOf(fix: Fix): Place | undefined {
  if (fix.kind !== "fix" || !fix.valid || fix.latDeg === null || fix.lonDeg === null) return undefined;
  if (!fix.dated && fix.clockFault !== null) return undefined;
  if (fix.receivedAtMs - fix.fixTimeMs > BACKLOG_MS_MAX) return undefined;
  return {
    fixId: fix.fixId,
    timeMs: fix.fixTimeMs,
    fencesAtMs: Math.min(fix.fixTimeMs, fix.receivedAtMs),
    latDeg: Math.round(fix.latDeg * 1e7) / 1e7,
    lonDeg: Math.round(fix.lonDeg * 1e7) / 1e7,
    sigmaM: Math.round(Math.min(SIGMA_M_MAX, Math.max(SIGMA_M_MIN, sigmaOf(fix))) * 10) / 10,
  };
}

function sigmaOf({ accuracyM, hdop }: Fix): number {
  if (accuracyM !== null && accuracyM > 0) return accuracyM * SIGMA_PER_ACCURACY;
  return hdop !== null && hdop > 0 ? hdop * SIGMA_M_PER_HDOP : SIGMA_M_DEFAULT;
}
