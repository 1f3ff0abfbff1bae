type Bucket = { tokens: number; filledAtMs: number };

/** A rate limit for each key: `burst` at once, `perSecond` sustained. Memory is bounded: beyond `keysMax` keys are denied. */
export class TokenBuckets {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #keysMax: number;
  readonly #buckets = new Map<string | number, Bucket>();

  constructor(perSecond: number, burst: number, keysMax: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#keysMax = keysMax;
  }

  take(key: string | number, nowMs: number): boolean {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      if (this.#buckets.size >= this.#keysMax) return false;
      this.#buckets.set(key, { tokens: this.#burst - 1, filledAtMs: nowMs });
      return true;
    }
    this.#refill(bucket, nowMs);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** Forgets the keys that are full again. */
  sweep(nowMs: number): void {
    for (const [key, bucket] of this.#buckets) {
      this.#refill(bucket, nowMs);
      if (bucket.tokens >= this.#burst) this.#buckets.delete(key);
    }
  }

  #refill(bucket: Bucket, nowMs: number): void {
    const gained = ((nowMs - bucket.filledAtMs) / 1_000) * this.#perSecond;
    bucket.tokens = Math.min(this.#burst, bucket.tokens + gained);
    bucket.filledAtMs = nowMs;
  }
}
