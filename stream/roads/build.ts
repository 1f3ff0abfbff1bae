import type { FileHandle } from "node:fs/promises";
import { collectWays, findSorted, locateNodes } from "./collect-ways.ts";
import { cutIntoEdges } from "./cut-edges.ts";
import { appendCopies, countOriginals } from "./edge-copies.ts";
import { resolvePaths } from "./forbidden-paths.ts";
import { buildGrid } from "./grid-index.ts";
import { buildHierarchy } from "./hierarchy.ts";
import { packRoads, type RoadArrays, writeRoads } from "./network-file.ts";
import { orderWays } from "./order-ways.ts";
import { type OsmRelation, type OsmSource, openOsmSource } from "./osm-elements.ts";
import { replaceFile } from "./replace-file.ts";
import { markRestricted, readRestrictions } from "./turn-restrictions.ts";

type RoadGraph = Omit<RoadArrays, `grid${string}` | `hierarchy${string}`>;

export interface RoadsReport {
  ways: number;
  edges: number;
  vertices: number;
  shapePoints: number;
  forbiddenTurns: number;
  /** Restrictions over one or several ways that are obeyed. */
  viaWayRestrictions: number;
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

/**
 * Builds a road network file from `.osm.pbf` or GeoJSON and reports what it holds and what was left out. The file appears when it
 * is whole; a build that fails leaves what was there before.
 */
export function buildRoads(inputPath: string, outputPath: string, now: () => number = Date.now): Promise<RoadsReport> {
  return replaceFile(outputPath, (file) => buildInto(file, inputPath, now));
}

async function buildInto(file: FileHandle, inputPath: string, now: () => number): Promise<RoadsReport> {
  const startedMs = now();
  const { arrays, viaWayRestrictions, skipped } = await compileRoads(await openOsmSource(inputPath));
  const edges = countOriginals(arrays);
  if (edges === 0) throw new RoadSourceEmptyError(`${inputPath} holds no road that a vehicle can use`);
  const fileBytes = await writeRoads(file, arrays);
  return {
    ways: arrays.wayId.length,
    edges,
    vertices: arrays.vertexLatE7.length,
    shapePoints: arrays.edgeShape[edges]!,
    forbiddenTurns: arrays.banEntered.reduce((count, entered) => count + (entered < 0 ? 1 : 0), 0),
    viaWayRestrictions,
    totalKm: Math.round(arrays.edgeLengthM.subarray(0, edges).reduce((sum, lengthM) => sum + lengthM, 0) / 1000),
    fileBytes,
    bytesPerEdge: Math.round(fileBytes / edges),
    buildMs: now() - startedMs,
    skipped,
  };
}

/** The same in memory: the bytes of a road network file. */
export async function compileRoadBytes(source: OsmSource): Promise<Uint8Array> {
  return packRoads((await compileRoads(source)).arrays);
}

type Compiled<Arrays> = { arrays: Arrays; viaWayRestrictions: number };

async function compileRoads(source: OsmSource): Promise<Compiled<RoadArrays> & { skipped: Record<string, number> }> {
  const skipped: Record<string, number> = {};
  const skip = (reason: string): void => {
    skipped[reason] = (skipped[reason] ?? 0) + 1;
  };
  const { arrays, viaWayRestrictions } = await readGraph(source, skip);
  return { arrays: { ...arrays, ...buildGrid(arrays), ...buildHierarchy(arrays) }, viaWayRestrictions, skipped };
}

/** The graph without what is derived of it. All that only reading needs is let go of before that takes its own memory. */
async function readGraph(source: OsmSource, skip: (reason: string) => void): Promise<Compiled<RoadGraph>> {
  const { ways, nodes, relations } = await readSource(source, skip);
  const { arrays: cut, vertexOfNode } = cutIntoEdges(ways, nodes, orderWays(ways, nodes), skip);
  const wayOf = indexNamedWays(relations, cut.wayId);
  const { paths, viaWayRestrictions } = readRestrictions(
    relations,
    cut,
    (nodeId) => {
      const vertex = vertexOfNode[findSorted(nodes.ids, nodeId)];
      return vertex === undefined || vertex < 0 ? undefined : vertex;
    },
    (wayId) => wayOf.get(wayId),
    skip,
  );
  const turns = resolvePaths(cut, paths);
  const graph = appendCopies(cut, turns.copiedEdge);
  markRestricted(graph.edgeFlags, turns.banFrom);
  return { arrays: { ...graph, ...turns, ...nameTable(ways.names) }, viaWayRestrictions };
}

async function readSource(source: OsmSource, skip: (reason: string) => void) {
  const { refs, ...rest } = await collectWays(source, skip);
  return { ...rest, nodes: await locateNodes(source, refs) };
}

/** Ways that restrictions name, which are few, by their OSM id. */
function indexNamedWays(relations: readonly OsmRelation[], wayId: Float64Array): Map<number, number> {
  const named = new Set(relations.flatMap(({ members }) => members.map(({ ref }) => ref)));
  const index = new Map<number, number>();
  wayId.forEach((id, way) => {
    if (named.has(id)) index.set(id, way);
  });
  return index;
}

function nameTable(names: readonly string[]): Pick<RoadArrays, "nameStart" | "nameBytes"> {
  const encoded = names.map((name) => Buffer.from(name, "utf8"));
  const nameStart = new Uint32Array(encoded.length + 1);
  encoded.forEach((bytes, i) => {
    nameStart[i + 1] = nameStart[i]! + bytes.length;
  });
  return { nameStart, nameBytes: new Uint8Array(Buffer.concat(encoded)) };
}
