import type { RoadNetwork } from "../roads/network-file.ts";
import { lineOf, placeOf, type SampleLine, way } from "../roads/sample-roads.ts";
import type { MatchAnswer, MatchFix } from "./match-fix.ts";
import { MatchState } from "./match-state.ts";
import { Viterbi } from "./viterbi.ts";

/** Two streets that meet at a corner, and the way from the one into the other. */
export const TWO_STREETS = [way(10, "-200,0 0,0 600,0 900,0"), way(20, "600,0 600,600 600,900")] as const;
export const ROUND_THE_CORNER = lineOf("0,0 600,0 600,600");

/** A street grid, a block of it 90 m long. */
export const GRID = Array.from({ length: 7 }, (_, i) => [
  { id: 10 + i, line: Array.from({ length: 7 }, (_, k) => [k * 90, i * 90] as const) },
  { id: 30 + i, line: Array.from({ length: 7 }, (_, k) => [i * 90, k * 90] as const) },
]).flat();

/** Fixes of a vehicle that drives along a line (metres) at a constant speed, one every `intervalS`. */
export function drive(
  line: SampleLine,
  speedMps: number,
  intervalS = 1,
  noise: (fix: number) => readonly [number, number] = () => [0, 0],
): MatchFix[] {
  const fixes: MatchFix[] = [];
  let next = 0;
  let driven = 0;
  for (let i = 1; i < line.length; i++) {
    const [ax, ay] = line[i - 1]!;
    const [bx, by] = line[i]!;
    const length = Math.hypot(bx - ax, by - ay);
    for (; next <= driven + length; next += speedMps * intervalS) {
      const t = (next - driven) / length;
      const [east, north] = noise(fixes.length);
      const place = placeOf(ax + t * (bx - ax) + east, ay + t * (by - ay) + north);
      const headingDeg = ((Math.atan2(bx - ax, by - ay) * 180) / Math.PI + 360) % 360;
      fixes.push({
        timeMs: 1_700_000_000_000 + fixes.length * intervalS * 1000,
        ...place,
        speedMps,
        headingDeg,
        accuracyM: Number.NaN,
      });
    }
    driven += length;
  }
  return fixes;
}

/** The same fixes from a device that reports neither speed nor heading. */
export function positionsOnly(fixes: readonly MatchFix[]): MatchFix[] {
  return fixes.map((fix) => ({ ...fix, speedMps: Number.NaN, headingDeg: Number.NaN }));
}

/** Signed way ids (negative: against the way's nodes) as answered fix by fix; 0 where unmatched. */
export function answerLive(roads: RoadNetwork, fixes: readonly MatchFix[]): number[] {
  const viterbi = new Viterbi(roads);
  const state = new MatchState();
  return fixes.map((fix) =>
    signedWay(
      roads,
      viterbi.step(state, fix, () => {}),
    ),
  );
}

export function signedWay(roads: RoadNetwork, answer: Pick<MatchAnswer, "directed">): number {
  if (answer.directed < 0) return 0;
  const way = roads.wayId[roads.edgeWay[answer.directed >> 1]!]!;
  return answer.directed & 1 ? -way : way;
}

/** A repeatable source of standard normal numbers. */
export function normalNoise(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** A receiver's error, metres east and north, that keeps this share of itself from fix to fix. */
export function wanderingNoise(sigmaM: number, memory: number, seed: number): () => readonly [number, number] {
  const normal = normalNoise(seed);
  const fresh = Math.sqrt(1 - memory * memory);
  let [east, north] = [sigmaM * normal(), sigmaM * normal()];
  return () => {
    [east, north] = [memory * east + fresh * sigmaM * normal(), memory * north + fresh * sigmaM * normal()];
    return [east, north];
  };
}
