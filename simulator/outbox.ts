import type { SimulatedRecord } from "./device.ts";

/** Records that a device keeps until a link takes them; a ring like a tracker's flash, the oldest is overwritten. */
export type Outbox = {
  add(record: SimulatedRecord): void;
  /** Removes and gives up to `count` records, in the order in which the device sends. */
  take(count: number): SimulatedRecord[];
  readonly size: number;
  /** Records lost because the memory was full; they were never acknowledged. */
  readonly overwritten: number;
};

/** What a tracker's flash holds, roughly. */
const OUTBOX_RECORDS_MAX = 100_000;

export function createOutbox(order: "newestFirst" | "oldestFirst", recordsMax = OUTBOX_RECORDS_MAX): Outbox {
  let records: SimulatedRecord[] = [];
  let first = 0;
  let overwritten = 0;

  function add(record: SimulatedRecord): void {
    records.push(record);
    if (records.length - first <= recordsMax) return;
    first++;
    overwritten++;
  }

  function take(count: number): SimulatedRecord[] {
    const size = Math.min(count, records.length - first);
    if (order === "newestFirst") return records.splice(records.length - size, size).reverse();
    const taken = records.slice(first, first + size);
    first += size;
    if (first * 2 > records.length) {
      records = records.slice(first);
      first = 0;
    }
    return taken;
  }

  return {
    add,
    take,
    get size() {
      return records.length - first;
    },
    get overwritten() {
      return overwritten;
    },
  };
}
