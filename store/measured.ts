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
