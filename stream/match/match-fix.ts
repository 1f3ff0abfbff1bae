/** One position report, WGS 84; speed, heading and accuracy (68 % radius) are NaN where the device gives none. */
export interface MatchFix {
  timeMs: number;
  lat: number;
  lon: number;
  speedMps: number;
  headingDeg: number;
  accuracyM: number;
}

/** A fix as the matcher works with it: also its place in 1e-7 degrees and what lies between it and the fix before. */
export interface FixStep {
  readonly fix: MatchFix;
  readonly latE7: number;
  readonly lonE7: number;
  /** Seconds and metres since the last fix that was used; NaN for the first. */
  readonly dtS: number;
  readonly eastM: number;
  readonly northM: number;
  /** Metres per 1e-7 degree of longitude at the fix. */
  readonly lonScale: number;
}

/** The answer for the fix just taken. `directed` is `OFF_ROAD` when the vehicle is on no road, or none was found. */
export interface MatchAnswer {
  directed: number;
  offsetM: number;
  latE7: number;
  lonE7: number;
  confidence: number;
  offRoad: boolean;
}
