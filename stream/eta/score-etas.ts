/** How good issued ETAs were: each against the observed arrival. Pure, so that the same rows give the same report. */

export type ScoredEta = {
  /** ETAs of one route are alike: intervals are taken over routes. */
  routeId: string;
  computedMs: number;
  p10Ms: number;
  p50Ms: number;
  p90Ms: number;
  arrivedMs: number;
};

/** An estimate with its 95 % interval, which treats all ETAs of a route as one observation; null: too few routes. */
export type Estimate = { value: number; low: number | null; high: number | null };

export type EtaScore = {
  etas: number;
  routes: number;
  /** Share of arrivals at or before the P90; within P10 to P90. Calibrated: 0.9 and 0.8. */
  coverageP90: Estimate;
  coverageP10ToP90: Estimate;
  /** Share of arrivals at or before the P50. */
  coverageP50: Estimate;
  /** Of arrival minus P50, seconds: positive where vehicles came later than told. */
  biasS: Estimate;
  maeS: Estimate;
};

export type HorizonBand = { name: string; fromMs: number; toMs: number };
const MINUTE_MS = 60_000;
/** What remained at issue: P50 minus the moment of computing. */
export const HORIZON_BANDS: readonly HorizonBand[] = [
  { name: "0-15", fromMs: 0, toMs: 15 * MINUTE_MS },
  { name: "15-60", fromMs: 15 * MINUTE_MS, toMs: 60 * MINUTE_MS },
  { name: "60-180", fromMs: 60 * MINUTE_MS, toMs: 180 * MINUTE_MS },
  { name: "180+", fromMs: 180 * MINUTE_MS, toMs: Number.POSITIVE_INFINITY },
];

/** Below so many routes an interval would say nothing. */
const ROUTES_MIN = 5;
const Z_95 = 1.96;

export function horizonBandOf({ p50Ms, computedMs }: { p50Ms: number; computedMs: number }): HorizonBand {
  return HORIZON_BANDS.find(({ toMs }) => p50Ms - computedMs < toMs) ?? HORIZON_BANDS.at(-1)!;
}

export function scoreEtas(etas: readonly ScoredEta[]): EtaScore {
  const byRoute = [...Map.groupBy(etas, (eta) => eta.routeId).values()];
  const estimate = (of: (eta: ScoredEta) => number): Estimate => meanOverRoutes(byRoute, of);
  return {
    etas: etas.length,
    routes: byRoute.length,
    coverageP90: estimate(({ arrivedMs, p90Ms }) => (arrivedMs <= p90Ms ? 1 : 0)),
    coverageP10ToP90: estimate(({ arrivedMs, p10Ms, p90Ms }) => (arrivedMs >= p10Ms && arrivedMs <= p90Ms ? 1 : 0)),
    coverageP50: estimate(({ arrivedMs, p50Ms }) => (arrivedMs <= p50Ms ? 1 : 0)),
    biasS: estimate(({ arrivedMs, p50Ms }) => (arrivedMs - p50Ms) / 1000),
    maeS: estimate(({ arrivedMs, p50Ms }) => Math.abs(arrivedMs - p50Ms) / 1000),
  };
}

/** Ratio estimator of a mean over clusters, with its linearised standard error (Cochran 1977, section 9A.1). */
function meanOverRoutes(routes: readonly (readonly ScoredEta[])[], of: (eta: ScoredEta) => number): Estimate {
  const sums = routes.map((etas) => ({ count: etas.length, sum: etas.reduce((sum, eta) => sum + of(eta), 0) }));
  const count = sums.reduce((all, one) => all + one.count, 0);
  if (count === 0) return { value: 0, low: null, high: null };
  const value = sums.reduce((all, one) => all + one.sum, 0) / count;
  if (sums.length < ROUTES_MIN) return { value, low: null, high: null };
  const residual = sums.reduce((all, one) => all + (one.sum - value * one.count) ** 2, 0);
  const error = Math.sqrt((residual * sums.length) / (sums.length - 1)) / count;
  return { value, low: value - Z_95 * error, high: value + Z_95 * error };
}
