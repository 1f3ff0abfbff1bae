import type { EtaPlace, StopKind } from "./eta.ts";
import { logNormalAbove, logNormalRest, type Moments } from "./normal.ts";

/** A service that was observed, from arrival (or the window's opening) to departure. */
export type ServiceVisit = EtaPlace & {
  kind: StopKind;
  plannedS: number | null;
  servedS: number;
  driver?: string | null;
};

/** Of served against planned seconds: how many visits, the sum of the shares, of their logarithms and those squared. */
export type ServiceSum = {
  place: string;
  kind: StopKind;
  /** Empty: not known. */
  driver: string;
  visits: number;
  sumShare: number;
  sumLog: number;
  sumLogSquare: number;
};

/** Log-normal service times, as deviations from the planned or usual time. */
export type ServiceModel = {
  /** `tail`: what visits that went wrong add to the log-normal's mean. */
  kinds: Partial<Record<StopKind, { mu: number; sigma: number; tail: number }>>;
  /** `kind/place` → mu, where the place was visited. */
  places: Record<string, number>;
  /** What a driver adds to mu, whatever the place and kind. */
  drivers: Record<string, number>;
};

export const unlearnedServices: ServiceModel = { kinds: {}, places: {}, drivers: {} };

/** Where a stop names no time and none is learned. */
const USUAL_S: Record<StopKind, number> = { delivery: 180, pickup: 240, service: 1_200, collection: 240, depot: 900 };
const SIGMA_UNLEARNED = 0.7;
const SIGMA_MIN = 0.15;
/** Visits that the parent's estimate is worth. */
const KIND_WORTH_VISITS = 8;
const PLACE_WORTH_VISITS = 2;
const DRIVER_WORTH_VISITS = 12;
/** Drivers keep to their places: what is the one's and what the other's comes apart in turns. */
const FITTING_ROUNDS = 4;
/** Shorter services count as this long: the logarithm of a second says nothing. */
const SERVED_S_MIN = 10;
/** Visits longer than so many times the usual are rests or errors, and teach nothing more about the mean. */
const SHARE_MAX = 10;
const TAIL_MAX = 1.5;
/** A visit that goes wrong takes so many times the usual. */
const WRONG_TIMES = 5;
const LOG_WRONG_TIMES = Math.log(WRONG_TIMES);
const ABOVE_MIN = 1e-9;
/** About 11 m: one entrance. */
const PLACE_DECIMALS = 4;

export function placeKey({ latDeg, lonDeg }: EtaPlace): string {
  return `${latDeg.toFixed(PLACE_DECIMALS)},${lonDeg.toFixed(PLACE_DECIMALS)}`;
}

/** Who serves a route's stops, as sums and models call them; null: not known. */
export function driverKey(driverId: number | null, vehicleId: number | null): string | null {
  if (driverId !== null) return `d${driverId}`;
  return vehicleId === null ? null : `v${vehicleId}`;
}

/** What one visit adds to the sums of its place. */
export function serviceSumOf(visit: ServiceVisit): ServiceSum {
  const share = Math.max(visit.servedS, SERVED_S_MIN) / usualS(visit.kind, visit.plannedS);
  const log = Math.log(share);
  const sumShare = Math.min(share, SHARE_MAX);
  const { kind, driver } = visit;
  return {
    place: placeKey(visit),
    kind,
    driver: driver ?? "",
    visits: 1,
    sumShare,
    sumLog: log,
    sumLogSquare: log * log,
  };
}

/** Kinds shrunk towards the plan, drivers and places towards their kind. */
export function fitServices(sums: readonly ServiceSum[]): ServiceModel {
  const model: ServiceModel = { kinds: {}, places: {}, drivers: {} };
  const byKind = Map.groupBy(sums, (sum) => sum.kind);
  const kindMu = new Map([...byKind].map(([kind, some]) => [kind, meanLog(some, () => 0, KIND_WORTH_VISITS)]));
  const byPlace = Map.groupBy(sums, keyOf);
  const byDriver = Map.groupBy(sums, (sum) => sum.driver);
  byDriver.delete("");
  for (let round = 0; round < FITTING_ROUNDS; round++) {
    for (const [driver, some] of byDriver)
      model.drivers[driver] = meanLog(
        some,
        (sum) => model.places[keyOf(sum)] ?? kindMu.get(sum.kind)!,
        DRIVER_WORTH_VISITS,
      );
    for (const [place, some] of byPlace) {
      const mu = kindMu.get(some[0]!.kind)!;
      const own = meanLog(some, (sum) => mu + (model.drivers[sum.driver] ?? 0), PLACE_WORTH_VISITS);
      model.places[place] = mu + own;
    }
  }
  for (const [kind, some] of byKind) model.kinds[kind] = kindOf(model, kindMu.get(kind)!, some);
  return model;
}

