import type { QuarantineRejected, RejectedFrame } from "./gateway-deps.ts";
import {
  QUARANTINE_BATCH_ROWS,
  QUARANTINE_KEYS_MAX,
  QUARANTINE_PENDING_BYTES_MAX,
  QUARANTINE_PENDING_ROWS_MAX,
  QUARANTINE_PER_DEVICE_PER_MINUTE,
  QUARANTINE_PER_MINUTE,
} from "./maxima.ts";
import type { SideTally } from "./metrics.ts";
import { TokenBuckets } from "./token-buckets.ts";

/**
 * Keeps rejected frames with their bytes and reason, within a rate for each device (or address, before a login) and a
 * rate for all; the rest is only counted. What could not be written is offered again, within the same bounds.
 */
export class Quarantine {
  readonly #write: QuarantineRejected;
  readonly #tally: SideTally;
  readonly #perDevice = new TokenBuckets(
    QUARANTINE_PER_DEVICE_PER_MINUTE / 60,
    QUARANTINE_PER_DEVICE_PER_MINUTE,
    QUARANTINE_KEYS_MAX,
  );
  readonly #all = new TokenBuckets(QUARANTINE_PER_MINUTE / 60, QUARANTINE_PER_MINUTE, 1);
  #waiting: RejectedFrame[] = [];
  #waitingBytes = 0;
  #flushing: Promise<void> | undefined;

  constructor(write: QuarantineRejected, tally: SideTally) {
    this.#write = write;
    this.#tally = tally;
  }

  /** Copies the bytes of `row`, if it is kept at all. */
  offer(row: RejectedFrame, monotonicMs: number): void {
    const hasRoom =
      this.#waiting.length < QUARANTINE_PENDING_ROWS_MAX &&
      this.#waitingBytes + row.bytes.length <= QUARANTINE_PENDING_BYTES_MAX;
    const key = row.deviceId ?? row.remoteAddress ?? "";
    if (!hasRoom || !this.#perDevice.take(key, monotonicMs) || !this.#all.take("", monotonicMs)) {
      this.#tally.limited += 1;
      return;
    }
    this.#waiting.push({ ...row, bytes: row.bytes.slice() });
    this.#waitingBytes += row.bytes.length;
  }

  /** Resolves when what waits was written, or when writing failed. */
  flush(): Promise<void> {
    if (this.#waiting.length > 0) this.#flushing ??= this.#flush();
    return this.#flushing ?? Promise.resolve();
  }

  sweep(monotonicMs: number): void {
    this.#perDevice.sweep(monotonicMs);
  }

  async #flush(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting.slice(0, QUARANTINE_BATCH_ROWS);
        await this.#write(batch);
        this.#waiting.splice(0, batch.length);
        this.#waitingBytes -= batch.reduce((sum, row) => sum + row.bytes.length, 0);
        this.#tally.stored += batch.length;
      }
    } catch {
      // The database is away: the rows stay and are offered again; meanwhile the bounds above hold.
      this.#tally.failed += 1;
    }
    this.#flushing = undefined;
  }
}
