import { type DeliveryDay, type DeliveryStop, fixesOf, VEHICLE_TRACKER } from "#simulator/delivery/index.ts";
import type { Random } from "#simulator/random.ts";
import { compareInputs } from "#stream/delivery/merge-inputs.ts";
import type { PlannedStop, RoutePlan } from "#stream/delivery/plan.ts";
import { remainingStops, servingStop } from "#stream/delivery/remaining.ts";
import { foldRoute, outputsInitial } from "#stream/delivery/route-fold.ts";
import { type DeliveryEvent, type RouteFold, type RouteInput, routeInitial } from "#stream/delivery/route-state.ts";
import { crossingInput, fixInput } from "#stream/delivery/stage-inputs.ts";
import { areaOf } from "#stream/eta/area.ts";
import type { EtaState } from "#stream/eta/eta.ts";
import type { EtaEngine } from "#stream/eta/eta-engine.ts";
import type { ErrorSample } from "#stream/eta/learn-model.ts";
import type { MatchedFix } from "#stream/eta/learn-speeds.ts";
import { type DeviceFold, foldFixes, foldInitial } from "#stream/fold.ts";
import { FenceSet, type FenceVersion } from "#stream/geofence/fence-set.ts";
import { FENCE_DEFAULTS } from "#stream/geofence/parse-feature.ts";
import type { StreamRoads } from "#stream/match/stream-roads.ts";
import type { Fix } from "#stream/stage.ts";
import { stages } from "#stream/stages.ts";
import { dueOf, type IssuedEta, type ObservedVisit, type RouteRun, straightLines, type Warning } from "./eta-route.ts";

/**
 * One simulated route through the stages and the fold of the service: noisy fixes are smoothed and matched, geofences are
 * crossed, visits are told, ETAs issued. What it gives is what the service has observed.
 */

/** A receiver between buildings is that much worse than one in the open. */
const NOISE_SCALE = 2;
const RADIUS_M = 75;
const MIN_INSIDE_MS = 20_000;
const DEVICE_ID = 1;

type Timed = { atMs: number; input: RouteInput };
type Issued = Omit<IssuedEta, "arrivedMs"> & { sample: Omit<ErrorSample, "arrivedMs"> };

export class StageRoute implements RouteRun {
  readonly day: DeliveryDay;
  readonly fixes: MatchedFix[] = [];
  computed = 0;
  unheard: readonly string[] = [];
  readonly #inputs: Timed[];
  readonly #planned: Map<string, DeliveryStop>;
  readonly #issued: Issued[] = [];
  readonly #events: DeliveryEvent[] = [];
  #fold: RouteFold = routeInitial(0);
  #next = 0;

  constructor(day: DeliveryDay, roads: StreamRoads, random: Random) {
    this.day = day;
    this.#planned = new Map(day.plan.stops.map((stop) => [stop.ref, stop]));
    const changes = day.resequences.map(({ atMs, stops }, n) => planInput(day, stops, n + 2, atMs));
    const plans = [planInput(day, day.plan.stops, 1, day.plan.startsAtMs - 3_600_000), ...changes];
    this.#inputs = [...plans, ...this.#staged(roads, random)].sort((a, b) => a.atMs - b.atMs);
  }

  get state(): EtaState | null {
    return this.#fold.state.progress;
  }

