import { between, gaussian, type Random } from "../random.ts";
import { offsetDeg } from "../roads/geometry.ts";
import type { DeliveryDay } from "./delivery-day.ts";

/** What a tracker or a phone on a route reports; `wayId` is the truth, for scoring and for a matched history. */
export type DeliveryFix = {
  timeMs: number;
  latDeg: number;
  lonDeg: number;
  speedMps: number;
  headingDeg: number;
  accuracyM: number;
  wayId: number;
  forward: boolean;
};

/** A source of fixes aboard: how often it reports, how far off it is, how often it falls silent. */
export type FixSource = {
  everyMs: number;
  /** Standard deviation of the error on each axis, which lasts: it comes back to 0 over about half a minute. */
  noiseM: number;
  gapsAnHour: number;
  gapMs: readonly [number, number];
};

export const VEHICLE_TRACKER: FixSource = { everyMs: 10_000, noiseM: 5, gapsAnHour: 0.06, gapMs: [240_000, 1_500_000] };
export const DRIVER_PHONE: FixSource = { everyMs: 30_000, noiseM: 12, gapsAnHour: 0.3, gapMs: [120_000, 900_000] };

const ERROR_MEMORY_MS = 30_000;
const HOUR_MS = 3_600_000;

/** The fixes of a day from one source, in order of time. */
export function fixesOf({ timeline }: DeliveryDay, source: FixSource, random: Random): DeliveryFix[] {
  const { everyMs, noiseM, gapsAnHour, gapMs } = source;
  const kept = Math.exp(-everyMs / ERROR_MEMORY_MS);
  const fresh = noiseM * Math.sqrt(1 - kept * kept);
  let [northM, eastM] = [noiseM * gaussian(random), noiseM * gaussian(random)];
  let silentUntilMs = 0;
  const fixes: DeliveryFix[] = [];
  for (let timeMs = Math.ceil(timeline.startMs / 1000) * 1000; timeMs <= timeline.endMs; timeMs += everyMs) {
    northM = kept * northM + fresh * gaussian(random);
    eastM = kept * eastM + fresh * gaussian(random);
    if (random() < (gapsAnHour * everyMs) / HOUR_MS) silentUntilMs = timeMs + between(random, ...gapMs);
    if (timeMs < silentUntilMs) continue;
    const { latDeg, lonDeg, speedMps, headingDeg, wayId, forward } = timeline.stateAt(timeMs);
    const off = offsetDeg(latDeg, northM, eastM);
    fixes.push({
      ...{ timeMs, latDeg: latDeg + off.latDeg, lonDeg: lonDeg + off.lonDeg },
      ...{ speedMps, headingDeg, accuracyM: noiseM, wayId, forward },
    });
  }
  return fixes;
}
