import { logNormalAbove, logNormalOf, logNormalRest, type Moments } from "./normal.ts";

/** Rests are long halts, once a day; pauses are short ones away from stops. Both are learned by the time under way. */

/** One half hour under way. Rests: how often without one so far, how often one began then, how many of these at a stop. */
export type RestSum = {
  halfHour: number;
  exposed: number;
  rests: number;
  atStops: number;
  restS: number;
  restSquareS2: number;
  /** Under way then, rested or not, and the pauses that began. */
  underWay: number;
  pauses: number;
  pauseS: number;
  pauseSquareS2: number;
};

type SumName = Exclude<keyof RestSum, "halfHour">;

/** How long halts last: log-normal. */
export type HaltLength = { meanS: number; mu: number; sigma: number };

export type RestModel = {
  /** Chance that a rest begins within each half hour under way, if none was taken before. */
  chances: number[];
  /** Null: none was seen yet. */
  length: HaltLength | null;
  /** Share of rests that were taken at stops. */
  atStops: number;
  pausesPerHour: number;
  pause: HaltLength;
};

export type HaltTime = { fromMs: number; toMs: number };

/** An observed day: when it was under way, its rest and its pauses. */
export type RestDay = HaltTime & {
  rest: (HaltTime & { atStop?: boolean }) | null;
  pauses?: readonly HaltTime[];
};

/** A halt away from stops that lasts longer than traffic explains is a pause, at least. */
export const PAUSE_S_MIN = 120;
/** Until rests are known, longer halts are rests. */
const REST_S_UNLEARNED = 900;
/** Then, those that last at least this share of the usual. */
const REST_SHARE_MIN = 0.6;
const HALF_HOUR_MS = 1_800_000;
const HALF_HOURS_MAX = 36;
/** Half hours without a rest that the unlearned model is worth. Little: a day's rest is near certain, and chances multiply. */
const WORTH = 0.5;
/** Hours under way and halts that what is taken for usual is worth. */
const PAUSE_WORTH_H = 10;
const LENGTH_WORTH = 3;
const AT_STOPS_UNLEARNED = 0.3;
const PAUSE_UNLEARNED = { perHour: 0.1, meanS: 500 };
/** Deviation of a halt's length against its mean, before it is known. */
const LENGTH_DEVIATION = 0.35;
/** Rests begin beside their hours, too: so much of a half hour's chance comes from its neighbours. */
const NEIGHBOUR_SHARE = 0.25;

export const unlearnedRests: RestModel = {
  ...{ chances: [], length: null, atStops: AT_STOPS_UNLEARNED, pausesPerHour: PAUSE_UNLEARNED.perHour },
  pause: lengthOf(0, 0, 0, PAUSE_UNLEARNED.meanS),
};

export function restSumsOf({ fromMs, toMs, rest, pauses = [] }: RestDay): RestSum[] {
  const halfHours = (untilMs: number): number => Math.max(0, untilMs - fromMs) / HALF_HOUR_MS;
  const restAt = rest === null ? Number.POSITIVE_INFINITY : Math.floor(halfHours(rest.fromMs));
  const count = Math.min(HALF_HOURS_MAX, Math.ceil(halfHours(toMs)));
  return Array.from({ length: count }, (_, halfHour) => {
    const underWay = Math.min(1, halfHours(toMs) - halfHour);
    const restS = rest !== null && halfHour === restAt ? (rest.toMs - rest.fromMs) / 1000 : 0;
    const its = pauses.filter((pause) => Math.floor(halfHours(pause.fromMs)) === halfHour);
    const pausedS = its.map((pause) => (pause.toMs - pause.fromMs) / 1000);
    return {
      ...{ halfHour, exposed: halfHour < restAt ? underWay : halfHour === restAt ? 1 : 0, rests: restS > 0 ? 1 : 0 },
      ...{ atStops: restS > 0 && rest?.atStop === true ? 1 : 0, restS, restSquareS2: restS * restS },
      ...{ underWay, pauses: its.length, pauseS: total(pausedS, (s) => s) },
      pauseSquareS2: total(pausedS, (s) => s * s),
    };
  });
}

export function addRests(a: RestSum, b: RestSum): RestSum {
  return eachSum(a.halfHour, (name) => a[name] + b[name]);
}

export function fadedRests(sum: RestSum, share: number): RestSum {
  return eachSum(sum.halfHour, (name) => sum[name] * share);
}

function eachSum(halfHour: number, of: (name: SumName) => number): RestSum {
  return {
    ...{ halfHour, exposed: of("exposed"), rests: of("rests"), atStops: of("atStops"), restS: of("restS") },
    ...{ restSquareS2: of("restSquareS2"), underWay: of("underWay"), pauses: of("pauses"), pauseS: of("pauseS") },
    pauseSquareS2: of("pauseSquareS2"),
  };
}

