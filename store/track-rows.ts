/** What the stream makes of a drive besides fixes and events. SI units, WGS 84 degrees, Unix milliseconds. */

/** A stretch of one way in one direction that was driven. */
export type PathSegmentRow = {
  deviceId: number;
  /** Journal position of the frame by which it was decided, and its place among those of the frame. */
  frameSeq: number;
  number: number;
  /** Of OpenStreetMap; `forward` is along the order of its nodes. */
  wayId: number;
  forward: boolean;
  /** Interpolated between fixes. */
  enteredMs: number;
  leftMs: number;
  lengthM: number;
  /** Encoded polyline, six decimals, in the direction of driving. */
  line: string;
  /** Of a segment that late fixes brought: the time in which it and its frame's others take the place of all before. */
  revisedFromMs: number | null;
  revisedToMs: number | null;
};

/** Why a trip began or ended. */
export type TripReason = "ignition" | "motion" | "gap";

/** A time of standing inside a trip. */
export type TripStop = { fromMs: number; toMs: number; latDeg: number; lonDeg: number };

/** A version of a trip. `endedMs` and what only the end tells are null while it goes on. */
export type TripRow = {
  tripId: string;
  /** Higher versions replace lower ones: late data has revised the trip. */
  version: number;
  deviceId: number;
  frameSeq: number;
  startedMs: number;
  endedMs: number | null;
  startLatDeg: number;
  startLonDeg: number;
  endLatDeg: number | null;
  endLonDeg: number | null;
  startReason: TripReason;
  endReason: TripReason | null;
  /** Along the matched path, straight where there is none. */
  distanceM: number | null;
  /** By the vehicle's own odometer; null where the device has none. */
  odometerM: number | null;
  /** Standing between start and end, of which stops are the longer times. */
  idleS: number | null;
  stops: readonly TripStop[] | null;
  maxSpeedMps: number | null;
  fixes: number | null;
  replayed: boolean;
  /** Late data shows that there was no such trip. */
  withdrawn: boolean;
};
