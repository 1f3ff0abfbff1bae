import { expect, test } from "vitest";
import { boundsOf, countOf, indexAt, linesOf, pointsOf } from "./day-track.ts";
import type { FixJson } from "./fix.ts";

const START_MS = Date.UTC(2026, 10, 22, 8);

const fixAt = (second: number, lon: number | null, matchedLon?: number): FixJson =>
  ({
    time: new Date(START_MS + second * 1_000).toISOString(),
    lat: lon === null ? null : 41,
    lon,
    smoothed: null,
    matched: matchedLon === undefined ? null : { lat: 41, lon: matchedLon, confidence: 1 },
  }) as FixJson;

test("Points are in the order of time, each instant once, those without a place left out.", () => {
  const points = pointsOf([fixAt(20, 3), fixAt(0, 1), fixAt(10, null), fixAt(10, 2), fixAt(20, 3)]);
  expect(points.map(({ timeMs, fix }) => [(timeMs - START_MS) / 1_000, fix.lon])).toEqual([
    [0, 1],
    [10, 2],
    [20, 3],
  ]);
});

test("A line is broken where nothing was heard for long, and where its kind of position is not known.", () => {
  const points = pointsOf([
    fixAt(0, 1, 1.1),
    fixAt(10, 2, 2.1),
    fixAt(1_000, 3, 3.1),
    fixAt(1_010, 4),
    fixAt(1_020, 5, 5.1),
    fixAt(1_030, 6, 6.1),
  ]);
  const lons = (lines: readonly (readonly [number, number])[][]) => lines.map((line) => line.map(([lon]) => lon));
  expect(lons(linesOf(points, "raw"))).toEqual([
    [1, 2],
    [3, 4, 5, 6],
  ]);
  expect(lons(linesOf(points, "matched"))).toEqual([
    [1.1, 2.1],
    [5.1, 6.1],
  ]);
  expect(linesOf(points, "smoothed")).toEqual([]);
  expect([countOf(points, "raw"), countOf(points, "matched"), countOf(points, "smoothed")]).toEqual([6, 5, 0]);
});

test("The point at a time is the last one before it.", () => {
  const points = pointsOf([fixAt(0, 1), fixAt(10, 2), fixAt(20, 3)]);
  expect([-5, 0, 9, 10, 15, 99].map((second) => indexAt(points, START_MS + second * 1_000))).toEqual([
    0, 0, 0, 1, 1, 2,
  ]);
});

test("Bounds hold every place, and there are none without places.", () => {
  const [west, south, east, north] = boundsOf([
    [-8, 41],
    [-9, 42],
  ])!;
  expect([west < -9, south < 41, east > -8, north > 42]).toEqual([true, true, true, true]);
  expect(boundsOf([])).toBeUndefined();
});
