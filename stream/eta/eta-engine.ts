import { approachS } from "./approaches.ts";
import { afterDrive, afterService, afterWaiting, spreadS, type UncertainTime } from "./arrivals.ts";
import { type Beginning, findBeginning } from "./beginning.ts";
import { type ErrorCurve, ErrorCurves, errorBucket, errorQuantile, errorsBelow } from "./errors.ts";
import type {
  Eta,
  EtaEstimator,
  EtaFix,
  EtaPlace,
  EtaRequest,
  EtaState,
  EtaStop,
  Followed,
  NoEta,
  TrafficSample,
} from "./eta.ts";
import type { EtaModel } from "./eta-model.ts";
import { follow } from "./follow.ts";
import { restBefore, restedAtStop } from "./halts.ts";
import type { Legs } from "./leg.ts";
import { LegTimes } from "./leg-times.ts";
import { type Outlook, standardised, timeAt } from "./outlook.ts";
import { drivePace, FRESH_PACE, paceAfterDrive, paceAfterVisit, servicePace } from "./pace.ts";
import { encodePolyline } from "./polyline.ts";
import { nearestOnLine } from "./progress.ts";
import { restMinS } from "./rests.ts";
import { serviceLogAbove, serviceRest } from "./service-times.ts";
import { dayPartOf, openTimeOfWeek, type TimeOfWeek } from "./time-of-week.ts";
import { Traffic } from "./traffic.ts";

/** Silent for longer than this and past the expectation, there is no ETA. */
const GIVEN_UP_AFTER_MS = 1_800_000;

export type EtaEngineOptions = { legs: Legs; model: EtaModel; traffic?: Traffic };

/** The estimator of one fleet. Serialisable are the states it hands out and its `traffic`; the rest is found again. */
export class EtaEngine implements EtaEstimator {
  readonly model: EtaModel;
  readonly traffic: Traffic;
  readonly #legs: Legs;
  readonly #times: LegTimes;
  readonly #clock: TimeOfWeek;
  readonly #curves: ErrorCurves;
  readonly #quantiles = new Map<string, { curve: ErrorCurve; z10: number; z50: number; z90: number }>();

  constructor({ legs, model, traffic }: EtaEngineOptions) {
    this.model = model;
    this.traffic = traffic ?? new Traffic();
    this.#legs = legs;
    this.#times = new LegTimes(legs, model.speeds);
    this.#clock = openTimeOfWeek(model.timeZone);
    this.#curves = new ErrorCurves(model.errors);
  }

  setOff(from: EtaPlace & { headingDeg?: number | null }, timeMs: number, before: EtaState | null): EtaState {
    const { latDeg, lonDeg, headingDeg } = from;
    return {
      origin: { latDeg, lonDeg, headingDeg: headingDeg ?? null },
      ...{ alongM: 0, timeMs, offPathFixes: 0, stillSinceMs: null },
      startedMs: before?.startedMs ?? timeMs,
      rest: before?.rest ?? null,
      pauses: before?.pauses ?? [],
      pace: before?.pace ?? FRESH_PACE,
    };
  }

  depart(state: EtaState | null, stop: EtaStop, arrivedMs: number, departedMs: number): EtaState {
    const begunMs = Math.max(arrivedMs, stop.windowStartMs ?? arrivedMs);
    const expectedS = serviceRest(this.model.services, stop, 0).mean;
    const servedS = Math.max(0, (departedMs - begunMs) / 1000);
    const after = this.setOff(stop, departedMs, state);
    if (restedAtStop(this.model, state, { stop, expectedS, servedS }, departedMs)) {
      const rest = { fromMs: Math.round(begunMs + expectedS * 1000), toMs: departedMs, atStop: true };
      return { ...after, rest: after.rest ?? rest };
    }
    const logAbove = serviceLogAbove(this.model.services, stop, servedS);
    return { ...after, pace: paceAfterVisit(after.pace, logAbove) };
  }

