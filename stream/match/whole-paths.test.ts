import { expect, test } from "vitest";
import { exitVertex } from "../roads/drive-times.ts";
import type { RoadNetwork } from "../roads/network-file.ts";
import { drawRoads, lineOf, way } from "../roads/sample-roads.ts";
import { FIELD, STRIDE } from "./hypothesis.ts";
import type { MatchFix } from "./match-fix.ts";
import { MatchState, restoreMatchState, serialiseMatchState } from "./match-state.ts";
import { GAP, type PathStep } from "./path-tree.ts";
import { drive, normalNoise } from "./sample-drives.ts";
import { Viterbi } from "./viterbi.ts";

/** What is wrong with a path: an edge that does not begin where the one before ends, unless the vehicle turned round on it. */
function breaksOf(roads: RoadNetwork, steps: readonly PathStep[]): string[] {
  return steps.slice(1).flatMap(({ edge, leaveM }, i) => {
    const before = steps[i]!.edge;
    if (before === GAP || edge === GAP || exitVertex(roads, before) === exitVertex(roads, edge ^ 1)) return [];
    return (before ^ edge) === 1 && leaveM >= 0 ? [] : [`${before} to ${edge}`];
  });
}

/** What is wrong with the paths of all hypotheses: each must lead to the edge that its hypothesis is on. */
function faultsOf(roads: RoadNetwork, { hypotheses, count, tree }: MatchState): string[] {
  return Array.from({ length: count }, (_, i) => {
    const [edge, node] = [hypotheses[i * STRIDE + FIELD.edge]!, hypotheses[i * STRIDE + FIELD.node]!];
    const steps = tree.lineage(node).map((n) => tree.stepAt(n));
    return [
      ...(steps.at(-1)?.edge === edge ? [] : [`${steps.at(-1)?.edge} is not ${edge}`]),
      ...breaksOf(roads, steps),
    ];
  }).flat();
}

const BLOCKS = Array.from({ length: 5 }, (_, i) => [
  way(10 + i, [0, 1, 2, 3, 4].map((k) => `${k * 60},${i * 60}`).join(" ")),
  way(20 + i, [0, 1, 2, 3, 4].map((k) => `${i * 60},${k * 60}`).join(" ")),
]).flat();

/** A drive through the blocks that turns anywhere, also round in the middle of a street. */
function wander(random: () => number, turns: number): [number, number][] {
  const line: [number, number][] = [[120, 120]];
  for (let i = 0; i < turns; i++) {
    const [east, north] = line.at(-1)!;
    const isAlong = north % 60 === 0 && (east % 60 !== 0 || random() < 0.5);
    const metres = 60 * Math.ceil(random() * 2) * (random() < 0.5 ? -1 : 1);
    const way = Math.min(240, Math.max(0, (isAlong ? east : north) + (random() < 0.3 ? metres / 2 : metres)));
    line.push(isAlong ? [way, north] : [east, way]);
  }
  return line.filter(([east, north], i) => i === 0 || east !== line[i - 1]![0] || north !== line[i - 1]![1]);
}

test("However a vehicle turns, the path of each hypothesis leads to its edge, unbroken, and so does what is decided.", async () => {
  const roads = await drawRoads(BLOCKS);
  const viterbi = new Viterbi(roads);
  const normal = normalNoise(17);
  const random = (): number => Math.abs(normal() * 7919) % 1;
  for (const everyS of [1, 2, 5, 10, 20]) {
    const state = new MatchState();
    const steps: PathStep[] = [];
    const fixes = drive(wander(random, 150), 7, everyS, () => [5 * normal(), 5 * normal()]);
    fixes.forEach((fix, i) => {
      const told = i % 3 === 0 ? { speedMps: Number.NaN, headingDeg: Number.NaN } : {};
      viterbi.step(state, { ...fix, ...told }, (step) => steps.push(step));
      expect(faultsOf(roads, state), `fix ${i}, every ${everyS} s`).toEqual([]);
    });
    viterbi.finish(state, (step) => steps.push(step));
    expect(breaksOf(roads, steps)).toEqual([]);
    expect(steps.length).toBeGreaterThan(50);
  }
});

test("A long way without a fix over short edges leaves a state of at most 4 kB, which goes on as the one kept in memory.", async () => {
  const street = Array.from({ length: 700 }, (_, i) =>
    way(100 + i, `${i * 20},0 ${i * 20 + 20},0`, { highway: "primary" }),
  );
  const roads = await drawRoads(street);
  const viterbi = new Viterbi(roads);
  const [before, after] = [drive(lineOf("20,2 200,2"), 8), drive(lineOf("5000,2 5400,2"), 8)];
  const fixes: MatchFix[] = [...before, ...after.map((fix) => ({ ...fix, timeMs: fix.timeMs + 622_000 }))];
  const [kept, pieces]: [PathStep[], PathStep[]] = [[], []];
  const state = new MatchState();
  let restored = new MatchState();
  for (const fix of fixes) {
    const answer = { ...viterbi.step(state, fix, (step) => kept.push(step)) };
    expect(viterbi.step(restored, fix, (step) => pieces.push(step))).toEqual(answer);
    const bytes = serialiseMatchState(restored, roads.fingerprint, (step) => pieces.push(step));
    expect(bytes.length).toBeLessThanOrEqual(4096);
    restored = restoreMatchState(bytes, roads)!;
  }
  for (const [of, steps] of [
    [state, kept],
    [restored, pieces],
  ] as const)
    viterbi.finish(of, (step) => steps.push(step));
  expect(pieces).toEqual(kept);
  expect(kept.map(({ edge }) => edge).filter((edge) => edge !== GAP)).toHaveLength(269);
});
