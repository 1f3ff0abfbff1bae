import type { Attributes, ProtocolName } from "#decoders/decoder.ts";
import type { DeviceProtocol } from "./device.ts";
import type { DeviceLedger, Ledger } from "./ledger.ts";

/** A fix as the store gives it back; the device's own time where its clock was not believed. */
export type StoredFix = { timeMs: number; attributes: Attributes };

/** Every stored fix of one device, page by page. */
export type FixSource = (uid: string) => AsyncIterable<readonly StoredFix[]>;

/** One record that is not as promised. */
export type Finding = { uid: string; marker: number; timeMs: number };

export type CheckResult = {
  ok: boolean;
  devices: number;
  made: number;
  acknowledged: number;
  /** Records of this run found in the store, each counted once. */
  stored: number;
  /** Stored without their acknowledgement having arrived: normal, the device would have sent them again. */
  storedUnacknowledged: number;
  /** Acknowledged and not stored. */
  lost: number;
  /** Stored more than once. */
  doubled: number;
  /** Stored with another time than the device gave; not counted where the device's clock was never set. */
  displaced: number;
  /** Stored under this run's name, and never made: bytes that were damaged on the way and believed. */
  invented: number;
  byProtocol: { [name in ProtocolName]?: ProtocolCounts };
  examples: Record<"lost" | "doubled" | "displaced" | "invented", Finding[]>;
};

export type ProtocolCounts = { devices: number; acknowledged: number; stored: number; lost: number };

const EXAMPLES_MAX = 10;
const CHECKED_AT_ONCE = 4;
/** Clocks that show an earlier time were never set; the store replaces their times. */
const CLOCK_BELIEVED_FROM_MS = Date.UTC(2015, 0, 1);

/** What the check needs to know of a device's protocol. */
export type CheckedProtocol = Pick<DeviceProtocol, "protocol" | "readMarker">;

/** Compares the store with the ledger: each acknowledged record must be there exactly once. */
export async function checkLedger(
  ledger: Ledger,
  protocolOf: (uid: string) => CheckedProtocol,
  source: FixSource,
): Promise<CheckResult> {
  const result = emptyResult();
  const waiting = [...ledger.devices.values()];
  await Promise.all(
    Array.from({ length: CHECKED_AT_ONCE }, async () => {
      for (let device = waiting.pop(); device; device = waiting.pop()) {
        await checkDevice(device, ledger.run, protocolOf(device.uid), source(device.uid), result);
      }
    }),
  );
  result.ok = result.lost === 0 && result.doubled === 0 && result.displaced === 0 && result.invented === 0;
  return result;
}

async function checkDevice(
  device: DeviceLedger,
  run: number,
  { protocol, readMarker }: CheckedProtocol,
  pages: AsyncIterable<readonly StoredFix[]>,
  result: CheckResult,
): Promise<void> {
  const times = new Uint32Array(device.timesMs.length);
  result.byProtocol[protocol] ??= { devices: 0, acknowledged: 0, stored: 0, lost: 0 };
  const counts = result.byProtocol[protocol];
  const note = (kind: keyof CheckResult["examples"], marker: number, timeMs: number): void => {
    result[kind]++;
    if (result.examples[kind].length < EXAMPLES_MAX) result.examples[kind].push({ uid: device.uid, marker, timeMs });
  };
  for await (const page of pages) {
    for (const fix of page) {
      const marker = readMarker(fix.attributes, run);
      if (marker === undefined) continue;
      const madeMs = device.timesMs[marker];
      if (madeMs === undefined) {
        note("invented", marker, fix.timeMs);
        continue;
      }
      times[marker] = times[marker]! + 1;
      if (times[marker] === 2) note("doubled", marker, fix.timeMs);
      if (madeMs >= CLOCK_BELIEVED_FROM_MS && fix.timeMs !== madeMs) note("displaced", marker, fix.timeMs);
    }
  }
  device.timesMs.forEach((timeMs, marker) => {
    const isStored = times[marker]! > 0;
    const isAcknowledged = device.isAcknowledged(marker);
    if (isStored) result.stored++;
    if (isStored) counts.stored++;
    if (isStored && !isAcknowledged) result.storedUnacknowledged++;
    if (!isAcknowledged || isStored) return;
    counts.lost++;
    note("lost", marker, timeMs);
  });
  counts.devices++;
  counts.acknowledged += device.acknowledgedCount;
  result.devices++;
  result.made += device.timesMs.length;
  result.acknowledged += device.acknowledgedCount;
}

function emptyResult(): CheckResult {
  return {
    ok: false,
    devices: 0,
    made: 0,
    acknowledged: 0,
    stored: 0,
    storedUnacknowledged: 0,
    lost: 0,
    doubled: 0,
    displaced: 0,
    invented: 0,
    byProtocol: {},
    examples: { lost: [], doubled: [], displaced: [], invented: [] },
  };
}
