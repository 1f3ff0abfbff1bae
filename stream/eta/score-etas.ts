/** How good issued ETAs were: each against the observed arrival. Pure, so that the same rows give the same report. */

export type ScoredEta = {
  routeId: string;
  computedMs: number;
  p10Ms: number;
  p50Ms: number;
  p90Ms: number;
  arrivedMs: number;
};

/** The ETAs of one route, added up. They are alike, so intervals are taken over routes. */
export type RouteSums = {
  etas: number;
  /** Arrivals at or before the P90, from P10 to P90, at or before the P50. */
  byP90: number;
  withinP10P90: number;
  byP50: number;
  /** Of arrival minus P50, seconds, with its sign and without. */
  errorS: number;
  absErrorS: number;
};

/** A mean over ETAs with its 95 % interval, which treats a route as one observation; null: too few routes. */
export type Estimate = { value: number; low: number | null; high: number | null };

export type EtaScore = {
  etas: number;
  routes: number;
  /** Calibrated are 0.9, 0.8 and 0.5. */
  coverageP90: Estimate;
  coverageP10ToP90: Estimate;
  coverageP50: Estimate;
  /** Positive where vehicles came later than told. */
  biasS: Estimate;
  maeS: Estimate;
};

/** By what remained at issue: P50 minus the moment of computing. */
export type HorizonBand = { name: string; endS: number };
export const HORIZON_BANDS: readonly HorizonBand[] = [
  { name: "0-15", endS: 900 },
  { name: "15-60", endS: 3_600 },
  { name: "60-180", endS: 10_800 },
  { name: "180+", endS: Number.POSITIVE_INFINITY },
];

/** Below so many routes an interval would say nothing. */
const ROUTES_MIN = 5;
const Z_95 = 1.96;

export function horizonBandOf({ p50Ms, computedMs }: { p50Ms: number; computedMs: number }): HorizonBand {
  return HORIZON_BANDS.find(({ endS }) => p50Ms - computedMs < endS * 1000) ?? HORIZON_BANDS.at(-1)!;
}

export function scoreEtas(etas: readonly ScoredEta[]): EtaScore {
  return scoreRoutes([...Map.groupBy(etas, (eta) => eta.routeId).values()].map(sumRoute));
}

export function scoreRoutes(routes: readonly RouteSums[]): EtaScore {
  const estimate = (of: (sums: RouteSums) => number): Estimate => meanOverRoutes(routes, of);
  return {
    etas: routes.reduce((sum, { etas }) => sum + etas, 0),
    routes: routes.length,
    coverageP90: estimate(({ byP90 }) => byP90),
    coverageP10ToP90: estimate(({ withinP10P90 }) => withinP10P90),
    coverageP50: estimate(({ byP50 }) => byP50),
    biasS: estimate(({ errorS }) => errorS),
    maeS: estimate(({ absErrorS }) => absErrorS),
  };
}

function sumRoute(etas: readonly ScoredEta[]): RouteSums {
  const sums: RouteSums = { etas: etas.length, byP90: 0, withinP10P90: 0, byP50: 0, errorS: 0, absErrorS: 0 };
  for (const { arrivedMs, p10Ms, p50Ms, p90Ms } of etas) {
    if (arrivedMs <= p90Ms) sums.byP90++;
    if (arrivedMs >= p10Ms && arrivedMs <= p90Ms) sums.withinP10P90++;
    if (arrivedMs <= p50Ms) sums.byP50++;
    sums.errorS += (arrivedMs - p50Ms) / 1000;
    sums.absErrorS += Math.abs(arrivedMs - p50Ms) / 1000;
  }
  return sums;
}

/** Ratio estimator of a mean over clusters, with its linearised standard error (Cochran 1977, section 9A.1). */
function meanOverRoutes(routes: readonly RouteSums[], of: (sums: RouteSums) => number): Estimate {
  const count = routes.reduce((all, one) => all + one.etas, 0);
  if (count === 0) return { value: 0, low: null, high: null };
  const value = routes.reduce((all, one) => all + of(one), 0) / count;
  if (routes.length < ROUTES_MIN) return { value, low: null, high: null };
  const residual = routes.reduce((all, one) => all + (of(one) - value * one.etas) ** 2, 0);
  const error = Math.sqrt((residual * routes.length) / (routes.length - 1)) / count;
  return { value, low: value - Z_95 * error, high: value + Z_95 * error };
}
