/** How far a position can be trusted to say where the device is now. */
export type FreshnessState = "live" | "delayed" | "stale" | "offline";

/** Ages in seconds from which a position is called delayed, stale and offline (`FRESH_*` of the configuration). */
export type FreshnessThresholds = { delayedS: number; staleS: number; offlineS: number };

export type Freshness = { fixAgeS: number; receiveAgeS: number; state: FreshnessState };

/**
 * Freshness of a position at `nowMs` (all times Unix milliseconds). The older of both ages decides: a position received
 * just now may describe an hour ago, and a fix that looks new may have come long ago from a clock that runs ahead.
 */
export function freshnessOf(
  fixTimeMs: number,
  receivedAtMs: number,
  nowMs: number,
  thresholds: FreshnessThresholds,
): Freshness {
  const fixAgeS = Math.max(0, (nowMs - fixTimeMs) / 1000);
  const receiveAgeS = Math.max(0, (nowMs - receivedAtMs) / 1000);
  return { fixAgeS, receiveAgeS, state: stateOf(Math.max(fixAgeS, receiveAgeS), thresholds) };
}

function stateOf(ageS: number, { delayedS, staleS, offlineS }: FreshnessThresholds): FreshnessState {
  if (ageS >= offlineS) return "offline";
  if (ageS >= staleS) return "stale";
  return ageS >= delayedS ? "delayed" : "live";
}
