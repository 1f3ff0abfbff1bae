import fc from "fast-check";
import { expect, test } from "vitest";
import { type DeviceFold, foldFixes, foldInitial } from "../fold.ts";
import type { DeviceStage, Fix, StreamEvent } from "../stage.ts";
import { FenceSet, type FenceVersion } from "./fence-set.ts";
import { geofenceStage } from "./geofence-stage.ts";
import { type History, historyInitial, WINDOW_FIXES_MAX } from "./history.ts";
import { visitsOf } from "./score-visits.ts";
import { METRES_PER_DEG } from "./shape.ts";
import { lengthOf } from "./window.ts";

const START_MS = Date.UTC(2026, 10, 2, 8);

/** A circle of 100 m around the origin; `eastM` of a fix is its distance from there. */
const circle = (change: Partial<FenceVersion> = {}, rule: Partial<FenceVersion["rule"]> = {}): FenceVersion => ({
  ...{ fenceId: 1, version: 1, validFromMs: 0, validToMs: Number.POSITIVE_INFINITY },
  rule: {
    ...{ shape: { kind: "circle", latDeg: 0, lonDeg: 0, radiusM: 100 }, name: "yard", dwellMs: null },
    ...{ minInsideMs: 10_000, minOutsideMs: 30_000, maxGapMs: 300_000, ...rule },
  },
  ...change,
});

type At = readonly [second: number, eastM: number];

function fixAt([second, eastM]: At): Fix {
  return {
    ...{
      fixId: 0,
      deviceId: 7,
      fixTimeMs: START_MS + second * 1000,
      dated: true,
      receivedAtMs: 0,
      fingerprint: second,
    },
    ...{
      protocol: "teltonika",
      late: false,
      clockFault: null,
      deviceTimeMs: null,
      smoothed: null,
      matched: null,
      trackM: null,
      cell: null,
      kind: "fix",
      valid: true,
    },
    ...{ latDeg: 0, lonDeg: eastM / METRES_PER_DEG, altitudeM: null, speedMps: null, headingDeg: null, satellites: 8 },
    ...{ hdop: null, accuracyM: 15, event: null, buffered: false, attributes: {} },
  };
}

type Folded = { events: StreamEvent[]; fold: DeviceFold };

/** Folds frames of fixes; each is received as its newest fix is made, or later where it was kept back. */
function track(frames: readonly (readonly At[])[], fences: readonly FenceVersion[] = [circle()]): Folded {
  const set = new FenceSet(fences);
  let fold = foldInitial;
  let nowMs = 0;
  const events: StreamEvent[] = [];
  for (const [index, frame] of frames.entries()) {
    const seq = index + 1;
    nowMs = Math.max(nowMs, ...frame.map(([second]) => START_MS + second * 1000));
    const fixes = frame.map((at, n) => ({ ...fixAt(at), fixId: seq * 1024 + n, receivedAtMs: nowMs }));
    const head = { seq, deviceId: 7, protocol: "teltonika" as const, receivedAtMs: nowMs, bytes: new Uint8Array() };
    const input = { frame: head, fixes, isKnown: () => false };
    const result = foldFixes(fold, input, [geofenceStage as DeviceStage], { fences: set });
    // The store keeps states as JSON.
    fold = JSON.parse(JSON.stringify(result.fold)) as DeviceFold;
    events.push(...result.events);
  }
  return { events, fold };
}

/** Every fix in a frame of its own. */
const live = (path: readonly At[], fences?: readonly FenceVersion[]): StreamEvent[] =>
  track(
    path.map((at) => [at]),
    fences,
  ).events;

const told = (events: readonly StreamEvent[]): [string, number][] =>
  events.map(({ type, occurredAtMs }) => [type.replace("geofence.", ""), Math.round((occurredAtMs - START_MS) / 1000)]);

/** A fix every `stepS` seconds on the way at 10 m/s. */
const drive = (fromS: number, fromM: number, toM: number, stepS = 5): At[] =>
  Array.from({ length: Math.floor(Math.abs(toM - fromM) / 10 / stepS) + 1 }, (_, n) => [
    fromS + n * stepS,
    fromM + Math.sign(toM - fromM) * n * stepS * 10,
  ]);
const stand = (fromS: number, toS: number, eastM: number, stepS = 10): At[] =>
  Array.from({ length: Math.floor((toS - fromS) / stepS) + 1 }, (_, n) => [fromS + n * stepS, eastM]);

