import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  afterSourceFix,
  BETTER_FOR_MS,
  HOLD_MS,
  type LiveSourceState,
  liveSourceInitial,
  type SourceFix,
} from "./live-source.ts";

const TRACKER = 1;
const PHONE = 2;
const OTHER_PHONE = 3;
const START_MS = Date.UTC(2026, 10, 1);
/** Degrees of latitude in a metre. */
const DEG_PER_M = 1 / 111_195;

type Given = Partial<SourceFix> & { northM?: number; delayS?: number };
let fixId = 0;

/** A fix some seconds after the start, received at once unless delayed. */
function fix(deviceId: number, second: number, { northM = 0, delayS = 0, ...given }: Given = {}): SourceFix {
  const fixTimeMs = START_MS + second * 1000;
  return {
    ...{ deviceId, fixId: ++fixId, fixTimeMs, receivedAtMs: fixTimeMs + delayS * 1000, protocol: "teltonika" },
    ...{ latDeg: 41 + northM * DEG_PER_M, lonDeg: -8.6, altitudeM: null, speedMps: 0, headingDeg: null },
    ...{ satellites: 9, hdop: null, accuracyM: 5, event: null, smoothed: null, matched: null },
    ...given,
  };
}

const every = (stepS: number, fromS: number, toS: number, make: (second: number) => SourceFix): SourceFix[] =>
  Array.from({ length: Math.floor((toS - fromS) / stepS) + 1 }, (_, n) => make(fromS + n * stepS));

/** Trackers are preferred to phones. */
const priorityOf = (deviceId: number) => deviceId;

type Switch = { deviceId: number; reason: string; second: number };

/** Folds fixes in the order of their receipt; gives every change of the live source. */
function run(...groups: SourceFix[][]): { switches: Switch[]; states: LiveSourceState[] } {
  const fixes = groups.flat().sort((a, b) => a.receivedAtMs - b.receivedAtMs || a.fixId - b.fixId);
  const states = [liveSourceInitial];
  const switches: Switch[] = [];
  for (const next of fixes) {
    const before = states.at(-1) as LiveSourceState;
    const after = afterSourceFix(before, next, priorityOf);
    states.push(after);
    if (after.live === null || after.live.deviceId === before.live?.deviceId) continue;
    const { deviceId, reason, sinceMs } = after.live;
    switches.push({ deviceId, reason, second: (sinceMs - START_MS) / 1000 });
  }
  return { switches, states };
}

const first = (deviceId: number, second = 0): Switch => ({ deviceId, reason: "first", second });

