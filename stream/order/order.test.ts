import fc from "fast-check";
import { expect, test } from "vitest";
import type { Report } from "#decoders/decoder.ts";
import { type DeviceFold, fixesOf, foldFixes, foldInitial } from "../fold.ts";
import type { Fix } from "../stage.ts";
import { order } from "./order.ts";

const START_MS = Date.UTC(2026, 10, 1);

/** A report of one second of a history; its bytes in the frame are its own. */
type Sent = { timeMs: number | null; valid: boolean; payload: number };

function reportOf(sent: Sent, index: number): Report {
  return {
    kind: "fix",
    timeMs: sent.timeMs,
    valid: sent.valid,
    latDeg: sent.valid ? 41 + sent.payload / 1000 : null,
    lonDeg: sent.valid ? -8 : null,
    altitudeM: null,
    speedMps: null,
    headingDeg: null,
    satellites: null,
    hdop: null,
    accuracyM: null,
    event: null,
    buffered: false,
    attributes: { [`input.${sent.payload % 3}`]: sent.payload },
    bytesStart: index * 16,
    bytesEnd: index * 16 + 16,
  };
}

function bytesOf(packet: readonly Sent[]): Uint8Array {
  const bytes = new Uint8Array(packet.length * 16);
  const view = new DataView(bytes.buffer);
  packet.forEach((sent, index) => {
    view.setFloat64(index * 16, sent.timeMs ?? -1);
    view.setUint32(index * 16 + 8, sent.payload);
    view.setUint8(index * 16 + 12, sent.valid ? 1 : 0);
  });
  return bytes;
}

/** Uploads packets, remembering what is stored as the store does. */
function upload(packets: readonly (readonly Sent[])[]): {
  stored: Map<string, Fix>;
  folds: DeviceFold[];
  given: number;
} {
  const stored = new Map<string, Fix>();
  const folds: DeviceFold[] = [];
  let fold = foldInitial;
  let given = 0;
  packets.forEach((packet, index) => {
    const frame = {
      seq: index + 1,
      deviceId: 7,
      protocol: "teltonika" as const,
      receivedAtMs: START_MS + 86_400_000 + index * 1000,
      bytes: bytesOf(packet),
    };
    const isKnown = (timeMs: number, fingerprint: number): boolean => stored.has(`${timeMs}:${fingerprint}`);
    const result = foldFixes(fold, { frame, fixes: fixesOf(frame, packet.map(reportOf)), isKnown }, []);
    for (const fix of result.fixes) {
      expect(stored.has(identity(fix))).toBe(false);
      stored.set(identity(fix), fix);
    }
    given += result.fixes.length + result.duplicates;
    fold = result.fold;
    folds.push(fold);
  });
  return { stored, folds, given };
}

const identity = (fix: Fix): string => `${fix.fixTimeMs}:${fix.fingerprint}`;

const history = fc.uniqueArray(
  fc.record({
    timeMs: fc.integer({ min: 0, max: 5_000 }).map((second) => START_MS + second * 1000),
    valid: fc.boolean(),
    payload: fc.integer({ min: 0, max: 255 }),
  }),
  { minLength: 1, maxLength: 40, selector: (sent) => `${sent.timeMs}:${sent.payload}:${sent.valid}` },
);

/** Any cut into packets, in any order, any of them sent again. */
const uploads = history.chain((reports) =>
  fc.record({
    reports: fc.constant(reports),
    packets: fc
      .tuple(
        fc.shuffledSubarray(reports, { minLength: reports.length }),
        fc.array(fc.nat(reports.length - 1), { maxLength: 30 }),
        fc.integer({ min: 1, max: 10 }),
      )
      .map(([shuffled, again, size]) => {
        const all = [...shuffled, ...again.map((index) => reports[index] as Sent)];
        return Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, n * size + size));
      }),
  }),
);

test("any order and repetition of the uploads of a history stores the same fixes, once each", () => {
  fc.assert(
    fc.property(uploads, ({ reports, packets }) => {
      const { stored, given } = upload(packets);
      const straight = upload([reports]);
      expect([...stored.keys()].sort()).toEqual([...straight.stored.keys()].sort());
      expect(stored.size).toBe(reports.length);
      expect(given).toBe(packets.flat().length);
    }),
  );
});

test("live state never moves backwards, and ends at the newest valid fix that was not late", () => {
  fc.assert(
    fc.property(uploads, ({ packets }) => {
      const { folds, stored } = upload(packets);
      const times = folds.map((fold) => fold.live.position?.fixTimeMs ?? 0);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      const current = [...stored.values()].filter((fix) => fix.valid && !fix.late).map((fix) => fix.fixTimeMs);
      expect(times.at(-1)).toBe(Math.max(0, ...current));
    }),
  );
});

