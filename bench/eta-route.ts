import {
  type DeliveryDay,
  type DeliveryFix,
  type DeliveryStop,
  fixesOf,
  VEHICLE_TRACKER,
} from "#simulator/delivery/index.ts";
import type { Random } from "#simulator/random.ts";
import { areaOf } from "#stream/eta/area.ts";
import type { Eta, EtaState, EtaStop, NoEta } from "#stream/eta/eta.ts";
import { isWorthIssuing, type Risk, type RiskRule, riskAfter } from "#stream/eta/eta-changes.ts";
import type { EtaEngine } from "#stream/eta/eta-engine.ts";
import type { ErrorSample } from "#stream/eta/learn-model.ts";
import type { MatchedFix } from "#stream/eta/learn-speeds.ts";
import type { Outlook } from "#stream/eta/outlook.ts";
import type { ScoredEta } from "#stream/eta/score-etas.ts";
import { haversineM } from "#stream/roads/geometry.ts";

/** An issued ETA with the arrival it was about, and other estimates of the same arrival at the same moment. */
export type IssuedEta = ScoredEta & {
  stopId: string;
  basis: Eta["basis"];
  area: number;
  /** By the morning's schedule; by it and the delay so far; by straight lines. */
  scheduledMs: number;
  movedScheduleMs: number;
  straightMs: number;
  lateShare: number;
  dueMs: number;
};

/** When a stop counts as at risk, if no more than this remains. */
export type WarningRule = RiskRule & { withinMs: number };

/** A moment at which a stop came to be at risk by a rule, and what came of it. */
export type Warning = { stopId: string; atMs: number; dueMs: number; arrivedMs: number; lateShare: number };

/** A visit as it was observed. */
export type ObservedVisit = { stop: DeliveryStop; arrivedMs: number; departedMs: number };

/** A simulated route as one of the benches runs it, clock by clock. */
export type RouteRun = {
  readonly day: DeliveryDay;
  readonly fixes: readonly MatchedFix[];
  readonly computed: number;
  readonly state: EtaState | null;
  readonly visits: readonly ObservedVisit[];
  /** Stops during whose true visit the receiver was silent. */
  readonly unheard: readonly string[];
  tick(engine: EtaEngine, nowMs: number, straightMps: number): void;
  score(): { eta: IssuedEta; sample: ErrorSample }[];
  warnings(): Warning[][];
};

type Pending = Omit<IssuedEta, "arrivedMs"> & { outlook: Outlook; bucket: string };

/** One simulated route as the service's fold sees it: fixes and observed arrivals go in, issued ETAs come out. */
export class EtaRoute implements RouteRun {
  readonly day: DeliveryDay;
  readonly fixes: readonly DeliveryFix[];
  /** ETAs computed, issued or not. */
  computed = 0;
  readonly unheard: readonly string[] = [];
  state: EtaState | null = null;
  readonly #warnings: Warning[][];
  /** By rule and stop. */
  readonly #risks: Map<string, Risk>[];
  readonly #rules: readonly WarningRule[];
  readonly #last = new Map<string, Eta | NoEta>();
  readonly #issued: Pending[] = [];
  #order: readonly DeliveryStop[];
  #nextFix = 0;
  #settled = 0;
  #nextVisit = 0;
  #nextChange = 0;
  #heardMs: number | null = null;
  #serving: { stop: EtaStop; arrivedMs: number } | null = null;
  #place: { latDeg: number; lonDeg: number };
  /** Of the last stop left, what it was behind the schedule. */
  #delayMs = 0;

  constructor(day: DeliveryDay, rules: readonly WarningRule[], random: Random) {
    this.day = day;
    this.fixes = fixesOf(day, VEHICLE_TRACKER, random);
    this.#order = day.plan.stops;
    this.#place = day.plan.depot;
    this.#rules = rules;
    this.#warnings = rules.map(() => []);
    this.#risks = rules.map(() => new Map());
  }

  get visits(): readonly ObservedVisit[] {
    return this.day.visits;
  }