describe("who is live", () => {
  const table: [title: string, fixes: SourceFix[][], expected: Switch[]][] = [
    [
      "the tracker stays live beside a phone that is as good",
      [every(10, 0, 600, (s) => fix(TRACKER, s)), every(5, 1, 600, (s) => fix(PHONE, s))],
      [first(TRACKER)],
    ],
    [
      "the phone takes over with its first fix after the tracker is stale",
      [every(10, 0, 100, (s) => fix(TRACKER, s)), every(7, 1, 600, (s) => fix(PHONE, s))],
      [first(TRACKER), { deviceId: PHONE, reason: "stale", second: 162 }],
    ],
    [
      "the tracker takes back when it has been there again, and good, for a time",
      [
        every(10, 0, 100, (s) => fix(TRACKER, s)),
        every(10, 400, 600, (s) => fix(TRACKER, s)),
        every(7, 1, 600, (s) => fix(PHONE, s)),
      ],
      [
        first(TRACKER),
        { deviceId: PHONE, reason: "stale", second: 162 },
        { deviceId: TRACKER, reason: "preferred", second: 430 },
      ],
    ],
    [
      "a tracker with a poor antenna gives way to a much more accurate phone beside it",
      [
        every(10, 0, 300, (s) => fix(TRACKER, s, { accuracyM: 60 })),
        every(10, 5, 300, (s) => fix(PHONE, s, { accuracyM: 6, northM: 80 })),
      ],
      [first(TRACKER), { deviceId: PHONE, reason: "accurate", second: 35 }],
    ],
    [
      "a better moment is not enough: accuracy must last",
      [
        every(10, 0, 300, (s) => fix(TRACKER, s, { accuracyM: s % 40 === 0 ? 10 : 60 })),
        every(10, 5, 300, (s) => fix(PHONE, s, { accuracyM: 6 })),
      ],
      [first(TRACKER)],
    ],
    [
      "a phone that is somewhere else is no better, however accurate and however preferred",
      [
        every(10, 0, 300, (s) => fix(OTHER_PHONE, s, { accuracyM: 60 })),
        every(10, 5, 300, (s) => fix(PHONE, s, { accuracyM: 6, northM: 2_000 })),
      ],
      [first(OTHER_PHONE)],
    ],
    [
      "a parked tracker that reports every ten minutes stays live while the driver walks off with the phone",
      [
        every(600, 0, 3_600, (s) => fix(TRACKER, s)),
        every(10, 1_205, 3_600, (s) => fix(PHONE, s, { northM: 1_000 + s })),
      ],
      [first(TRACKER)],
    ],
    [
      "a slow tracker gives way to a phone in the same vehicle that is well ahead of it for a time",
      [
        every(600, 0, 1_800, (s) => fix(TRACKER, s, { northM: 10 * s, speedMps: 10 })),
        every(10, 1_005, 1_800, (s) => fix(PHONE, s, { northM: 10 * s, speedMps: 10 })),
      ],
      [first(TRACKER), { deviceId: PHONE, reason: "fresher", second: 1_035 }],
    ],
    [
      "a jump is not followed until the live source has been gone for long",
      [every(10, 0, 100, (s) => fix(TRACKER, s)), every(10, 5, 900, (s) => fix(PHONE, s, { northM: 150_000 }))],
      [first(TRACKER), { deviceId: PHONE, reason: "stale", second: 705 }],
    ],
    [
      "what a phone kept while it was offline does not make it live",
      [
        every(10, 0, 600, (s) => fix(TRACKER, s)),
        every(10, 5, 500, (s) => fix(PHONE, s, { delayS: 590 - s, accuracyM: 3 })),
      ],
      [first(TRACKER)],
    ],
    [
      "what two devices kept while they were offline comes at once, and they do not take turns with it",
      [
        every(10, 0, 100, (s) => fix(TRACKER, s)),
        [500, 1_500].map((s) => fix(PHONE, s, { delayS: 2_000 + s / 1_000 - s })),
        [1_000, 2_000].map((s) => fix(TRACKER, s, { delayS: 2_000 + s / 1_000 - s })),
      ],
      [first(TRACKER), { deviceId: PHONE, reason: "stale", second: 2_000.5 }],
    ],
    [
      "a preferred tracker whose fixes always come a little late would take the vehicle back in time",
      [every(10, 0, 300, (s) => fix(OTHER_PHONE, s)), every(10, 9, 280, (s) => fix(TRACKER, s, { delayS: 1.5 }))],
      [first(OTHER_PHONE)],
    ],
    [
      "a clock that runs ahead neither makes a source fresher nor keeps others from following it",
      [every(10, 0, 100, (s) => fix(TRACKER, s + 3_600, { delayS: -3_600 })), every(10, 5, 300, (s) => fix(PHONE, s))],
      [first(TRACKER), { deviceId: PHONE, reason: "stale", second: 165 }],
    ],
    [
      "the best of three takes over: whoever was better first, and long enough",
      [
        every(10, 0, 60, (s) => fix(OTHER_PHONE, s)),
        every(10, 5, 200, (s) => fix(PHONE, s)),
        every(10, 38, 200, (s) => fix(TRACKER, s)),
      ],
      [
        first(OTHER_PHONE),
        { deviceId: PHONE, reason: "preferred", second: 35 },
        { deviceId: TRACKER, reason: "preferred", second: 68 },
      ],
    ],
  ];

  test.each(table)("%s", (_title, fixes, expected) => {
    expect(run(...fixes).switches).toEqual(expected);
  });
});