  follow(state: EtaState, stops: readonly EtaStop[], fix: EtaFix): Followed {
    const next = stops[0];
    if (next === undefined || fix.timeMs <= state.timeMs) return { state, move: "ignored", sample: null };
    const leg = this.#legs.find(state.origin, next);
    const slot = this.#clock.slotOf(fix.timeMs);
    const followed = follow(state, leg, next, fix, {
      restMinS: restMinS(this.model.rests),
      nearest: (fromM, toM) => nearestOnLine(this.#times.shapeOf(leg), fix, fromM, toM),
      expectedS: (fromM, toM) => this.#times.betweenS(leg, fromM, toM, slot),
    });
    if (followed.sample === null) return followed;
    const { drivenS, expectedS } = followed.sample;
    const traffic = this.traffic.factor(leg.area, fix.timeMs, 0);
    const pace = paceAfterDrive(followed.state.pace, drivenS, expectedS * traffic);
    return { ...followed, state: { ...followed.state, pace } };
  }

  estimate(request: EtaRequest): (Eta | NoEta)[] {
    const { nowMs, stops, state } = request;
    const begin = findBeginning(this.model, this.#legs, request);
    if (begin === undefined) return stops.map((stop) => none(stop, nowMs, "no start"));
    const paceOfDrive = drivePace(state);
    const paceOfService = servicePace(state);
    let { time, leg, alongM } = begin;
    const answers: (Eta | NoEta)[] = [];
    let [learnedS, drivenS] = [0, 0];
    for (let i = 0; i < stops.length; i++) {
      const stop = stops[i]!;
      if (leg !== undefined) {
        const slot = this.#clock.slotOf(time.meanMs);
        const legS = alongM > 0 ? this.#times.restS(leg, alongM, slot) : this.#times.totalS(leg, slot);
        const legNowS = legS * this.traffic.factor(leg.area, nowMs, time.meanMs - nowMs);
        learnedS += legS;
        drivenS += legNowS;
        const beyondS = leg.onRoads ? approachS(this.model.approaches, stop, stop.driver ?? null) : 0;
        time = afterDrive(time, legNowS * paceOfDrive + beyondS, leg.onRoads);
      }
      answers.push(this.#answer(stop, time, nowMs, begin, learnedS > 0 ? drivenS / learnedS : 1));
      const next = stops[i + 1];
      if (next === undefined) break;
      const service = serviceRest(this.model.services, stop, 0);
      const paced = { mean: service.mean * paceOfService, variance: service.variance * paceOfService ** 2 };
      time = afterService(time, stop, paced);
      leg = this.#legs.find(stop, next);
      alongM = 0;
    }
    return answers;
  }

  /** The share of outcomes later than `dueMs` that an ETA stands for. */
  lateShare(eta: Eta, dueMs: number): number {
    return 1 - errorsBelow(this.#quantilesOf(eta.bucket).curve, standardised(eta, dueMs));
  }

  remainingPath(state: EtaState, stops: readonly EtaStop[]): string {
    const points: EtaPlace[] = [];
    let from: EtaPlace & { headingDeg?: number | null } = state.origin;
    stops.forEach((stop, at) => {
      const leg = this.#legs.find(from, stop);
      const shape = this.#legs.shapeOf(leg);
      const fromM = at === 0 ? state.alongM : 0;
      for (let i = 0; i < shape.alongM.length; i++)
        if (shape.alongM[i]! >= fromM) points.push({ latDeg: shape.latDeg[i]!, lonDeg: shape.lonDeg[i]! });
      points.push({ latDeg: stop.latDeg, lonDeg: stop.lonDeg });
      from = stop;
    });
    return encodePolyline(points);
  }

  observeTraffic(sample: TrafficSample): void {
    this.traffic.observe(sample);
  }

  #answer(stop: EtaStop, time: UncertainTime, nowMs: number, begin: Beginning, traffic: number): Eta | NoEta {
    const { basis, halt } = begin;
    const spread = spreadS(time);
    const silentLong = basis === "degraded" && nowMs - time.meanMs > GIVEN_UP_AFTER_MS;
    if (silentLong) return none(stop, nowMs, "data gap");
    // What has not happened yet will not have happened before now.
    const { meanMs } = time.meanMs - nowMs > 4000 * spread ? time : afterWaiting(time, nowMs);
    const part = dayPartOf(this.#clock.slotOf(nowMs));
    const bucket = errorBucket(basis, halt, meanMs - nowMs, part);
    const { z10, z50, z90 } = this.#quantilesOf(bucket);
    const rest = restBefore(this.model.rests, meanMs, nowMs, begin);
    const outlook: Outlook = { expectedMs: Math.round(meanMs), spreadS: spread, ...rest };
    const at = (z: number): number => Math.round(Math.max(nowMs, timeAt(outlook, z)));
    return {
      ...{ kind: "eta", stopId: stop.stopId, computedMs: nowMs, basis, bucket, traffic },
      modelVersion: this.model.version,
      ...{ p10Ms: at(z10), p50Ms: at(z50), p90Ms: at(z90) },
      ...outlook,
    };
  }

  #quantilesOf(bucket: string): { curve: ErrorCurve; z10: number; z50: number; z90: number } {
    let found = this.#quantiles.get(bucket);
    if (found === undefined) {
      const curve = this.#curves.of(bucket);
      const [z10, z50, z90] = [errorQuantile(curve, 0.1), errorQuantile(curve, 0.5), errorQuantile(curve, 0.9)];
      found = { curve, z10, z50, z90 };
      this.#quantiles.set(bucket, found);
    }
    return found;
  }
}

function none(stop: EtaStop, computedMs: number, absence: NoEta["absence"]): NoEta {
  return { kind: "none", stopId: stop.stopId, computedMs, absence };
}