/** How far visits' logarithms lie above what is expected of them, shrunk towards 0. */
function meanLog(sums: readonly ServiceSum[], expected: (sum: ServiceSum) => number, worthVisits: number): number {
  const above = total(sums, (sum) => sum.sumLog - sum.visits * expected(sum));
  return above / (total(sums, (sum) => sum.visits) + worthVisits);
}

/** The deviation that is left once places and drivers are known, and what visits that went wrong add. */
function kindOf(
  model: ServiceModel,
  mu: number,
  sums: readonly ServiceSum[],
): { mu: number; sigma: number; tail: number } {
  const visits = total(sums, (sum) => sum.visits);
  const muOf = (sum: ServiceSum): number => model.places[keyOf(sum)]! + (model.drivers[sum.driver] ?? 0);
  const squares = total(sums, (sum) => {
    const own = muOf(sum);
    return sum.sumLogSquare - 2 * own * sum.sumLog + sum.visits * own * own;
  });
  const within = (squares + SIGMA_UNLEARNED ** 2 * KIND_WORTH_VISITS) / (visits + KIND_WORTH_VISITS);
  const sigma = Math.max(SIGMA_MIN, Math.sqrt(within));
  const meanOf = (own: number): number => Math.exp(own + (sigma * sigma) / 2);
  const worth = KIND_WORTH_VISITS * meanOf(mu);
  const tail =
    (total(sums, (sum) => sum.sumShare) + worth) / (total(sums, (sum) => sum.visits * meanOf(muOf(sum))) + worth);
  return { mu, sigma, tail: Math.min(TAIL_MAX, Math.max(1, tail)) };
}

function keyOf({ kind, place }: ServiceSum): string {
  return `${kind}/${place}`;
}

type ServedStop = EtaPlace & { kind: StopKind; serviceS: number | null; driver?: string | null };

/** Mean and variance (s, s²) of the rest of a service of which `elapsedS` are over. */
export function serviceRest(model: ServiceModel, stop: ServedStop, elapsedS: number): Moments {
  const { mu, sigma, wrongShare } = serviceOf(model, stop);
  const usual = logNormalRest(mu, sigma, elapsedS);
  const wrong = logNormalRest(mu + LOG_WRONG_TIMES, sigma, elapsedS);
  const [usually, wrongly] = aboveOf(mu, sigma, wrongShare, elapsedS);
  const share = wrongly / (usually + wrongly);
  const mean = usual.mean + share * (wrong.mean - usual.mean);
  const within = usual.variance + share * (wrong.variance - usual.variance);
  return { mean, variance: within + share * (1 - share) * (wrong.mean - usual.mean) ** 2 };
}

/** By how much the logarithm of a service lies above the one expected. */
export function serviceLogAbove(model: ServiceModel, stop: ServedStop, servedS: number): number {
  return Math.log(Math.max(servedS, SERVED_S_MIN)) - serviceOf(model, stop).mu;
}

/** The share of services there that last longer than `elapsedS`. */
export function serviceAbove(model: ServiceModel, stop: ServedStop, elapsedS: number): number {
  const { mu, sigma, wrongShare } = serviceOf(model, stop);
  const [usually, wrongly] = aboveOf(mu, sigma, wrongShare, elapsedS);
  return Math.max(usually + wrongly, ABOVE_MIN);
}

function aboveOf(mu: number, sigma: number, wrongShare: number, elapsedS: number): [usually: number, wrongly: number] {
  return [
    (1 - wrongShare) * logNormalAbove(mu, sigma, elapsedS),
    wrongShare * logNormalAbove(mu + LOG_WRONG_TIMES, sigma, elapsedS) + ABOVE_MIN,
  ];
}

function serviceOf(model: ServiceModel, stop: ServedStop): { mu: number; sigma: number; wrongShare: number } {
  const ofKind = model.kinds[stop.kind];
  const deviation = model.places[`${stop.kind}/${placeKey(stop)}`] ?? ofKind?.mu ?? 0;
  return {
    mu: Math.log(usualS(stop.kind, stop.serviceS)) + deviation + (model.drivers[stop.driver ?? ""] ?? 0),
    sigma: ofKind?.sigma ?? SIGMA_UNLEARNED,
    wrongShare: ((ofKind?.tail ?? 1) - 1) / (WRONG_TIMES - 1),
  };
}

function usualS(kind: StopKind, plannedS: number | null): number {
  return plannedS !== null && plannedS > 0 ? Math.max(plannedS, SERVED_S_MIN) : USUAL_S[kind];
}

function total(sums: readonly ServiceSum[], of: (sum: ServiceSum) => number): number {
  return sums.reduce((all, sum) => all + of(sum), 0);
}
