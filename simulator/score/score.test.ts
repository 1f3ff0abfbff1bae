import { expect, test } from "vitest";
import { seededRandom } from "../random.ts";
import { offsetDeg } from "../roads/geometry.ts";
import type { VehicleState } from "../vehicle.ts";
import { faultyClock } from "./device-clocks.ts";
import { createReceiver, NOISE_MODELS, type NoiseModel } from "./receivers.ts";
import { scoreTable } from "./report.ts";
import { compareRoutes, type LinePoint } from "./route-mismatch.ts";
import { type SaidFix, type ScoredDrive, scoreDrives } from "./score.ts";
import { TrueTrack } from "./true-track.ts";
import { uploadsOf } from "./uploads.ts";

const START_MS = Date.UTC(2026, 0, 5, 8);
const HOME = { latDeg: 57.7, lonDeg: 11.95 };
const SPEED_MPS = 10;

function place(northM: number, eastM: number): { latDeg: number; lonDeg: number } {
  const off = offsetDeg(HOME.latDeg, northM, eastM);
  return { latDeg: HOME.latDeg + off.latDeg, lonDeg: HOME.lonDeg + off.lonDeg };
}

const point = (northM: number, eastM: number): LinePoint => {
  const { latDeg, lonDeg } = place(northM, eastM);
  return [latDeg, lonDeg];
};

/** North for 1 km, then it stands there for ten minutes and drives on for another kilometre. */
function stateAt(second: number): VehicleState {
  const drivenM = SPEED_MPS * (second <= 100 ? second : second <= 700 ? 100 : second - 600);
  return {
    ...{ timeMs: START_MS + second * 1000, ...place(drivenM, 0), headingDeg: 0, odometerM: 5_000 + drivenM },
    ...{ speedMps: second > 100 && second < 700 ? 0 : SPEED_MPS, ignition: true },
    ...{ wayId: drivenM < 500 ? 1 : 2, forward: true },
  };
}

const track = new TrueTrack();
for (let second = 0; second <= 1_000; second++) track.add(stateAt(second));
const fence = { fenceId: "7", ...place(1_000, 0), radiusM: 80 };

function perfect(): ScoredDrive {
  const fixes = Array.from({ length: 1_001 }, (_, second): SaidFix => {
    const { timeMs, latDeg, lonDeg, wayId, forward } = stateAt(second);
    const at = { latDeg, lonDeg };
    return { trueMs: timeMs, storedMs: timeMs, late: false, raw: at, smoothed: at, matched: { ...at, wayId, forward } };
  });
  const visit = { fenceId: "7", enteredAtMs: START_MS + 92_000, exitedAtMs: START_MS + 708_000 };
  return {
    ...{ track, fences: [fence], fixes, visits: [visit] },
    path: [{ enteredMs: START_MS, leftMs: START_MS + 1_000_000, line: [point(0, 0), point(4_000, 0)] }],
    trips: [{ startedMs: START_MS, endedMs: START_MS + 1_000_000, distanceM: 4_000 }],
  };
}

test("a service that says the truth scores full marks", () => {
  const score = scoreDrives([perfect()]);
  expect(score).toMatchObject({
    rightWay: { share: 1, cases: 1_001 },
    visits: { due: 1, recall: 1, once: 1, precision: 1 },
    timeRight: { share: 1 },
    trips: { cases: 1, p50: 0, sum: 0, coveredShare: 1 },
  });
  expect(score.route).toMatchObject({ mismatch: 0, untoldM: 0 });
  expect(score.visits.times).toEqual({ cases: 2, p50S: 1, p95S: 1 });
  expect(score.matched.p95M).toBeLessThan(0.01);
});

test("each kind of error shows in its own figure, and nowhere else", () => {
  const drive = perfect();
  const wrongWay = {
    ...drive,
    fixes: drive.fixes.map((fix) => ({ ...fix, matched: fix.matched && { ...fix.matched, forward: false } })),
  };
  expect(scoreDrives([wrongWay])).toMatchObject({ rightWay: { share: 0 }, visits: { recall: 1 }, trips: { sum: 0 } });
  const twice = {
    ...drive,
    visits: [...drive.visits, { fenceId: "7", enteredAtMs: START_MS + 300_000, exitedAtMs: START_MS + 400_000 }],
  };
  expect(scoreDrives([twice]).visits).toMatchObject({ recall: 1, once: 0, precision: 1 });
  const elsewhere = { ...drive, visits: [{ fenceId: "8", enteredAtMs: START_MS, exitedAtMs: null }] };
  expect(scoreDrives([elsewhere]).visits).toMatchObject({ recall: 0, once: 0, precision: 0 });
  const long = { ...drive, trips: drive.trips.map((trip) => ({ ...trip, distanceM: 4_400 })) };
  expect(scoreDrives([long]).trips.sum).toBeCloseTo(0.1);
  const shifted = {
    ...drive,
    fixes: drive.fixes.map((fix) => ({ ...fix, storedMs: fix.storedMs + 5_000, late: true })),
  };
  expect(scoreDrives([shifted])).toMatchObject({
    timeRight: { share: 0 },
    late: 1_001,
    rightWay: { cases: 0 },
    rightWayLate: { share: 1 },
  });
});

