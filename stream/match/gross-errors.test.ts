import { expect, test } from "vitest";
import { drawRoads, lineOf, placeOf, way } from "../roads/sample-roads.ts";
import { FinalMatcher } from "./final.ts";
import { drivenWays } from "./legs.ts";
import type { MatchFix } from "./match-fix.ts";
import { MatchState } from "./match-state.ts";
import { drive, normalNoise } from "./sample-drives.ts";
import { Viterbi } from "./viterbi.ts";

test("A receiver that goes straight on where the road bends, then jumps back, leaves a path without a break.", async () => {
  const roads = await drawRoads([way(1, "-600,0 0,0"), way(2, "0,0 600,0"), way(3, "0,0 0,600")]);
  const driven = drive(lineOf("-300,0 0,0 0,300"), 12);
  const reckoned = drive(lineOf("-300,0 300,0"), 12);
  const fixes = driven.map((fix, i) => (i >= 25 && i < 32 ? reckoned[i]! : fix));
  const { stretches } = new FinalMatcher(roads).match(fixes);
  expect(stretches).toHaveLength(1);
  expect(drivenWays(roads, stretches).map(({ wayId }) => wayId)).toEqual([1, 3]);
});

test("A gross error moves no answer, and afterwards all is as if the fix had not been: answers and what is thought of the receiver.", async () => {
  const roads = await drawRoads([way(1, "-600,0 600,0"), way(2, "-600,40 600,40")]);
  const viterbi = new Viterbi(roads);
  const normal = normalNoise(3);
  const fixes = drive(lineOf("-300,0 300,0"), 12, 1, () => [4 * normal(), 4 * normal()]);
  const withError = fixes.map((fix, i) => (i === 5 ? { ...fix, ...placeOf(-240, 400) } : fix));
  const answersTo = (driven: readonly MatchFix[]) => {
    const state = new MatchState();
    return driven.map((fix) => {
      const answer = { ...viterbi.step(state, fix, () => {}) };
      return { answer, sigmaM: state.noise.sigmaM, memory: state.noise.memoryAfter(1) };
    });
  };
  const answers = answersTo(withError);
  expect(answers[5]!.answer).toEqual(answers[4]!.answer);
  expect(answers.toSpliced(5, 1)).toEqual(answersTo(fixes.toSpliced(5, 1)));
});
