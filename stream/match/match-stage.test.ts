import { beforeAll, expect, test } from "vitest";
import type { PathSegmentRow } from "#store/track-rows.ts";
import { type DeviceFold, foldFixes, foldInitial } from "../fold.ts";
import { drawRoads, lineOf, way } from "../roads/sample-roads.ts";
import { smoothStage } from "../smooth/smooth-stage.ts";
import type { DeviceStage, Fix } from "../stage.ts";
import type { MatchFix } from "./match-fix.ts";
import { matchStage } from "./match-stage.ts";
import { revisedPath } from "./revised-path.ts";
import { drive, normalNoise, ROUND_THE_CORNER, TWO_STREETS } from "./sample-drives.ts";
import { StreamRoads } from "./stream-roads.ts";

const stages = [smoothStage as DeviceStage, matchStage as DeviceStage];
let roads: StreamRoads;

beforeAll(async () => {
  const network = await drawRoads([...TWO_STREETS, way(30, "0,80 500,80")]);
  roads = new StreamRoads(network);
});

function fixOf({ timeMs, lat, lon, speedMps, headingDeg }: MatchFix, fixId: number, receivedAtMs: number): Fix {
  return {
    ...{ fixId, deviceId: 7, fixTimeMs: timeMs, dated: true, receivedAtMs, fingerprint: timeMs, protocol: "teltonika" },
    ...{ late: false, clockFault: null, deviceTimeMs: null, smoothed: null, matched: null, trackM: null, cell: null },
    ...{ kind: "fix", valid: true, latDeg: lat, lonDeg: lon, altitudeM: null, speedMps, headingDeg, satellites: 9 },
    ...{ hdop: null, accuracyM: 5, event: null, buffered: false, attributes: {} },
  };
}

type Folded = {
  fixes: Map<number, Fix>;
  segments: PathSegmentRow[];
  fold: DeviceFold;
  states: string[];
};

/** Folds frames, each received as it stands; between any two the state is kept as JSON when `stored`. */
function fold(frames: readonly (readonly MatchFix[])[], stored: boolean, on: StreamRoads | null = roads): Folded {
  const result: Folded = { fixes: new Map(), segments: [], fold: foldInitial, states: [] };
  frames.forEach((frame, index) => {
    const seq = index + 1;
    const receivedAtMs = Math.max(...frames.slice(0, seq).flatMap((fixes) => fixes.map((fix) => fix.timeMs)));
    const fixes = frame.map((fix, n) => fixOf(fix, seq * 1024 + n, receivedAtMs));
    const head = { seq, deviceId: 7, protocol: "teltonika" as const, receivedAtMs, bytes: new Uint8Array() };
    const step = foldFixes(result.fold, { frame: head, fixes, isKnown: () => false }, stages, {
      roads: on ?? undefined,
    });
    result.fold = stored ? (JSON.parse(JSON.stringify(step.fold)) as DeviceFold) : step.fold;
    for (const fix of step.fixes) result.fixes.set(fix.fixTimeMs, fix);
    result.segments.push(...step.path);
    result.states.push(JSON.stringify(step.fold));
  });
  return result;
}

const noisy = (line = ROUND_THE_CORNER, sigmaM = 4, intervalS = 2): MatchFix[] => {
  const noise = normalNoise(5);
  return drive(line, 12, intervalS, () => [noise() * sigmaM, noise() * sigmaM]);
};

const waysOf = (folded: Folded): (number | null)[] =>
  [...folded.fixes.values()].sort((a, b) => a.fixTimeMs - b.fixTimeMs).map((fix) => fix.matched?.wayId ?? null);

test("every fix gets the way that it is on, and the track is as long as the drive", () => {
  const drives = noisy();
  const folded = fold(
    drives.map((fix) => [fix]),
    false,
  );
  const ways = waysOf(folded);
  const right = ways.filter((way, n) => way === (n * 24 < 600 ? 10 : 20)).length;
  expect(right).toBeGreaterThanOrEqual(ways.length - 2);
  const last = folded.fixes.get(drives.at(-1)!.timeMs)!;
  const first = folded.fixes.get(drives[0]!.timeMs)!;
  expect(last.trackM! - first.trackM!).toBeGreaterThan(1150);
  expect(last.trackM! - first.trackM!).toBeLessThan(1230);
  expect(last.matched!.confidence).toBeGreaterThan(0.8);
});

test("the state survives being stored after any frame, however frames fall", () => {
  const drives = noisy();
  const singly = drives.map((fix) => [fix]);
  expect(fold(singly, true).states).toEqual(fold(singly, false).states);
  expect([...fold(singly, true).fixes.values()]).toEqual([...fold(singly, false).fixes.values()]);
});