const visit: At[] = [...drive(0, -600, 0), ...stand(70, 300, 0), ...drive(310, 0, 600)];

test("a visit has one arrival and one departure, where the way crossed the edge", () => {
  const events = live(visit);
  expect(told(events)).toEqual([
    ["entered", 50],
    ["exited", 320],
  ]);
  expect(events[0]).toMatchObject({ replayed: false, supersedes: null, deviceId: 7 });
  expect(events[0]!.detectedAtMs).toBeGreaterThan(events[0]!.occurredAtMs);
  expect(events[0]!.data).toMatchObject({ geofenceId: 1, version: 1, name: "yard", basis: "crossing" });
  expect(events[0]!.data.confidence).toBeGreaterThan(0.9);
  expect((events[0]!.data.fixIds as string[]).length).toBeGreaterThanOrEqual(2);
});

test.each<[string, At[], [string, number][]]>([
  ["a touch that is shorter than the minimum time inside", [...drive(0, -300, -60), ...drive(25, -70, -600)], []],
  [
    "fixes that barely reach over the edge",
    [
      [0, -300],
      [30, -95],
      [40, -93],
      [50, -105],
      [60, -300],
    ],
    [],
  ],
  ["an outlier while parked", [...stand(0, 60, 0), [70, 900], ...stand(80, 200, 0)], [["entered", 0]]],
  [
    "an absence shorter than the minimum",
    [...stand(0, 60, 0), [65, 150], [70, 150], ...stand(80, 200, 0)],
    [["entered", 0]],
  ],
  [
    "a way through between two fixes",
    [
      [0, -600],
      [120, 600],
    ],
    [
      ["entered", 50],
      ["exited", 70],
    ],
  ],
  [
    "a way through that is too fast",
    [
      [0, -600],
      [15, 600],
    ],
    [],
  ],
  [
    "fixes on both sides of a gap that is too long",
    [
      [0, -600],
      [301, 600],
    ],
    [],
  ],
  [
    "one fix inside between distant ones",
    [
      [0, -600],
      [60, 0],
      [120, 600],
    ],
    [
      ["entered", 50],
      ["exited", 70],
    ],
  ],
  [
    "a way through that ends outside by an error only, and a stay",
    [[0, -600], [60, 102], [70, 60], ...stand(80, 200, 0), ...drive(210, 0, 600)],
    [
      ["entered", 43],
      ["exited", 220],
    ],
  ],
  [
    "a long stay so near the edge that it never was sure",
    [...drive(0, -510, -110), ...stand(45, 245, -97), ...drive(250, -150, -600)],
    [
      ["entered", 44],
      ["exited", 245],
    ],
  ],
  ["one as near that is short", [...drive(0, -510, -110), ...stand(45, 75, -97), ...drive(80, -150, -600)], []],
  [
    "errors across the edge in a long stay",
    [...stand(0, 600, 60), ...stand(610, 650, 125), ...stand(660, 900, 60)],
    [["entered", 0]],
  ],
  [
    "a departure to just outside",
    [...stand(0, 60, 0), ...drive(65, 0, 125, 2.5), ...stand(80, 400, 125)],
    [
      ["entered", 0],
      ["exited", 75],
    ],
  ],
  ["a gap while inside", [...stand(0, 60, 0), ...stand(4_000, 4_060, 0)], [["entered", 0]]],
  [
    "a gap, gone after it",
    [...stand(0, 60, 0), ...stand(4_000, 4_060, 900)],
    [
      ["entered", 0],
      ["exited", 60],
    ],
  ],
])("%s", (_title, path, expected) => {
  expect(told(live(path))).toEqual(expected);
});

test("a fix that is grossly wrong arrives nowhere, passes through nothing, and takes no visit away", () => {
  const town = [circle({}, { shape: { kind: "circle", latDeg: 0, lonDeg: 0, radiusM: 3_000 } })];
  const parked = stand(0, 600, -12_000, 60);
  expect(told(live([...parked, [660, 0], ...stand(720, 1_200, -12_000, 60)], town))).toEqual([]);
  expect(told(live([...parked, [660, 12_000], ...stand(720, 1_200, -12_000, 60)], town))).toEqual([]);
  const driven: At[] = [...parked, [840, 0], ...stand(1_020, 1_200, -12_000, 60)];
  expect(told(live(driven, town))).toEqual([
    ["entered", 780],
    ["exited", 885],
  ]);
  expect(told(live([...stand(0, 600, 0, 60), [660, 30_000], ...stand(720, 1_200, 0, 60)], town))).toEqual([
    ["entered", 0],
  ]);
});