  /** Takes what was heard until `nowMs` and issues what changed. */
  tick(engine: EtaEngine, nowMs: number, straightMps: number): void {
    const { plan, timeline } = this.day;
    if (nowMs < plan.startsAtMs || nowMs > timeline.endMs) return;
    for (
      let fix = this.fixes[this.#nextFix];
      fix !== undefined && fix.timeMs <= nowMs;
      fix = this.fixes[this.#nextFix]
    ) {
      this.#take(engine, fix);
      this.#nextFix++;
    }
    if (this.#settled >= this.#order.length) return;
    const remaining = this.#order.slice(this.#settled);
    const answers = engine.estimate({
      ...{ nowMs, heardMs: this.#heardMs, stops: remaining.map((stop) => this.#asEtaStop(stop)), state: this.state },
      ...{ serving: this.#serving, start: { place: plan.depot, atMs: plan.startsAtMs } },
    });
    this.computed += answers.length;
    const straight = straightLines({ remaining, serving: this.#serving, from: this.#place, nowMs, straightMps });
    for (const [n, answer] of answers.entries()) this.#issue(engine, remaining[n]!, answer, straight[n]!);
  }

  /** The issued ETAs against what happened, and what their errors teach. */
  score(): { eta: IssuedEta; sample: ErrorSample }[] {
    const arrivals = new Map(this.day.visits.map(({ stop, arrivedMs }) => [stop.ref, arrivedMs]));
    return this.#issued.map(({ outlook, bucket, ...eta }) => {
      const arrivedMs = arrivals.get(eta.stopId)!;
      return { eta: { ...eta, arrivedMs }, sample: { ...outlook, bucket, arrivedMs } };
    });
  }

  /** For each rule the warnings of this route. */
  warnings(): Warning[][] {
    const arrivals = new Map(this.day.visits.map(({ stop, arrivedMs }) => [stop.ref, arrivedMs]));
    return this.#warnings.map((some) =>
      some.map((warning) => ({ ...warning, arrivedMs: arrivals.get(warning.stopId)! })),
    );
  }

  #take(engine: EtaEngine, fix: DeliveryFix): void {
    const { visits, resequences, plan } = this.day;
    for (; (resequences[this.#nextChange]?.atMs ?? fix.timeMs + 1) <= fix.timeMs; this.#nextChange++)
      this.#order = resequences[this.#nextChange]!.stops;
    for (let visit = visits[this.#nextVisit]; visit !== undefined && visit.arrivedMs <= fix.timeMs; ) {
      const stop = this.#asEtaStop(visit.stop);
      if (this.#serving === null) this.#settled++;
      this.#serving = { stop, arrivedMs: visit.arrivedMs };
      if (visit.departedMs > fix.timeMs) break;
      this.state = engine.depart(this.state, stop, visit.arrivedMs, visit.departedMs);
      this.#serving = null;
      this.#delayMs = visit.departedMs - visit.stop.scheduledMs - visit.stop.serviceS * 1000;
      visit = visits[++this.#nextVisit];
    }
    this.#heardMs = fix.timeMs;
    this.#place = fix;
    const isUnderWay = this.state !== null || this.#serving !== null;
    if (!isUnderWay && fix.speedMps > 1) this.state = engine.setOff(plan.depot, fix.timeMs, null);
    const next = this.#order[this.#settled];
    if (this.state === null || this.#serving !== null || next === undefined) return;
    const { state, sample } = engine.follow(this.state, [this.#asEtaStop(next)], fix);
    this.state = state;
    if (sample) engine.observeTraffic(sample);
  }

  #issue(engine: EtaEngine, stop: DeliveryStop, answer: Eta | NoEta, straightMs: number): void {
    const dueMs = dueOf(stop);
    if (answer.kind === "eta") this.#warn(stop.ref, answer, dueMs, engine.lateShare(answer, dueMs));
    if (!isWorthIssuing(this.#last.get(stop.ref), answer)) return;
    this.#last.set(stop.ref, answer);
    if (answer.kind === "none") return;
    const { computedMs, p10Ms, p50Ms, p90Ms, basis, bucket, expectedMs, spreadS, restShare, restS } = answer;
    this.#issued.push({
      ...{ routeId: this.day.plan.ref, stopId: stop.ref, computedMs, p10Ms, p50Ms, p90Ms, basis, bucket },
      ...{ scheduledMs: stop.scheduledMs, movedScheduleMs: stop.scheduledMs + this.#delayMs, straightMs },
      ...{ dueMs, lateShare: engine.lateShare(answer, dueMs), area: areaOf(stop.latDeg, stop.lonDeg) },
      outlook: { expectedMs, spreadS, restShare, restS },
    });
  }

  #warn(stopId: string, eta: Eta, dueMs: number, lateShare: number): void {
    const { computedMs, p50Ms } = eta;
    this.#rules.forEach(({ withinMs, ...rule }, n) => {
      const before = this.#risks[n]!.get(stopId) ?? { atRisk: false, riskSinceMs: null };
      const share = p50Ms - computedMs <= withinMs ? lateShare : 0;
      const risk = riskAfter(before, share, computedMs, rule);
      this.#risks[n]!.set(stopId, risk);
      if (risk.atRisk && !before.atRisk)
        this.#warnings[n]!.push({ stopId, atMs: computedMs, dueMs, arrivedMs: 0, lateShare });
    });
  }

  #asEtaStop(stop: DeliveryStop): EtaStop {
    const { ref, latDeg, lonDeg, windowStartMs, windowEndMs, promisedByMs, serviceS } = stop;
    const driver = this.day.plan.vehicleRef;
    return {
      stopId: ref,
      kind: "delivery",
      latDeg,
      lonDeg,
      windowStartMs,
      windowEndMs,
      promisedByMs,
      serviceS,
      driver,
    };
  }
}

/** Straight lines at one speed through the remaining stops, with planned services and windows. */
export function straightLines(at: {
  remaining: readonly DeliveryStop[];
  serving: { stop: { windowStartMs: number | null; serviceS: number | null }; arrivedMs: number } | null;
  from: { latDeg: number; lonDeg: number };
  nowMs: number;
  straightMps: number;
}): number[] {
  const { remaining, serving, nowMs, straightMps } = at;
  let atMs = nowMs;
  if (serving !== null) {
    const { stop, arrivedMs } = serving;
    atMs = Math.max(nowMs, Math.max(arrivedMs, stop.windowStartMs ?? 0) + (stop.serviceS ?? 0) * 1000);
  }
  let { from } = at;
  return remaining.map((stop) => {
    atMs += (haversineM(from.latDeg, from.lonDeg, stop.latDeg, stop.lonDeg) / straightMps) * 1000;
    const arrivalMs = atMs;
    atMs = Math.max(atMs, stop.windowStartMs ?? 0) + stop.serviceS * 1000;
    from = stop;
    return arrivalMs;
  });
}

/** When a stop counts as late. */
export function dueOf(stop: DeliveryStop): number {
  return stop.windowEndMs ?? stop.promisedByMs ?? Number.POSITIVE_INFINITY;
}
