import { expect, test } from "vitest";
import { foldFixes, foldInitial } from "../fold.ts";
import type { DeviceStage, Fix } from "../stage.ts";
import { FenceSet } from "./fence-set.ts";
import { geofenceStage } from "./geofence-stage.ts";
import { historyInitial } from "./history.ts";
import { type At, circle, drive, fixAt, live, START_MS, stand, told, visit } from "./sample-tracks.ts";
import { lengthOf } from "./window.ts";

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
