import type { EtaEstimator, EtaPlace } from "../eta/eta.ts";
import { unlearnedModel } from "../eta/eta-model.ts";
import { haversineM } from "../roads/geometry.ts";
import type { PlannedStop, RoutePlan } from "./plan.ts";
import { foldRoute, outputsInitial } from "./route-fold.ts";
import { type RouteCrossing, type RouteFix, type RouteFold, type RouteInput, routeInitial } from "./route-state.ts";

/** Test support: a route along a straight street, driven by hand. Seconds count from `START_MS`. */

export const START_MS = Date.UTC(2026, 10, 2, 8);
const METRES_PER_DEG = 111_195;
const SPEED_MPS = 10;

/** A place so many metres up the street. */
export function up(metres: number): EtaPlace {
  return { latDeg: 41 + metres / METRES_PER_DEG, lonDeg: -8.6 };
}

export function stopAt(stopId: string, metres: number, more: Partial<PlannedStop> = {}): PlannedStop {
  return {
    ...{ stopId, kind: "delivery", ...up(metres), geofenceId: Number(stopId) },
    ...{ windowStartMs: null, windowEndMs: null, promisedByMs: null, serviceS: null, ...more },
  };
}

export function planOf(stops: readonly PlannedStop[], more: Partial<RoutePlan> = {}): RoutePlan {
  return {
    vehicleId: 1,
    status: "planned",
    startsAtMs: START_MS,
    endsAtMs: null,
    start: null,
    end: null,
    stops,
    ...more,
  };
}

/** An estimator without roads or learning: straight lines at 10 m/s, two minutes a stop, ± 20 %. */
export const plainEstimator: EtaEstimator = {
  model: unlearnedModel("UTC"),
  setOff: ({ latDeg, lonDeg }, timeMs) => ({
    ...{ origin: { latDeg, lonDeg, headingDeg: null }, alongM: 0, timeMs, offPathFixes: 0, stillSinceMs: null },
    ...{ startedMs: timeMs, rest: null },
    pace: { driveS: 0, expectedDriveS: 0 },
  }),
  depart: (state, stop, _arrivedMs, departedMs) => plainEstimator.setOff(stop, departedMs, state),
  follow: (state, _stops, fix) => ({
    state: { ...state, origin: { ...fix, headingDeg: null }, timeMs: fix.timeMs },
    ...{ move: "along", sample: null },
  }),
  estimate: ({ nowMs, heardMs, stops, state, serving, start }) => {
    let from: EtaPlace | null = serving?.stop ?? state?.origin ?? start?.place ?? null;
    let atMs =
      serving !== null ? Math.max(nowMs, serving.arrivedMs + 120_000) : (state?.timeMs ?? start?.atMs ?? nowMs);
    const silentMs = nowMs - (heardMs ?? nowMs);
    return stops.map((stop) => {
      if (from !== null) atMs += (haversineM(from.latDeg, from.lonDeg, stop.latDeg, stop.lonDeg) / SPEED_MPS) * 1000;
      from = stop;
      const p50Ms = Math.round(Math.max(atMs, nowMs));
      atMs += 120_000;
      const spreadMs = Math.round((p50Ms - nowMs) * 0.2 + silentMs * 0.5);
      return {
        ...{ kind: "eta" as const, stopId: stop.stopId, computedMs: nowMs },
        ...{ p10Ms: p50Ms - spreadMs, p50Ms, p90Ms: p50Ms + spreadMs, expectedMs: p50Ms, spreadS: spreadMs / 1000 },
        ...{ restShare: 0, restS: 0, bucket: "plain", traffic: 1, modelVersion: 0 },
        basis: state === null && serving === null ? ("planned" as const) : silentMs > 180_000 ? "degraded" : "live",
      };
    });
  },
  lateShare: ({ p50Ms }, dueMs) => (p50Ms > dueMs ? 1 : 0),
  remainingPath: (_state, stops) => stops.map(({ stopId }) => stopId).join(" "),
  observeTraffic: () => undefined,
};

