import type { EtaPlace, StopKind } from "./eta.ts";
import { logNormalRest, type Moments } from "./normal.ts";

/** A service that was observed, from arrival (or the window's opening) to departure. */
export type ServiceVisit = EtaPlace & { kind: StopKind; plannedS: number | null; servedS: number };

/** Of served against planned seconds: how many visits, the sum of the shares, of their logarithms and those squared. */
export type ServiceSum = {
  place: string;
  kind: StopKind;
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
};

export const unlearnedServices: ServiceModel = { kinds: {}, places: {} };

/** Where a stop names no time and none is learned. */
const USUAL_S: Record<StopKind, number> = { delivery: 180, pickup: 240, service: 1_200, collection: 240, depot: 900 };
const SIGMA_UNLEARNED = 0.7;
const SIGMA_MIN = 0.15;
/** Visits that the parent's estimate is worth. */
const KIND_WORTH_VISITS = 8;
const PLACE_WORTH_VISITS = 2;
/** Shorter services count as this long: the logarithm of a second says nothing. */
const SERVED_S_MIN = 10;
/** Visits longer than so many times the usual are rests or errors, and teach nothing more about the mean. */
const SHARE_MAX = 10;
const TAIL_MAX = 1.5;
/** About 11 m: one entrance. */
const PLACE_DECIMALS = 4;

export function placeKey({ latDeg, lonDeg }: EtaPlace): string {
  return `${latDeg.toFixed(PLACE_DECIMALS)},${lonDeg.toFixed(PLACE_DECIMALS)}`;
}

/** What one visit adds to the sums of its place. */
export function serviceSumOf(visit: ServiceVisit): ServiceSum {
  const share = Math.max(visit.servedS, SERVED_S_MIN) / usualS(visit.kind, visit.plannedS);
  const log = Math.log(share);
  const sumShare = Math.min(share, SHARE_MAX);
  return { place: placeKey(visit), kind: visit.kind, visits: 1, sumShare, sumLog: log, sumLogSquare: log * log };
}

/** Kinds shrunk towards the plan, places towards their kind. */
export function fitServices(sums: readonly ServiceSum[]): ServiceModel {
  const model: ServiceModel = { kinds: {}, places: {} };
  for (const [kind, places] of Map.groupBy(sums, (sum) => sum.kind)) {
    const visits = total(places, (sum) => sum.visits);
    const mu = total(places, (sum) => sum.sumLog) / (visits + KIND_WORTH_VISITS);
    let withinSquare = SIGMA_UNLEARNED ** 2 * KIND_WORTH_VISITS;
    for (const sum of places) {
      const placeMu = (sum.sumLog + PLACE_WORTH_VISITS * mu) / (sum.visits + PLACE_WORTH_VISITS);
      model.places[`${kind}/${sum.place}`] = placeMu;
      withinSquare += sum.sumLogSquare - 2 * placeMu * sum.sumLog + sum.visits * placeMu * placeMu;
    }
    const sigma = Math.max(SIGMA_MIN, Math.sqrt(withinSquare / (visits + KIND_WORTH_VISITS)));
    const meanOf = (mean: number): number => Math.exp(mean + (sigma * sigma) / 2);
    const expected = total(places, (sum) => sum.visits * meanOf(model.places[`${kind}/${sum.place}`]!));
    const worth = KIND_WORTH_VISITS * meanOf(mu);
    const tail = (total(places, (sum) => sum.sumShare) + worth) / (expected + worth);
    model.kinds[kind] = { mu, sigma, tail: Math.min(TAIL_MAX, Math.max(1, tail)) };
  }
  return model;
}

/** Mean and variance (s, s²) of the rest of a service of which `elapsedS` are over. */
export function serviceRest(
  model: ServiceModel,
  stop: EtaPlace & { kind: StopKind; serviceS: number | null },
  elapsedS: number,
): Moments {
  const ofKind = model.kinds[stop.kind];
  const deviation = model.places[`${stop.kind}/${placeKey(stop)}`] ?? ofKind?.mu ?? 0;
  const mu = Math.log(usualS(stop.kind, stop.serviceS)) + deviation;
  const { mean, variance } = logNormalRest(mu, ofKind?.sigma ?? SIGMA_UNLEARNED, elapsedS);
  const tail = ofKind?.tail ?? 1;
  return { mean: mean * tail, variance: variance * tail * tail };
}

function usualS(kind: StopKind, plannedS: number | null): number {
  return plannedS !== null && plannedS > 0 ? Math.max(plannedS, SERVED_S_MIN) : USUAL_S[kind];
}

function total(sums: readonly ServiceSum[], of: (sum: ServiceSum) => number): number {
  return sums.reduce((all, sum) => all + of(sum), 0);
}
