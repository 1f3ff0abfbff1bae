import type { Report } from "#decoders/decoder.ts";

/** What a report says of place, motion and inputs, as rows of fixes and of last known positions repeat it. */
export type Measured = Pick<
  Report,
  | "latDeg"
  | "lonDeg"
  | "altitudeM"
  | "speedMps"
  | "headingDeg"
  | "satellites"
  | "hdop"
  | "accuracyM"
  | "event"
  | "attributes"
>;

/** A position with the error of single fixes evened out: WGS 84 degrees, SI units. `headingDeg` is null for one that stands. */
export type SmoothedPlace = {
  latDeg: number;
  lonDeg: number;
  speedMps: number;
  headingDeg: number | null;
  /** Standard deviation of each axis, metres. */
  sigmaM: number;
};

/** A position on the road network. */
export type MatchedPlace = {
  latDeg: number;
  lonDeg: number;
  /** Of OpenStreetMap; `forward` is along the order of its nodes. */
  wayId: number;
  forward: boolean;
  /** Probability that way and direction are right. */
  confidence: number;
};

/** What the stream adds to a report: null where there is none. */
export type Tracked = { smoothed: SmoothedPlace | null; matched: MatchedPlace | null };