export const plainEstimators = {
  forget: () => undefined,
  load: () => Promise.resolve(),
  find: () => plainEstimator,
  keepTraffic: () => [],
};

/** Drives a route by hand and collects what comes of it. */
export class RouteDrive {
  fold: RouteFold = routeInitial(0);
  readonly outputs = outputsInitial();
  readonly #inputs: RouteInput[] = [];
  #seq = 0;
  #estimator: EtaEstimator | null = plainEstimator;

  constructor(plan: RoutePlan) {
    this.plan(plan, -3600);
  }

  plan(plan: RoutePlan, second: number): void {
    this.take({ kind: "plan", version: this.fold.state.version + 1, plan, atMs: START_MS + second * 1000 });
  }

  /** A fix of device 1 (or another), received at once unless told. */
  fix(second: number, metres: number, more: Partial<RouteFix> & { lonDeg?: number } = {}): void {
    const timeMs = START_MS + second * 1000;
    const seq = ++this.#seq;
    this.take({
      ...{ kind: "fix", seq },
      fix: {
        ...{ deviceId: 1, fixId: seq * 1024, fixTimeMs: timeMs, receivedAtMs: timeMs, protocol: "", ...up(metres) },
        ...{
          altitudeM: null,
          speedMps: null,
          headingDeg: null,
          satellites: null,
          hdop: null,
          accuracyM: 5,
          event: null,
        },
        ...{ smoothed: null, matched: null, ...more },
      },
    });
  }

  /** Fixes every ten seconds from one place to another. */
  drive(fromS: number, toS: number, fromM: number, toM: number): void {
    for (let second = fromS; second <= toS; second += 10) {
      const metres = fromM + ((toM - fromM) * (second - fromS)) / Math.max(1, toS - fromS);
      this.fix(second, metres, { speedMps: Math.abs(toM - fromM) / Math.max(1, toS - fromS) });
    }
  }

  stand(fromS: number, toS: number, metres: number): void {
    this.drive(fromS, toS, metres, metres);
  }

  crossing(type: "entered" | "exited", geofenceId: number, second: number, more: Partial<RouteCrossing> = {}): string {
    const seq = ++this.#seq;
    const atMs = START_MS + second * 1000;
    const eventId = more.eventId ?? `${type} ${geofenceId} ${second} ${seq}`;
    this.take({
      kind: "crossing",
      crossing: {
        ...{ eventId, deviceId: 1, type, atMs, supersedes: null, withdrawn: false, geofenceId },
        ...{ receivedAtMs: Math.max(this.fold.state.nowMs, atMs), replayed: false, seq, ...more },
      },
    });
    return eventId;
  }

  clock(second: number): void {
    this.take({ kind: "clock", atMs: START_MS + second * 1000 });
  }

  take(input: RouteInput): void {
    this.#inputs.push(input);
    const context = { routeId: "1", priorityOf: () => 1, estimator: this.#estimator };
    this.fold = foldRoute(this.fold, input, context, this.outputs);
  }

  /** Events as `type stopId second`, with `late` for what is no news and `not` for what never was. */
  told(prefix = ""): string[] {
    return this.outputs.events
      .filter(({ type }) => type.startsWith(prefix))
      .map(({ type, data, occurredAtMs, replayed, supersedes }) =>
        [
          type,
          data.stopId,
          Math.round((occurredAtMs - START_MS) / 1000),
          replayed ? "late" : undefined,
          data.withdrawn === true ? "not" : undefined,
          supersedes === null ? undefined : "again",
        ]
          .filter((part) => part !== undefined)
          .join(" "),
      );
  }

  status(stopId: string): string | undefined {
    return this.fold.state.stops[stopId]?.status;
  }

  get inputs(): readonly RouteInput[] {
    return this.#inputs;
  }
}
