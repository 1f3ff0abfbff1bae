import {
  type DeliveryDay,
  type DeliveryFix,
  type DeliveryStop,
  driveFleetDays,
  type FleetDaysOptions,
  fixesOf,
  VEHICLE_TRACKER,
} from "#simulator/delivery/index.ts";
import { seededRandom } from "#simulator/random.ts";
import { areaOf } from "#stream/eta/area.ts";
import type { Eta, EtaState, EtaStop, NoEta } from "#stream/eta/eta.ts";
import { isAtRisk, isWorthIssuing } from "#stream/eta/eta-changes.ts";
import { EtaEngine } from "#stream/eta/eta-engine.ts";
import { type EtaModel, unlearnedModel } from "#stream/eta/eta-model.ts";
import { type ErrorSample, fadeAndAdd, fitModel, type Learned, sumErrors } from "#stream/eta/learn-model.ts";
import { SpeedLearner } from "#stream/eta/learn-speeds.ts";
import { Legs } from "#stream/eta/leg.ts";
import type { Outlook } from "#stream/eta/outlook.ts";
import { restSumsOf } from "#stream/eta/rests.ts";
import type { ScoredEta } from "#stream/eta/score-etas.ts";
import { serviceSumOf } from "#stream/eta/service-times.ts";
import { openTimeOfWeek } from "#stream/eta/time-of-week.ts";
import { haversineM } from "#stream/roads/geometry.ts";
import type { RoadNetwork } from "#stream/roads/network-file.ts";

/**
 * Simulated delivery days through the ETA engine, as the service would see them: fixes and observed arrivals in, issued
 * ETAs out, and after every day a new model from what that day showed. Nothing is learned from what lies ahead.
 */

export type IssuedEta = ScoredEta & {
  day: number;
  stopId: string;
  basis: Eta["basis"];
  area: number;
  /** The same stop at the same moment by the morning's schedule, by the schedule moved by the delay so far, and by straight lines. */
  scheduledMs: number;
  movedScheduleMs: number;
  straightMs: number;
  lateShare: number;
  dueMs: number;
};

/** The first warning of a stop, and what came of it. */
export type Warning = { stopId: string; atMs: number; dueMs: number; arrivedMs: number; lateShare: number };
export type DaysResult = {
  etas: IssuedEta[];
  warnings: Warning[];
  stops: number;
  lateStops: number;
  warnedLate: number;
  computed: number;
  cpuS: number;
  silentAnswers: number;
  model: EtaModel;
};

const DAY_MS = 86_400_000;
const TICK_MS = 30_000;
const TIME_ZONE = "UTC";

type Run = {
  day: DeliveryDay;
  fixes: readonly DeliveryFix[];
  nextFix: number;
  order: readonly DeliveryStop[];
  settled: number;
  visit: number;
  resequence: number;
  state: EtaState | null;
  heardMs: number | null;
  serving: { stop: EtaStop; arrivedMs: number } | null;
  place: { latDeg: number; lonDeg: number };
  /** Of the last stop left, what it was behind the schedule. */
  delayMs: number;
  last: Map<string, Eta | NoEta>;
  risk: Map<string, boolean>;
  warned: Map<string, Warning>;
  issued: (Omit<IssuedEta, "arrivedMs"> & Outlook & { bucket: string })[];
};

export type DaysOptions = FleetDaysOptions & { roads: RoadNetwork | null; scoredFromDay: number };