export function fitRests(sums: readonly RestSum[]): RestModel {
  const chances = new Array<number>(HALF_HOURS_MAX).fill(0);
  for (const sum of sums) chances[sum.halfHour] = sum.rests / (sum.exposed + WORTH);
  const of = (name: SumName): number => total(sums, (sum) => sum[name]);
  const [rests, restS] = [of("rests"), of("restS")];
  const hours = (of("underWay") * HALF_HOUR_MS) / 3_600_000;
  return {
    chances: rests > 0 ? chances : [],
    length: rests > 0 ? lengthOf(rests, restS, of("restSquareS2"), restS / rests) : null,
    atStops: (of("atStops") + LENGTH_WORTH * AT_STOPS_UNLEARNED) / (rests + LENGTH_WORTH),
    pausesPerHour: (of("pauses") + PAUSE_WORTH_H * PAUSE_UNLEARNED.perHour) / (hours + PAUSE_WORTH_H),
    pause: lengthOf(of("pauses"), of("pauseS"), of("pauseSquareS2"), PAUSE_UNLEARNED.meanS),
  };
}

/** From when on a halt is a rest, seconds. */
export function restMinS({ length }: RestModel): number {
  return length === null ? REST_S_UNLEARNED : Math.max(REST_S_UNLEARNED, REST_SHARE_MIN * length.meanS);
}

/** The chance that a vehicle under way since `startedMs`, not rested by `nowMs`, rests before `untilMs`. */
export function restChance({ chances }: RestModel, startedMs: number, nowMs: number, untilMs: number): number {
  if (chances.length === 0) return 0;
  const from = Math.max(0, (nowMs - startedMs) / HALF_HOUR_MS);
  const to = (untilMs - startedMs) / HALF_HOUR_MS;
  let without = 1;
  for (let half = Math.floor(from); half < Math.min(to, chances.length); half++) {
    const share = Math.min(to, half + 1) - Math.max(from, half);
    if (share > 0) without *= (1 - chances[half]!) ** share;
  }
  return 1 - without;
}

/** Chance a second that a rest begins so long under way. */
export function restRate({ chances }: RestModel, underWayMs: number): number {
  const half = Math.floor(Math.max(0, underWayMs) / HALF_HOUR_MS);
  const [before = 0, now = 0, after = 0] = [chances[half - 1], chances[half], chances[half + 1]];
  const chance = now + NEIGHBOUR_SHARE * (Math.max(before, after) - now);
  return (Math.max(now, chance) * 1000) / HALF_HOUR_MS;
}

/** A halt so far: the chance that it is a rest, and what is left of it if it is one and if not. */
export type HaltOutlook = { restShare: number; restLeft: Moments; otherLeft: Moments };

/** A halt away from stops that has lasted `haltS` (Bayes: how often such halts begin, and how many last as long). */
export function haltOutlook(model: RestModel, underWayMs: number, haltS: number, hasRested: boolean): HaltOutlook {
  const { length, pause, pausesPerHour } = model;
  const rate = hasRested ? 0 : restRate(model, underWayMs - haltS * 1000);
  const rest = length === null ? 0 : rate * logNormalAbove(length.mu, length.sigma, haltS);
  const other = (pausesPerHour / 3_600) * logNormalAbove(pause.mu, pause.sigma, haltS);
  return {
    restShare: restShareOf(model, rest, other, haltS, hasRested),
    restLeft: length === null ? { mean: 0, variance: 0 } : logNormalRest(length.mu, length.sigma, haltS),
    otherLeft: logNormalRest(pause.mu, pause.sigma, haltS),
  };
}

/**
 * The chance that whoever is still at a stop rests there: `expectedS` is what serving takes, `servedS` how long it has
 * lasted, `above` the share of services that last as long.
 */
export function restShareAtStop(
  model: RestModel,
  underWayMs: number,
  { expectedS, servedS, above }: { expectedS: number; servedS: number; above: number },
  hasRested: boolean,
): number {
  const { length, atStops } = model;
  const overdueS = servedS - expectedS;
  if (hasRested || overdueS <= 0) return 0;
  const begun = atStops * restRate(model, underWayMs - overdueS * 1000) * expectedS * 2;
  const rest = length === null ? 0 : begun * logNormalAbove(length.mu, length.sigma, overdueS);
  return restShareOf(model, rest, above, overdueS, false);
}

function restShareOf(model: RestModel, rest: number, other: number, haltS: number, hasRested: boolean): number {
  if (hasRested) return 0;
  if (model.length === null) return haltS > REST_S_UNLEARNED / 2 ? 1 : 0;
  return rest > 0 ? rest / (rest + other) : 0;
}

function lengthOf(count: number, sumS: number, squareS2: number, usualS: number): HaltLength {
  const worth = count + LENGTH_WORTH;
  const meanS = (sumS + LENGTH_WORTH * usualS) / worth;
  const usualVariance = (LENGTH_DEVIATION * usualS) ** 2;
  const spread = squareS2 - 2 * meanS * sumS + count * meanS * meanS;
  const variance = (spread + LENGTH_WORTH * (usualVariance + (usualS - meanS) ** 2)) / worth;
  return { meanS, ...logNormalOf({ mean: meanS, variance }) };
}

function total<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((all, item) => all + of(item), 0);
}
