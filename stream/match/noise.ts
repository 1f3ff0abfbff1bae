/** What a receiver's error looks like before the trace has shown it. */
const PRIOR_SIGMA_M = 5;
const PRIOR_MEMORY_PER_S = 0.93;
/** How many observations the prior is worth, and how many the past is worth at most. */
const PRIOR_WEIGHT = 12;
const WEIGHT_MAX = 240;
const SIGMA_M_MIN = 1.5;
const SIGMA_M_MAX = 40;
const MEMORY_PER_S_MAX = 0.985;
/** Per-axis sigma of a reported accuracy (68 % radius). */
const SIGMA_PER_ACCURACY = 1 / 1.5;

export const NOISE_FIELDS = 4;

/**
 * The receiver's error as a first-order autoregressive process: its spread, and how much of it is still the same a
 * second later. Both are learned from the distances across the road on the best path, so that a noisy and a calm
 * receiver, and white and slowly wandering noise, need no setting. Sums live in `state` (4 floats):
 * weight, sum of squares, sum of products with the one before, sum of intervals (s).
 */
export class Noise {
  readonly #sums: Float64Array;
  varianceM2 = PRIOR_SIGMA_M ** 2;
  #memoryPerS = PRIOR_MEMORY_PER_S;
  #scale = 1;

  constructor(sums: Float64Array) {
    this.#sums = sums;
  }

  /** Takes the sums of a device and, when the receiver told it, the accuracy of the fix (m, 68 %). */
  load(accuracyM: number): void {
    const [weight, squares, products, intervals] = this.#sums as unknown as [number, number, number, number];
    this.#scale = accuracyM > 0 ? Math.min(SIGMA_M_MAX, Math.max(SIGMA_M_MIN, accuracyM * SIGMA_PER_ACCURACY)) : PRIOR_SIGMA_M;
    const total = weight + PRIOR_WEIGHT;
    const variance = (squares + PRIOR_WEIGHT) / total;
    this.varianceM2 = Math.min(SIGMA_M_MAX ** 2, Math.max(SIGMA_M_MIN ** 2, variance * this.#scale ** 2));
    const intervalS = weight > 0 ? intervals / weight : 1;
    const priorProduct = PRIOR_MEMORY_PER_S ** intervalS;
    const correlation = (products + PRIOR_WEIGHT * priorProduct) / (squares + PRIOR_WEIGHT);
    this.#memoryPerS = Math.min(MEMORY_PER_S_MAX, Math.max(0, correlation) ** (1 / Math.max(0.2, intervalS)));
  }

  get sigmaM(): number {
    return Math.sqrt(this.varianceM2);
  }

  /** Share of the error that is still there after `dtS` seconds. */
  memoryAfter(dtS: number): number {
    return dtS === 1 ? this.#memoryPerS : this.#memoryPerS ** dtS;
  }

  /** Learns from two successive distances across the road (m), `dtS` apart. */
  learn(acrossM: number, previousM: number, dtS: number): void {
    const [now, before] = [clampUnit(acrossM / this.#scale), clampUnit(previousM / this.#scale)];
    const s = this.#sums;
    const keep = s[0]! >= WEIGHT_MAX ? 1 - 1 / WEIGHT_MAX : 1;
    s[0] = s[0]! * keep + 1;
    s[1] = s[1]! * keep + (now * now + before * before) / 2;
    s[2] = s[2]! * keep + now * before;
    s[3] = s[3]! * keep + dtS;
  }
}

/** One gross error must not teach the filter that the receiver is bad. */
function clampUnit(normalised: number): number {
  return normalised > 5 ? 5 : normalised < -5 ? -5 : normalised;
}
