/** What one device made and what the gateway acknowledged, by marker: the number of the record, counted from 0. */
export type DeviceLedger = {
  readonly uid: string;
  /** Device time of each record, Unix milliseconds, by marker. */
  readonly timesMs: readonly number[];
  readonly acknowledgedCount: number;
  /** Notes a new record and gives its marker. */
  add(timeMs: number): number;
  acknowledge(marker: number): void;
  isAcknowledged(marker: number): boolean;
};

/** Every record of a run with its fate, device by device; what a checker compares the store with. */
export type Ledger = {
  /** Distinguishes the records of this run from those that an earlier run left in the same store. */
  readonly run: number;
  readonly devices: ReadonlyMap<string, DeviceLedger>;
  open(uid: string): DeviceLedger;
};

export function createLedger(run: number): Ledger {
  const devices = new Map<string, DeviceLedger>();
  return {
    run,
    devices,
    open(uid) {
      if (devices.has(uid)) throw new Error(`two simulated devices are called ${uid}`);
      const device = createDeviceLedger(uid);
      devices.set(uid, device);
      return device;
    },
  };
}

function createDeviceLedger(uid: string): DeviceLedger {
  const timesMs: number[] = [];
  const acknowledged: boolean[] = [];
  let acknowledgedCount = 0;
  return {
    uid,
    timesMs,
    get acknowledgedCount() {
      return acknowledgedCount;
    },
    add(timeMs) {
      acknowledged.push(false);
      return timesMs.push(timeMs) - 1;
    },
    acknowledge(marker) {
      if (marker >= acknowledged.length) throw new Error(`record ${marker} of ${uid} was never made`);
      if (acknowledged[marker]) return;
      acknowledged[marker] = true;
      acknowledgedCount++;
    },
    isAcknowledged(marker) {
      return acknowledged[marker] ?? false;
    },
  };
}
