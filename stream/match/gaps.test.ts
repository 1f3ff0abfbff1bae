import { expect, test } from "vitest";
import { drawRoads, lineOf, way } from "../roads/sample-roads.ts";
import { FinalMatcher } from "./final.ts";
import { drivenWays } from "./legs.ts";
import { answerLive, drive } from "./sample-drives.ts";

const FAST = { highway: "primary", maxspeed: "70" };

test("A road that turned back on itself between two fixes is followed to where it came back, live and at the end.", async () => {
  const roads = await drawRoads([
    way(1, "-1000,0 400,0", FAST),
    way(2, "400,0 400,40 0,40", FAST),
    way(3, "0,40 -1000,40", FAST),
  ]);
  const fixes = drive(lineOf("-900,0 400,0 400,40 -900,40"), 20, 50);
  expect(answerLive(roads, fixes)).toEqual([1, 1, 3]);
  const ways = drivenWays(roads, new FinalMatcher(roads).match(fixes).stretches);
  expect(ways.map(({ wayId }) => wayId)).toEqual([1, 2, 3]);
});

test("What lies between two fixes is driven up to twenty minutes of silence; after more of it the drive begins anew.", async () => {
  const roads = await drawRoads([
    way(1, "-600,0 0,0", FAST),
    way(2, "0,0 12000,0", FAST),
    way(3, "12000,0 12600,0", FAST),
  ]);
  const stretchesAfter = (silentMin: number): number[][] => {
    const before = drive(lineOf("-300,0 -20,0"), 12, 5);
    const after = drive(lineOf("12100,0 12400,0"), 12, 5);
    const endedMs = before.at(-1)!.timeMs - before[0]!.timeMs;
    const later = after.map((fix) => ({ ...fix, timeMs: fix.timeMs + endedMs + silentMin * 60_000 }));
    const { stretches } = new FinalMatcher(roads).match([...before, ...later]);
    return stretches.map((stretch) => drivenWays(roads, [stretch]).map(({ wayId }) => wayId));
  };
  expect(stretchesAfter(19)).toEqual([[1, 2, 3]]);
  expect(stretchesAfter(21)).toEqual([[1], [3]]);
});
