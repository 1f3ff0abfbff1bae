import fc from "fast-check";
import { driveTimeS, exitVertex } from "./drive-times.ts";
import { originalOf } from "./edge-copies.ts";
import type { RoadNetwork } from "./network-file.ts";
import { NodeQueue } from "./node-queue.ts";
import { placeOf, type SampleRestriction, type SampleWay } from "./sample-roads.ts";
import { exitsOf } from "./via-ways.ts";

/** Towns drawn at random with restrictions over nodes and ways, and what these mean by their definition, for tests. */
export interface SampleTown {
  ways: SampleWay[];
  restrictions: SampleRestriction[];
}

const SIZE = 4;
const BLOCK_M = 110;

type StreetDraw = { cuts: boolean[]; oneway: string; maxspeed: number };
type WalkDraw = { column: number; row: number; turns: number[]; only: boolean; backToFront: boolean };

/** A grid of streets, each of one or several ways, and restrictions along walks through it. */
export const sampleTown: fc.Arbitrary<SampleTown> = fc
  .record({
    streets: fc.array(
      fc.record({
        cuts: fc.array(fc.boolean(), { minLength: SIZE - 2, maxLength: SIZE - 2 }),
        oneway: fc.constantFrom("no", "no", "no", "yes", "-1"),
        maxspeed: fc.integer({ min: 20, max: 90 }),
      }),
      { minLength: 2 * SIZE, maxLength: 2 * SIZE },
    ),
    walks: fc.array(
      fc.record({
        column: fc.nat(SIZE - 1),
        row: fc.nat(SIZE - 1),
        turns: fc.array(fc.nat(11), { minLength: 2, maxLength: 5 }),
        only: fc.boolean(),
        backToFront: fc.boolean(),
      }),
      { minLength: 4, maxLength: 14 },
    ),
  })
  .map(({ streets, walks }) => ({
    ways: streets.flatMap((street, i) => waysOf(street, i)),
    restrictions: walks.flatMap((walk) => restrictionOf(walk, streets)),
  }));

/** Street `i` runs east in row `i`, or north in column `i - SIZE`. */
function waysOf({ cuts, oneway, maxspeed }: StreetDraw, i: number): SampleWay[] {
  const points = Array.from({ length: SIZE }, (_, k) =>
    i < SIZE ? ([k * BLOCK_M, i * BLOCK_M] as const) : ([(i - SIZE) * BLOCK_M, k * BLOCK_M] as const),
  );
  const ends = [0, ...cuts.flatMap((cut, k) => (cut ? [k + 1] : [])), SIZE - 1];
  return ends.slice(1).map((end, k) => ({
    id: idOf(i, k),
    line: points.slice(ends[k], end + 1),
    tags: { oneway, maxspeed: String(maxspeed) },
  }));
}

function idOf(street: number, part: number): number {
  return 100 + street * 10 + part;
}

const DIRECTIONS = [
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
] as const;

/** A restriction along a walk that does not turn round; none where its ways would have two roles. */
function restrictionOf(walk: WalkDraw, streets: readonly StreetDraw[]): SampleRestriction[] {
  const ids: number[] = [];
  let [column, row] = [walk.column, walk.row];
  let back = -1;
  let via: readonly [number, number] = [0, 0];
  for (const turn of walk.turns) {
    const open = DIRECTIONS.flatMap(([east, north], direction) => {
      const isInside = [column + east, row + north].every((at) => at >= 0 && at < SIZE);
      return isInside && direction !== back ? [{ east, north, direction }] : [];
    });
    const { east, north, direction } = open[turn % open.length]!;
    const street = north === 0 ? row : SIZE + column;
    const along = north === 0 ? Math.min(column, column + east) : Math.min(row, row + north);
    ids.push(idOf(street, streets[street]!.cuts.slice(0, along).filter(Boolean).length));
    [column, row] = [column + east, row + north];
    if (back < 0) via = [column * BLOCK_M, row * BLOCK_M];
    back = direction ^ 1;
  }
  const [from, to] = [ids[0]!, ids.at(-1)!];
  const ways = [...new Set(ids.slice(1, -1))];
  if (ways.includes(from) || ways.includes(to)) return [];
  const restriction = walk.only ? "only_straight_on" : "no_left_turn";
  return [{ from, to, restriction, backToFront: walk.backToFront, via: ways.length === 0 ? via : { ways } }];
}

/**
 * What restrictions forbid, told from the edges that were driven one after the other. Turning round on the way of a restriction
 * takes nothing back: what was driven before is remembered until the vehicle leaves that way.
 */
export class DrivenRestrictions {
  readonly #roads: RoadNetwork;
  readonly #restrictions: readonly SampleRestriction[];

  constructor(roads: RoadNetwork, restrictions: readonly SampleRestriction[]) {
    this.#roads = roads;
    this.#restrictions = restrictions;
  }

  forbids(memory: readonly number[], exit: number): boolean {
    return this.#restrictions.some((restriction) =>
      memory.some((_, i) => this.#forbiddenAfter(memory.slice(i), restriction).includes(exit)),
    );
  }

