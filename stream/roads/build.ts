import { type CollectedWay, collectWays, findSorted, locateNodes } from "./collect-ways.ts";
import { cutIntoEdges } from "./cut-edges.ts";
import { buildGrid } from "./grid-index.ts";
import { buildHierarchy } from "./hierarchy.ts";
import { packRoads, type RoadArrays, writeRoads } from "./network-file.ts";
import { orderWays } from "./order-ways.ts";
import { type OsmSource, openOsmSource } from "./osm-elements.ts";
import { compileRestrictions } from "./turn-restrictions.ts";

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

async function compileRoads(source: OsmSource): Promise<{ arrays: RoadArrays; skipped: Record<string, number> }> {
  const skipped: Record<string, number> = {};
  const skip = (reason: string): void => {
    skipped[reason] = (skipped[reason] ?? 0) + 1;
  };
  const { ways: found, refs, relations } = await collectWays(source, skip);
  const nodes = await locateNodes(source, refs);
  const ways = orderWays(found, nodes);
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
