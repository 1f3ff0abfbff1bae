import fc from "fast-check";
import { expect, test } from "vitest";
import type { Report } from "#decoders/decoder.ts";
import { fixesOf, foldFixes, foldInitial, foldNote, foldUndecodable, REPORTS_PER_FRAME_MAX } from "./fold.ts";
import type { DeviceStage, StageItem, StreamEvent } from "./stage.ts";

const report: Report = {
  ...{ kind: "fix", timeMs: Date.UTC(2026, 10, 1), valid: true, latDeg: 41, lonDeg: -8, altitudeM: null, speedMps: 1 },
  ...{ headingDeg: null, satellites: null, hdop: null, accuracyM: null, event: null, buffered: false },
  ...{ attributes: {}, bytesStart: 0, bytesEnd: 2 },
};
const frame = {
  ...{ seq: 3, deviceId: 7, protocol: "teltonika" as const, receivedAtMs: Date.UTC(2026, 10, 1, 1) },
  bytes: Buffer.from("abcdef"),
};
const input = (...reports: Report[]) => ({ frame, fixes: fixesOf(frame, reports), isKnown: () => false });

/** Keeps the greatest speed, marks faster fixes and tells of them. */
const fastest: DeviceStage = {
  name: "fastest",
  version: 2,
  initial: 0,
  run: (state, item) => {
    if (item.kind !== "fix" || (item.fix.speedMps ?? 0) <= (state as number)) return { state, outputs: [item] };
    const fix = { ...item.fix, attributes: { ...item.fix.attributes, fastest: true } };
    const event = { eventId: `fast-${fix.fixId}`, deviceId: fix.deviceId } as StreamEvent;
    return {
      state: fix.speedMps,
      outputs: [
        { kind: "fix", fix },
        { kind: "event", event },
      ],
    };
  },
};

test("ids are the frame's position and the report's place in it", () => {
  const fixes = fixesOf(frame, [report, { ...report, bytesStart: 2, bytesEnd: 4 }]);
  expect(fixes.map((fix) => fix.fixId)).toEqual([3 * 1024, 3 * 1024 + 1]);
  expect(new Set(fixes.map((fix) => fix.fingerprint)).size).toBe(2);
  expect(() =>
    fixesOf(
      frame,
      Array.from({ length: REPORTS_PER_FRAME_MAX + 1 }, () => report),
    ),
  ).toThrow();
});

/** Bytes of reports: the whole message, and two parts of it that are the same. */
const message = { ...frame, bytes: Buffer.from("abab") };
const [whole, part, copy] = [
  { ...report, bytesStart: 0, bytesEnd: 4 },
  { ...report, bytesStart: 0, bytesEnd: 2 },
  { ...report, bytesStart: 2, bytesEnd: 4 },
];
const unset = (base: Report, second: number): Report => ({ ...base, timeMs: second * 1000 });

test.each<[what: string, reports: Report[], fixes: number]>([
  ["positions of one second that share the bytes of their message", [whole, { ...whole, latDeg: 42 }, whole], 3],
  ["positions of one message by an unset clock", [unset(whole, 1), unset(whole, 2)], 2],
  ["equal differences packed by an unset clock", [unset(part, 1), unset(copy, 2)], 2],
  ["a report that is in its frame twice", [part, copy], 1],
  ["a report by an unset clock that is in its frame twice", [unset(part, 1), unset(copy, 1)], 1],
])("of %s each is a fix once, however often the frame is sent", (_, reports, count) => {
  const first = foldFixes(foldInitial, { frame: message, fixes: fixesOf(message, reports), isKnown: () => false }, []);
  expect([first.fixes.length, first.duplicates]).toEqual([count, reports.length - count]);
  const known = new Set(first.fixes.map((fix) => `${fix.fixTimeMs} ${fix.fingerprint}`));
  expect(known.size).toBe(count);
  const isKnown = (fixTimeMs: number, fingerprint: number) => known.has(`${fixTimeMs} ${fingerprint}`);
  const again = { ...message, seq: 4, receivedAtMs: frame.receivedAtMs + 60_000 };
  expect(foldFixes(first.fold, { frame: again, fixes: fixesOf(again, reports), isKnown }, []).fixes).toEqual([]);
});

