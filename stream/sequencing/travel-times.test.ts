import { beforeAll, expect, test } from "vitest";
import type { RoadNetwork } from "../roads/network-file.ts";
import { drawRoads, placeOf } from "../roads/sample-roads.ts";
import { type Place, type TravelTimes, travelTimes } from "./travel-times.ts";

/** A block of 1 km by 500 m whose southern side may only be driven eastwards, and a street that nothing leads to. */

/** Residential streets flow at 30 km/h × 0.85. */
const FLOW_MPS = (30 / 3.6) * 0.85;
const STRAIGHT_MPS = 7;

let roads: RoadNetwork;

beforeAll(async () => {
  const street = (id: number, from: [number, number], to: [number, number], tags: Record<string, string> = {}) => ({
    ...{ id, line: [from, to], tags },
  });
  roads = await drawRoads([
    street(1, [0, 0], [1_000, 0], { oneway: "yes" }),
    street(2, [1_000, 0], [1_000, 500]),
    street(3, [1_000, 500], [0, 500]),
    street(4, [0, 500], [0, 0]),
    street(5, [4_000, 4_000], [4_500, 4_000]),
  ]);
});

const at = (east: number, north: number): Place => {
  const { lat, lon } = placeOf(east, north);
  return { latDeg: lat, lonDeg: lon };
};

const secondsOf = ({ travelS }: TravelTimes, count: number, from: number, to: number): number =>
  travelS[from * count + to]!;

test("times are those of the quickest way, which is another one back along a one-way street", () => {
  const places = [at(200, 8), at(800, -8), at(1_008, 250)];
  const found = travelTimes(places, roads);
  expect(found).toMatchObject({ basis: "roads", offRoad: [] });
  // Beside the way itself a corner takes some seconds.
  const beyondS = (from: number, to: number, metres: number) => secondsOf(found, 3, from, to) - metres / FLOW_MPS;
  for (const [from, to, metres, corners] of [
    [0, 1, 600, 0],
    [1, 0, 200 + 500 + 1_000 + 500 + 200, 4],
    [1, 2, 200 + 250, 1],
    [2, 0, 250 + 1_000 + 500 + 200, 3],
  ] as const) {
    expect(beyondS(from, to, metres)).toBeGreaterThan(-1);
    expect(beyondS(from, to, metres)).toBeLessThan(1 + 5 * corners);
  }
  expect([0, 1, 2].map((place) => secondsOf(found, 3, place, place))).toEqual([0, 0, 0]);
});

test("a street of both directions is left, and come to, in the better one", () => {
  const places = [at(300, 500), at(700, 500)];
  const found = travelTimes(places, roads);
  expect(secondsOf(found, 2, 0, 1) * FLOW_MPS).toBeCloseTo(400, -1);
  expect(secondsOf(found, 2, 1, 0) * FLOW_MPS).toBeCloseTo(400, -1);
});

test("places beside no road, or that no road leads to, are named and reached by straight line; the others stay on roads", () => {
  const places = [at(200, 0), at(800, 0), at(-30_000, 0), at(4_200, 4_000)];
  const found = travelTimes(places, roads);
  expect(found).toMatchObject({ basis: "roads", offRoad: [2, 3] });
  expect(secondsOf(found, 4, 0, 1) * FLOW_MPS).toBeCloseTo(600, -1);
  expect(secondsOf(found, 4, 0, 2) * STRAIGHT_MPS).toBeCloseTo(30_200, -2);
  expect(secondsOf(found, 4, 3, 0) * STRAIGHT_MPS).toBeCloseTo(Math.hypot(4_000, 4_000), -2);
  expect([...found.travelS].every(Number.isFinite)).toBe(true);
});

test("without roads everything is by straight line", () => {
  const found = travelTimes([at(0, 0), at(700, 0)], undefined);
  expect(found).toMatchObject({ basis: "straight_line", offRoad: [] });
  expect(secondsOf(found, 2, 0, 1)).toBeCloseTo(100, 0);
});
