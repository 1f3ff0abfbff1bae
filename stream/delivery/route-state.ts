import type { Eta, EtaAbsence, EtaPlace, EtaState, TrafficSample } from "../eta/eta.ts";
import { type LiveSourceState, liveSourceInitial, type SourceFix } from "../vehicle/live-source.ts";
import type { Crossing, CrossingEvent } from "./crossings.ts";
import type { RoutePlan } from "./plan.ts";
import type { Stand } from "./stand.ts";

/** The state of a route's fold: serialisable JSON, never changed in place. Unix milliseconds, WGS 84 degrees, metres. */

export type StopStatus = "planned" | "en_route" | "approaching" | "arrived" | "departed" | "missed" | "cancelled";

/** A visit that was announced. `departedAtMs` null: the vehicle is there. */
export type Visit = {
  readonly deviceId: number;
  /** The crossings that it rests on. */
  readonly enteredId: string | null;
  readonly exitedId: string | null;
  readonly arrivedAtMs: number;
  readonly arrivedEventId: string;
  readonly departedAtMs: number | null;
  /** The newest departure told of; kept when the vehicle turns out to be there still, so that the next replaces it. */
  readonly departedEventId: string | null;
};

/** Why a stop counts as missed. */
export type MissedRule = "passed_over" | "window_gone" | "route_ended";

/** An ETA as it is shown or told. */
export type TimesOfArrival = Pick<Eta, "p10Ms" | "p50Ms" | "p90Ms">;

export type ShownEta = TimesOfArrival & {
  readonly computedMs: number;
  readonly basis: Eta["basis"];
  readonly traffic: number;
  readonly reason: string;
};

export type StopState = {
  readonly stopId: string;
  readonly status: StopStatus;
  readonly crossings: readonly Crossing[];
  readonly visits: readonly Visit[];
  /** Visits that began by then are of an attempt that failed; null: all of them count. */
  readonly failedAtMs: number | null;
  readonly missed: { readonly eventId: string; readonly rule: MissedRule; readonly atMs: number } | null;
  readonly enRouteAtMs: number | null;
  readonly approachingAtMs: number | null;
  /** Stops that come before it; null once it is over. */
  readonly stopsBefore: number | null;
  readonly eta: ShownEta | null;
  /** Why there is no ETA. */
  readonly absence: EtaAbsence | null;
  readonly told: (TimesOfArrival & { readonly toldMs: number }) | null;
  /** The last ETA of it that was recorded. */
  readonly issued: Pick<Eta, "computedMs" | "p50Ms" | "basis"> | null;
  readonly atRisk: boolean;
  /** Since when its share of late outcomes has been that high. */
  readonly riskSinceMs: number | null;
};

/** The newest position of the vehicle that counted. */
export type RoutePosition = EtaPlace & {
  readonly timeMs: number;
  readonly receivedAtMs: number;
  readonly headingDeg: number | null;
  readonly accuracyM: number | null;
};

export type RouteState = {
  /** Version of the plan; 0 before the first. */
  readonly version: number;
  readonly status: "planned" | "started" | "completed" | "cancelled";
  readonly startedAtMs: number | null;
  readonly completedAtMs: number | null;
  /** Every frame below has been folded. */
  readonly cursorSeq: number;
  /** Newest time of receipt. */
  readonly nowMs: number;
  readonly source: LiveSourceState;
  readonly position: RoutePosition | null;
  /** When the newest silence ended in which a stop may have been served; 0: none. */
  readonly silentUntilMs: number;
  /** Where it was when it could have set off. */
  readonly anchor: EtaPlace | null;
  readonly stand: Stand | null;
  readonly stands: readonly Stand[];
  readonly progress: EtaState | null;
  /** The stop that `progress` leads to. */
  readonly towards: string | null;
  readonly estimatedMs: number;
  /** By id; those that have left the plan stay. */
  readonly stops: { readonly [stopId: string]: StopState };
};

export type RouteFold = { readonly plan: RoutePlan | null; readonly state: RouteState };

export function routeInitial(cursorSeq: number): RouteFold {
  const state: RouteState = {
    ...{ version: 0, status: "planned", startedAtMs: null, completedAtMs: null, cursorSeq, nowMs: 0 },
    ...{ source: liveSourceInitial, position: null, silentUntilMs: 0, anchor: null, stand: null, stands: [] },
    ...{ progress: null, towards: null, estimatedMs: 0, stops: {} },
  };
  return { plan: null, state };
}

/** The visits of the attempt that counts. */
export function visitsThatCount({ visits, failedAtMs }: Pick<StopState, "visits" | "failedAtMs">): readonly Visit[] {
  return failedAtMs === null ? visits : visits.filter(({ arrivedAtMs }) => arrivedAtMs > failedAtMs);
}

export function stopInitial(stopId: string): StopState {
  return {
    ...{ stopId, status: "planned", crossings: [], visits: [], failedAtMs: null, missed: null },
    ...{
      enRouteAtMs: null,
      approachingAtMs: null,
      stopsBefore: null,
      eta: null,
      absence: null,
      told: null,
      issued: null,
      atRisk: false,
      riskSinceMs: null,
    },
  };
}

/** A position of one of the vehicle's devices, with what the stream has added to it. */
export type RouteFix = SourceFix;

/** What is folded. Fixes and crossings are in the order of the journal; plans and clocks have a place in it. */
export type RouteInput =
  | { kind: "plan"; version: number; plan: RoutePlan; atMs: number }
  | { kind: "clock"; atMs: number }
  | { kind: "fix"; fix: RouteFix; seq: number }
  | { kind: "crossing"; crossing: RouteCrossing };

export type RouteCrossing = CrossingEvent & {
  readonly geofenceId: number;
  readonly receivedAtMs: number;
  /** Rests on late data. */
  readonly replayed: boolean;
  readonly seq: number;
};

export const DELIVERY_EVENTS = [
  "route.started",
  "route.completed",
  "stop.en_route",
  "stop.approaching",
  "stop.arrived",
  "stop.departed",
  "stop.missed",
  "stop.at_risk",
  "eta.changed",
] as const;
export type DeliveryEventType = (typeof DELIVERY_EVENTS)[number];

export type DeliveryEvent = {
  readonly eventId: string;
  readonly type: DeliveryEventType;
  readonly deviceId: number | null;
  readonly occurredAtMs: number;
  readonly detectedAtMs: number;
  readonly replayed: boolean;
  readonly supersedes: string | null;
  readonly frameSeq: number | null;
  readonly data: { readonly [name: string]: unknown };
};

/** An ETA to be recorded, so that it can be scored. */
export type IssuedEta = Eta & { readonly reason: string; readonly told: boolean };

export type RouteOutputs = {
  events: DeliveryEvent[];
  etas: IssuedEta[];
  /** Stops whose row has changed. */
  changed: Set<string>;
  traffic: TrafficSample[];
  /** True where the rest of the way is another one. */
  pathChanged: boolean;
};
