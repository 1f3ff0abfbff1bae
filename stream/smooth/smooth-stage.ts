import type { SmoothedPlace } from "#store/measured.ts";
import { believedSpeedMps, isPlaced, type PlacedFix } from "../placed-fix.ts";
import type { DeviceStage } from "../stage.ts";
import { type Smoothed, type SmoothInput, type SmoothState, smoothFix } from "./smooth.ts";

/**
 * `live` follows the newest fixes. Late ones go through a filter of their own: a backlog, sent after what is newer, is
 * smoothed like a drive of its own and leaves the live filter alone.
 */
export type SmoothStageState = { readonly live: SmoothState | null; readonly late: SmoothState | null };

/** Gives every fix with a position its smoothed one. */
export const smoothStage: DeviceStage<SmoothStageState> = {
  name: "smooth",
  version: 1,
  initial: { live: null, late: null },
  runFrame: (before, items) => {
    let { live, late } = before;
    const outputs = items.map((item) => {
      if (item.kind !== "fix" || !isPlaced(item.fix)) return item;
      const input = inputOf(item.fix);
      const isLate = item.fix.late;
      const step = smoothFix(isLate ? continuing(late, input) : live, input);
      if (isLate) late = step.state;
      else live = step.state;
      return { kind: "fix" as const, fix: { ...item.fix, smoothed: placeOf(step.output) } };
    });
    return { state: live === before.live && late === before.late ? before : { live, late }, outputs };
  },
};

/** Late fixes come in the order of time within a backlog; one that steps back begins another. */
function continuing(late: SmoothState | null, { timeMs }: SmoothInput): SmoothState | null {
  return late !== null && timeMs >= late.timeMs ? late : null;
}

function inputOf(fix: PlacedFix): SmoothInput {
  const { fixTimeMs: timeMs, latDeg: lat, lonDeg: lon, headingDeg, accuracyM, hdop, satellites } = fix;
  return { timeMs, lat, lon, speedMps: believedSpeedMps(fix), headingDeg, accuracyM, hdop, satellites };
}

/** Rounded to what means something: a centimetre, 1 cm/s, a tenth of a degree. */
function placeOf({ lat, lon, speedMps, headingDeg, sigmaM }: Smoothed): SmoothedPlace {
  return {
    latDeg: Math.round(lat * 1e7) / 1e7,
    lonDeg: Math.round(lon * 1e7) / 1e7,
    speedMps: Math.round(speedMps * 100) / 100,
    headingDeg: headingDeg === null ? null : (Math.round(headingDeg * 10) / 10) % 360,
    sigmaM: Math.round(sigmaM * 100) / 100,
  };
}
