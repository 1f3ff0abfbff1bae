import { fromGeojsonVt } from "@maplibre/vt-pbf";
import { countOriginals } from "./edge-copies.ts";
import { METRES_PER_E7 } from "./geometry.ts";
import { findEdgesInBox } from "./grid-index.ts";
import type { RoadNetwork } from "./network-file.ts";
import { readWayName } from "./open.ts";
import { clipLine, simplifyLine, type TilePoint } from "./tile-line.ts";
import { ACCESS, EDGE_FLAGS, ROAD_CLASSES } from "./way-tags.ts";

/** A web mercator tile: zoom, column from the west, row from the north. */
export type TilePlace = { z: number; x: number; y: number };

/** A plane through the poles can't be drawn; web mercator ends here, degrees. */
const LAT_MAX_DEG = 85.0511287798;
/** To be counted up when tiles are drawn otherwise: readers keep them for a year under an address that carries it. */
export const TILE_DRAWING = 1;
/** Tiles above this zoom are drawn by the reader from this one's. */
export const TILE_ZOOM_MAX = 14;
export const TILE_ZOOM_MIN = 4;
const EXTENT = 4_096;
/** Lines go on this far outside of their tile, so that wide ones have no seam. */
const BUFFER = 64;
/** Half a pixel of a 512-pixel tile; one unit where readers enlarge the tile. */
const TOLERANCE = 4;
const TOLERANCE_FINEST = 1;
/** Below this zoom the edges come from the list of large roads, from it on out of the grid. */
const GRID_ZOOM = 12;
/** The zoom from which each class is drawn, in the order of `ROAD_CLASSES`. */
const CLASS_ZOOM = [4, 5, 7, 9, 10, 12, 12, 13, 13, 13, 14, 14, 14] as const;
/** Ramps are short: they are drawn from here on, whatever their class. */
const LINK_ZOOM = 11;

export interface TileSource {
  roads: RoadNetwork;
  /** Edges that zooms below `GRID_ZOOM` may show. */
  largeRoads: Uint32Array;
}

/** What drawing tiles needs besides the network; made once. */
export function openTileSource(roads: RoadNetwork): TileSource {
  const large: number[] = [];
  for (let edge = 0; edge < countOriginals(roads); edge++)
    if (CLASS_ZOOM[roads.edgeClass[edge]!]! < GRID_ZOOM) large.push(edge);
  return { roads, largeRoads: Uint32Array.from(large) };
}

/** Where the network lies: west, south, east, north in degrees. */
export function boundsOf({ vertexLatE7, vertexLonE7 }: RoadNetwork): [number, number, number, number] {
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let v = 0; v < vertexLatE7.length; v++) {
    west = Math.min(west, vertexLonE7[v]!);
    east = Math.max(east, vertexLonE7[v]!);
    south = Math.min(south, vertexLatE7[v]!);
    north = Math.max(north, vertexLatE7[v]!);
  }
  return [west / 1e7, south / 1e7, east / 1e7, north / 1e7];
}

/**
 * One tile of the network as Mapbox vector tile 2.1, not compressed; undefined where no road is in it. Layer `roads`, lines
 * with `class` (see `ROAD_CLASSES`), `name`, `oneway` (1 along the line, −1 against), `link`, `private`, `structure` (bridge
 * or tunnel), the least important first.
 */
export function drawTile(source: TileSource, place: TilePlace): Uint8Array | undefined {
  const { roads } = source;
  const project = projection(place);
  const tolerance = place.z >= TILE_ZOOM_MAX ? TOLERANCE_FINEST : TOLERANCE;
  const features: { classIndex: number; line: TilePoint[]; tags: Record<string, string | number | boolean> }[] = [];
  for (const { first, last } of stretches(roads, edgesIn(source, place))) {
    const line = shapeOf(roads, first, last, project);
    const tags = tagsOf(roads, first);
    for (const part of clipLine(line, -BUFFER, EXTENT + BUFFER)) {
      const drawn = rounded(simplifyLine(part, tolerance));
      if (drawn.length > 1) features.push({ classIndex: roads.edgeClass[first]!, line: drawn, tags });
    }
  }
  if (features.length === 0) return undefined;
  features.sort((a, b) => b.classIndex - a.classIndex);
  const drawn = features.map(({ line, tags }) => ({ type: 2 as const, geometry: [line], tags }));
  const layer = { features: drawn } as unknown as Parameters<typeof fromGeojsonVt>[0][string];
  return fromGeojsonVt({ roads: layer }, { version: 2, extent: EXTENT });
}

