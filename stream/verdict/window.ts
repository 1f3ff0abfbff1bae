import { greatCircleM } from "../geofence/signed-distance.ts";
import type { StopPlace, Track, TrackFix } from "./evidence.ts";
import { VERDICT_LIMITS } from "./limits.ts";

type Place = { readonly latDeg: number; readonly lonDeg: number };

export const distanceM = (a: Place, b: Place): number => greatCircleM(a.latDeg, a.lonDeg, b.latDeg, b.lonDeg);

/** What the vehicle's fixes around the POD amount to. */
export type VehicleWindow = {
  readonly fromMs: number;
  readonly toMs: number;
  /** Fixes inside the window that are sure enough. */
  readonly fixes: readonly TrackFix[];
  readonly nearest: { readonly fix: TrackFix; readonly distanceM: number } | undefined;
  /** The longest time without a fix, the edges of the window included. */
  readonly gapS: number;
  /** Telemetry up to the end of the window has not come yet. */
  readonly pending: boolean;
  /** Between no two fixes the vehicle had the time to come within `farM` of the stop. */
  readonly couldNotReach: boolean;
};

export function windowOf(track: Track, stop: StopPlace, atMs: number, evaluatedAtMs: number): VehicleWindow {
  const { windowS, goodSigmaMaxM, pendingS } = VERDICT_LIMITS;
  const fromMs = atMs - windowS * 1000;
  const toMs = atMs + windowS * 1000;
  const good = track.fixes.filter((fix) => fix.sigmaM <= goodSigmaMaxM);
  const fixes = good.filter((fix) => fix.timeMs >= fromMs && fix.timeMs <= toMs);
  let nearest: VehicleWindow["nearest"];
  for (const fix of fixes) {
    const toStopM = distanceM(fix, stop);
    if (nearest === undefined || toStopM < nearest.distanceM) nearest = { fix, distanceM: toStopM };
  }
  const isBehind = track.throughMs === null || track.throughMs < toMs;
  return {
    ...{ fromMs, toMs, fixes, nearest },
    gapS: longestGapMs([fromMs, ...fixes.map(({ timeMs }) => timeMs), toMs]) / 1000,
    pending: isBehind && evaluatedAtMs - atMs < pendingS * 1000,
    couldNotReach: isStopOutOfReach(good, stop, fromMs, toMs),
  };
}

/** True where all of these times follow each other within `gapS`. */
export function isDense(fixes: readonly TrackFix[], fromMs: number, toMs: number, gapS: number): boolean {
  const times = fixes.filter((fix) => fix.timeMs >= fromMs && fix.timeMs <= toMs).map(({ timeMs }) => timeMs);
  return longestGapMs([fromMs, ...times, toMs]) <= gapS * 1000;
}

function longestGapMs(times: readonly number[]): number {
  let longest = 0;
  for (let index = 1; index < times.length; index++) longest = Math.max(longest, times[index]! - times[index - 1]!);
  return longest;
}

/**
 * A gap says nothing, so it must not accuse: the vehicle may have been at the stop while nobody heard of it. Out of reach
 * is a stop when each leg between two fixes, and the time before the first and after the last of them up to the window's
 * edges, is too short to go there and on.
 */
function isStopOutOfReach(fixes: readonly TrackFix[], stop: StopPlace, fromMs: number, toMs: number): boolean {
  const { farM, farSigmas, vehicleMaxMps } = VERDICT_LIMITS;
  const toGoM = (fix: TrackFix): number => Math.max(0, distanceM(fix, stop) - farM - farSigmas * fix.sigmaM);
  const reachM = (ms: number): number => (ms / 1000) * vehicleMaxMps;
  const first = fixes.findIndex((fix) => fix.timeMs >= fromMs);
  if (first < 0) return false;
  const inside = fixes.filter((fix) => fix.timeMs >= fromMs && fix.timeMs <= toMs);
  if (inside.length === 0) return false;
  const after = fixes.find((fix) => fix.timeMs > toMs);
  const way = [...fixes.slice(Math.max(0, first - 1), first), ...inside, ...(after === undefined ? [] : [after])];
  for (let index = 1; index < way.length; index++) {
    const [a, b] = [way[index - 1]!, way[index]!];
    if (toGoM(a) + toGoM(b) <= reachM(b.timeMs - a.timeMs)) return false;
  }
  const [head, tail] = [way[0]!, way.at(-1)!];
  const beforeMs = Math.max(0, head.timeMs - fromMs);
  const afterMs = Math.max(0, toMs - tail.timeMs);
  return toGoM(head) > reachM(beforeMs) && toGoM(tail) > reachM(afterMs);
}

/** The fix nearest in time to `timeMs`, if one is within `withinS`. */
export function fixAt(fixes: readonly TrackFix[], timeMs: number, withinS: number): TrackFix | undefined {
  let best: TrackFix | undefined;
  for (const fix of fixes) {
    const apartMs = Math.abs(fix.timeMs - timeMs);
    if (apartMs <= withinS * 1000 && (best === undefined || apartMs < Math.abs(best.timeMs - timeMs))) best = fix;
  }
  return best;
}
