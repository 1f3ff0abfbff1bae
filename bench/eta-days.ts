import { type DeliveryDay, driveFleetDays, type FleetDaysOptions } from "#simulator/delivery/index.ts";
import { seededRandom } from "#simulator/random.ts";
import { type ApproachSum, approachSumOf } from "#stream/eta/approaches.ts";
import { EtaEngine } from "#stream/eta/eta-engine.ts";
import { type EtaModel, unlearnedModel } from "#stream/eta/eta-model.ts";
import { fadeAndAdd, fitModel, type Learned, sumErrors } from "#stream/eta/learn-model.ts";
import { PARKING_MS, SpeedLearner } from "#stream/eta/learn-speeds.ts";
import { Legs } from "#stream/eta/leg.ts";
import { LegTimes } from "#stream/eta/leg-times.ts";
import { restSumsOf } from "#stream/eta/rests.ts";
import { type ServiceSum, serviceSumOf } from "#stream/eta/service-times.ts";
import { openTimeOfWeek } from "#stream/eta/time-of-week.ts";
import { StreamRoads } from "#stream/match/stream-roads.ts";
import { haversineM } from "#stream/roads/geometry.ts";
import type { RoadNetwork } from "#stream/roads/network-file.ts";
import { dueOf, EtaRoute, type IssuedEta, type RouteRun, type Warning, type WarningRule } from "./eta-route.ts";
import { StageRoute } from "./eta-stages.ts";
import { cpuSecondsSince } from "./measure.ts";

/**
 * Simulated delivery days through the ETA engine, and after every day a new model from what that day showed. Nothing is
 * learned from what lies ahead.
 */

export type DaysResult = {
  etas: IssuedEta[];
  /** For each of `warningRules`. */
  warnings: Warning[][];
  /** Visits made, and stops that were seen to be reached. */
  visits: number;
  stops: number;
  /** Visits not seen because the receiver was silent all the while. */
  unheard: number;
  lateStops: number;
  computed: number;
  cpuS: number;
  model: EtaModel;
};

export type DaysOptions = FleetDaysOptions & {
  roads: RoadNetwork | null;
  scoredFromDay: number;
  warningRules: readonly WarningRule[];
  /** Observed through the stages of the stream, by noisy fixes; else true arrivals and ways are observed. */
  staged?: boolean;
};

const DAY_MS = 86_400_000;
const TICK_MS = 30_000;
const TIME_ZONE = "UTC";
/** From stop to stop by straight line, before anything was driven. */
const STRAIGHT_MPS_UNLEARNED = 3;

/** Runs a fleet's days; those from `scoredFromDay` on are scored, all of them teach the days after. */
export function runDays(options: DaysOptions): DaysResult {
  const { roads, startMs, seed, warningRules } = options;
  const legs = new Legs(roads);
  const staged = options.staged && roads ? new StreamRoads(roads) : null;
  const learner = roads && new SpeedLearner(roads, openTimeOfWeek(TIME_ZONE));
  let learned: Learned = { speeds: [], approaches: [], services: [], rests: [], errors: [] };
  let model = unlearnedModel(TIME_ZONE);
  let straightMps = STRAIGHT_MPS_UNLEARNED;
  const warnings: Warning[][] = warningRules.map(() => []);
  const result: DaysResult = {
    etas: [],
    warnings,
    visits: 0,
    stops: 0,
    unheard: 0,
    lateStops: 0,
    computed: 0,
    cpuS: 0,
    model,
  };
  for (const [day, days] of byDay(options)) {
    const engine = new EtaEngine({ legs, model });
    const routes = days.map((one): RouteRun => {
      const random = seededRandom(seed, `fixes of ${one.plan.ref}`);
      return staged ? new StageRoute(one, staged, random) : new EtaRoute(one, warningRules, random);
    });
    const endMs = Math.max(...days.map((one) => one.timeline.endMs));
    const begin = process.cpuUsage();
    for (let nowMs = startMs + day * DAY_MS; nowMs <= endMs; nowMs += TICK_MS)
      for (const route of routes) route.tick(engine, nowMs, straightMps);
    const cpuS = cpuSecondsSince(begin);
    if (day >= options.scoredFromDay) count(result, routes, cpuS);
    const approaches = roads === null ? [] : routes.flatMap((route) => approachesOf(route, legs, model));
    learned = fadeAndAdd(learned, { ...observed(routes, learner), approaches }, DAY_MS);
    model = fitModel(learned, day + 1, TIME_ZONE);
    straightMps = straightMpsOf(days) ?? straightMps;
  }
  return { ...result, model };
}

