/** Counts times in buckets that grow by a tenth: constant memory, quantiles within 5 %. */
export class LatencyHistogram {
  readonly #buckets = new Uint32Array(BUCKETS);
  #count = 0;
  #maxMs = 0;

  /** Adds a duration in milliseconds. */
  add(durationMs: number): void {
    const bucket = Math.log(Math.max(durationMs, SMALLEST_MS) / SMALLEST_MS) / LOG_GROWTH;
    const index = Math.min(BUCKETS - 1, Math.floor(bucket));
    this.#buckets[index] = this.#buckets[index]! + 1;
    this.#count++;
    this.#maxMs = Math.max(this.#maxMs, durationMs);
  }

  /** The duration in milliseconds that `share` of all stay below; 0 when there are none. */
  quantileMs(share: number): number {
    if (this.#count === 0) return 0;
    let below = 0;
    for (let index = 0; index < BUCKETS; index++) {
      below += this.#buckets[index]!;
      if (below >= share * this.#count) return Math.min(this.#maxMs, SMALLEST_MS * GROWTH ** (index + 0.5));
    }
    return this.#maxMs;
  }

  get count(): number {
    return this.#count;
  }

  get maxMs(): number {
    return this.#maxMs;
  }
}

const SMALLEST_MS = 0.01;
const GROWTH = 1.1;
const LOG_GROWTH = Math.log(GROWTH);
/** Up to about 40 minutes. */
const BUCKETS = 200;
