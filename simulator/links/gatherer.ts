import type { Behaviour, SimulatedRecord } from "../device.ts";
import type { Outbox } from "../outbox.ts";

/** Decides when the records that wait are a packet: as soon as they fill one, or have waited long enough. */
export type Gatherer = {
  /** To be called when a record was added. */
  noteWaiting(): void;
  /** The records of the next packet; otherwise the milliseconds until there is one, null where nothing waits. */
  take(): { records: SimulatedRecord[] } | { inMs: number } | null;
};

export function createGatherer(outbox: Outbox, { recordsPerPacket, sendAfterMs }: Behaviour): Gatherer {
  let firstWaitingMs: number | undefined;
  return {
    noteWaiting() {
      if (outbox.size > 0) firstWaitingMs ??= performance.now();
    },
    take() {
      if (outbox.size === 0) return null;
      const nowMs = performance.now();
      const waitedMs = nowMs - (firstWaitingMs ?? nowMs);
      if (outbox.size < recordsPerPacket && waitedMs < sendAfterMs) return { inMs: sendAfterMs - waitedMs + 1 };
      const records = outbox.take(recordsPerPacket);
      firstWaitingMs = outbox.size > 0 ? nowMs : undefined;
      return { records };
    },
  };
}
