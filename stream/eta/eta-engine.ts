import { approachS } from "./approaches.ts";
import { afterDrive, afterService, afterWaiting, spreadS, type UncertainTime } from "./arrivals.ts";
import { type ErrorCurve, ErrorCurves, errorBucket, errorQuantile, errorsBelow, type Halt } from "./errors.ts";
import type {
  Eta,
  EtaBasis,
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
import type { Leg, Legs } from "./leg.ts";
import { LegTimes } from "./leg-times.ts";
import { logNormalRest } from "./normal.ts";
import { type Outlook, standardised, timeAt } from "./outlook.ts";
import { encodePolyline } from "./polyline.ts";
import { nearestOnLine } from "./progress.ts";
import { type HaltOutlook, haltOutlook, PAUSE_S_MIN, restChance, restMinS, restShareAtStop } from "./rests.ts";
import { serviceAbove, serviceLogAbove, serviceRest } from "./service-times.ts";
import { dayPartOf, openTimeOfWeek, type TimeOfWeek } from "./time-of-week.ts";
import { Traffic } from "./traffic.ts";

/** Silent for longer than this, an ETA is no longer live. */
export const DEGRADED_AFTER_MS = 180_000;
/** Silent for longer than this and past the expectation, there is no ETA. */
export const GIVEN_UP_AFTER_MS = 1_800_000;
/** Every second of silence is worth so many of deviation. */
const SILENCE_SHARE = 0.4;

/** A rest that has lasted longer than usual is taken to last so much longer. */
const REST_LEFT_S_MIN = 120;
/** Whoever is more likely to rest than not counts as resting. */
const RESTING_SHARE = 0.5;
const RESTING_SHARE_MIN = 0.05;
/** Today's pace counts against what was learned from everybody, which is worth so many seconds … */
const DRIVE_PACE_WORTH_S = 1_500;
/** … or so many visits. */
const SERVICE_PACE_WORTH_VISITS = 40;
/** A visit that went wrong says little of the driver: its logarithm is cut at so much above or below the usual. */
const SERVICE_LOG_MAX = 1;
const FRESH_PACE = { serviceLog: 0, visits: 0, driveS: 0, expectedDriveS: 0 };

/** Where an estimate begins: when, on which leg, and what is known of rests. `leg` undefined: at the first stop. */
type Beginning = {
  time: UncertainTime;
  leg: Leg | undefined;
  alongM: number;
  basis: EtaBasis;
  halt: Halt;
  startedMs: number;
  /** Null: not halted. */
  resting: Resting | null;
};

/** The chance that this halt is a rest, and what is left of it if so. */
type RestAhead = Pick<Outlook, "restShare" | "restS">;
const NO_REST: RestAhead = { restShare: 0, restS: 0 };
type Resting = { restShare: number; leftS: number };

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
    if (this.#isRest(state, stop, departedMs, expectedS, servedS)) {
      const rest = { fromMs: Math.round(begunMs + expectedS * 1000), toMs: departedMs, atStop: true };
      return { ...after, rest: after.rest ?? rest };
    }
    const { serviceLog = 0, visits = 0 } = after.pace;
    const log = serviceLogAbove(this.model.services, stop, servedS);
    const cut = Math.min(SERVICE_LOG_MAX, Math.max(-SERVICE_LOG_MAX, log));
    return { ...after, pace: { ...after.pace, serviceLog: serviceLog + cut, visits: visits + 1 } };
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
    const { pace } = followed.state;
    const traffic = this.traffic.factor(leg.area, fix.timeMs, 0);
    const expectedDriveS = pace.expectedDriveS + expectedS * traffic;
    return {
      ...followed,
      state: { ...followed.state, pace: { ...pace, driveS: pace.driveS + drivenS, expectedDriveS } },
    };
  }

  estimate(request: EtaRequest): (Eta | NoEta)[] {
    const { nowMs, stops, state } = request;
    const begin = this.#beginning(request);
    if (begin === undefined) return stops.map((stop) => none(stop, nowMs, "no start"));
    const paceOfDrive = ratio(state?.pace.driveS, state?.pace.expectedDriveS, DRIVE_PACE_WORTH_S);
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

  #beginning(request: EtaRequest): Beginning | undefined {
    const { nowMs, state, serving, start, stops } = request;
    const first = stops[0];
    if (first === undefined) return undefined;
    if (state === null && serving === null) {
      if (start === null) return undefined;
      const time = certain(Math.max(start.atMs, nowMs));
      const leg = start.place === null ? undefined : this.#legs.find(start.place, first);
      return { time, leg, alongM: 0, basis: "planned", halt: "before", startedMs: time.meanMs, resting: null };
    }
    const heardMs = request.heardMs ?? nowMs;
    const silentMs = Math.max(0, nowMs - heardMs);
    const basis = silentMs > DEGRADED_AFTER_MS ? "degraded" : "live";
    if (serving !== null) {
      const { time, resting } = this.#served(serving, nowMs, state);
      const leg = this.#legs.find(serving.stop, first);
      const startedMs = state?.startedMs ?? serving.arrivedMs;
      const halt = haltOf(resting, state);
      return { time: widened(time, silentMs, basis), leg, alongM: 0, basis, halt, startedMs, resting };
    }
    const { origin, alongM, stillSinceMs, startedMs, timeMs } = state!;
    const leg = this.#legs.find(origin, first);
    const halted = stillSinceMs === null ? null : this.#halted(state!, (heardMs - stillSinceMs) / 1000, heardMs);
    const resting = halted && { restShare: halted.restShare, leftS: halted.restLeft.mean };
    const time = halted === null ? certain(timeMs) : afterPause(timeMs, halted);
    const halt = haltOf(resting, state);
    return { time: widened(time, silentMs, basis), leg, alongM, basis, halt, startedMs, resting };
  }

  /** A halt away from stops; null where it is too short to be one. */
  #halted(state: EtaState, haltS: number, nowMs: number): HaltOutlook | null {
    if (haltS < PAUSE_S_MIN) return null;
    return haltOutlook(this.model.rests, nowMs - state.startedMs, haltS, state.rest !== null);
  }

  #served(
    { stop, arrivedMs }: { stop: EtaStop; arrivedMs: number },
    nowMs: number,
    state: EtaState | null,
  ): { time: UncertainTime; resting: Resting | null } {
    const begunMs = Math.max(arrivedMs, stop.windowStartMs ?? arrivedMs);
    const elapsedS = Math.max(0, (nowMs - begunMs) / 1000);
    const pace = servicePace(state);
    const rest = serviceRest(this.model.services, stop, elapsedS / pace);
    const meanMs = Math.max(nowMs, begunMs) + rest.mean * pace * 1000;
    const expectedS = serviceRest(this.model.services, stop, 0).mean * pace;
    const restShare = this.#restShareAtStop(state, stop, nowMs, expectedS, elapsedS);
    const leftS = this.#restLeftS(elapsedS - expectedS);
    return {
      time: { meanMs, ownVarianceS2: rest.variance * pace * pace, lastingS: 0 },
      resting: restShare < RESTING_SHARE_MIN ? null : { restShare, leftS },
    };
  }

  #restLeftS(restedS: number): number {
    const { length } = this.model.rests;
    return length === null ? 0 : logNormalRest(length.mu, length.sigma, restedS).mean;
  }

  #restShareAtStop(state: EtaState | null, stop: EtaStop, nowMs: number, expectedS: number, servedS: number): number {
    const { rests, services } = this.model;
    if (state === null || servedS <= expectedS) return 0;
    const service = { expectedS, servedS, above: serviceAbove(services, stop, servedS) };
    return restShareAtStop(rests, nowMs - state.startedMs, service, state.rest !== null);
  }

  /** Whether somebody who was at a stop for so long rested there. */
  #isRest(state: EtaState | null, stop: EtaStop, departedMs: number, expectedS: number, servedS: number): boolean {
    if (servedS - expectedS <= restMinS(this.model.rests)) return false;
    return this.#restShareAtStop(state, stop, departedMs, expectedS, servedS) > RESTING_SHARE;
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
    const rest = this.#restBefore(meanMs, nowMs, begin);
    const outlook: Outlook = { expectedMs: Math.round(meanMs), spreadS: spread, ...rest };
    const at = (z: number): number => Math.round(Math.max(nowMs, timeAt(outlook, z)));
    return {
      ...{ kind: "eta", stopId: stop.stopId, computedMs: nowMs, basis, bucket, traffic },
      modelVersion: this.model.version,
      ...{ p10Ms: at(z10), p50Ms: at(z50), p90Ms: at(z90) },
      ...outlook,
    };
  }

  /** The chance that a rest is between now and an arrival, and how long it is from now on. */
  #restBefore(arrivalMs: number, nowMs: number, { halt, startedMs, resting }: Beginning): RestAhead {
    const { rests } = this.model;
    if (halt === "rested" || rests.length === null) return NO_REST;
    const later = restChance(rests, startedMs, nowMs, arrivalMs);
    const usualS = rests.length.meanS;
    if (resting === null) return { restShare: later, restS: usualS };
    const { restShare: share, leftS } = resting;
    const restShare = share + (1 - share) * later;
    if (restShare === 0) return NO_REST;
    const restS = (share * Math.max(REST_LEFT_S_MIN, leftS) + (1 - share) * later * usualS) / restShare;
    return { restShare, restS };
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