test("the folded state that a frame was given stays as it was", () => {
  const drives = noisy();
  const { fold: before } = fold(
    drives.slice(0, 20).map((fix) => [fix]),
    false,
  );
  const kept = JSON.stringify(before);
  const fixes = drives.slice(20, 30).map((fix, n) => fixOf(fix, 99 * 1024 + n, fix.timeMs));
  const head = { seq: 99, deviceId: 7, protocol: "teltonika" as const, receivedAtMs: 0, bytes: new Uint8Array() };
  foldFixes(before, { frame: head, fixes, isKnown: () => false }, stages, { roads });
  expect(JSON.stringify(before)).toBe(kept);
});

test("late fixes are matched with those around them and leave the live match as it is", () => {
  const drives = noisy();
  const late = drives.slice(20, 26);
  const inTime = [...drives.slice(0, 20), ...drives.slice(26, 40)].map((fix) => [fix]);
  const without = fold(inTime, true);
  const folded = fold([...inTime, late, ...drives.slice(40).map((fix) => [fix])], true);
  const wholly = fold([...inTime, ...drives.slice(40).map((fix) => [fix])], true);
  for (const fix of late) {
    const stored = folded.fixes.get(fix.timeMs)!;
    expect(stored.late).toBe(true);
    expect(stored.matched).not.toBeNull();
    expect(stored.trackM).toBeNull();
  }
  expect(late.filter((fix) => [10, 20].includes(folded.fixes.get(fix.timeMs)!.matched!.wayId))).toHaveLength(6);
  const live = (of: Folded) =>
    [...of.fixes.values()]
      .filter((fix) => !fix.late)
      .map(({ fixTimeMs, matched, trackM }) => [fixTimeMs, matched, trackM]);
  expect(live(folded)).toEqual(live(wholly));
  expect(without.segments).toEqual(folded.segments.slice(0, without.segments.length));
  expect(folded.segments.filter(({ revisedFromMs }) => revisedFromMs === null)).toEqual(wholly.segments);
});

test("what was driven where fixes came late is told again, as if they had come in time", async () => {
  // Round the park there is a way in the south and a longer one in the north; the fixes from the latter come late, and live it is left open.
  const network = await drawRoads([
    way(1, "-400,0 0,0"),
    way(2, "0,0 0,-250 600,-250 600,0"),
    way(3, "600,0 1200,0"),
    way(5, "1200,0 3000,0"),
    way(4, "0,0 0,300 600,300 600,0"),
  ]);
  const park = new StreamRoads(network);
  const driven = drive(lineOf("-390,0 0,0 0,300 600,300 600,0 2990,0"), 12, 5);
  const isHeld = (n: number): boolean => n * 60 > 400 && n * 60 < 1570;
  const [early, late, after] = [
    driven.filter((_, n) => n * 60 <= 400),
    driven.filter((_, n) => isHeld(n)),
    driven.filter((_, n) => n * 60 >= 1570),
  ];
  const singly = (fixes: readonly MatchFix[]) => fixes.map((fix) => [fix]);
  const newestFirst = [late.slice(10), late.slice(0, 10)];
  for (const batches of [[late], [late.slice(0, 10), late.slice(10)], newestFirst]) {
    const frames = [...singly(early), ...singly(after.slice(0, 2)), ...batches, ...singly(after.slice(2))];
    const { segments } = fold(frames, true, park);
    const live = segments.filter(({ revisedFromMs }) => revisedFromMs === null);
    const lengthOf = (of: readonly PathSegmentRow[], wayId: number): number =>
      of.reduce((sum, segment) => sum + (segment.wayId === wayId ? segment.lengthM : 0), 0);
    const path = revisedPath(segments);
    expect(lengthOf(live, 4)).toBe(0);
    expect(lengthOf(path, 2)).toBeLessThan(30);
    expect(lengthOf(path, 4)).toBeGreaterThan(1150);
    expect(lengthOf(path, 4)).toBeLessThan(1260);
    for (let i = 1; i < path.length; i++) expect(path[i]!.enteredMs).toBeGreaterThanOrEqual(path[i - 1]!.leftMs);
  }
});

test("one frame of late fixes from two gaps leaves what was driven between them as it was", () => {
  const drives = drive(lineOf("-190,0 0,0 600,0 600,890"), 4, 5);
  const inGap = (n: number): boolean => (n >= 4 && n < 8) || (n >= 44 && n < 48);
  const inTime = drives.filter((_, n) => !inGap(n));
  const { segments } = fold([...inTime.map((fix) => [fix]), drives.filter((_, n) => inGap(n))], true);
  const revised = segments.filter(({ revisedFromMs }) => revisedFromMs !== null);
  expect(new Set(revised.map(({ revisedFromMs }) => revisedFromMs)).size).toBe(2);
  for (const { revisedFromMs, revisedToMs } of revised) expect(revisedToMs! - revisedFromMs!).toBeLessThan(60_000);
});

