/** The standard normal distribution function. */
export function normalCdf(z: number): number {
  return 1 - normalTail(z);
}

/** How likely a standard normal variable is above `z`; Abramowitz and Stegun (1964) 26.2.17, wrong by at most 7.5e-8. */
export function normalTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail =
    (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z > 0 ? tail : 1 - tail;
}
