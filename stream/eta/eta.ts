import type { EtaModel } from "./eta-model.ts";

/**
 * What the estimated time of arrival is asked and what it answers. WGS 84 degrees, metres, seconds, Unix milliseconds.
 * Everything here is plain data; `EtaEngine` does the work.
 */

export type StopKind = "delivery" | "pickup" | "service" | "collection" | "depot";

export type EtaPlace = { latDeg: number; lonDeg: number };

/** A remaining stop, in driving order. `serviceS`: planned time at the stop; null: learned. */
export type EtaStop = EtaPlace & {
  stopId: string;
  kind: StopKind;
  windowStartMs: number | null;
  windowEndMs: number | null;
  promisedByMs: number | null;
  serviceS: number | null;
  /** Who serves it, in any spelling that stays; absent: not known. */
  driver?: string | null;
};

/** A position of the vehicle: matched where it is, else smoothed, else raw. */
export type EtaFix = EtaPlace & {
  timeMs: number;
  headingDeg: number | null;
  /** 68 % radius; null: unknown. */
  accuracyM: number | null;
};

/**
 * How far a vehicle has come, as plain JSON: kept with the route. The way itself is not in it; it follows from `origin` and
 * the stops and is found again after a restart.
 */
export type EtaState = {
  /** Where the way to the first remaining stop begins: a place left, or the fix from which it was last routed. */
  origin: EtaPlace & { headingDeg: number | null };
  alongM: number;
  /** Newest position used, or the departure that `origin` stands for. */
  timeMs: number;
  /** Fixes in a row that were beside the way. */
  offPathFixes: number;
  /** Since when the vehicle has been where it is, within some metres, and where that is; null at a place just left. */
  stillSinceMs: number | null;
  stillAt?: EtaPlace;
  /** When the route was begun. */
  startedMs: number;
  /** The first long halt since then. */
  rest: { fromMs: number; toMs: number; atStop?: boolean } | null;
  /** Shorter halts away from stops, the newest of them; absent in states of older versions. */
  pauses?: readonly { fromMs: number; toMs: number }[];
  /**
   * This driver today: by how much the logarithms of services lay above those expected, over how many visits, and drives,
   * real against expected seconds. The first two are absent in states of older versions.
   */
  pace: { serviceLog?: number; visits?: number; driveS: number; expectedDriveS: number };
};

/** Seconds driven on a stretch against those expected by learned speeds: what other vehicles there will meet. */
export type TrafficSample = EtaPlace & { timeMs: number; drivenS: number; expectedS: number };

export type EtaBasis = "live" | "degraded" | "planned";
/** What made an ETA change. */
export type EtaReason = "position" | "plan" | "service time" | "traffic" | "data gap";
/** Why there is no ETA. `data gap`: silent for so long that the stop may be over; `no start`: not under way, start unknown. */
export type EtaAbsence = "data gap" | "no start";

export type Eta = {
  kind: "eta";
  stopId: string;
  computedMs: number;
  p10Ms: number;
  p50Ms: number;
  p90Ms: number;
  basis: EtaBasis;
  /** What the quantiles rest on, see `Outlook`; kept with the ETA so that its error teaches. */
  expectedMs: number;
  spreadS: number;
  restShare: number;
  restS: number;
  /** Which errors of the past the quantiles come from, see `errorBucket`. */
  bucket: string;
  /** Traffic now against the learned speeds on the way to the stop; 1 is as learned. */
  traffic: number;
  modelVersion: number;
};

export type NoEta = { kind: "none"; stopId: string; computedMs: number; absence: EtaAbsence };

export type EtaRequest = {
  nowMs: number;
  /** Time of the newest fix of the vehicle; null: none on this route yet. */
  heardMs: number | null;
  /** Stops not yet reached; the one being driven to comes first. The one stood at is not among them. */
  stops: readonly EtaStop[];
  /** Null: not under way. */
  state: EtaState | null;
  /** The stop stood at now. */
  serving: { stop: EtaStop; arrivedMs: number } | null;
  /** For a route not under way: where and when it is to begin. Null place: at its first stop. */
  start: { place: EtaPlace | null; atMs: number } | null;
};

export type Followed = {
  state: EtaState;
  /** `rerouted`: the vehicle had left its way and a new one was found. `beside`: off the way, not yet believed. */
  move: "along" | "beside" | "rerouted" | "ignored";
  /** For the fleet's `Traffic`; null where nothing can be said. */
  sample: TrafficSample | null;
};

/** The contract of `EtaEngine`, one per fleet: roads and learned model are given, traffic is added to. */
export interface EtaEstimator {
  readonly model: EtaModel;
  /** Sets off from a place towards the first stop. */
  setOff(from: EtaPlace & { headingDeg?: number | null }, timeMs: number, before: EtaState | null): EtaState;
  /** Left a stop: the way to the next begins there, and the stop's service has taught about the driver. */
  depart(state: EtaState | null, stop: EtaStop, arrivedMs: number, departedMs: number): EtaState;
  /** Moves the vehicle on along its way, or finds it a new one. Never moves for a fix not newer than the last. */
  follow(state: EtaState, stops: readonly EtaStop[], fix: EtaFix): Followed;
  /** One answer for each stop, in order. */
  estimate(request: EtaRequest): (Eta | NoEta)[];
  /** The share of outcomes later than `dueMs` that an ETA stands for, in [0, 1]. */
  lateShare(eta: Eta, dueMs: number): number;
  /** The rest of the way through all stops as an encoded polyline (precision 5). Dear: call it for a new way, not for a new fix. */
  remainingPath(state: EtaState, stops: readonly EtaStop[]): string;
  /** What the fleet's vehicles meet now; call for every sample of `follow`. */
  observeTraffic(sample: TrafficSample): void;
}
