import { expect, test } from "vitest";
import { glideOf, metresOf, pathFrom, type Spot } from "./src/track/glide.ts";

/** Metres east and north of a point. */
const spot = (eastM: number, northM: number): Spot => ({ lat: 41.15 + northM / 111_195, lon: -8.61 + eastM / 83_731 });
const CORNER = [spot(0, 0), spot(0, 200), spot(200, 200)];

test("between two positions on the path the vehicle goes round the corner", () => {
  const glide = glideOf(spot(0, 100), spot(100, 200), CORNER);
  expect(metresOf(glide(0.5).spot, spot(0, 200))).toBeLessThan(1);
  expect([glide(0.2).headingDeg, glide(0.8).headingDeg].map((heading) => Math.round(heading!))).toEqual([0, 90]);
  expect(metresOf(glide(1).spot, spot(100, 200))).toBeLessThan(0.1);
});

test("off the path, or against it, the vehicle goes straight", () => {
  for (const [from, to] of [
    [spot(100, 0), spot(100, 100)],
    [spot(100, 200), spot(0, 100)],
  ] as const) {
    const middle = { lat: (from.lat + to.lat) / 2, lon: (from.lon + to.lon) / 2 };
    expect(metresOf(glideOf(from, to, CORNER)(0.5).spot, middle)).toBeLessThan(1);
  }
});

test("a vehicle that stands has no heading, and shares beyond the ends stay at the ends", () => {
  const still = glideOf(spot(0, 0), spot(0, 0), []);
  expect(still(0.5)).toEqual({ spot: spot(0, 0), headingDeg: null });
  const glide = glideOf(spot(0, 0), spot(0, 100), []);
  expect(metresOf(glide(-1).spot, spot(0, 0))).toBeLessThan(0.1);
  expect(metresOf(glide(2).spot, spot(0, 100))).toBeLessThan(0.1);
});

test("what is left of the path begins at the vehicle", () => {
  const left = pathFrom(spot(3, 150), CORNER);
  expect(left).toEqual([spot(3, 150), spot(0, 200), spot(200, 200)]);
  expect(pathFrom(spot(500, 0), CORNER)).toEqual(CORNER);
});