test("a fix is late exactly when a newer one came in an earlier frame", () => {
  fc.assert(
    fc.property(uploads, ({ packets }) => {
      const { stored } = upload(packets);
      for (const fix of stored.values()) {
        const frameOf = (other: Fix): number => Math.floor(other.fixId / 1024);
        const newer = [...stored.values()].some(
          (other) => frameOf(other) < frameOf(fix) && other.fixTimeMs > fix.fixTimeMs,
        );
        expect(fix.late).toBe(newer);
      }
    }),
  );
});

test("the same frames give the same state, byte for byte", () => {
  fc.assert(
    fc.property(uploads, ({ packets }) => {
      expect(JSON.stringify(upload(packets).folds)).toBe(JSON.stringify(upload(packets).folds));
    }),
  );
});

test("a state that was written and read again folds on as if nothing had happened", () => {
  const packets = [[at(10), at(5)], [at(7)], [at(20)]];
  const { folds } = upload(packets);
  expect(JSON.parse(JSON.stringify(folds.at(-1)))).toEqual(folds.at(-1));
});

test("a packet that lists its newest report first has no late one", () => {
  const { stored } = upload([[at(30), at(20), at(10)]]);
  expect([...stored.values()].map((fix) => fix.late)).toEqual([false, false, false]);
});

test("a backlog older than the live position is stored late and leaves position and attributes alone", () => {
  const { stored, folds } = upload([[at(100, 1)], [at(50, 4), at(60, 4)]]);
  expect([...stored.values()].map((fix) => fix.late)).toEqual([false, true, true]);
  expect(folds[1]!.live.position).toEqual(folds[0]!.live.position);
  expect(folds[1]!.live.attributes).toEqual({ "input.1": 1 });
  expect(folds[1]!.live.counters).toMatchObject({ fixes: 3, late: 2 });
});

test("a report with an unset clock takes the time of receipt, and its copy received later vanishes", () => {
  const unset: Sent = { timeMs: 3_600_000, valid: true, payload: 9 };
  const { stored, folds } = upload([[unset], [unset], [unset, { ...unset, payload: 10 }]]);
  expect([...stored.values()].map((fix) => [fix.clockFault, fix.deviceTimeMs, fix.fixTimeMs])).toEqual([
    ["unsynchronised", 3_600_000, START_MS + 86_400_000],
    ["unsynchronised", 3_600_000, START_MS + 86_402_000],
  ]);
  expect(folds.at(-1)!.live.counters).toMatchObject({ fixes: 2, duplicates: 2, clockFaults: 2 });
});

test("a clock that leaps ahead is not believed: the reports after it are not late, its copy vanishes even when its time has come", () => {
  const ahead = at(86_400 + 7_200);
  const { stored, folds } = upload([[at(86_390)], [ahead], [at(86_400)], [ahead], [at(86_401)]]);
  expect([...stored.values()].map((fix) => [fix.clockFault, fix.deviceTimeMs, fix.late])).toEqual([
    [null, null, false],
    ["future", ahead.timeMs, false],
    [null, null, false],
    [null, null, false],
  ]);
  expect(folds.at(-1)!.live.position?.fixTimeMs).toBe(START_MS + 86_401_000);
  expect(folds.at(-1)!.live.counters).toMatchObject({ fixes: 4, duplicates: 1, clockFaults: 1, late: 0 });
  const frame = { seq: 9, deviceId: 7, protocol: "teltonika" as const, bytes: bytesOf([ahead]) };
  const fixes = fixesOf({ ...frame, receivedAtMs: START_MS + 2 * 86_400_000 }, [reportOf(ahead, 0)]);
  expect(fixes[0]).toMatchObject({ dated: true, fixTimeMs: ahead.timeMs });
  const resentLater = order(folds[1]!.order, { fixes, isKnown: () => false });
  expect(resentLater.outputs.map(({ kind }) => kind)).toEqual(["duplicate"]);
});

test("a device that is ahead from its first report on keeps its times", () => {
  const hoursAhead = [at(86_400 + 28_800), at(86_400 + 28_810), at(86_400 + 28_820)];
  const { stored } = upload(hoursAhead.map((sent) => [sent]));
  expect([...stored.values()].map((fix) => [fix.fixTimeMs, fix.clockFault])).toEqual(
    hoursAhead.map((sent) => [sent.timeMs, null]),
  );
});

test("a report without a time is never late and does not make the next one late", () => {
  const { stored } = upload([
    [{ timeMs: null, valid: true, payload: 1 }],
    [at(10)],
    [{ timeMs: null, valid: true, payload: 1 }],
  ]);
  expect([...stored.values()].map((fix) => fix.late)).toEqual([false, false, false]);
});

function at(second: number, payload = second): Sent {
  return { timeMs: START_MS + second * 1000, valid: true, payload };
}