test("what a service does not say shows as well: no path, half of one, no trips, times that are hours off", () => {
  const drive = perfect();
  expect(scoreDrives([{ ...drive, path: [] }]).route).toMatchObject({ mismatch: null, trueM: 0, untoldM: 4_000 });
  const [whole] = drive.path;
  const half = { enteredMs: START_MS, leftMs: START_MS + 100_000, line: [point(0, 0), point(1_000, 0)] };
  expect(scoreDrives([{ ...drive, path: [half] }]).route).toMatchObject({ mismatch: 0, untoldM: 3_000 });
  const hole = { ...whole!, line: [point(0, 0), point(2_000, 0)] };
  expect(scoreDrives([{ ...drive, path: [hole] }]).route.dMinus).toBeCloseTo(0.5, 1);
  expect(scoreDrives([{ ...drive, trips: [] }]).trips).toMatchObject({ cases: 0, coveredShare: 0 });
  const [trip] = drive.trips;
  const short = { ...trip!, endedMs: START_MS + 100_000, distanceM: 1_000 };
  expect(scoreDrives([{ ...drive, trips: [short, short] }]).trips).toMatchObject({ p50: 0, coveredShare: 0.25 });
  const [visit] = drive.visits;
  const late = { ...visit!, exitedAtMs: visit!.exitedAtMs! + 7_200_000 };
  expect(scoreDrives([{ ...drive, visits: [late] }]).visits).toMatchObject({
    once: 1,
    times: { p95S: expect.closeTo(7_200, -1) },
  });
});

test("route mismatch tells what was left out from what was added", () => {
  const truth = [point(0, 0), point(1_000, 0)];
  const half = compareRoutes(truth, [[point(0, 0), point(500, 0)]], 0);
  expect(half.missedM / half.trueM).toBeCloseTo(0.5, 1);
  expect(half.addedM).toBe(0);
  const detour = compareRoutes(truth, [truth, [point(500, 0), point(500, 100)]], 0);
  expect(detour.missedM).toBe(0);
  expect(detour.addedM).toBeCloseTo(100, -1);
  const backwards = compareRoutes(truth, [truth.toReversed()], 0);
  expect(backwards.missedM).toBeCloseTo(1_000, -1);
});

test("ten metres before a junction its next way counts as right, eleven do not", () => {
  // The junction lies between the looks at 490 and 500 m; the next way may begin right after the first.
  expect(track.wasOn(5_480, 10, 2, true)).toBe(true);
  expect(track.wasOn(5_479, 10, 2, true)).toBe(false);
  expect(track.wasOn(5_480, 10, 2, false)).toBe(false);
});

function errorsM(model: NoiseModel, states: readonly VehicleState[]): number[] {
  const receive = createReceiver(model, seededRandom(3, model));
  return states.flatMap((state) => {
    const seen = receive(state);
    return seen === undefined ? [] : [Math.abs(seen.latDeg - state.latDeg) * 111_195];
  });
}

test("receivers err as they say: outages in tunnels, gross errors, wandering while standing", () => {
  const moving = Array.from({ length: 5_000 }, (_, second) => ({ ...stateAt(0), timeMs: START_MS + second * 1000 }));
  const standing = moving.map((state) => ({ ...state, speedMps: 0 }));
  const spread = (errors: readonly number[]): number =>
    Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
  expect(spread(errorsM("white", moving))).toBeCloseTo(10, -1);
  expect(errorsM("tunnel", moving).length).toBeLessThan(moving.length - 200);
  for (const model of NOISE_MODELS.filter((name) => name !== "tunnel"))
    expect(errorsM(model, moving)).toHaveLength(5_000);
  expect(errorsM("outliers", moving).filter((error) => error > 40).length).toBeGreaterThan(40);
  expect(errorsM("correlated", moving).filter((error) => error > 40)).toEqual([]);
  expect(spread(errorsM("standstill", standing))).toBeGreaterThan(1.8 * spread(errorsM("standstill", moving)));
});

test("outages lose no report and tell none twice, whatever their order", () => {
  const reports = Array.from({ length: 3_000 }, (_, second) => ({ timeMs: START_MS + second * 5_000 }));
  const uploads = uploadsOf(reports, seededRandom(5, "uploads"));
  const sent = uploads.flatMap((upload) => upload.reports);
  expect(sent).not.toEqual(reports);
  expect(sent.toSorted((a, b) => a.timeMs - b.timeMs)).toEqual(reports);
  for (const { receivedAtMs, reports: held } of uploads)
    for (const { timeMs } of held) expect(timeMs).toBeLessThan(receivedAtMs);
});

test("a clock that was never set becomes right, one that rolled over never does", () => {
  const laterMs = START_MS + 600_000;
  expect(faultyClock("unset", START_MS)(START_MS)).toBe(Date.UTC(2000, 0, 1));
  expect(faultyClock("unset", START_MS)(laterMs)).toBe(laterMs);
  expect(faultyClock("ahead", START_MS)(laterMs)).toBe(laterMs);
  expect(faultyClock("rollover", START_MS)(laterMs)).toBe(laterMs - 1_024 * 7 * 86_400_000);
});

test("the table has a row for each score and says how many cases each figure rests on", () => {
  const lines = scoreTable([
    { name: "perfect", score: scoreDrives([perfect()]) },
    { name: "nothing", score: scoreDrives([]) },
  ]).split("\n");
  expect(lines).toHaveLength(4);
  expect(lines[2]).toContain("100.00 of 1001");
  expect(lines[3]).toContain("–");
});