test("no two fixes of a frame are taken for one, whatever bytes and times they share", () => {
  const some = fc.record({ base: fc.constantFrom(whole, part, copy), second: fc.constantFrom(null, 1, 2) });
  fc.assert(
    fc.property(fc.array(some, { maxLength: 8 }), (given) => {
      const reports = given.map(({ base, second }) => (second === null ? base : unset(base, second)));
      const { fixes } = foldFixes(
        foldInitial,
        { frame: message, fixes: fixesOf(message, reports), isKnown: () => false },
        [],
      );
      expect(new Set(fixes.map((fix) => `${fix.fixTimeMs} ${fix.fingerprint}`)).size).toBe(fixes.length);
    }),
  );
});

test("logins and heartbeats are fixes only when they say something", () => {
  const login: Report = { ...report, kind: "login" };
  const heartbeat: Report = { ...report, kind: "heartbeat", attributes: { "battery.level": 4 } };
  expect(fixesOf(frame, [login, heartbeat, { ...report, kind: "commandReply" }]).map((fix) => fix.kind)).toEqual([
    "heartbeat",
    "commandReply",
  ]);
});

test("a stage marks fixes and emits events, and keeps its state under its name", () => {
  const result = foldFixes(foldInitial, input(report), [fastest]);
  expect(result.fixes[0]!.attributes).toEqual({ fastest: true });
  expect(result.events.map((event) => event.eventId)).toEqual(["fast-3072"]);
  expect(result.fold.stages).toEqual({ fastest: { version: 2, state: 1 } });
  const slower = { ...report, timeMs: report.timeMs! + 1000, speedMps: 0.5 };
  expect(foldFixes(result.fold, input(slower), [fastest]).events).toEqual([]);
});

test("a stage sees what the stage before it made, notes and events included", () => {
  const seen: StageItem["kind"][] = [];
  const watching: DeviceStage = {
    ...{ name: "watching", version: 1, initial: null },
    run: (state, item) => {
      seen.push(item.kind);
      return { state, outputs: [item] };
    },
  };
  foldFixes(foldInitial, input(report), [fastest, watching]);
  const note = { kind: "connected" as const, deviceId: 7, seq: 4, receivedAtMs: 5, remoteAddress: null, detail: {} };
  const { fold, events } = foldNote(foldInitial, note, [fastest, watching]);
  expect(seen).toEqual(["fix", "event", "note", "event"]);
  expect(events.map((event) => event.type)).toEqual(["device.connected"]);
  expect(fold.live).toMatchObject({ connected: true, lastConnectedAtMs: 5, lastSeq: 4 });
});

test("a stage whose version has changed starts afresh", () => {
  const { fold } = foldFixes(foldInitial, input({ ...report, speedMps: 50 }), [fastest]);
  const next = { ...report, timeMs: report.timeMs! + 1000 };
  expect(foldFixes(fold, input(next), [fastest]).events).toEqual([]);
  expect(foldFixes(fold, input(next), [{ ...fastest, version: 3 }]).events).toHaveLength(1);
});

test("a stage that loses a fix is a fault", () => {
  const losing: DeviceStage = { name: "losing", version: 1, initial: null, run: (state) => ({ state, outputs: [] }) };
  expect(() => foldFixes(foldInitial, input(report), [losing])).toThrow("lost or made a fix");
});

test("folding changes nothing that it was given", () => {
  const frozen = (value: unknown): void => {
    if (typeof value !== "object" || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return;
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  };
  const given = input(report, { ...report, timeMs: 5, bytesStart: 2, bytesEnd: 4 });
  const { fold } = foldFixes(foldInitial, input(report), [fastest]);
  frozen(fold);
  frozen(given.fixes);
  foldFixes(fold, given, [fastest]);
  foldUndecodable(fold, frame);
});

test("positions without a fix are counted until the next valid one", () => {
  const nowhere = { ...report, valid: false, latDeg: null, lonDeg: null };
  const at = (second: number, base: Report): Report => ({
    ...base,
    timeMs: report.timeMs! + second * 1000,
    bytesEnd: 3,
  });
  const { fold } = foldFixes(foldInitial, input(at(1, report), at(2, nowhere), at(3, nowhere)), []);
  expect(fold.live.counters).toMatchObject({ fixes: 3, noFix: 2, noFixStreak: 2 });
  expect(fold.live.position!.fixTimeMs).toBe(report.timeMs! + 1000);
  const later = foldFixes(fold, input(at(4, report)), []).fold;
  expect(later.live.counters).toMatchObject({ noFix: 2, noFixStreak: 0 });
});
