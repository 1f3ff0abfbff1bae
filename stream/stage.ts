import type { Attributes, ProtocolName, Report } from "#decoders/decoder.ts";
import type { MatchedPlace, SmoothedPlace } from "#store/measured.ts";
import type { PathSegmentRow, TripRow } from "#store/track-rows.ts";
import type { FenceSet } from "./geofence/fence-set.ts";
import type { StreamRoads } from "./match/stream-roads.ts";

/**
 * A pure step of a per-device fold. The state is serialisable JSON; a stage never reads a clock: time comes with the data.
 * It never changes what it was given.
 */
export type Stage<State, In, Out> = (state: State, input: In) => { state: State; outputs: readonly Out[] };

/** Why a device's time was not believed; `device_time` keeps what it said. */
export type ClockFault = "unsynchronised" | "rollover" | "future";

/** A report normalised by its profile and placed in time: SI units, WGS 84 degrees, UTC milliseconds. */
export type Fix = Omit<Report, "timeMs" | "bytesStart" | "bytesEnd"> & {
  /** Frame seq × 1024 + index of the report in its frame: a replay gives the same id. */
  fixId: number;
  deviceId: number;
  /** GNSS time; the corrected time where `clockFault` is `rollover`; `receivedAtMs` where the device's can't be used. */
  fixTimeMs: number;
  /** True where `fixTimeMs` comes from the device, corrected or not. */
  dated: boolean;
  receivedAtMs: number;
  /** 53-bit hash of the report's bytes. */
  fingerprint: number;
  protocol: ProtocolName;
  /** Older than the newest fix accepted before: stored and flagged, never moves live state, never fires live events. */
  late: boolean;
  clockFault: ClockFault | null;
  /** What the device said, where that differs from `fixTimeMs`. */
  deviceTimeMs: number | null;
  /** Where the vehicle is when the error of one fix is evened out; null for reports without a position. */
  smoothed: SmoothedPlace | null;
  /** Where on the road network it is, by this fix and those before; null off the roads, and without a network. */
  matched: MatchedPlace | null;
  /**
   * Metres driven since the device was first heard of, along the matched path and straight where there is none; only
   * differences mean something. Null for late fixes and those without a position.
   */
  trackM: number | null;
  /** H3 cell of the position, see `stream/area`; null where there is none. */
  cell: string | null;
};

/** What the gateway noted about a session of the device. */
export type Note = {
  kind: "connected" | "disconnected" | "conflict";
  deviceId: number;
  seq: number;
  receivedAtMs: number;
  remoteAddress: string | null;
  detail: Attributes;
};

/** Dotted, past tense. Stages add their names here. */
export type EventType =
  | "device.connected"
  | "device.disconnected"
  | "device.identity_conflict"
  | "device.silent"
  | "frame.quarantined"
  | "geofence.entered"
  | "geofence.exited"
  | "geofence.dwelled"
  | "trip.started"
  | "trip.ended";

export type StreamEvent = {
  /** Deterministic: the same journal gives the same ids. */
  eventId: string;
  type: EventType;
  deviceId: number;
  /** When it happened, by the device's clock where it has a say. */
  occurredAtMs: number;
  /** When the gateway received what reveals it. */
  detectedAtMs: number;
  /** Rests on late data: history, never a live notification. */
  replayed: boolean;
  supersedes: string | null;
  /** Journal position that it came from. */
  frameSeq: number;
  data: Attributes;
};

/** What flows from stage to stage, in order. A stage hands on whatever it does not replace. */
export type StageItem =
  | { kind: "fix"; fix: Fix }
  | { kind: "note"; note: Note }
  | { kind: "event"; event: StreamEvent }
  | { kind: "path"; segment: PathSegmentRow }
  | { kind: "trip"; trip: TripRow };

/**
 * A stage of the device fold: one line in the list of `stages.ts`. Its state is kept under `name`; a change of `version`
 * starts it afresh from `initial`. It runs item by item, or over all items of a frame at once.
 */
export type DeviceStage<State = unknown> = {
  readonly name: string;
  readonly version: number;
  readonly initial: State;
} & (ItemSteps<State> | FrameStep<State>);

export type ItemSteps<State> = {
  readonly run: (state: State, input: StageItem, context: StageContext) => StageStep<State>;
  /** After the last fix of a frame: what is better done once a frame than once a fix. */
  readonly settle?: (state: State, context: StageContext) => StageStep<State>;
};

export type FrameStep<State> = {
  readonly runFrame: (state: State, items: readonly StageItem[], context: StageContext) => StageStep<State>;
};

export type StageStep<State> = { state: State; outputs: readonly StageItem[] };

/** What stages may know besides their input; the same journal and registry give the same. */
export type StageContext = {
  /** The geofences of the device's fleet, with their history; undefined where it has none. */
  readonly fences?: FenceSet | undefined;
  /** The road network and what matches on it; undefined where none is set. */
  readonly roads?: StreamRoads | undefined;
};
