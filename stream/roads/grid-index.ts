import { lonMetresPerE7, METRES_PER_E7 } from "./geometry.ts";
import type { RoadNetwork } from "./network-file.ts";

/** Side of a cell. Around 100 m a search radius of 50 m touches 1 to 4 cells with a handful of edges each. */
const CELL_M = 100;

type GridArrays = Pick<RoadNetwork, "gridMeta" | "gridRowStart" | "gridCellColumn" | "gridCellStart" | "gridEdge">;
type Shapes = Pick<RoadNetwork, "edgeShape" | "shapeLatE7" | "shapeLonE7">;

/**
 * A flat grid over the edges: rows of occupied cells, each cell with the edges that pass through its rectangle. Empty
 * cells take no space, so a country costs what its roads cost. Meta: first row's latitude, first column's longitude
 * (1e-7 degrees), cell height and width (1e-7 degrees).
 */
export function buildGrid(shapes: Shapes): GridArrays {
  const { shapeLatE7, shapeLonE7, edgeShape } = shapes;
  const edges = edgeShape.length - 1;
  let [south, north, west, east] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let p = 0; p < shapeLatE7.length; p++) {
    south = Math.min(south, shapeLatE7[p]!);
    north = Math.max(north, shapeLatE7[p]!);
    west = Math.min(west, shapeLonE7[p]!);
    east = Math.max(east, shapeLonE7[p]!);
  }
  if (edges === 0) [south, north, west, east] = [0, 0, 0, 0];
  const heightE7 = CELL_M / METRES_PER_E7;
  const widthE7 = CELL_M / Math.max(lonMetresPerE7((south + north) / 2e7), METRES_PER_E7 / 20);
  const columns = Math.floor((east - west) / widthE7) + 1;
  const rows = Math.floor((north - south) / heightE7) + 1;
  const entries = collectEntries(
    shapes,
    edges,
    (latE7, lonE7) => [(latE7 - south) / heightE7, (lonE7 - west) / widthE7],
    columns,
  );
  return packEntries(entries, Float64Array.of(south, west, heightE7, widthE7), rows, columns, edges);
}

/** Sorted keys `(row · columns + column) · edges + edge`, unique. */
function collectEntries(
  shapes: Shapes,
  edges: number,
  toCell: (latE7: number, lonE7: number) => [row: number, column: number],
  columns: number,
): Float64Array {
  const keys: number[] = [];
  const seen = new Set<number>();
  for (let e = 0; e < edges; e++) {
    seen.clear();
    for (let p = shapes.edgeShape[e]!; p + 1 < shapes.edgeShape[e + 1]!; p++) {
      const [rowA, columnA] = toCell(shapes.shapeLatE7[p]!, shapes.shapeLonE7[p]!);
      const [rowB, columnB] = toCell(shapes.shapeLatE7[p + 1]!, shapes.shapeLonE7[p + 1]!);
      // A long segment is walked cell by cell so that a diagonal does not claim its whole bounding box.
      const steps = Math.max(1, Math.ceil(Math.max(Math.abs(rowB - rowA), Math.abs(columnB - columnA)) * 2));
      for (let k = 0; k < steps; k++) {
        const [r0, r1] = [rowA + ((rowB - rowA) * k) / steps, rowA + ((rowB - rowA) * (k + 1)) / steps];
        const [c0, c1] = [
          columnA + ((columnB - columnA) * k) / steps,
          columnA + ((columnB - columnA) * (k + 1)) / steps,
        ];
        for (let row = Math.floor(Math.min(r0, r1)); row <= Math.floor(Math.max(r0, r1)); row++)
          for (let column = Math.floor(Math.min(c0, c1)); column <= Math.floor(Math.max(c0, c1)); column++)
            seen.add(row * columns + column);
      }
    }
    for (const cell of seen) keys.push(cell * edges + e);
  }
  return Float64Array.from(keys).sort();
}

