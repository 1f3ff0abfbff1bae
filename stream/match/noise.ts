/** What a receiver's error looks like before the trace has shown it. */
const PRIOR_SIGMA_M = 5;
const PRIOR_MEMORY_PER_S = 0.93;
/** How many observations the prior is worth, and how many the past is worth at most. */
const PRIOR_WEIGHT = 12;
const WEIGHT_MAX = 240;
const SIGMA_M_MIN = 2.5;
const SIGMA_M_MAX = 40;
const MEMORY_PER_S_MAX = 0.985;
/** Per-axis sigma of a reported accuracy (68 % radius). */
const SIGMA_PER_ACCURACY = 1 / 1.5;

/** Jitter is judged on fixes this close in time: over longer times the vehicle's own turns and braking hide it. */
const JITTER_INTERVAL_S_MAX = 3;
const JITTER_M_MAX = 40;
const JITTER_KEEP = 0.95;
const JITTER_WEIGHT_MIN = 2;
/** Second differences that the vehicle itself makes, m/s². */
const VEHICLE_ACCELERATION_MPS2 = 1.2;
/** Mean absolute value of a standard normal variable, squared. */
const MEAN_ABSOLUTE_SQUARED = 2 / Math.PI;

export const NOISE_FIELDS = 10;

/**
 * The receiver's error as a first-order autoregressive process: its spread, and how much of it is still the same a
 * second later. Both are learned from the distances across the road on the best path, so that a noisy and a calm
 * receiver, and white and slowly wandering noise, need no setting. White noise at short intervals is also seen without
 * any road, in the second differences of the fixes. Sums of a device: 0 weight, 1 sum of squares, 2 sum of products with
 * the one before, 3 sum of intervals (s); jitter: 4 weight, 5 sum of absolute second differences; last displacement:
 * 6 east, 7 north (m), 8 interval (s, 0 when too long ago); 9 the interval that the jitter was seen at (s).
 */
export class Noise {
  readonly #sums: Float64Array;
  varianceM2 = PRIOR_SIGMA_M ** 2;
  #memoryPerS = PRIOR_MEMORY_PER_S;
  #scale = 1;
  #priorIntervalS = 0;
  #priorProduct = 1;
  #afterS = -1;
  #afterPerS = -1;
  #after = 0;
  readonly #before = new Float64Array(6);

  constructor(sums: Float64Array) {
    this.#sums = sums;
  }

  /** Takes the sums of a device and, when the receiver told it, the accuracy of the fix (m, 68 %). */
  load(accuracyM: number): void {
    const weight = this.#sums[0]!;
    const squares = this.#sums[1]!;
    const products = this.#sums[2]!;
    const intervals = this.#sums[3]!;
    this.#scale =
      accuracyM > 0 ? Math.min(SIGMA_M_MAX, Math.max(SIGMA_M_MIN, accuracyM * SIGMA_PER_ACCURACY)) : PRIOR_SIGMA_M;
    const total = weight + PRIOR_WEIGHT;
    const variance = (squares + PRIOR_WEIGHT) / total;
    this.varianceM2 = Math.min(SIGMA_M_MAX ** 2, Math.max(SIGMA_M_MIN ** 2, variance * this.#scale ** 2));
    const intervalS = weight > 0 ? intervals / weight : 1;
    if (intervalS !== this.#priorIntervalS) {
      this.#priorIntervalS = intervalS;
      this.#priorProduct = PRIOR_MEMORY_PER_S ** intervalS;
    }
    const correlation = (products + PRIOR_WEIGHT * this.#priorProduct) / (squares + PRIOR_WEIGHT);
    const memory = Math.max(0, correlation);
    this.#memoryPerS = Math.min(MEMORY_PER_S_MAX, intervalS === 1 ? memory : memory ** (1 / Math.max(0.2, intervalS)));
    this.#heedJitter();
  }

  /** An error with memory m and variance v has second differences of variance 2 v (1 − m)(3 − m). */
  #heedJitter(): void {
    const weight = this.#sums[4]!;
    if (weight < JITTER_WEIGHT_MIN) return;
    const intervalS = this.#sums[9]!;
    const mean = this.#sums[5]! / weight;
    const variance = (mean * mean) / MEAN_ABSOLUTE_SQUARED - (VEHICLE_ACCELERATION_MPS2 * intervalS ** 2) ** 2;
    if (variance <= 0) return;
    this.varianceM2 = Math.min(SIGMA_M_MAX ** 2, Math.max(this.varianceM2, variance / 6));
    const memory = Math.max(0, 2 - Math.sqrt(1 + variance / (2 * this.varianceM2)));
    this.#memoryPerS = Math.min(this.#memoryPerS, memory ** (1 / intervalS));
  }

  /** Takes the displacement since the fix before (m east and north, s). */
  heedDisplacement(eastM: number, northM: number, dtS: number): void {
    const s = this.#sums;
    for (let i = 0; i < 6; i++) this.#before[i] = s[4 + i]!;
    if (dtS <= JITTER_INTERVAL_S_MAX && s[8]! > 0 && Math.abs(s[8]! - dtS) < 0.2 * dtS) {
      const jitter = (Math.abs(eastM - s[6]!) + Math.abs(northM - s[7]!)) / 2;
      s[4] = s[4]! * JITTER_KEEP + 1;
      s[5] = s[5]! * JITTER_KEEP + Math.min(JITTER_M_MAX, jitter);
      s[9] = dtS;
    }
    s[6] = eastM;
    s[7] = northM;
    s[8] = dtS <= JITTER_INTERVAL_S_MAX ? dtS : 0;
  }

  get sigmaM(): number {
    return Math.sqrt(this.varianceM2);
  }

  /** Share of the error that is still there after `dtS` seconds. */
  memoryAfter(dtS: number): number {
    if (dtS === 1) return this.#memoryPerS;
    if (dtS !== this.#afterS || this.#memoryPerS !== this.#afterPerS) {
      this.#afterS = dtS;
      this.#afterPerS = this.#memoryPerS;
      this.#after = this.#memoryPerS ** dtS;
    }
    return this.#after;
  }

  /** Takes back the last displacement: the fix was a gross error. */
  forgetDisplacement(): void {
    this.#sums.set(this.#before, 4);
  }

  /** Learns from two successive distances across the road (m), `dtS` apart. */
  learn(acrossM: number, previousM: number, dtS: number): void {
    const now = clampUnit(acrossM / this.#scale);
    const before = clampUnit(previousM / this.#scale);
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
