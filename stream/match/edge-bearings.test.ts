import { expect, test } from "vitest";
import { alongWay, drawRoads, way } from "../roads/sample-roads.ts";
import { EdgeBearings } from "./edge-bearings.ts";

const WAYS = [
  way(1, "0,0 0,100"),
  way(2, "0,100 50,150 100,150 100,200"),
  way(3, "100,200 80,260 100,320 60,380 100,440"),
  way(4, "0,0 -60,0 -60,60 0,60 0,20 -30,20"),
  way(5, "0,0 -10,-80"),
];

/** The least angle to any part of a line, 1/256 turns. */
function leastApart(line: readonly (readonly [number, number])[], bearing256: number): number {
  const angles = line.slice(1).map(([east, north], i) => {
    const along = (Math.atan2(east - line[i]![0], north - line[i]![1]) / (2 * Math.PI)) * 256;
    return Math.abs(((((bearing256 - along) % 256) + 384) % 256) - 128);
  });
  return Math.min(...angles);
}

test("No part of an edge is nearer to a heading than the edge's bearings say, in either direction.", async () => {
  const roads = await drawRoads(WAYS);
  const bearings = new EdgeBearings(roads);
  for (const { id, line } of WAYS)
    for (let bearing = 0; bearing < 256; bearing++) {
      const directed = alongWay(roads, id);
      expect(bearings.apart256(directed, bearing)).toBeLessThanOrEqual(leastApart(line, bearing) + 0.01);
      const against = leastApart(line.toReversed(), bearing);
      expect(bearings.apart256(directed + 1, bearing)).toBeLessThanOrEqual(against + 0.01);
    }
});

test("A heading across a straight edge is a quarter turn off, and one along it is not off at all.", async () => {
  const roads = await drawRoads(WAYS);
  const bearings = new EdgeBearings(roads);
  const north = alongWay(roads, 1);
  expect([0, 64, 128, 192].map((bearing) => bearings.apart256(north, bearing))).toEqual([0, 63, 127, 63]);
  expect([0, 64, 128, 192].map((bearing) => bearings.apart256(north + 1, bearing))).toEqual([127, 63, 0, 63]);
});
