import type { RoadNetwork } from "./network-file.ts";
import type { OsmRelation } from "./osm-elements.ts";
import { EDGE_FLAGS } from "./way-tags.ts";

type Graph = Pick<RoadNetwork, "outStart" | "outEdge" | "edgeFrom" | "edgeTo" | "edgeWay"> & { edgeFlags: Uint8Array };
export type RestrictionSkip =
  | "restrictionIncomplete"
  | "restrictionViaWay"
  | "restrictionKindUnknown"
  | "restrictionNotForCars";

/**
 * Turns OSM `type=restriction` relations with a via node into forbidden pairs of directed edges, sorted, and marks the
 * first edge of each pair. `only_…` forbids every other exit. `skip` is told why a relation was left out.
 */
export function compileRestrictions(
  relations: readonly OsmRelation[],
  graph: Graph,
  findVertex: (nodeId: number) => number | undefined,
  findWay: (wayId: number) => number | undefined,
  skip: (reason: RestrictionSkip) => void,
): Pick<RoadNetwork, "banFrom" | "banTo"> {
  const pairs: [from: number, to: number][] = [];
  for (const relation of relations) {
    const kind = relation.tags.restriction ?? relation.tags["restriction:motorcar"];
    if (kind === undefined || (relation.tags.except ?? "").includes("motorcar")) {
      skip("restrictionNotForCars");
      continue;
    }
    if (relation.members.some((m) => m.role === "via" && m.type === "way")) {
      skip("restrictionViaWay");
      continue;
    }
    if (!/^(no|only)_/.test(kind)) {
      skip("restrictionKindUnknown");
      continue;
    }
    const turns = findTurns(relation, graph, findVertex, findWay);
    if (turns === undefined) {
      skip("restrictionIncomplete");
      continue;
    }
    for (const from of turns.from)
      for (const exit of exitsOf(graph, turns.via)) {
        const named = turns.to.includes(exit);
        if (kind.startsWith("no_") ? named : !named && exit >> 1 !== from >> 1) pairs.push([from, exit]);
      }
  }
  pairs.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  for (const [from] of pairs)
    graph.edgeFlags[from >> 1]! |= from & 1 ? EDGE_FLAGS.restrictedBackward : EDGE_FLAGS.restrictedForward;
  return { banFrom: Uint32Array.from(pairs, (p) => p[0]), banTo: Uint32Array.from(pairs, (p) => p[1]) };
}

function findTurns(
  relation: OsmRelation,
  graph: Graph,
  findVertex: (nodeId: number) => number | undefined,
  findWay: (wayId: number) => number | undefined,
): { via: number; from: number[]; to: number[] } | undefined {
  const viaNode = relation.members.find((m) => m.role === "via" && m.type === "node");
  const via = viaNode && findVertex(viaNode.ref);
  if (via === undefined) return undefined;
  const ways = (role: string): Set<number | undefined> =>
    new Set(relation.members.filter((m) => m.role === role && m.type === "way").map((m) => findWay(m.ref)));
  const [fromWays, toWays] = [ways("from"), ways("to")];
  const exits = exitsOf(graph, via);
  // The edge that arrives at the via node is the reverse of one that could leave it, also where leaving is one-way only.
  const from = arrivalsAt(graph, via).filter((d) => fromWays.has(graph.edgeWay[d >> 1]));
  const to = exits.filter((d) => toWays.has(graph.edgeWay[d >> 1]));
  return from.length > 0 && to.length > 0 ? { via, from, to } : undefined;
}

function exitsOf(graph: Graph, vertex: number): number[] {
  return Array.from(graph.outEdge.subarray(graph.outStart[vertex]!, graph.outStart[vertex + 1]!));
}

/** Every edge is listed at both of its ends, so what arrives is found among what leaves, reversed. */
function arrivalsAt(graph: Graph, vertex: number): number[] {
  return exitsOf(graph, vertex).map((d) => d ^ 1);
}

/** Whether turning from one directed edge into another is forbidden. */
export function isBanned(
  roads: Pick<RoadNetwork, "edgeFlags" | "banFrom" | "banTo">,
  from: number,
  to: number,
): boolean {
  const flag = from & 1 ? EDGE_FLAGS.restrictedBackward : EDGE_FLAGS.restrictedForward;
  if ((roads.edgeFlags[from >> 1]! & flag) === 0) return false;
  const { banFrom, banTo } = roads;
  let [low, high] = [0, banFrom.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (banFrom[middle]! < from) low = middle + 1;
    else high = middle;
  }
  for (; low < banFrom.length && banFrom[low] === from; low++) if (banTo[low] === to) return true;
  return false;
}
