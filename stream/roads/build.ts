import { bearing256, haversineM, lonMetresPerE7, METRES_PER_E7 } from "./geometry.ts";
import { buildGrid } from "./grid-index.ts";
import { buildHierarchy } from "./hierarchy.ts";
import { packRoads, type RoadArrays, writeRoads } from "./network-file.ts";
import { type OsmRelation, type OsmSource, openOsmSource } from "./osm-elements.ts";
import { compileRestrictions } from "./turn-restrictions.ts";
import { type RoadAttributes, readWayTags } from "./way-tags.ts";

export interface RoadsReport {
  ways: number;
  edges: number;
  vertices: number;
  shapePoints: number;
  forbiddenTurns: number;
  totalKm: number;
  fileBytes: number;
  bytesPerEdge: number;
  buildMs: number;
  /** What was left out, by reason. */
  skipped: Record<string, number>;
}

export class RoadSourceEmptyError extends Error {
  readonly code = "ROAD_SOURCE_EMPTY";
}

/** Builds a road network file from `.osm.pbf` or GeoJSON and reports what it holds and what was left out. */
export async function buildRoads(
  inputPath: string,
  outputPath: string,
  now: () => number = Date.now,
): Promise<RoadsReport> {
  const startedMs = now();
  const { arrays, skipped } = await compileRoads(await openOsmSource(inputPath));
  if (arrays.edgeFrom.length === 0) throw new RoadSourceEmptyError(`${inputPath} holds no road that a vehicle can use`);
  const fileBytes = await writeRoads(outputPath, arrays);
  return {
    ways: arrays.wayId.length,
    edges: arrays.edgeFrom.length,
    vertices: arrays.vertexLatE7.length,
    shapePoints: arrays.shapeLatE7.length,
    forbiddenTurns: arrays.banFrom.length,
    totalKm: Math.round(arrays.edgeLengthM.reduce((sum, lengthM) => sum + lengthM, 0) / 1000),
    fileBytes,
    bytesPerEdge: Math.round(fileBytes / arrays.edgeFrom.length),
    buildMs: now() - startedMs,
    skipped,
  };
}

/** The same in memory: the bytes of a road network file. */
export async function compileRoadBytes(source: OsmSource): Promise<Uint8Array> {
  return packRoads((await compileRoads(source)).arrays);
}

interface CollectedWay {
  id: number;
  attributes: RoadAttributes;
  refStart: number;
  refEnd: number;
}

async function compileRoads(source: OsmSource): Promise<{ arrays: RoadArrays; skipped: Record<string, number> }> {
  const skipped: Record<string, number> = {};
  const skip = (reason: string): void => {
    skipped[reason] = (skipped[reason] ?? 0) + 1;
  };
  const { ways, refs, relations } = await collectWays(source, skip);
  const nodes = await locateNodes(source, refs);
  const graph = cutIntoEdges(ways, nodes, skip);
  const wayOf = new Map(graph.ways.map((way, i) => [way.id, i]));
  const bans = compileRestrictions(
    relations,
    graph.arrays,
    (nodeId) => {
      const vertex = graph.vertexOfNode[findSorted(nodes.ids, nodeId)];
      return vertex === undefined || vertex < 0 ? undefined : vertex;
    },
    (wayId) => wayOf.get(wayId),
    skip,
  );
  const roads = { ...graph.arrays, ...bans };
  const arrays = { ...roads, ...buildHierarchy(roads), ...nameTable(graph.ways), ...buildGrid(roads) };
  return { arrays, skipped };
}

async function collectWays(
  source: OsmSource,
  skip: (reason: string) => void,
): Promise<{ ways: CollectedWay[]; refs: Float64Array; relations: OsmRelation[] }> {
  const ways: CollectedWay[] = [];
  const relations: OsmRelation[] = [];
  let refs = new Float64Array(1 << 16);
  let used = 0;
  await source((element) => {
    if (element.type === "relation" && element.tags.type === "restriction") relations.push(element);
    if (element.type !== "way") return;
    const attributes = readWayTags(element.tags);
    if (typeof attributes === "string") return skip(attributes);
    if (used + element.refs.length > refs.length) {
      const grown = new Float64Array(Math.max(refs.length * 2, used + element.refs.length));
      grown.set(refs);
      refs = grown;
    }
    refs.set(element.refs, used);
    ways.push({ id: element.id, attributes, refStart: used, refEnd: used + element.refs.length });
    used += element.refs.length;
  });
  return { ways, refs: refs.slice(0, used), relations };
}

interface LocatedNodes {
  /** Sorted OSM ids of the nodes that ways use. */
  ids: Float64Array;
  /** Index into `ids` for each entry of the ways' node lists. */
  refNode: Uint32Array;
  latE7: Int32Array;
  lonE7: Int32Array;
  known: Uint8Array;
}

async function locateNodes(source: OsmSource, refs: Float64Array): Promise<LocatedNodes> {
  const sorted = refs.slice().sort();
  let unique = 0;
  for (const id of sorted) if (unique === 0 || sorted[unique - 1] !== id) sorted[unique++] = id;
  const ids = sorted.slice(0, unique);
  const refNode = new Uint32Array(refs.length);
  for (let i = 0; i < refs.length; i++) refNode[i] = findSorted(ids, refs[i]!);
  const [latE7, lonE7, known] = [new Int32Array(unique), new Int32Array(unique), new Uint8Array(unique)];
  let next = 0;
  await source((element) => {
    if (element.type !== "node") return;
    // Extracts list nodes by rising id, so the next wanted node is usually the one after the last.
    while (next < unique && ids[next]! < element.id) next++;
    const index = ids[next] === element.id ? next : findSorted(ids, element.id);
    if (index < 0) return;
    next = index;
    latE7[index] = Math.round(element.lat * 1e7);
    lonE7[index] = Math.round(element.lon * 1e7);
    known[index] = 1;
  });
  return { ids, refNode, latE7, lonE7, known };
}

/** Index of a value in a sorted array, or −1. */
function findSorted(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length - 1];
  while (low <= high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else if (sorted[middle]! > value) high = middle - 1;
    else return middle;
  }
  return -1;
}

type GraphArrays = Omit<
  RoadArrays,
  "wayName" | "nameStart" | "nameBytes" | "banFrom" | "banTo" | `grid${string}` | `hierarchy${string}`
> & {
  edgeFlags: Uint8Array;
};
interface Graph {
  arrays: GraphArrays;
  ways: CollectedWay[];
  vertexOfNode: Int32Array;
}

/** Cuts each way where another way meets it (or it meets itself) and numbers junctions, edges and shape points. */
function cutIntoEdges(ways: readonly CollectedWay[], nodes: LocatedNodes, skip: (reason: string) => void): Graph {
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

function nameTable(ways: readonly CollectedWay[]): Pick<RoadArrays, "wayName" | "nameStart" | "nameBytes"> {
  const indices = new Map<string, number>([["", 0]]);
  const wayName = Uint32Array.from(ways, ({ attributes: { name } }) => {
    const index = indices.get(name) ?? indices.size;
    indices.set(name, index);
    return index;
  });
  const encoded = [...indices.keys()].map((name) => Buffer.from(name, "utf8"));
  const nameStart = new Uint32Array(encoded.length + 1);
  encoded.forEach((bytes, i) => {
    nameStart[i + 1] = nameStart[i]! + bytes.length;
  });
  return { wayName, nameStart, nameBytes: new Uint8Array(Buffer.concat(encoded)) };
}
