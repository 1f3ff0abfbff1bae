import { type CollectedWays, firstRefOf, type LocatedNodes } from "./collect-ways.ts";
import { EdgeColumns } from "./edge-columns.ts";
import { HALF_TURN_E7 } from "./geometry.ts";
import { checkRoadLimit } from "./limits.ts";
import type { RoadArrays } from "./network-file.ts";

type GraphArrays = Omit<
  RoadArrays,
  "nameStart" | "nameBytes" | "copiedEdge" | `ban${string}` | `grid${string}` | `hierarchy${string}`
>;
export interface Graph {
  arrays: GraphArrays;
  vertexOfNode: Int32Array;
}

/**
 * Cuts each way where another way meets it (or it meets itself) and numbers junctions, edges and shape points, way by way in
 * the order given.
 */
export function cutIntoEdges(
  ways: CollectedWays,
  nodes: LocatedNodes,
  order: Uint32Array,
  skip: (reason: string) => void,
): Graph {
  const meantBy = joinPlaces(ways, nodes);
  const isVertex = markVertices(ways, nodes);
  const edges = new EdgeColumns(nodes, countRuns(ways, nodes, isVertex));
  const keptWays = new Uint32Array(ways.count);
  let kept = 0;
  for (const way of order) {
    const before = edges.count;
    const cuts = forEachRun(ways, nodes, isVertex, way, (from, to) => {
      if (!edges.add(from, to, kept)) skip("zeroLength");
    });
    for (const reason of cuts) skip(reason);
    if (edges.count > before) keptWays[kept++] = way;
    else skip("wayWithoutGeometry");
  }
  const arrays = graphOf(edges, ways, keptWays.subarray(0, kept));
  for (const [node, meant] of meantBy) edges.vertexOfNode[node] = edges.vertexOfNode[meant]!;
  return { vertexOfNode: edges.vertexOfNode, arrays };
}

function graphOf(edges: EdgeColumns, ways: CollectedWays, keptWays: Uint32Array): GraphArrays {
  const columns = edges.take();
  const { edgeFrom, edgeTo, edgeWay } = columns;
  const ofEdge = (values: Uint8Array): Uint8Array => Uint8Array.from(edgeWay, (way) => values[keptWays[way]!]!);
  return {
    ...columns,
    ...outgoing(edgeFrom, edgeTo, columns.vertexLatE7.length),
    edgeAccess: ofEdge(ways.access),
    edgeFlags: ofEdge(ways.flags),
    edgeClass: ofEdge(ways.classIndex),
    edgeSpeedKmh: ofEdge(ways.speedKmh),
    wayId: Float64Array.from(keptWays, (way) => ways.id[way]!),
    wayName: Uint32Array.from(keptWays, (way) => ways.nameIndex[way]!),
    wayLayer: Int8Array.from(keptWays, (way) => ways.layer[way]!),
  };
}

/**
 * Neighbours on a way that were drawn at the same place become one node in the ways' lists: between them lies no edge, and without
 * that ways that go on from one of them would not be connected with those that go on from the other. Returns which node stands
 * for another.
 */
function joinPlaces(ways: CollectedWays, { known, latE7, lonE7, refNode }: LocatedNodes): Map<number, number> {
  const meantBy = new Map<number, number>();
  const meant = (node: number): number => {
    let at = node;
    for (let next = meantBy.get(at); next !== undefined; next = meantBy.get(at)) at = next;
    return at;
  };
  for (let way = 0; way < ways.count; way++)
    for (let i = firstRefOf(ways, way) + 1; i < ways.refEnd[way]!; i++) {
      const [a, b] = [refNode[i - 1]!, refNode[i]!];
      if (latE7[a] !== latE7[b] || lonE7[a] !== lonE7[b] || known[a] === 0 || known[b] === 0) continue;
      if (meant(a) !== meant(b)) meantBy.set(meant(b), meant(a));
    }
  for (const node of meantBy.keys()) meantBy.set(node, meant(node));
  if (meantBy.size > 0) for (let i = 0; i < refNode.length; i++) refNode[i] = meantBy.get(refNode[i]!) ?? refNode[i]!;
  return meantBy;
}

type Cut = "wayCutAtTheEdgeOfTheExtract" | "wayCutAtTheDateLine";

/** Calls `take` for each part of a way between junctions; returns why it is not whole. */
function forEachRun(
  ways: CollectedWays,
  nodes: LocatedNodes,
  isVertex: Uint8Array,
  way: number,
  take: (from: number, to: number) => void,
): Set<Cut> {
  const cuts = new Set<Cut>();
  const end = ways.refEnd[way]!;
  let from = firstRefOf(ways, way);
  for (let i = from; i < end; i++) {
    const node = nodes.refNode[i]!;
    if (nodes.known[node] === 0) {
      cuts.add("wayCutAtTheEdgeOfTheExtract");
      if (i - from > 1) take(from, i);
      from = i + 1;
    } else if (i > from && Math.abs(nodes.lonE7[node]! - nodes.lonE7[nodes.refNode[i - 1]!]!) > HALF_TURN_E7) {
      // Places are compared in a plane, where this leg would go round the earth.
      cuts.add("wayCutAtTheDateLine");
      if (i - from > 1) take(from, i);
      from = i;
    } else if (isVertex[node] === 1 && i > from) {
      take(from, i + 1);
      from = i;
    }
  }
  if (end - from > 1) take(from, end);
  return cuts;
}

/** The most edges and shape points that cutting can give. */
function countRuns(ways: CollectedWays, nodes: LocatedNodes, isVertex: Uint8Array): { edges: number; points: number } {
  let edges = 0;
  let points = 0;
  for (let way = 0; way < ways.count; way++)
    forEachRun(ways, nodes, isVertex, way, (from, to) => {
      edges++;
      points += to - from;
    });
  checkRoadLimit("edges", edges);
  checkRoadLimit("shapePoints", points);
  return { edges, points };
}

/** A node is a junction when ways use it twice, or when a way starts or ends on it. */
function markVertices(ways: CollectedWays, nodes: LocatedNodes): Uint8Array {
  const uses = new Uint8Array(nodes.ids.length);
  const isVertex = new Uint8Array(nodes.ids.length);
  for (let way = 0; way < ways.count; way++) {
    const [start, end] = [firstRefOf(ways, way), ways.refEnd[way]!];
    for (let i = start; i < end; i++) {
      const node = nodes.refNode[i]!;
      const isRepeated = i > start && nodes.refNode[i - 1] === node;
      if (i === start || i === end - 1 || (uses[node] === 1 && !isRepeated)) isVertex[node] = 1;
      uses[node] = 1;
    }
  }
  return isVertex;
}

/** Directed edges by the vertex they leave. One-way edges are listed in both directions: access decides, not the list. */
function outgoing(from: Uint32Array, to: Uint32Array, vertices: number): Pick<RoadArrays, "outStart" | "outEdge"> {
  const outStart = new Uint32Array(vertices + 1);
  for (let e = 0; e < from.length; e++) {
    outStart[from[e]! + 1]!++;
    outStart[to[e]! + 1]!++;
  }
  for (let v = 0; v < vertices; v++) outStart[v + 1]! += outStart[v]!;
  const next = outStart.slice();
  const outEdge = new Uint32Array(from.length * 2);
  for (let e = 0; e < from.length; e++) {
    outEdge[next[from[e]!]!++] = e * 2;
    outEdge[next[to[e]!]!++] = e * 2 + 1;
  }
  return { outStart, outEdge };
}
