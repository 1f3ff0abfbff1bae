import { expect, test } from "vitest";
import { scoreStops } from "./score-stops.ts";

test("visits under street noise, late uploads and kills are each told of once, and no history as news", () => {
  const score = scoreStops(20, 5, 12);
  expect(score.visits).toBeGreaterThanOrEqual(60);
  expect(score.lateFixes / score.fixes).toBeGreaterThan(0.05);
  expect(score.kills).toBeGreaterThan(10);
  expect(score.replayed).toBeGreaterThan(10);
  expect(score).toMatchObject({ missing: 0, repeated: 0, once: score.visits, lateAsLive: 0, sameAfterKills: true });
  expect(score.falseArrivals / score.visits).toBeLessThanOrEqual(0.01);
});
