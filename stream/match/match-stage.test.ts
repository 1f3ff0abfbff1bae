import { expect, test } from "vitest";
import { foldFixes } from "../fold.ts";
import { drawRoads, lineOf, way } from "../roads/sample-roads.ts";
import { drive, ROUND_THE_CORNER } from "./sample-drives.ts";
import { type Folded, fixOf, fold, noisy, roads, stages } from "./sample-folds.ts";
import { StreamRoads } from "./stream-roads.ts";

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

test("a device that falls silent for more than a quarter of an hour has its path written to its last fix, of that time", () => {
  const before = drive(lineOf("0,0 300,0"), 12, 2);
  const stoppedMs = before.at(-1)!.timeMs;
  for (const silentMin of [16, 30]) {
    const laterMs = stoppedMs - before[0]!.timeMs + silentMin * 60_000;
    const [after] = drive(lineOf("600,200 600,800"), 12, 2).map((fix) => ({ ...fix, timeMs: fix.timeMs + laterMs }));
    const { segments } = fold(
      [...before, after!].map((fix) => [fix]),
      true,
    );
    expect(segments.map(({ wayId, leftMs }) => [wayId, leftMs])).toEqual([[10, stoppedMs]]);
    expect(segments[0]!.lengthM).toBeCloseTo(288, -1);
  }
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
