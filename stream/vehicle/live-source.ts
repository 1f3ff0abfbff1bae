import type { Tracked } from "#store/measured.ts";
import { DRIVEN_MPS_MAX } from "../placed-fix.ts";
import { haversineM } from "../roads/geometry.ts";

/**
 * Which of a vehicle's devices speaks for it. A pure fold over the valid fixes of all of them, in the order of the journal;
 * it reads no clock: `nowMs` is the newest time of receipt.
 *
 *     (none) ──first fix──▶ live ──stale: at once──────────────────────────▶ the other is live
 *                             └──fresher, accurate or preferred, all the time for BETTER_FOR_MS──▶ the other is live
 *
 * A switch never goes back in time, never comes within HOLD_MS of the last, and never to a place that the vehicle can't
 * have reached. Fixes of devices that are not live are kept like any other; only what is shown is decided here.
 */

/** A live source that has not been heard of for this long is stale, unless it always takes longer. */
export const STALE_MS = 60_000;
/** A source is given twice its own interval before it is stale, but no more than this. */
export const STALE_MS_MAX = 1_800_000;
/** For how long another source must be better without a break; a break is a gap of `STALE_MS`. */
export const BETTER_FOR_MS = 30_000;
/** No switch sooner than this after the last. */
export const HOLD_MS = 30_000;
/** Error radius (68 %) up to which a preferred source is good, and beyond which a more accurate one is sought. */
export const GOOD_M = 20;
export const POOR_M = 30;
/** A more accurate source has at most this share of the error. */
export const ACCURATE_SHARE = 0.5;
/** Sources of one vehicle are this close together, besides their errors and what it drives in between. */
export const APART_M_MAX = 100;
/** After so long without the live source a jump, faster than anything drives, is believed. */
export const ABANDONED_MS = 600_000;
/** Assumed where the device says neither accuracy nor HDOP; metres. */
const ACCURACY_M_ASSUMED = 25;
/** Error of one pseudorange: HDOP times this is about the error radius; metres. */
const RANGE_ERROR_M = 5;
/** Assumed where the live source does not say how fast it is. */
const SPEED_MPS_ASSUMED = 15;
/** Even a parked vehicle's position wanders. */
const SPEED_MPS_MIN = 2;

/** A valid fix of one of the sources: SI units, WGS 84 degrees, Unix milliseconds. */
export type SourceFix = Tracked & {
  deviceId: number;
  fixId: number;
  fixTimeMs: number;
  receivedAtMs: number;
  protocol: string;
  latDeg: number;
  lonDeg: number;
  altitudeM: number | null;
  speedMps: number | null;
  headingDeg: number | null;
  satellites: number | null;
  hdop: number | null;
  accuracyM: number | null;
  event: string | null;
};

/**
 * Why a source is live. `first`: none was. `stale`: the one before was not heard of any more. `fresher`: it was well ahead
 * of the one before for a time. `accurate`: its error was much smaller for a time. `preferred`: it has the better priority
 * and was good for a time.
 */
export const LIVE_REASONS = ["first", "stale", "fresher", "accurate", "preferred"] as const;
export type LiveReason = (typeof LIVE_REASONS)[number];

type Source = {
  fix: SourceFix;
  /** The larger of its last two intervals; 0 before there is one. */
  gapMs: number;
  lastGapMs: number;
  /** Since when it has been better than the live source; null while it is not. */
  betterSinceMs: number | null;
};

/** Serialisable; never changed in place. */
export type LiveSourceState = {
  nowMs: number;
  sources: { readonly [deviceId: string]: Source };
  live: { deviceId: number; sinceMs: number; reason: LiveReason } | null;
  /** The position of the vehicle: a fix of the live source, or of the one before until the live one is ahead of it. */
  shown: SourceFix | null;
};

export const liveSourceInitial: LiveSourceState = { nowMs: 0, sources: {}, live: null, shown: null };

/** The state after a fix; `priorityOf` gives the priority of a device's binding, the lower is preferred. */
export function afterSourceFix(
  before: LiveSourceState,
  fix: SourceFix,
  priorityOf: (deviceId: number) => number,
): LiveSourceState {
  const nowMs = Math.max(before.nowMs, fix.receivedAtMs);
  const known = before.sources[fix.deviceId];
  if (known !== undefined && isOlder(fix, known.fix)) return before;
  const source = heard(known, fix);
  const sources: LiveSourceState["sources"] = { ...before.sources, [fix.deviceId]: source };
  const { live, shown } = before;
  if (live === null || shown === null) {
    return { nowMs, sources, live: { deviceId: fix.deviceId, sinceMs: nowMs, reason: "first" }, shown: fix };
  }
  if (fix.deviceId === live.deviceId) {
    return {
      ...{ nowMs, live },
      sources: withoutWorse(sources, fix, priorityOf),
      shown: timeMs(fix) >= timeMs(shown) ? fix : shown,
    };
  }
  const liveSource = sources[live.deviceId] as Source;
  const grounds = groundsOf(source, liveSource.fix, priorityOf);
  const isBroken = known === undefined || timeMs(fix) - timeMs(known.fix) > STALE_MS;
  const betterSinceMs = grounds === null ? null : isBroken ? nowMs : (source.betterSinceMs ?? nowMs);
  const judged = { ...sources, [fix.deviceId]: { ...source, betterSinceMs } };
  const reason = isStale(liveSource, fix, nowMs)
    ? "stale"
    : betterSinceMs !== null && nowMs - betterSinceMs >= BETTER_FOR_MS
      ? grounds
      : null;
  const isHeld = nowMs - live.sinceMs < HOLD_MS || timeMs(fix) < timeMs(shown);
  if (reason === null || isHeld || isJump(shown, fix, nowMs)) return { nowMs, sources: judged, live, shown };
  return {
    nowMs,
    sources: unjudged(judged),
    live: { deviceId: fix.deviceId, sinceMs: nowMs, reason },
    shown: fix,
  };
}

