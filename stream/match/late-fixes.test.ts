import { expect, test } from "vitest";
import type { PathSegmentRow } from "#store/track-rows.ts";
import { drawRoads, lineOf, way } from "../roads/sample-roads.ts";
import type { MatchFix } from "./match-fix.ts";
import { revisedPath } from "./revised-path.ts";
import { drive, ROUND_THE_CORNER } from "./sample-drives.ts";
import { type Folded, fold, noisy } from "./sample-folds.ts";
import { StreamRoads } from "./stream-roads.ts";

/** From when to when the path was told anew, Unix ms, in the order of the batches. */
const toldFor = ({ segments }: Folded): (number | null)[][] => {
  const times = segments.map(({ revisedFromMs, revisedToMs }) => [revisedFromMs, revisedToMs]);
  return times.filter(([from, to], i) => from !== null && (from !== times[i - 1]?.[0] || to !== times[i - 1]?.[1]));
};

const singly = (fixes: readonly MatchFix[]): MatchFix[][] => fixes.map((fix) => [fix]);

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

test("late fixes from after a long silence tell nothing of how the vehicle came there from the drive before", () => {
  const before = drive(lineOf("0,0 300,0"), 12, 2);
  const silentMs = before.at(-1)!.timeMs - before[0]!.timeMs + 16 * 60_000;
  const after = drive(lineOf("500,0 900,0"), 12, 2).map((fix) => ({ ...fix, timeMs: fix.timeMs + silentMs }));
  const late = after.slice(0, 6);
  const folded = fold([...singly(before), ...singly(after.slice(6)), late], true);
  expect(toldFor(folded)).toEqual([[late[0]!.timeMs, after[7]!.timeMs]]);
});

test("fixes of a vehicle that stands do not drive out those from before, which late ones are matched with", () => {
  const driven = drive(ROUND_THE_CORNER, 12, 1).slice(0, 24);
  const stopped = { ...driven.at(-1)!, speedMps: 0 };
  const parked = Array.from({ length: 60 }, (_, n) => ({ ...stopped, timeMs: stopped.timeMs + (n + 1) * 1000 }));
  const late = driven.slice(8, 12);
  const inTime = [...driven.slice(0, 8), ...driven.slice(12), ...parked];
  const folded = fold([...singly(inTime), late], true);
  expect(toldFor(folded)).toEqual([[driven[6]!.timeMs, driven[13]!.timeMs]]);
});

test("a long batch of late fixes does not drive out those from before the gap, which a second one joins to", () => {
  const driven = drive(lineOf("-190,0 0,0 600,0 600,890"), 12, 2);
  const [first, second] = [driven.slice(20, 50), driven.slice(10, 20)];
  const inTime = [...driven.slice(0, 10), ...driven.slice(50, 54)];
  const folded = fold([...singly(inTime), first, second], true);
  expect(toldFor(folded)).toEqual([
    [driven[8]!.timeMs, driven[51]!.timeMs],
    [driven[8]!.timeMs, driven[21]!.timeMs],
  ]);
});
