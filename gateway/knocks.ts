import type { ProtocolName } from "#decoders/decoder.ts";
import type { Knock, RecordKnocks } from "./gateway-deps.ts";
import { KNOCK_UIDS_PER_BATCH_MAX } from "./maxima.ts";
import type { SideTally } from "./metrics.ts";

/**
 * Gathers the calls of unregistered devices and hands them over in batches, one at a time. A device that calls often is
 * one row; a flood of invented uids is cut off at the batch size and only counted.
 */
export class Knocks {
  readonly #record: RecordKnocks;
  readonly #tally: SideTally;
  #waiting = new Map<string, Knock>();
  #flushing: Promise<void> | undefined;

  constructor(record: RecordKnocks, tally: SideTally) {
    this.#record = record;
    this.#tally = tally;
  }

  add(uid: string, protocol: ProtocolName, remoteAddress: string | null, nowMs: number): void {
    const key = `${protocol} ${uid}`;
    const knock = this.#waiting.get(key);
    if (knock !== undefined) {
      knock.knocks += 1;
      knock.lastSeenAtMs = nowMs;
      knock.lastAddress = remoteAddress;
    } else if (this.#waiting.size < KNOCK_UIDS_PER_BATCH_MAX) {
      const first = { uid, protocol, knocks: 1, firstSeenAtMs: nowMs, lastSeenAtMs: nowMs, lastAddress: remoteAddress };
      this.#waiting.set(key, first);
    } else {
      this.#tally.limited += 1;
    }
  }

  /** Resolves when what waits was handed over, or failed and was counted. Knocks are a convenience: they may be lost. */
  flush(): Promise<void> {
    if (this.#waiting.size > 0) this.#flushing ??= this.#flush();
    return this.#flushing ?? Promise.resolve();
  }

  async #flush(): Promise<void> {
    const batch = [...this.#waiting.values()];
    const count = batch.reduce((sum, knock) => sum + knock.knocks, 0);
    this.#waiting = new Map();
    try {
      await this.#record(batch);
      this.#tally.stored += count;
    } catch {
      this.#tally.failed += count;
    }
    this.#flushing = undefined;
  }
}
