import { believedSpeedMps, type PlacedFix } from "../placed-fix.ts";

/** A fix as far as trips care: WGS 84 degrees, SI units, Unix milliseconds. A tuple, because states keep many of them. */
export type Sample = readonly [
  fixId: number,
  timeMs: number,
  latDeg: number,
  lonDeg: number,
  speedMps: number,
  sigmaM: number,
  /** Null where the device does not say. */
  ignition: boolean | null,
  odometerM: number | null,
  /** Null for a late fix. */
  trackM: number | null,
];

/** The sample of a fix. */
export function sampleOf(fix: PlacedFix): Sample {
  const { smoothed, attributes } = fix;
  const at = smoothed ?? { latDeg: fix.latDeg, lonDeg: fix.lonDeg, speedMps: 0, sigmaM: 0 };
  const { ignition, odometer } = attributes;
  return [
    fix.fixId,
    fix.fixTimeMs,
    at.latDeg,
    at.lonDeg,
    believedSpeedMps(fix) ?? at.speedMps,
    at.sigmaM,
    typeof ignition === "boolean" ? ignition : null,
    typeof odometer === "number" ? odometer : null,
    fix.trackM,
  ];
}