/** Runs a fleet's days; ETAs of days before `scoredFromDay` teach, later ones are scored (and teach the day after). */
export function runDays(options: DaysOptions): DaysResult {
  const { roads, scoredFromDay, startMs } = options;
  const legs = new Legs(roads);
  const clock = openTimeOfWeek(TIME_ZONE);
  const learner = roads && new SpeedLearner(roads, clock);
  let learned: Learned = { speeds: [], services: [], rests: [], errors: [] };
  let model = unlearnedModel(TIME_ZONE);
  const result: DaysResult = {
    ...{ etas: [], warnings: [], stops: 0, lateStops: 0, warnedLate: 0, computed: 0, cpuS: 0, silentAnswers: 0, model },
  };
  let straightMps = 3;
  for (const [number, days] of byDay(options)) {
    const engine = new EtaEngine({ legs, model });
    const runs = days.map((day) => open(day, options.seed));
    const endMs = Math.max(...days.map((day) => day.timeline.endMs));
    const begin = process.cpuUsage();
    for (let nowMs = startMs + number * DAY_MS; nowMs <= endMs; nowMs += TICK_MS)
      for (const run of runs) tick(engine, run, nowMs, number, straightMps, result);
    const used = process.cpuUsage(begin);
    const scored = runs.flatMap(score);
    if (number >= scoredFromDay) {
      result.cpuS += (used.user + used.system) / 1e6;
      result.etas.push(...scored.map(({ eta }) => eta));
      count(result, runs);
    }
    for (const { day, fixes } of runs) {
      const standings = day.visits.map(({ arrivedMs, departedMs }) => ({
        fromMs: arrivedMs - 20_000,
        toMs: departedMs + 5_000,
      }));
      learner?.take(fixes, standings);
    }
    const added: Learned = {
      speeds: learner?.drain() ?? [],
      services: days.flatMap((day) =>
        day.visits.map(({ stop, arrivedMs, departedMs }) =>
          serviceSumOf({
            ...{ latDeg: stop.latDeg, lonDeg: stop.lonDeg, kind: "delivery", plannedS: stop.serviceS },
            servedS: (departedMs - Math.max(arrivedMs, stop.windowStartMs ?? arrivedMs)) / 1000,
          }),
        ),
      ),
      rests: runs.flatMap(({ day, state }) =>
        state === null
          ? []
          : restSumsOf({ fromMs: state.startedMs, toMs: day.visits.at(-1)!.departedMs, rest: state.rest }),
      ),
      errors: sumErrors(scored.map(({ sample }) => sample)),
    };
    learned = fadeAndAdd(learned, added, DAY_MS);
    model = fitModel(learned, number + 1, TIME_ZONE);
    straightMps = averageStraightMps(days, straightMps);
  }
  return { ...result, model };
}

function* byDay(options: FleetDaysOptions): Generator<[number, DeliveryDay[]]> {
  let number = -1;
  let days: DeliveryDay[] = [];
  for (const day of driveFleetDays(options)) {
    const its = Math.floor((day.plan.startsAtMs - options.startMs) / DAY_MS);
    if (its !== number && days.length > 0) {
      yield [number, days];
      days = [];
    }
    number = its;
    days.push(day);
  }
  if (days.length > 0) yield [number, days];
}

function open(day: DeliveryDay, seed: number): Run {
  return {
    ...{ day, fixes: fixesOf(day, VEHICLE_TRACKER, seededRandom(seed, `fixes of ${day.plan.ref}`)), nextFix: 0 },
    ...{ order: day.plan.stops, settled: 0, visit: 0, resequence: 0, state: null, heardMs: null, serving: null },
    ...{ place: day.plan.depot, delayMs: 0, last: new Map(), risk: new Map(), warned: new Map(), issued: [] },
  };
}

function tick(engine: EtaEngine, run: Run, nowMs: number, day: number, straightMps: number, result: DaysResult): void {
  const { plan, timeline } = run.day;
  if (nowMs < plan.startsAtMs || nowMs > timeline.endMs || run.settled >= run.order.length) return;
  for (; run.nextFix < run.fixes.length && run.fixes[run.nextFix]!.timeMs <= nowMs; run.nextFix++)
    take(engine, run, run.fixes[run.nextFix]!);
  if (run.settled >= run.order.length) return;
  const remaining = run.order.slice(run.settled);
  const answers = engine.estimate({
    ...{ nowMs, heardMs: run.heardMs, stops: remaining.map(asEtaStop), state: run.state, serving: run.serving },
    start: { place: plan.depot, atMs: plan.startsAtMs },
  });
  result.computed += answers.length;
  let straightAtMs = straightBase(run, nowMs);
  let from = run.place;
  answers.forEach((answer, n) => {
    const stop = remaining[n]!;
    straightAtMs += (haversineM(from.latDeg, from.lonDeg, stop.latDeg, stop.lonDeg) / straightMps) * 1000;
    const straightMs = straightAtMs;
    straightAtMs = Math.max(straightAtMs, stop.windowStartMs ?? 0) + stop.serviceS * 1000;
    from = stop;
    if (answer.kind === "none") result.silentAnswers++;
    if (answer.kind === "eta") warn(engine, run, stop, answer);
    if (!isWorthIssuing(run.last.get(stop.ref), answer)) return;
    run.last.set(stop.ref, answer);
    if (answer.kind === "none") return;
    const { p10Ms, p50Ms, p90Ms, basis, bucket, expectedMs, spreadS, restShare, restS } = answer;
    run.issued.push({
      ...{ routeId: plan.ref, stopId: stop.ref, day, computedMs: nowMs, p10Ms, p50Ms, p90Ms, basis, straightMs },
      ...{
        bucket,
        expectedMs,
        spreadS,
        restShare,
        restS,
        scheduledMs: stop.scheduledMs,
        movedScheduleMs: stop.scheduledMs + run.delayMs,
      },
      ...{
        lateShare: engine.lateShare(answer, dueOf(stop)),
        dueMs: dueOf(stop),
        area: areaOf(stop.latDeg, stop.lonDeg),
      },
    });
  });
}

