import { exitVertex } from "./drive-times.ts";
import type { RoadNetwork } from "./network-file.ts";
import { ACCESS } from "./way-tags.ts";

export type ViaGraph = Pick<RoadNetwork, "outStart" | "outEdge" | "edgeFrom" | "edgeTo" | "edgeWay" | "edgeAccess">;
/** Ways of a restriction by their role. */
export type RestrictionWays = Record<"from" | "via" | "to", ReadonlySet<number>>;
/** Directed edges: those that arrive on `from`, one after the other over the via ways, and those that leave on `to`. */
export type ViaPath = { from: number[]; via: readonly number[]; to: number[] };

/** Via ways are a handful of edges in a row; those that can be passed in more ways than this are drawn wrongly. */
const STEPS_MAX = 2_000;

/**
 * Every way that cars can drive from an edge of `from` over all of the via ways, passing no junction twice, to an edge of `to`.
 * The order of members says nothing, and a way may be several edges. Undefined when there are too many to try.
 */
export function findViaPaths(graph: ViaGraph, ways: RestrictionWays): ViaPath[] | undefined {
  const found: ViaPath[] = [];
  const ofRole = (directed: number, role: keyof RestrictionWays): boolean =>
    mayDrive(graph, directed) && ways[role].has(graph.edgeWay[directed >> 1]!);
  let steps = 0;
  const follow = (from: number[], via: readonly number[], passed: readonly number[]): void => {
    const vertex = exitVertex(graph, via.at(-1)!);
    if (passed.includes(vertex) || ++steps > STEPS_MAX) return;
    const exits = exitsOf(graph, vertex);
    const to = exits.filter((exit) => ofRole(exit, "to"));
    if (to.length > 0 && new Set(via.map((directed) => graph.edgeWay[directed >> 1])).size === ways.via.size)
      found.push({ from, via, to });
    for (const exit of exits) if (ofRole(exit, "via")) follow(from, [...via, exit], [...passed, vertex]);
  };
  for (const first of directedEdgesOf(graph, ways.via)) {
    const vertex = exitVertex(graph, first ^ 1);
    const from = arrivalsAt(graph, vertex).filter((arrival) => ofRole(arrival, "from") && !ofRole(arrival, "via"));
    if (from.length > 0 && ofRole(first, "via")) follow(from, [first], [vertex]);
  }
  return steps > STEPS_MAX ? undefined : found;
}

/** Edges are numbered way by way, so those of one way follow each other. */
function directedEdgesOf({ edgeWay }: ViaGraph, ways: ReadonlySet<number>): number[] {
  const directed: number[] = [];
  for (const way of ways) {
    let [low, high] = [0, edgeWay.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (edgeWay[middle]! < way) low = middle + 1;
      else high = middle;
    }
    for (; edgeWay[low] === way; low++) directed.push(low * 2, low * 2 + 1);
  }
  return directed;
}

function mayDrive({ edgeAccess }: ViaGraph, directed: number): boolean {
  return (edgeAccess[directed >> 1]! & (directed & 1 ? ACCESS.carBackward : ACCESS.carForward)) !== 0;
}

export function exitsOf(graph: Pick<RoadNetwork, "outStart" | "outEdge">, vertex: number): number[] {
  return Array.from(graph.outEdge.subarray(graph.outStart[vertex]!, graph.outStart[vertex + 1]!));
}

/** Every edge is listed at both of its ends, so what arrives is found among what leaves, reversed. */
export function arrivalsAt(graph: Pick<RoadNetwork, "outStart" | "outEdge">, vertex: number): number[] {
  return exitsOf(graph, vertex).map((d) => d ^ 1);
}