test("HDOP stands in where a device gives no accuracy", () => {
  const poor = every(10, 0, 300, (s) => fix(TRACKER, s, { accuracyM: null, hdop: 9 }));
  const good = every(10, 5, 300, (s) => fix(PHONE, s, { accuracyM: null, hdop: 1 }));
  expect(run(poor, good).switches).toMatchObject([{ reason: "first" }, { deviceId: PHONE, reason: "accurate" }]);
});

/** Sources with intervals, jitter, outages, delays and errors of their own, near each other or not. */
const historyArbitrary = fc
  .array(
    fc.record({
      intervalS: fc.integer({ min: 1, max: 700 }),
      offsetS: fc.integer({ min: 0, max: 700 }),
      fixes: fc.array(
        fc.record({
          jitterS: fc.integer({ min: 0, max: 900 }),
          delayS: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: -4_000, max: 4_000 })),
          accuracyM: fc.option(fc.integer({ min: 1, max: 200 })),
          northM: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 50_000 })),
        }),
        { maxLength: 60 },
      ),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((sources) =>
    sources.flatMap(({ intervalS, offsetS, fixes }, n) =>
      fixes.map(({ jitterS, ...given }, i) => fix(n + 1, offsetS + i * intervalS + jitterS, given)),
    ),
  );

const timeOf = (shown: SourceFix) => Math.min(shown.fixTimeMs, shown.receivedAtMs);

test("whatever comes, what is shown never goes back in time and switches keep their distance", () => {
  fc.assert(
    fc.property(historyArbitrary, (fixes) => {
      const { states, switches } = run(fixes);
      for (let n = 2; n < states.length; n++) {
        const [before, after] = [states[n - 1]!, states[n]!];
        expect(timeOf(after.shown!)).toBeGreaterThanOrEqual(timeOf(before.shown!));
        if (after.shown !== before.shown) expect(after.shown!.deviceId).toBe(after.live!.deviceId);
      }
      for (let n = 2; n < switches.length; n++) {
        expect(switches[n]!.second - switches[n - 1]!.second).toBeGreaterThanOrEqual(HOLD_MS / 1000);
      }
    }),
    { numRuns: 300 },
  );
});

test("folding goes on from a state that was stored, and gives the same", () => {
  fc.assert(
    fc.property(historyArbitrary, fc.nat(), (fixes, cut) => {
      const fold = (state: LiveSourceState, given: readonly SourceFix[]) =>
        given.reduce((before, next) => afterSourceFix(before, next, priorityOf), state);
      const at = fixes.length === 0 ? 0 : cut % fixes.length;
      const stored = JSON.parse(JSON.stringify(fold(liveSourceInitial, fixes.slice(0, at)))) as LiveSourceState;
      expect(fold(stored, fixes.slice(at))).toEqual(fold(liveSourceInitial, fixes));
    }),
  );
});

test("sources that keep their rhythm, whatever it is, do not take turns", () => {
  const rhythm = fc.record({
    intervalS: fc.integer({ min: 1, max: 800 }),
    offsetS: fc.integer({ min: 0, max: 800 }),
    accuracyM: fc.integer({ min: 1, max: 100 }),
  });
  const HOURS = 6;
  fc.assert(
    fc.property(fc.array(rhythm, { minLength: 2, maxLength: 3 }), (rhythms) => {
      const groups = rhythms.map(({ intervalS, offsetS, accuracyM }, n) =>
        every(intervalS, offsetS, HOURS * 3_600, (second) => fix(n + 1, second, { accuracyM })),
      );
      const { switches } = run(...groups);
      expect(switches.length).toBeLessThanOrEqual(2 * rhythms.length);
      const settled = switches.filter(({ second }) => second > 3_600 + BETTER_FOR_MS / 1000);
      expect(settled).toEqual([]);
    }),
    { numRuns: 60 },
  );
});
