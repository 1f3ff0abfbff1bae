import type { CollectedWay, LocatedNodes } from "./collect-ways.ts";
import { bearing256, haversineM, lonMetresPerE7, METRES_PER_E7 } from "./geometry.ts";
import type { RoadArrays } from "./network-file.ts";

type GraphArrays = Omit<
  RoadArrays,
  "wayName" | "nameStart" | "nameBytes" | "banFrom" | "banTo" | `grid${string}` | `hierarchy${string}`
> & {
  edgeFlags: Uint8Array;
};
export interface Graph {
  arrays: GraphArrays;
  ways: CollectedWay[];
  vertexOfNode: Int32Array;
}

/** Cuts each way where another way meets it (or it meets itself) and numbers junctions, edges and shape points. */
export function cutIntoEdges(
  ways: readonly CollectedWay[],
  nodes: LocatedNodes,
  skip: (reason: string) => void,
): Graph {
  const isVertex = markVertices(ways, nodes);
  const vertexOfNode = new Int32Array(nodes.ids.length).fill(-1);
  const [vertexLat, vertexLon, from, to, shapeStart, length, wayIndex]: number[][] = [
    [],
    [],
    [],
    [],
    [],
    [],
    [],
  ] as never;
  const [shapeLat, shapeLon, along, bearingStart, bearingEnd]: number[][] = [[], [], [], [], []] as never;
  const keptWays: CollectedWay[] = [];
  const vertex = (node: number): number => {
    if (vertexOfNode[node]! < 0) {
      vertexOfNode[node] = vertexLat!.length;
      vertexLat!.push(nodes.latE7[node]!);
      vertexLon!.push(nodes.lonE7[node]!);
    }
    return vertexOfNode[node]!;
  };
  const addEdge = (points: readonly number[]): boolean => {
    const start = shapeLat!.length;
    let metres = 0;
    points.forEach((node, i) => {
      if (i > 0) metres += nodeDistanceM(nodes, points[i - 1]!, node);
      shapeLat!.push(nodes.latE7[node]!);
      shapeLon!.push(nodes.lonE7[node]!);
      along!.push(metres);
    });
    if (!(metres > 0)) {
      for (const column of [shapeLat, shapeLon, along]) column!.length = start;
      return false;
    }
    shapeStart!.push(start);
    from!.push(vertex(points[0]!));
    to!.push(vertex(points.at(-1)!));
    length!.push(metres);
    wayIndex!.push(keptWays.length);
    bearingStart!.push(
      nodeBearing(
        nodes,
        points[0]!,
        points.find((n) => nodeDistanceM(nodes, n, points[0]!) > BEARING_REACH_M) ?? points.at(-1)!,
      ),
    );
    bearingEnd!.push(
      nodeBearing(
        nodes,
        points.findLast((n) => nodeDistanceM(nodes, n, points.at(-1)!) > BEARING_REACH_M) ?? points[0]!,
        points.at(-1)!,
      ),
    );
    return true;
  };
  for (const way of ways) {
    const before = from!.length;
    let run: number[] = [];
    const flush = (): void => {
      if (run.length > 1 && !addEdge(run)) skip("zeroLength");
      run = [];
    };
    let cut = false;
    for (let i = way.refStart; i < way.refEnd; i++) {
      const node = nodes.refNode[i]!;
      if (nodes.known[node] === 0) {
        cut = true;
        flush();
        continue;
      }
      run.push(node);
      if (isVertex[node] === 0 || run.length === 1) continue;
      flush();
      run.push(node);
    }
    flush();
    if (cut) skip("wayCutAtTheEdgeOfTheExtract");
    if (from!.length > before) keptWays.push(way);
    else skip("wayWithoutGeometry");
  }
  shapeStart!.push(shapeLat!.length);
  const access = Uint8Array.from(wayIndex!, (w) => keptWays[w]!.attributes.access);
  return {
    ways: keptWays,
    vertexOfNode,
    arrays: {
      vertexLatE7: Int32Array.from(vertexLat!),
      vertexLonE7: Int32Array.from(vertexLon!),
      ...outgoing(from!, to!, vertexLat!.length),
      edgeFrom: Uint32Array.from(from!),
      edgeTo: Uint32Array.from(to!),
      edgeShape: Uint32Array.from(shapeStart!),
      edgeLengthM: Float32Array.from(length!),
      edgeWay: Uint32Array.from(wayIndex!),
      edgeAccess: access,
      edgeFlags: Uint8Array.from(wayIndex!, (w) => keptWays[w]!.attributes.flags),
      edgeClass: Uint8Array.from(wayIndex!, (w) => keptWays[w]!.attributes.classIndex),
      edgeSpeedKmh: Uint8Array.from(wayIndex!, (w) => keptWays[w]!.attributes.speedKmh),
      edgeBearingStart: Uint8Array.from(bearingStart!),
      edgeBearingEnd: Uint8Array.from(bearingEnd!),
      shapeLatE7: Int32Array.from(shapeLat!),
      shapeLonE7: Int32Array.from(shapeLon!),
      shapeAlongM: Float32Array.from(along!),
      wayId: Float64Array.from(keptWays, (way) => way.id),
      wayLayer: Int8Array.from(keptWays, (way) => way.attributes.layer),
    },
  };
}

/** A junction's direction is taken over this distance, so that a kink of a metre at the mouth does not count as a turn. */
const BEARING_REACH_M = 8;

/** A node is a junction when ways use it twice, or when a run of known nodes starts or ends on it. */
function markVertices(ways: readonly CollectedWay[], nodes: LocatedNodes): Uint8Array {
  const uses = new Uint8Array(nodes.ids.length);
  const isVertex = new Uint8Array(nodes.ids.length);
  for (const way of ways)
    for (let i = way.refStart; i < way.refEnd; i++) {
      const node = nodes.refNode[i]!;
      const isEnd = i === way.refStart || i === way.refEnd - 1;
      if (isEnd || uses[node] === 1) isVertex[node] = 1;
      uses[node] = 1;
    }
  return isVertex;
}

function nodeDistanceM(nodes: LocatedNodes, a: number, b: number): number {
  return haversineM(nodes.latE7[a]! / 1e7, nodes.lonE7[a]! / 1e7, nodes.latE7[b]! / 1e7, nodes.lonE7[b]! / 1e7);
}

function nodeBearing(nodes: LocatedNodes, a: number, b: number): number {
  const eastM = (nodes.lonE7[b]! - nodes.lonE7[a]!) * lonMetresPerE7(nodes.latE7[a]! / 1e7);
  return bearing256(eastM, (nodes.latE7[b]! - nodes.latE7[a]!) * METRES_PER_E7);
}

/** Directed edges by the vertex they leave. One-way edges are listed in both directions: access decides, not the list. */
function outgoing(
  from: readonly number[],
  to: readonly number[],
  vertices: number,
): Pick<RoadArrays, "outStart" | "outEdge"> {
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