test("a stay that never was sure lasts at least the fence's own minimum", () => {
  const path = [...drive(0, -510, -110), ...stand(45, 245, -97), ...drive(250, -150, -600)];
  expect(told(live(path, [circle({}, { minInsideMs: 180_000 })]))).toHaveLength(2);
  expect(told(live(path, [circle({}, { minInsideMs: 240_000 })]))).toEqual([]);
});

test("less accuracy needs more evidence", () => {
  const set = new FenceSet([circle()]);
  const insideAfter = (accuracyM: number): number => {
    let fold = foldInitial;
    for (const [index, at] of [...stand(0, 10, -300), ...stand(20, 60, -70)].entries()) {
      const fix = { ...fixAt(at), accuracyM, fixId: (index + 1) * 1024, receivedAtMs: START_MS + at[0] * 1000 };
      const frame = {
        seq: index + 1,
        deviceId: 7,
        protocol: "gt06" as const,
        receivedAtMs: 0,
        bytes: new Uint8Array(),
      };
      const result = foldFixes(fold, { frame, fixes: [fix], isKnown: () => false }, [geofenceStage as DeviceStage], {
        fences: set,
      });
      if (result.events.length > 0) return at[0];
      fold = result.fold;
    }
    return Number.POSITIVE_INFINITY;
  };
  expect(insideAfter(10)).toBeLessThan(60);
  expect(insideAfter(120)).toBe(Number.POSITIVE_INFINITY);
});

test("a visit has dwelled once, after its time, however sparse the fixes are", () => {
  const fence = [circle({}, { dwellMs: 100_000 })];
  expect(told(live(visit, fence))).toEqual([
    ["entered", 50],
    ["dwelled", 150],
    ["exited", 320],
  ]);
  const sparse: At[] = [
    [0, -600],
    [60, 0],
    [240, 600],
    [300, 600],
  ];
  expect(told(live(sparse, [circle({}, { dwellMs: 30_000 })]))).toEqual([
    ["entered", 50],
    ["dwelled", 80],
    ["exited", 90],
  ]);
  expect(told(live([...stand(0, 80, 0), ...drive(85, 0, 600)], fence))).toEqual([
    ["entered", 0],
    ["exited", 95],
  ]);
});

test("a fence that is taken away or moved ends the visit then", () => {
  const endMs = START_MS + 150_000;
  const path = stand(0, 300, 0);
  const removed = live(path, [circle({ validToMs: endMs })]);
  expect(told(removed)).toEqual([
    ["entered", 0],
    ["exited", 150],
  ]);
  expect(removed[1]!.data).toMatchObject({ basis: "fence_removed", version: 1 });
  const away = circle(
    { version: 2, validFromMs: endMs },
    { shape: { kind: "circle", latDeg: 1, lonDeg: 0, radiusM: 100 } },
  );
  const moved = live(path, [circle({ validToMs: endMs }), away]);
  expect(told(moved)).toEqual([
    ["entered", 0],
    ["exited", 150],
  ]);
  expect(moved[1]!.data).toMatchObject({ basis: "fence_changed", version: 2 });
});

test("a fence drawn around a standing device is entered when it takes effect, and a change that keeps it inside is nothing", () => {
  const drawn = live(stand(0, 300, 0), [circle({ validFromMs: START_MS + 150_000 })]);
  expect(told(drawn)).toEqual([["entered", 150]]);
  const grown = circle(
    { version: 2, validFromMs: START_MS + 150_000 },
    { shape: { kind: "circle", latDeg: 0, lonDeg: 0, radiusM: 300 } },
  );
  expect(told(live(stand(0, 300, 0), [circle({ validToMs: START_MS + 150_000 }), grown]))).toEqual([["entered", 0]]);
});

test("a visit that only late fixes saw is told of as replayed, once, in one frame or in many", () => {
  const before = stand(-600, -5, -600);
  const after = stand(2_000, 2_100, 600);
  for (const late of [[visit], visit.map((at) => [at]), [visit.slice(30), visit.slice(0, 30)]]) {
    const { events, fold } = track([...before.map((at) => [at]), ...after.map((at) => [at]), ...late]);
    expect(events.every((event) => event.replayed)).toBe(true);
    const [found, ...others] = visitsOf(events);
    expect(others).toEqual([]);
    expect([found!.enteredAtMs, found!.exitedAtMs].map((ms) => Math.round((ms! - START_MS) / 1000))).toEqual([50, 320]);
    expect(JSON.stringify(fold).length).toBeLessThan(8_000);
  }
});

