/** Density of the standard normal distribution. */
export function normalDensity(z: number): number {
  return Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
}

/** Distribution function of the standard normal (Abramowitz and Stegun 26.2.17, error below 7.5e-8). */
export function normalBelow(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = normalDensity(z) * poly;
  return z >= 0 ? 1 - tail : tail;
}

export type Moments = { mean: number; variance: number };

/** Mean and variance of max(X, floor) for a normal X (Clark, 1961). */
export function maxWith({ mean, variance }: Moments, floor: number): Moments {
  const sd = Math.sqrt(variance);
  if (sd === 0 || mean - floor > 6 * sd) return { mean: Math.max(mean, floor), variance };
  if (floor - mean > 6 * sd) return { mean: floor, variance: 0 };
  const a = (mean - floor) / sd;
  const above = normalBelow(a);
  const density = normalDensity(a);
  const first = mean * above + floor * (1 - above) + sd * density;
  // Taken about the floor: the second moment of times of day would lose all digits.
  const shifted = mean - floor;
  const second = (shifted * shifted + variance) * above + shifted * sd * density;
  return { mean: first, variance: Math.max(0, second - (first - floor) ** 2) };
}

/** The log-normal distribution of a mean and a variance. */
export function logNormalOf({ mean, variance }: Moments): { mu: number; sigma: number } {
  const squared = Math.log1p(variance / (mean * mean));
  return { mu: Math.log(mean) - squared / 2, sigma: Math.sqrt(squared) };
}

/** The share of a log-normal time of `mu`, `sigma` (of the logarithm) that lasts longer than `elapsed`. */
export function logNormalAbove(mu: number, sigma: number, elapsed: number): number {
  return elapsed <= 0 ? 1 : normalBelow((mu - Math.log(elapsed)) / sigma);
}

/** Mean and variance of what is left of a log-normal time of `mu`, `sigma` (of the logarithm) after `elapsed` of it. */
export function logNormalRest(mu: number, sigma: number, elapsed: number): Moments {
  if (elapsed <= 0 || sigma === 0) {
    const mean = Math.exp(mu + (sigma * sigma) / 2);
    return { mean: Math.max(0, mean - Math.max(0, elapsed)), variance: mean * mean * Math.expm1(sigma * sigma) };
  }
  const k = (Math.log(elapsed) - mu) / sigma;
  const left = Math.max(normalBelow(-k), 1e-9);
  const first = (Math.exp(mu + (sigma * sigma) / 2) * normalBelow(sigma - k)) / left;
  const second = (Math.exp(2 * mu + 2 * sigma * sigma) * normalBelow(2 * sigma - k)) / left;
  // Far out in the tail the formula cancels; the rest of a log-normal grows about as the time already spent.
  const mean = Math.max(first - elapsed, 0.05 * elapsed);
  return { mean, variance: Math.max(second - first * first, 0.25 * mean * mean) };
}
