import { expect, test } from "vitest";
import { scoreVisits } from "./score-visits.ts";

test("visits at 15 m of street noise, with late batches, are each found once, and nothing else is", () => {
  const score = scoreVisits(20, 8, 15);
  expect(score.due).toBeGreaterThanOrEqual(120);
  expect(score.lateFixes / score.fixes).toBeGreaterThan(0.05);
  expect(score.found / score.due).toBeGreaterThanOrEqual(0.99);
  expect(1 - score.falseVisits / score.reported).toBeGreaterThanOrEqual(0.99);
  expect(score.once).toBe(score.found);
  expect(score.liveOfLate).toBe(0);
});