test("late fixes move an event that a gap had put elsewhere, and take back one that was none", () => {
  const away = track([
    ...stand(0, 60, 0).map((at) => [at]),
    ...stand(900, 1_000, 900).map((at) => [at]),
    stand(70, 600, 0),
    drive(610, 0, 600),
  ]);
  const exits = away.events.filter(({ type }) => type === "geofence.exited");
  expect(told(exits).at(-1)).toEqual(["exited", 620]);
  expect(exits[0]).toMatchObject({ replayed: false, data: { basis: "gap" } });
  expect(exits.at(-1)).toMatchObject({ replayed: true, supersedes: exits.at(-2)!.eventId });
  const around = track([
    [[0, -600]],
    [[120, 600]],
    [[130, 650]],
    [
      [20, -5_000],
      [40, 5_000],
    ].map(([second, eastM]) => [second!, eastM! * 4] as const),
  ]);
  expect(around.events.slice(0, 2).map(({ replayed }) => replayed)).toEqual([false, false]);
  const last = around.events.filter(({ data }) => data.withdrawn === true);
  expect(last.map(({ supersedes }) => supersedes)).toEqual(around.events.slice(0, 2).map(({ eventId }) => eventId));
  expect(visitsOf(around.events)).toEqual([]);
});

test("fixes from before the window change nothing and are counted", () => {
  const jitter: At[] = Array.from({ length: 300 }, (_, n) => [n * 130, n % 2 === 0 ? -90 : -110]);
  const { events, fold } = track([...jitter.map((at) => [at]), stand(5, 100, 0)]);
  expect(events.filter(({ replayed }) => replayed)).toEqual([]);
  const state = fold.stages.geofence!.state as { history: History };
  expect(state.history.beyond).toBe(10);
  expect(lengthOf(state.history.window)).toBeLessThanOrEqual(WINDOW_FIXES_MAX);
});

test("a fleet without geofences has no state, and fixes without a believable time are left alone", () => {
  const fix = { ...fixAt([0, 0]), receivedAtMs: START_MS };
  const run = (given: Fix, fences?: FenceSet) => geofenceStage.run(null, { kind: "fix", fix: given }, { fences });
  expect(run(fix)).toEqual({ state: null, outputs: [{ kind: "fix", fix }] });
  const set = new FenceSet([circle()]);
  expect(run(fix, set).state).not.toBeNull();
  for (const change of [
    { valid: false },
    { kind: "status" as const },
    { dated: false, clockFault: "unsynchronised" as const },
    { receivedAtMs: START_MS + 61 * 86_400_000 },
  ]) {
    expect(run({ ...fix, ...change }, set).state).toBeNull();
  }
  expect(lengthOf(historyInitial.window)).toBe(0);
});

test("however a day is cut and mixed up, the same visits remain, and no event of late fixes is live", () => {
  const day: At[] = [
    ...drive(0, -597, 3),
    ...stand(70, 300, 0),
    ...drive(310, 3, 603),
    ...drive(400, 603, 3),
    ...stand(470, 700, 10),
    ...drive(710, 7, -593),
  ];
  const straight = visitsOf(live(day));
  expect(straight).toHaveLength(2);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: day.length }), { maxLength: 4 }), fc.nat(), (cuts, keptBack) => {
      const edges = [...new Set([0, ...cuts, day.length])].sort((a, b) => a - b);
      const parts = edges.slice(1).map((end, index) => day.slice(edges[index], end));
      const held = keptBack % parts.length;
      const order = [...parts.filter((_, index) => index !== held), parts[held]!];
      const found = visitsOf(track(order).events);
      expect(found).toHaveLength(2);
      for (const [index, one] of found.entries()) {
        expect(Math.abs(one.enteredAtMs - straight[index]!.enteredAtMs)).toBeLessThan(10_000);
        expect(Math.abs(one.exitedAtMs! - straight[index]!.exitedAtMs!)).toBeLessThan(10_000);
      }
    }),
    { numRuns: 200 },
  );
});
