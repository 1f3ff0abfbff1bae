import { countOriginals } from "./edge-copies.ts";
import { lonMetresPerE7, METRES_PER_E7 } from "./geometry.ts";
import { checkRoadLimit } from "./limits.ts";
import type { RoadNetwork } from "./network-file.ts";
import { withRoom } from "./room.ts";

/** Side of a cell. Around 100 m a search radius of 50 m touches 1 to 4 cells with a handful of edges each. */
const CELL_M = 100;

type GridArrays = Pick<RoadNetwork, "gridMeta" | "gridRowStart" | "gridCellColumn" | "gridCellStart" | "gridEdge">;
type Shapes = Pick<RoadNetwork, "edgeFrom" | "copiedEdge" | "edgeShape" | "shapeLatE7" | "shapeLonE7">;

/**
 * A flat grid over the edges: rows of occupied cells, each cell with the edges that pass through its rectangle; copies of
 * edges are in none. Empty cells take no space, so a country costs what its roads cost. Meta: first row's latitude, first column's longitude
 * (1e-7 degrees), cell height and width (1e-7 degrees).
 */
export function buildGrid(shapes: Shapes): GridArrays {
  const { shapeLatE7, shapeLonE7 } = shapes;
  const edges = countOriginals(shapes);
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
  const walk = { shapes, rows, columns, south, west, heightE7, widthE7 };
  return packEntries(collectEntries(walk, edges), Float64Array.of(south, west, heightE7, widthE7));
}

type Walk = {
  readonly shapes: Shapes;
  readonly rows: number;
  readonly columns: number;
  readonly south: number;
  readonly west: number;
  readonly heightE7: number;
  readonly widthE7: number;
};

/** Keys are `column · 2^32 + edge`: exact up to 2^21 columns, which the equator does not have. */
const COLUMN_KEY = 2 ** 32;

/** For each row its keys, sorted; the rows one after the other. */
function collectEntries(walk: Walk, edges: number): { keys: Float64Array; rowEnd: Float64Array } {
  const rowEnd = new Float64Array(walk.rows);
  for (let edge = 0; edge < edges; edge++) for (const cell of cellsOf(walk, edge)) rowEnd[rowOf(walk, cell)]!++;
  let total = 0;
  for (let row = 0; row < walk.rows; row++) {
    const first = total;
    total += rowEnd[row]!;
    rowEnd[row] = first;
  }
  checkRoadLimit("gridEntries", total);
  const keys = new Float64Array(total);
  for (let edge = 0; edge < edges; edge++)
    for (const cell of cellsOf(walk, edge)) {
      const row = rowOf(walk, cell);
      keys[rowEnd[row]!++] = (cell - row * walk.columns) * COLUMN_KEY + edge;
    }
  for (let row = 0; row < walk.rows; row++) keys.subarray(row === 0 ? 0 : rowEnd[row - 1]!, rowEnd[row]).sort();
  return { keys, rowEnd };
}

function rowOf({ columns }: Walk, cell: number): number {
  return Math.floor(cell / columns);
}

/** Cells `row · columns + column` that an edge passes through. The set is reused. */
function cellsOf({ shapes, columns, south, west, heightE7, widthE7 }: Walk, edge: number): ReadonlySet<number> {
  const { edgeShape, shapeLatE7, shapeLonE7 } = shapes;
  cells.clear();
  for (let p = edgeShape[edge]!; p + 1 < edgeShape[edge + 1]!; p++) {
    const rowA = (shapeLatE7[p]! - south) / heightE7;
    const columnA = (shapeLonE7[p]! - west) / widthE7;
    const rowSpan = (shapeLatE7[p + 1]! - south) / heightE7 - rowA;
    const columnSpan = (shapeLonE7[p + 1]! - west) / widthE7 - columnA;
    // A long segment is walked cell by cell so that a diagonal does not claim its whole bounding box.
    const steps = Math.max(1, Math.ceil(Math.max(Math.abs(rowSpan), Math.abs(columnSpan)) * 2));
    for (let k = 0; k < steps; k++) {
      const [r0, r1] = [rowA + (rowSpan * k) / steps, rowA + (rowSpan * (k + 1)) / steps];
      const [c0, c1] = [columnA + (columnSpan * k) / steps, columnA + (columnSpan * (k + 1)) / steps];
      for (let row = Math.floor(Math.min(r0, r1)); row <= Math.floor(Math.max(r0, r1)); row++)
        for (let column = Math.floor(Math.min(c0, c1)); column <= Math.floor(Math.max(c0, c1)); column++)
          cells.add(row * columns + column);
    }
  }
  return cells;
}

const cells = new Set<number>();

function packEntries(
  { keys, rowEnd }: { keys: Float64Array; rowEnd: Float64Array },
  gridMeta: Float64Array,
): GridArrays {
  const gridRowStart = new Uint32Array(rowEnd.length + 1);
  const gridEdge = new Uint32Array(keys.length);
  let gridCellColumn = new Uint32Array(1 << 12);
  let gridCellStart = new Uint32Array(1 << 12);
  let count = 0;
  for (let row = 0, i = 0; row < rowEnd.length; row++) {
    let previous = -1;
    for (; i < rowEnd[row]!; i++) {
      const column = Math.floor(keys[i]! / COLUMN_KEY);
      gridEdge[i] = keys[i]! - column * COLUMN_KEY;
      if (column === previous) continue;
      previous = column;
      gridCellColumn = withRoom(gridCellColumn, count + 1);
      gridCellStart = withRoom(gridCellStart, count + 2);
      gridCellColumn[count] = column;
      gridCellStart[count++] = i;
    }
    gridRowStart[row + 1] = count;
  }
  gridCellStart[count] = keys.length;
  return {
    gridMeta,
    gridRowStart,
    gridCellColumn: gridCellColumn.slice(0, count),
    gridCellStart: gridCellStart.slice(0, count + 1),
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