/** A clock that runs ahead doesn't make a source fresher. */
function timeMs(fix: SourceFix): number {
  return Math.min(fix.fixTimeMs, fix.receivedAtMs);
}

/** By its own clock, as for the device's own position, or by ours. */
function isOlder(fix: SourceFix, known: SourceFix): boolean {
  return fix.fixTimeMs < known.fixTimeMs || timeMs(fix) < timeMs(known);
}

function heard(known: Source | undefined, fix: SourceFix): Source {
  if (known === undefined) return { fix, gapMs: 0, lastGapMs: 0, betterSinceMs: null };
  const lastGapMs = timeMs(fix) - timeMs(known.fix);
  return { fix, gapMs: Math.max(lastGapMs, known.lastGapMs), lastGapMs, betterSinceMs: known.betterSinceMs };
}

function isStale(live: Source, other: SourceFix, nowMs: number): boolean {
  const patienceMs = Math.min(Math.max(STALE_MS, 2 * live.gapMs), STALE_MS_MAX);
  return Math.min(nowMs, timeMs(other)) - timeMs(live.fix) > patienceMs;
}

/** What makes `source` better than the live one at this moment; null where nothing does. */
function groundsOf(
  { fix }: Source,
  live: SourceFix,
  priorityOf: (deviceId: number) => number,
): Exclude<LiveReason, "first" | "stale"> | null {
  if (fix.receivedAtMs - timeMs(fix) > STALE_MS || !agree(fix, live)) return null;
  const errorM = errorOf(fix);
  const liveErrorM = errorOf(live);
  if (timeMs(fix) - timeMs(live) > STALE_MS) return "fresher";
  if (timeMs(live) - timeMs(fix) > STALE_MS) return null;
  if (liveErrorM > POOR_M && errorM <= liveErrorM * ACCURATE_SHARE) return "accurate";
  if (priorityOf(fix.deviceId) < priorityOf(live.deviceId) && errorM <= GOOD_M) return "preferred";
  return null;
}

/** True where both can be in one vehicle. A parked vehicle's driver who walks away with the phone soon does not agree. */
function agree(fix: SourceFix, live: SourceFix): boolean {
  const apartMs = Math.abs(timeMs(fix) - timeMs(live));
  const drivenM = (Math.max(live.speedMps ?? SPEED_MPS_ASSUMED, SPEED_MPS_MIN) * apartMs) / 1000;
  return between(fix, live) <= APART_M_MAX + 2 * (errorOf(fix) + errorOf(live)) + drivenM;
}

function isJump(shown: SourceFix, fix: SourceFix, nowMs: number): boolean {
  if (nowMs - timeMs(shown) > ABANDONED_MS) return false;
  const reachableM = (DRIVEN_MPS_MAX * (timeMs(fix) - timeMs(shown))) / 1000;
  return between(shown, fix) > APART_M_MAX + 2 * (errorOf(shown) + errorOf(fix)) + reachableM;
}

/** Radius of the 68 % error circle, metres. */
function errorOf({ accuracyM, hdop }: SourceFix): number {
  return accuracyM ?? (hdop === null ? ACCURACY_M_ASSUMED : hdop * RANGE_ERROR_M);
}

function between(a: SourceFix, b: SourceFix): number {
  return haversineM(a.latDeg, a.lonDeg, b.latDeg, b.lonDeg);
}

/** The live source was heard: whoever is not better than this has not been better all the time. */
function withoutWorse(
  sources: LiveSourceState["sources"],
  live: SourceFix,
  priorityOf: (deviceId: number) => number,
): LiveSourceState["sources"] {
  return mapped(sources, (source) =>
    source.betterSinceMs !== null && groundsOf(source, live, priorityOf) === null
      ? { ...source, betterSinceMs: null }
      : source,
  );
}

function unjudged(sources: LiveSourceState["sources"]): LiveSourceState["sources"] {
  return mapped(sources, (source) => ({ ...source, betterSinceMs: null }));
}

function mapped(sources: LiveSourceState["sources"], change: (source: Source) => Source): LiveSourceState["sources"] {
  return Object.fromEntries(Object.entries(sources).map(([deviceId, source]) => [deviceId, change(source)]));
}
