import { type CollectedWays, firstRefOf, type LocatedNodes } from "./collect-ways.ts";
import { EdgeColumns } from "./edge-columns.ts";
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
  const isVertex = markVertices(ways, nodes);
  const edges = new EdgeColumns(nodes, countRuns(ways, nodes, isVertex));
  const keptWays = new Uint32Array(ways.count);
  let kept = 0;
  for (const way of order) {
    const before = edges.count;
    const isWhole = forEachRun(ways, nodes, isVertex, way, (from, to) => {
      if (!edges.add(from, to, kept)) skip("zeroLength");
    });
    if (!isWhole) skip("wayCutAtTheEdgeOfTheExtract");
    if (edges.count > before) keptWays[kept++] = way;
    else skip("wayWithoutGeometry");
  }
  return { vertexOfNode: edges.vertexOfNode, arrays: graphOf(edges, ways, keptWays.subarray(0, kept)) };
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

/** Calls `take` for each part of a way between junctions; false when places of it are unknown. */
function forEachRun(
  ways: CollectedWays,
  nodes: LocatedNodes,
  isVertex: Uint8Array,
  way: number,
  take: (from: number, to: number) => void,
): boolean {
  const end = ways.refEnd[way]!;
  let isWhole = true;
  let from = firstRefOf(ways, way);
  for (let i = from; i < end; i++) {
    const node = nodes.refNode[i]!;
    if (nodes.known[node] === 0) {
      isWhole = false;
      if (i - from > 1) take(from, i);
      from = i + 1;
    } else if (isVertex[node] === 1 && i > from) {
      take(from, i + 1);
      from = i;
    }
  }
  if (end - from > 1) take(from, end);
  return isWhole;
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
      if (i === start || i === end - 1 || uses[node] === 1) isVertex[node] = 1;
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