function warn(engine: EtaEngine, run: Run, stop: DeliveryStop, eta: Eta): void {
  const lateShare = engine.lateShare(eta, dueOf(stop));
  const risk = isAtRisk(run.risk.get(stop.ref) ?? false, lateShare);
  run.risk.set(stop.ref, risk);
  if (risk && !run.warned.has(stop.ref))
    run.warned.set(stop.ref, { stopId: stop.ref, atMs: eta.computedMs, dueMs: dueOf(stop), arrivedMs: 0, lateShare });
}

/** What the fold of the service does with a fix: arrivals and departures seen by then, then progress. */
function take(engine: EtaEngine, run: Run, fix: DeliveryFix): void {
  const { visits, resequences } = run.day;
  for (; run.resequence < resequences.length && resequences[run.resequence]!.atMs <= fix.timeMs; run.resequence++)
    run.order = resequences[run.resequence]!.stops;
  for (let visit = visits[run.visit]; visit !== undefined && visit.arrivedMs <= fix.timeMs; visit = visits[run.visit]) {
    const stop = asEtaStop(visit.stop);
    if (run.serving === null) {
      run.serving = { stop, arrivedMs: visit.arrivedMs };
      run.settled++;
    }
    if (visit.departedMs > fix.timeMs) break;
    run.state = engine.depart(run.state, stop, visit.arrivedMs, visit.departedMs);
    run.serving = null;
    run.delayMs = visit.departedMs - visit.stop.scheduledMs - visit.stop.serviceS * 1000;
    run.visit++;
  }
  run.heardMs = fix.timeMs;
  run.place = fix;
  if (run.state === null && run.serving === null && fix.speedMps > 1)
    run.state = engine.setOff(run.day.plan.depot, fix.timeMs, null);
  if (run.state === null || run.serving !== null || run.settled >= run.order.length) return;
  const next = asEtaStop(run.order[run.settled]!);
  const { state, sample } = engine.follow(run.state, [next], fix);
  run.state = state;
  if (sample) engine.observeTraffic(sample);
}

/** A straight-line estimate knows the planned service of the stop stood at. */
function straightBase(run: Run, nowMs: number): number {
  if (run.serving === null) return Math.max(nowMs, run.state === null ? run.day.plan.startsAtMs : 0);
  const { stop, arrivedMs } = run.serving;
  return Math.max(nowMs, Math.max(arrivedMs, stop.windowStartMs ?? 0) + (stop.serviceS ?? 0) * 1000);
}

function score(run: Run): { eta: IssuedEta; sample: ErrorSample }[] {
  const arrivals = new Map(run.day.visits.map(({ stop, arrivedMs }) => [stop.ref, arrivedMs]));
  return run.issued.map(({ bucket, expectedMs, spreadS, restShare, restS, ...eta }) => {
    const arrivedMs = arrivals.get(eta.stopId)!;
    return { eta: { ...eta, arrivedMs }, sample: { bucket, expectedMs, spreadS, restShare, restS, arrivedMs } };
  });
}

function count(result: DaysResult, runs: readonly Run[]): void {
  for (const { day, warned } of runs)
    for (const { stop, arrivedMs } of day.visits) {
      const isLate = arrivedMs > dueOf(stop);
      const warning = warned.get(stop.ref);
      result.stops++;
      if (isLate) result.lateStops++;
      if (isLate && warning) result.warnedLate++;
      if (warning) result.warnings.push({ ...warning, arrivedMs });
    }
}

function averageStraightMps(days: readonly DeliveryDay[], before: number): number {
  let [metres, seconds] = [0, 0];
  for (const { visits } of days)
    visits.forEach((visit, n) => {
      const from = visits[n - 1];
      if (!from) return;
      metres += haversineM(from.stop.latDeg, from.stop.lonDeg, visit.stop.latDeg, visit.stop.lonDeg);
      seconds += (visit.arrivedMs - from.departedMs) / 1000;
    });
  return seconds > 0 ? metres / seconds : before;
}

const dueOf = (stop: DeliveryStop): number => stop.windowEndMs ?? stop.promisedByMs ?? Number.POSITIVE_INFINITY;

function asEtaStop(stop: DeliveryStop): EtaStop {
  const { ref, latDeg, lonDeg, windowStartMs, windowEndMs, promisedByMs, serviceS } = stop;
  return { stopId: ref, kind: "delivery", latDeg, lonDeg, windowStartMs, windowEndMs, promisedByMs, serviceS };
}