/** The edges that a tile may show, in the order of the file, so that the stretches of a way follow each other. */
function edgesIn({ roads, largeRoads }: TileSource, place: TilePlace): Uint32Array {
  const [west, south, east, north] = boxOf(place);
  const hidden = place.z < LINK_ZOOM ? EDGE_FLAGS.link : 0;
  const isShown = (edge: number) =>
    CLASS_ZOOM[roads.edgeClass[edge]!]! <= place.z && (roads.edgeFlags[edge]! & hidden) === 0;
  if (place.z >= GRID_ZOOM) return findEdgesInBox(roads, south, west, north, east).filter(isShown);
  return largeRoads.filter((edge) => {
    // No point of an edge is farther from both of its ends than half its length.
    const reachE7 = roads.edgeLengthM[edge]! / 2 / METRES_PER_E7;
    const from = roads.edgeFrom[edge]!;
    const latE7 = roads.vertexLatE7[from]!;
    const lonE7 = roads.vertexLonE7[from]!;
    const to = roads.edgeTo[edge]!;
    const [otherLatE7, otherLonE7] = [roads.vertexLatE7[to]!, roads.vertexLonE7[to]!];
    const reachLonE7 = reachE7 / Math.max(0.1, Math.cos((latE7 / 1e7) * (Math.PI / 180)));
    return (
      isShown(edge) &&
      Math.max(latE7, otherLatE7) + reachE7 >= south &&
      Math.min(latE7, otherLatE7) - reachE7 <= north &&
      Math.max(lonE7, otherLonE7) + reachLonE7 >= west &&
      Math.min(lonE7, otherLonE7) - reachLonE7 <= east
    );
  });
}

/** Runs of edges that follow each other on one way. */
function* stretches(roads: RoadNetwork, edges: Uint32Array): Generator<{ first: number; last: number }> {
  for (let i = 0; i < edges.length; ) {
    const first = edges[i]!;
    let last = first;
    for (i++; edges[i] === last + 1 && follows(roads, last); i++) last++;
    yield { first, last };
  }
}

function follows(roads: RoadNetwork, edge: number): boolean {
  return roads.edgeWay[edge] === roads.edgeWay[edge + 1] && roads.edgeTo[edge] === roads.edgeFrom[edge + 1];
}

function shapeOf(
  { edgeShape, shapeLatE7, shapeLonE7 }: RoadNetwork,
  first: number,
  last: number,
  project: (latE7: number, lonE7: number) => TilePoint,
): TilePoint[] {
  const line: TilePoint[] = [];
  for (let p = edgeShape[first]!; p < edgeShape[last + 1]!; p++) line.push(project(shapeLatE7[p]!, shapeLonE7[p]!));
  return line;
}

/** Whole units, without the points that fall on the one before. */
function rounded(line: readonly TilePoint[]): TilePoint[] {
  const whole: TilePoint[] = [];
  for (const [x, y] of line) {
    const point: TilePoint = [Math.round(x), Math.round(y)];
    const before = whole.at(-1);
    if (before === undefined || before[0] !== point[0] || before[1] !== point[1]) whole.push(point);
  }
  return whole;
}

const CAR_BOTH = ACCESS.carForward | ACCESS.carBackward;

function tagsOf(roads: RoadNetwork, edge: number): Record<string, string | number | boolean> {
  const flags = roads.edgeFlags[edge]!;
  const car = roads.edgeAccess[edge]! & CAR_BOTH;
  const name = readWayName(roads, roads.edgeWay[edge]!);
  return {
    class: ROAD_CLASSES[roads.edgeClass[edge]!]!,
    ...(name === "" ? {} : { name }),
    ...(car === ACCESS.carForward ? { oneway: 1 } : car === ACCESS.carBackward ? { oneway: -1 } : {}),
    ...(flags & EDGE_FLAGS.link ? { link: true } : {}),
    ...(flags & EDGE_FLAGS.private ? { private: true } : {}),
    ...(flags & EDGE_FLAGS.tunnel ? { structure: "tunnel" } : flags & EDGE_FLAGS.bridge ? { structure: "bridge" } : {}),
  };
}

/** From 1e-7 degrees to units of the tile (web mercator, EPSG:3857). */
function projection({ z, x, y }: TilePlace): (latE7: number, lonE7: number) => TilePoint {
  const scale = EXTENT * 2 ** z;
  return (latE7, lonE7) => {
    const sine = Math.sin((latE7 / 1e7) * (Math.PI / 180));
    const north = 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
    return [(lonE7 / 3.6e9 + 0.5) * scale - x * EXTENT, north * scale - y * EXTENT];
  };
}

/** The tile and its buffer: west, south, east, north in 1e-7 degrees. */
function boxOf({ z, x, y }: TilePlace): [number, number, number, number] {
  const tiles = 2 ** z;
  const pad = BUFFER / EXTENT;
  const lonE7 = (column: number) => (column / tiles - 0.5) * 3.6e9;
  const latE7 = (row: number) => {
    const latDeg = (Math.atan(Math.sinh(Math.PI * (1 - (2 * row) / tiles))) * 180) / Math.PI;
    return Math.max(-LAT_MAX_DEG, Math.min(LAT_MAX_DEG, latDeg)) * 1e7;
  };
  return [lonE7(x - pad), latE7(y + 1 + pad), lonE7(x + 1 + pad), latE7(y - pad)];
}