function* byDay(options: FleetDaysOptions): Generator<[number, DeliveryDay[]]> {
  let day = -1;
  let days: DeliveryDay[] = [];
  for (const one of driveFleetDays(options)) {
    const its = Math.floor((one.plan.startsAtMs - options.startMs) / DAY_MS);
    if (its !== day && days.length > 0) {
      yield [day, days];
      days = [];
    }
    day = its;
    days.push(one);
  }
  if (days.length > 0) yield [day, days];
}

function count(result: DaysResult, routes: readonly RouteRun[], cpuS: number): void {
  result.cpuS += cpuS;
  for (const route of routes) {
    result.computed += route.computed;
    result.etas.push(...route.score().map(({ eta }) => eta));
    result.visits += route.day.visits.length;
    const seen = new Set(route.visits.map(({ stop }) => stop.ref));
    result.unheard += route.unheard.filter((ref) => !seen.has(ref)).length;
    for (const { stop, arrivedMs } of route.visits) {
      result.stops++;
      if (arrivedMs > dueOf(stop)) result.lateStops++;
    }
    for (const [n, some] of route.warnings().entries()) result.warnings[n]!.push(...some);
  }
}

/** What a day showed: speeds, services, rests, and how wrong its ETAs were. */
function observed(routes: readonly RouteRun[], learner: SpeedLearner | null): Omit<Learned, "approaches"> {
  for (const { visits, fixes } of routes) {
    const standings = visits.map(({ arrivedMs, departedMs }) => ({
      fromMs: arrivedMs - PARKING_MS,
      toMs: departedMs,
    }));
    learner?.take(fixes, standings);
  }
  return {
    speeds: learner?.drain() ?? [],
    services: routes.flatMap(servicesOf),
    rests: routes.flatMap(({ state, visits }) => {
      if (state === null || visits.length === 0) return [];
      const { startedMs: fromMs, rest, pauses = [] } = state;
      return restSumsOf({ fromMs, toMs: visits.at(-1)!.departedMs, rest, pauses });
    }),
    errors: sumErrors(routes.flatMap((route) => route.score().map(({ sample }) => sample))),
  };
}

/** Legs from stop to stop against the speeds known that morning, halts that were noticed taken off. */
function approachesOf({ day, state, visits }: RouteRun, legs: Legs, model: EtaModel): ApproachSum[] {
  const times = new LegTimes(legs, model.speeds);
  const clock = openTimeOfWeek(TIME_ZONE);
  const halts = [...(state?.rest ? [state.rest] : []), ...(state?.pauses ?? [])];
  return visits.slice(1).map(({ stop, arrivedMs }, n) => {
    const { stop: from, departedMs } = visits[n]!;
    const haltedMs = halts.reduce(
      (sum, { fromMs, toMs }) => sum + Math.max(0, Math.min(toMs, arrivedMs) - Math.max(fromMs, departedMs)),
      0,
    );
    const drivenS = (arrivedMs - departedMs - haltedMs) / 1000;
    const expectedS = times.totalS(legs.find(from, stop), clock.slotOf(departedMs));
    return approachSumOf({ to: stop, driver: day.plan.vehicleRef, drivenS, expectedS });
  });
}

function servicesOf({ visits, day }: RouteRun): ServiceSum[] {
  return visits.map(({ stop, arrivedMs, departedMs }) => {
    const servedS = (departedMs - Math.max(arrivedMs, stop.windowStartMs ?? arrivedMs)) / 1000;
    const { latDeg, lonDeg, serviceS } = stop;
    return serviceSumOf({ latDeg, lonDeg, kind: "delivery", plannedS: serviceS, servedS, driver: day.plan.vehicleRef });
  });
}

/** The speed along straight lines that vehicles made from stop to stop. */
function straightMpsOf(days: readonly DeliveryDay[]): number | undefined {
  let [metres, seconds] = [0, 0];
  for (const { visits } of days)
    for (let n = 1; n < visits.length; n++) {
      const [a, b] = [visits[n - 1]!, visits[n]!];
      metres += haversineM(a.stop.latDeg, a.stop.lonDeg, b.stop.latDeg, b.stop.lonDeg);
      seconds += (b.arrivedMs - a.departedMs) / 1000;
    }
  return seconds > 0 ? metres / seconds : undefined;
}
