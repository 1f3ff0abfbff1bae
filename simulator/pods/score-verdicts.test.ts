import { expect, test } from "vitest";
import { FRAUD_KINDS, HONEST_KINDS } from "./case-kinds.ts";
import { scoreVerdicts } from "./score-verdicts.ts";

test("frauds that leave a trace are found and honest drivers are not accused, whatever their luck", () => {
  const score = scoreVerdicts(7, 800);
  expect(score.byKind.map(({ kind }) => kind)).toEqual([...HONEST_KINDS, ...FRAUD_KINDS].toSorted());
  expect(score.honestAccused).toBe(0);
  expect(score.contradictedFrauds / score.frauds).toBeGreaterThan(0.9);
  expect(score.denseCorroborated / score.denseHonest).toBeGreaterThan(0.95);
  expect(score.cold).toBeGreaterThan(30);
  expect(score.coldWrong).toBe(0);
});

test("the same seed gives the same score", () => {
  expect(scoreVerdicts(3, 30)).toEqual(scoreVerdicts(3, 30));
});