function packEntries(
  entries: Float64Array,
  gridMeta: Float64Array,
  rows: number,
  columns: number,
  edges: number,
): GridArrays {
  const gridRowStart = new Uint32Array(rows + 1);
  const cellColumn: number[] = [];
  const cellStart: number[] = [];
  const gridEdge = new Uint32Array(entries.length);
  let previous = -1;
  for (let i = 0; i < entries.length; i++) {
    const cell = Math.floor(entries[i]! / edges);
    gridEdge[i] = entries[i]! - cell * edges;
    if (cell === previous) continue;
    previous = cell;
    const row = Math.floor(cell / columns);
    gridRowStart[row + 1]!++;
    cellColumn.push(cell - row * columns);
    cellStart.push(i);
  }
  for (let row = 0; row < rows; row++) gridRowStart[row + 1]! += gridRowStart[row]!;
  cellStart.push(entries.length);
  return {
    gridMeta,
    gridRowStart,
    gridCellColumn: Uint32Array.from(cellColumn),
    gridCellStart: Uint32Array.from(cellStart),
    gridEdge,
  };
}

/**
 * Writes the edges that may pass within `radiusM` of a place into `found` (each once, at most `found.length`) and
 * returns how many. `seen` has one entry per edge and `stamp` a value it does not hold yet.
 */
export function findEdgesNear(
  roads: RoadNetwork,
  latE7: number,
  lonE7: number,
  radiusM: number,
  found: Uint32Array,
  seen: Uint32Array,
  stamp: number,
): number {
  const [south, west, heightE7, widthE7] = roads.gridMeta as unknown as [number, number, number, number];
  const radiusLat = radiusM / METRES_PER_E7;
  const radiusLon = radiusM / lonMetresPerE7(latE7 / 1e7);
  const rows = roads.gridRowStart.length - 1;
  const rowFirst = Math.max(0, Math.floor((latE7 - radiusLat - south) / heightE7));
  const rowLast = Math.min(rows - 1, Math.floor((latE7 + radiusLat - south) / heightE7));
  const columnFirst = Math.floor((lonE7 - radiusLon - west) / widthE7);
  const columnLast = Math.floor((lonE7 + radiusLon - west) / widthE7);
  let count = 0;
  for (let row = rowFirst; row <= rowLast; row++) {
    const end = roads.gridRowStart[row + 1]!;
    for (let cell = lowerBound(roads.gridCellColumn, roads.gridRowStart[row]!, end, columnFirst); cell < end; cell++) {
      if (roads.gridCellColumn[cell]! > columnLast) break;
      for (let i = roads.gridCellStart[cell]!; i < roads.gridCellStart[cell + 1]!; i++) {
        const edge = roads.gridEdge[i]!;
        if (seen[edge] === stamp) continue;
        seen[edge] = stamp;
        if (count < found.length) found[count++] = edge;
      }
    }
  }
  return count;
}

function lowerBound(sorted: Uint32Array, from: number, to: number, value: number): number {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The edges that may pass through a box (1e-7 degrees), each once, rising. */
export function findEdgesInBox(
  roads: RoadNetwork,
  southE7: number,
  westE7: number,
  northE7: number,
  eastE7: number,
): Uint32Array {
  const [south, west, heightE7, widthE7] = roads.gridMeta as unknown as [number, number, number, number];
  const rows = roads.gridRowStart.length - 1;
  const rowFirst = Math.max(0, Math.floor((southE7 - south) / heightE7));
  const rowLast = Math.min(rows - 1, Math.floor((northE7 - south) / heightE7));
  const columnFirst = Math.floor((westE7 - west) / widthE7);
  const columnLast = Math.floor((eastE7 - west) / widthE7);
  const found = new Set<number>();
  for (let row = rowFirst; row <= rowLast; row++) {
    const end = roads.gridRowStart[row + 1]!;
    const start = lowerBound(roads.gridCellColumn, roads.gridRowStart[row]!, end, columnFirst);
    for (let cell = start; cell < end && roads.gridCellColumn[cell]! <= columnLast; cell++)
      for (let i = roads.gridCellStart[cell]!; i < roads.gridCellStart[cell + 1]!; i++) found.add(roads.gridEdge[i]!);
  }
  return Uint32Array.from(found).sort();
}
