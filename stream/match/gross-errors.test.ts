import { expect, test } from "vitest";
import { drawRoads, lineOf, placeOf, way } from "../roads/sample-roads.ts";
import { FinalMatcher } from "./final.ts";
import { collectStretches, drivenWays } from "./legs.ts";
import type { MatchFix } from "./match-fix.ts";
import { MatchState } from "./match-state.ts";
import type { PathStep } from "./path-tree.ts";
import { answerLive, drive, GRID, normalNoise, signedWay } from "./sample-drives.ts";
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

test("Gross errors are refused one by one, however many a drive has.", async () => {
  const roads = await drawRoads([way(1, "-600,0 600,0"), way(2, "-600,400 600,400")]);
  const fixes = drive(lineOf("-500,0 500,0"), 12, 2, (i) => [0, i % 5 === 4 ? 400 : 0]);
  expect(new Set(answerLive(roads, fixes))).toEqual(new Set([1]));
});

test("After a jump that nothing explains the path ends where the vehicle was, and the match starts again at the new place.", async () => {
  const roads = await drawRoads([...GRID, way(90, "20000,0 21000,0")]);
  const here = drive(lineOf("0,90 400,90"), 10);
  const there = drive(lineOf("20100,0 20500,0"), 10).map((fix, i) => ({
    ...fix,
    timeMs: here.at(-1)!.timeMs + (i + 1) * 1000,
  }));
  const state = new MatchState();
  const steps: PathStep[] = [];
  const viterbi = new Viterbi(roads);
  const answers = [...here, ...there].map((fix) => ({ ...viterbi.step(state, fix, (step) => steps.push(step)) }));
  viterbi.finish(state, (step) => steps.push(step));
  expect(signedWay(roads, answers.at(-1)!)).toBe(90);
  const stretches = collectStretches(roads, steps, answers.length);
  const [before, after] = stretches.map((stretch) => drivenWays(roads, [stretch]));
  expect([...before!, ...after!].map(({ wayId }) => wayId)).toEqual([11, 90]);
  expect(before![0]!.lengthM).toBeCloseTo(400, -1);
});