test("late fixes from before all that is remembered tell what was driven among them only", () => {
  const drives = noisy(ROUND_THE_CORNER, 4, 1);
  const late = drives.slice(4, 8);
  const { segments } = fold([...[...drives.slice(0, 4), ...drives.slice(8, 60)].map((fix) => [fix]), late], true);
  const revised = segments.filter(({ revisedFromMs }) => revisedFromMs !== null);
  expect(revised.length).toBeGreaterThan(0);
  for (const { revisedFromMs, revisedToMs } of revised)
    expect([revisedFromMs, revisedToMs]).toEqual([late[0]!.timeMs, late.at(-1)!.timeMs]);
});

test("a vehicle that has stood for a while has its path written to where it stands, with times of driving only", () => {
  const drives = noisy();
  const arrived = drives.at(-1)!;
  const parked = Array.from({ length: 60 }, (_, n) => ({
    ...arrived,
    timeMs: arrived.timeMs + (n + 1) * 10_000,
    speedMps: 0,
  }));
  const away = drive(lineOf("600,600 600,900"), 12, 2).map((fix, n) => ({
    ...fix,
    timeMs: parked.at(-1)!.timeMs + (n + 1) * 2_000,
  }));
  const { segments } = fold(
    [...drives, ...parked, ...away].map((fix) => [fix]),
    true,
  );
  const [along, north] = segments;
  expect([along!.wayId, along!.forward, north!.wayId, north!.forward]).toEqual([10, true, 20, true]);
  expect(along!.lengthM).toBeGreaterThan(560);
  expect(along!.lengthM + north!.lengthM).toBeGreaterThan(1150);
  expect(along!.lengthM + north!.lengthM).toBeLessThan(1240);
  // 600 m at 12 m/s.
  expect((north!.leftMs - north!.enteredMs) / 1000).toBeGreaterThan(40);
  expect((north!.leftMs - north!.enteredMs) / 1000).toBeLessThan(65);
  for (const { enteredMs, leftMs } of segments) expect(leftMs).toBeGreaterThanOrEqual(enteredMs);
});

test("without roads nothing is matched and the track follows the positions", () => {
  const drives = noisy();
  const folded = fold(
    drives.map((fix) => [fix]),
    true,
    null,
  );
  expect(waysOf(folded).every((way) => way === null)).toBe(true);
  expect(folded.segments).toEqual([]);
  const last = folded.fixes.get(drives.at(-1)!.timeMs)!;
  expect(last.trackM).toBeGreaterThan(1100);
  expect(last.trackM).toBeLessThan(1300);
});

test("on other roads than before the match starts again and the track goes on", async () => {
  const drives = noisy(ROUND_THE_CORNER, 1);
  const before = fold(
    drives.slice(0, 20).map((fix) => [fix]),
    true,
  );
  const others = new StreamRoads(await drawRoads([way(99, "-200,0 900,0")]));
  const fixes = drives.slice(20, 22).map((fix, n) => fixOf(fix, 99 * 1024 + n, fix.timeMs));
  const head = { seq: 99, deviceId: 7, protocol: "teltonika" as const, receivedAtMs: 0, bytes: new Uint8Array() };
  const step = foldFixes(before.fold, { frame: head, fixes, isKnown: () => false }, stages, { roads: others });
  expect(step.fixes.map((fix) => fix.matched?.wayId)).toEqual([99, 99]);
  expect(step.fixes[0]!.trackM).toBeGreaterThanOrEqual(before.fixes.get(drives[19]!.timeMs)!.trackM! - 30);
});

test("what was being written of a way is written when the roads change", async () => {
  const street = way(10, "-200,0 0,0 200,0 400,0 600,0 900,0");
  const corners = [0, 200, 400].map((east, n) => way(40 + n, `${east},0 ${east},-100`));
  const drives = drive(lineOf("-150,0 850,0"), 12, 2);
  const singly = drives.map((fix) => [fix]);
  const before = fold(singly.slice(0, 30), true, new StreamRoads(await drawRoads([street, ...corners])));
  expect(before.segments).toEqual([]);
  const others = new StreamRoads(await drawRoads([way(99, "-200,0 900,0")]));
  const fixes = drives.slice(30, 32).map((fix, n) => fixOf(fix, 99 * 1024 + n, fix.timeMs));
  const head = { seq: 99, deviceId: 7, protocol: "teltonika" as const, receivedAtMs: 0, bytes: new Uint8Array() };
  const step = foldFixes(before.fold, { frame: head, fixes, isKnown: () => false }, stages, { roads: others });
  expect(step.path).toMatchObject([{ wayId: 10, forward: true }]);
  expect(step.path[0]!.lengthM).toBeGreaterThan(300);
  expect(step.path[0]!.lengthM).toBeLessThan(700);
  expect(step.path[0]!.leftMs).toBeLessThan(drives[29]!.timeMs);
});

test("a device's drive is kept in little space", () => {
  const folded = fold(
    noisy().map((fix) => [fix]),
    false,
  );
  for (const state of folded.states) expect(state.length).toBeLessThan(8_000);
});