  /** What still matters after an exit was taken: the longest beginning of a restriction, turned round on or not, or the edge. */
  memoryOf(memory: readonly number[], exit: number): readonly number[] {
    const driven = [...memory, exit];
    const start = driven.findIndex((_, i) => i < driven.length - 1 && this.#isBeginning(driven.slice(i)));
    if (start >= 0) return driven.slice(start);
    const last = memory.at(-1)!;
    const before = memory.at(-2);
    // Turned round: forth, and back over the same edge.
    if (before === (last ^ 1)) {
      if (exit === before) return memory.slice(0, -1);
      return memory.length > 3 && exit === (memory.at(-3)! ^ 1) ? [...memory.slice(0, -2), exit] : [exit];
    }
    return memory.length > 1 && exit === (last ^ 1) ? driven : [exit];
  }

  /** Exits that are forbidden to those who drove exactly these edges; none where they are not the whole way of a restriction. */
  #forbiddenAfter(
    [first, ...via]: readonly number[],
    { from, via: over, to, restriction }: SampleRestriction,
  ): number[] {
    if (this.#wayId(first!) !== from) return [];
    const junctions = [first!, ...via].map((directed) => exitVertex(this.#roads, directed));
    const ids = via.map((directed) => this.#wayId(directed));
    const isWhole =
      "ways" in over
        ? over.ways.every((id) => ids.includes(id)) && ids.every((id) => over.ways.includes(id))
        : via.length === 0 && junctions[0] === vertexAt(this.#roads, over);
    if (!isWhole || new Set(junctions).size < junctions.length) return [];
    const exits = exitsOf(this.#roads, junctions.at(-1)!);
    const named = exits.filter((exit) => this.#wayId(exit) === to && (!("ways" in over) || this.#mayDrive(exit)));
    const last = via.at(-1) ?? first!;
    if (restriction.startsWith("no_")) return named;
    return named.length === 0 ? [] : exits.filter((exit) => !named.includes(exit) && exit >> 1 !== last >> 1);
  }

  /** Whether edges over via ways can follow after which something is forbidden. */
  #isBeginning(driven: readonly number[]): boolean {
    return this.#restrictions.some((restriction) => {
      const { via, from } = restriction;
      if (!("ways" in via) || this.#wayId(driven[0]!) !== from) return false;
      if (!driven.slice(1).every((directed) => via.ways.includes(this.#wayId(directed)))) return false;
      return this.#canEnd(driven, restriction, via.ways);
    });
  }

  #canEnd(driven: readonly number[], restriction: SampleRestriction, ways: readonly number[]): boolean {
    if (this.#forbiddenAfter(driven, restriction).length > 0) return true;
    const junctions = driven.map((directed) => exitVertex(this.#roads, directed));
    if (new Set(junctions).size < junctions.length) return false;
    return exitsOf(this.#roads, junctions.at(-1)!).some(
      (exit) =>
        ways.includes(this.#wayId(exit)) && this.#mayDrive(exit) && this.#canEnd([...driven, exit], restriction, ways),
    );
  }

  #wayId(directed: number): number {
    return this.#roads.wayId[this.#roads.edgeWay[directed >> 1]!]!;
  }

  #mayDrive(directed: number): boolean {
    return driveTimeS(this.#roads, directed) < Number.POSITIVE_INFINITY;
  }
}

function vertexAt(roads: RoadNetwork, [east, north]: readonly [number, number]): number {
  const { lat, lon } = placeOf(east, north);
  return roads.vertexLatE7.findIndex(
    (latE7, v) => latE7 === Math.round(lat * 1e7) && roads.vertexLonE7[v] === Math.round(lon * 1e7),
  );
}

/**
 * The least cost to come to the start of every edge by plain search over what was driven. `step` is the cost of passing from one
 * edge, whole or the first from where one starts, into an exit; Infinity where that may not be done.
 */
export function searchDriven(
  roads: RoadNetwork,
  restrictions: DrivenRestrictions,
  start: number,
  step: (from: number, exit: number, forbidden: boolean, isFirst: boolean) => number,
): Map<number, number> {
  const paths: (readonly number[])[] = [[start]];
  const costs: number[] = [0];
  const least = new Map<string, number>();
  const reached = new Map<number, number>();
  const queue = new NodeQueue();
  queue.push(0, 0);
  while (queue.size > 0) {
    const at = queue.pop();
    const driven = paths[at]!;
    const last = driven.at(-1)!;
    if (at > 0 && costs[at]! > least.get(driven.join(" "))!) continue;
    for (const exit of exitsOf(roads, exitVertex(roads, last))) {
      const cost = costs[at]! + step(last, exit, restrictions.forbids(driven, exit), at === 0);
      const path = restrictions.memoryOf(driven, exit);
      const key = path.join(" ");
      if (cost === Number.POSITIVE_INFINITY || cost >= (least.get(key) ?? Number.POSITIVE_INFINITY)) continue;
      least.set(key, cost);
      reached.set(exit, Math.min(cost, reached.get(exit) ?? cost));
      queue.push(paths.push(path) - 1, cost);
      costs.push(cost);
    }
  }
  return reached;
}

/** Whether an edge is what it should be in an answer: no copy. */
export function isOriginal(roads: RoadNetwork, directed: number): boolean {
  return originalOf(roads, directed) === directed;
}
