import type { EtaStop } from "./eta.ts";
import { type Moments, maxWith } from "./normal.ts";

/** A time that is not certain: Unix milliseconds, and variances (s²) and a deviation (s) that add up in their own ways. */
export type UncertainTime = {
  meanMs: number;
  /** Of causes that are new on every leg and at every stop: variances add. */
  ownVarianceS2: number;
  /** Of causes that last all day, such as traffic or the driver's pace: deviations add. */
  lastingS: number;
};

/** Deviation of one minute of driving, and how it grows: that of a longer drive is smaller against its length. */
const DRIVE_SHARE = 0.35;
const DRIVE_UNIT_S = 60;
/** Lasting part of a drive's and a service's deviation, as shares of their time. */
const LASTING_DRIVE_SHARE = 0.08;
const LASTING_STRAIGHT_SHARE = 0.35;
const LASTING_SERVICE_SHARE = 0.08;
const SPREAD_S_MIN = 15;

export function spreadS({ ownVarianceS2, lastingS }: UncertainTime): number {
  return Math.max(SPREAD_S_MIN, Math.sqrt(ownVarianceS2 + lastingS * lastingS));
}

export function afterDrive(from: UncertainTime, driveS: number, onRoads: boolean): UncertainTime {
  return {
    meanMs: from.meanMs + driveS * 1000,
    ownVarianceS2: from.ownVarianceS2 + DRIVE_SHARE * DRIVE_SHARE * DRIVE_UNIT_S * driveS,
    lastingS: from.lastingS + driveS * (onRoads ? LASTING_DRIVE_SHARE : LASTING_STRAIGHT_SHARE),
  };
}

/** Waits for the window to open, then serves. */
export function afterService(arrival: UncertainTime, stop: EtaStop, service: Moments): UncertainTime {
  const begun = stop.windowStartMs === null ? arrival : afterWaiting(arrival, stop.windowStartMs);
  return {
    meanMs: begun.meanMs + service.mean * 1000,
    ownVarianceS2: begun.ownVarianceS2 + service.variance,
    lastingS: begun.lastingS + service.mean * LASTING_SERVICE_SHARE,
  };
}

/** Not before `openMs`: waiting swallows uncertainty. */
export function afterWaiting(arrival: UncertainTime, openMs: number): UncertainTime {
  const deviationS = spreadS(arrival);
  const about = { mean: (arrival.meanMs - openMs) / 1000, variance: deviationS * deviationS };
  const begun = maxWith(about, 0);
  const share = Math.sqrt(begun.variance) / deviationS;
  return {
    meanMs: openMs + begun.mean * 1000,
    ownVarianceS2: arrival.ownVarianceS2 * share * share,
    lastingS: arrival.lastingS * share,
  };
}