function haltOf(resting: Resting | null, state: EtaState | null): Halt {
  if (resting !== null && resting.restShare > RESTING_SHARE) return "halted";
  if (state?.rest) return "rested";
  return resting === null ? "before" : "paused";
}

/** What is left of a halt that is no rest. */
function afterPause(fromMs: number, { restShare, otherLeft }: HaltOutlook): UncertainTime {
  const { mean, variance } = otherLeft;
  const share = 1 - restShare;
  const ownVarianceS2 = share * (variance + restShare * mean * mean);
  return { meanMs: fromMs + share * mean * 1000, ownVarianceS2, lastingS: 0 };
}

function certain(meanMs: number): UncertainTime {
  return { meanMs, ownVarianceS2: 0, lastingS: 0 };
}

function widened(time: UncertainTime, silentMs: number, basis: EtaBasis): UncertainTime {
  if (basis !== "degraded") return time;
  return { ...time, lastingS: time.lastingS + (SILENCE_SHARE * silentMs) / 1000 };
}

function none(stop: EtaStop, computedMs: number, absence: NoEta["absence"]): NoEta {
  return { kind: "none", stopId: stop.stopId, computedMs, absence };
}

/** How long services take today against what was learned. */
function servicePace(state: EtaState | null): number {
  const { serviceLog = 0, visits = 0 } = state?.pace ?? FRESH_PACE;
  return Math.exp(serviceLog / (visits + SERVICE_PACE_WORTH_VISITS));
}

function ratio(seconds = 0, expectedS = 0, worthS: number): number {
  return (seconds + worthS) / (expectedS + worthS);
}