  /** Visits that stand in the end, in the order of arrival. */
  get visits(): ObservedVisit[] {
    return Object.values(this.#fold.state.stops)
      .flatMap(({ stopId, visits }) => {
        const [visit] = visits;
        const stop = this.#planned.get(stopId)!;
        if (visit === undefined || visit.departedAtMs === null) return [];
        return [{ stop, arrivedMs: visit.arrivedAtMs, departedMs: visit.departedAtMs }];
      })
      .sort((a, b) => a.arrivedMs - b.arrivedMs);
  }

  tick(engine: EtaEngine, nowMs: number, straightMps: number): void {
    const outputs = outputsInitial();
    const context = { routeId: this.day.plan.ref, priorityOf: () => 1, estimator: engine };
    for (let next = this.#inputs[this.#next]; next !== undefined && next.atMs <= nowMs; ) {
      this.#fold = foldRoute(this.#fold, next.input, context, outputs);
      next = this.#inputs[++this.#next];
    }
    for (const sample of outputs.traffic) engine.observeTraffic(sample);
    this.#events.push(...outputs.events);
    if (outputs.etas.length === 0) return;
    this.computed += outputs.etas.length;
    const straight = this.#straight(nowMs, straightMps);
    for (const eta of outputs.etas) {
      const stop = this.#planned.get(eta.stopId)!;
      const { computedMs, p10Ms, p50Ms, p90Ms, basis, bucket, expectedMs, spreadS, restShare, restS } = eta;
      this.#issued.push({
        ...{ routeId: this.day.plan.ref, stopId: eta.stopId, computedMs, p10Ms, p50Ms, p90Ms, basis },
        ...{ scheduledMs: stop.scheduledMs, movedScheduleMs: stop.scheduledMs, dueMs: dueOf(stop) },
        ...{ straightMs: straight.get(eta.stopId) ?? p50Ms, lateShare: engine.lateShare(eta, dueOf(stop)) },
        ...{ area: areaOf(stop.latDeg, stop.lonDeg), sample: { bucket, expectedMs, spreadS, restShare, restS } },
      });
    }
  }

  /** ETAs of the stops that were seen to be reached, against when they were. */
  score(): { eta: IssuedEta; sample: ErrorSample }[] {
    const arrivals = new Map(this.visits.map(({ stop, arrivedMs }) => [stop.ref, arrivedMs]));
    return this.#issued.flatMap(({ sample, ...eta }) => {
      const arrivedMs = arrivals.get(eta.stopId);
      if (arrivedMs === undefined) return [];
      return [{ eta: { ...eta, arrivedMs }, sample: { ...sample, arrivedMs } }];
    });
  }

  warnings(): Warning[][] {
    return [];
  }

  #straight(nowMs: number, straightMps: number): Map<string, number> {
    const { plan, state } = this.#fold;
    if (plan === null) return new Map();
    const remaining = remainingStops({ plan, state }).map(({ stopId }) => this.#planned.get(stopId)!);
    const serving = servingStop({ plan, state });
    const from = state.position ?? this.day.plan.depot;
    const stood = serving && { stop: serving.stop, arrivedMs: serving.visit.arrivedAtMs };
    const times = straightLines({ remaining, serving: stood, from, nowMs, straightMps });
    return new Map(remaining.map(({ ref }, n) => [ref, times[n]!]));
  }

  #staged(roads: StreamRoads, random: Random): Timed[] {
    const { stops } = this.day.plan;
    const context = { fences: new FenceSet(stops.map(fenceOf)), roads };
    const source = { ...VEHICLE_TRACKER, noiseM: VEHICLE_TRACKER.noiseM * NOISE_SCALE };
    let fold: DeviceFold = foldInitial;
    const heard = fixesOf(this.day, source, random);
    const isHeard = ({ arrivedMs, departedMs }: ObservedVisit) =>
      heard.some(({ timeMs }) => timeMs >= arrivedMs && timeMs <= departedMs);
    this.unheard = this.day.visits.filter((visit) => !isHeard(visit)).map(({ stop }) => stop.ref);
    return heard.flatMap((raw, n): Timed[] => {
      const seq = n + 1;
      const { timeMs: receivedAtMs } = raw;
      const { timeMs: _time, wayId: _way, forward: _forward, ...place } = raw;
      const fix: Fix = {
        ...{
          fixId: seq * 1024,
          deviceId: DEVICE_ID,
          fixTimeMs: receivedAtMs,
          dated: true,
          receivedAtMs,
          fingerprint: seq,
        },
        ...{ protocol: "teltonika", late: false, clockFault: null, deviceTimeMs: null, smoothed: null, matched: null },
        ...{ trackM: null, cell: null, kind: "fix", valid: true, ...place, altitudeM: null, satellites: 9, hdop: null },
        ...{ event: null, buffered: false, attributes: {} },
      };
      const frame = { seq, deviceId: DEVICE_ID, protocol: "teltonika" as const, receivedAtMs, bytes: new Uint8Array() };
      const result = foldFixes(fold, { frame, fixes: [fix], isKnown: () => false }, stages, context);
      fold = result.fold;
      for (const { matched, fixTimeMs: timeMs } of result.fixes)
        if (matched !== null) {
          const { latDeg, lonDeg, wayId, forward } = matched;
          this.fixes.push({ latDeg, lonDeg, wayId, forward, timeMs });
        }
      const crossings = result.events.filter(({ type }) => type === "geofence.entered" || type === "geofence.exited");
      const inputs = [
        ...result.fixes.map((one) => fixInput(one, seq)),
        ...crossings.map((event) => crossingInput(event, seq)),
      ];
      return inputs.sort(compareInputs).map((input) => ({ atMs: receivedAtMs, input }));
    });
  }
}

function planInput({ plan }: DeliveryDay, order: readonly DeliveryStop[], version: number, atMs: number): Timed {
  const stops = order.map((stop): PlannedStop => {
    const { latDeg, lonDeg, windowStartMs, windowEndMs, promisedByMs, serviceS } = stop;
    return {
      ...{ stopId: stop.ref, kind: "delivery", latDeg, lonDeg, geofenceId: plan.stops.indexOf(stop) + 1 },
      ...{ windowStartMs, windowEndMs, promisedByMs, serviceS, driver: plan.vehicleRef },
    };
  });
  const { startsAtMs, depot } = plan;
  const start = { latDeg: depot.latDeg, lonDeg: depot.lonDeg };
  const whole: RoutePlan = {
    ...{ vehicleId: 1, status: "planned", startsAtMs, endsAtMs: null, start, end: null },
    stops,
  };
  return { atMs, input: { kind: "plan", version, plan: whole, atMs } };
}

function fenceOf({ ref, latDeg, lonDeg }: DeliveryStop, n: number): FenceVersion {
  const rule = {
    ...{ shape: { kind: "circle" as const, latDeg, lonDeg, radiusM: RADIUS_M }, name: ref, minInsideMs: MIN_INSIDE_MS },
    ...{ minOutsideMs: FENCE_DEFAULTS.minOutsideS * 1000, maxGapMs: FENCE_DEFAULTS.maxGapS * 1000, dwellMs: null },
  };
  return { fenceId: n + 1, version: 1, rule, validFromMs: 0, validToMs: Number.POSITIVE_INFINITY };
}
