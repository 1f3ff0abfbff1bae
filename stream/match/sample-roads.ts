import { compileRoadBytes } from "../roads/build.ts";
import type { RoadNetwork } from "../roads/network-file.ts";
import { viewRoads } from "../roads/open.ts";
import type { OsmElement, OsmRelation } from "../roads/osm-elements.ts";
import { MatchState } from "./match-state.ts";
import { type MatchAnswer, type MatchFix, Viterbi } from "./viterbi.ts";

/** Small networks drawn in metres around a point, for tests. */

const ORIGIN = { lat: 41.15, lon: -8.61 };
const LAT_M = 111_195;
const LON_M = LAT_M * Math.cos((ORIGIN.lat * Math.PI) / 180);

export interface SampleWay {
  id: number;
  /** Points as [east, north] in metres. Ways meet where they have the same point. */
  line: readonly (readonly [number, number])[];
  tags?: Record<string, string>;
}

export function placeOf(east: number, north: number): { lat: number; lon: number } {
  return { lat: ORIGIN.lat + north / LAT_M, lon: ORIGIN.lon + east / LON_M };
}

/** A network of these ways; `relations` may name a node by its point. */
export async function drawRoads(
  ways: readonly SampleWay[],
  relations: readonly { from: number; via: readonly [number, number]; to: number; restriction: string }[] = [],
): Promise<RoadNetwork> {
  const ids = new Map<string, number>();
  const elements: OsmElement[] = [];
  const nodeOf = ([east, north]: readonly [number, number]): number => {
    const key = `${east},${north}`;
    const known = ids.get(key);
    if (known !== undefined) return known;
    ids.set(key, ids.size + 1);
    elements.push({ type: "node", id: ids.size, ...placeOf(east, north) });
    return ids.size;
  };
  for (const way of ways)
    elements.push({
      type: "way",
      id: way.id,
      refs: way.line.map(nodeOf),
      tags: { highway: "residential", ...way.tags },
    });
  for (const { from, via, to, restriction } of relations)
    elements.push({
      type: "relation",
      tags: { type: "restriction", restriction },
      members: [
        { type: "way", ref: from, role: "from" },
        { type: "node", ref: nodeOf(via), role: "via" },
        { type: "way", ref: to, role: "to" },
      ],
    } satisfies OsmRelation);
  const bytes = await compileRoadBytes((take) => {
    for (const element of elements) take(element);
    return Promise.resolve();
  });
  const buffer = new SharedArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return viewRoads(buffer, "the sample", true);
}

/** Fixes of a vehicle that drives along a line (metres) at a constant speed, one every `intervalS`. */
export function drive(
  line: readonly (readonly [number, number])[],
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
