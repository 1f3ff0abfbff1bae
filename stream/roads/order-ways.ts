import type { CollectedWay, LocatedNodes } from "./collect-ways.ts";

/** Cells along each side of the square that the curve fills: some metres in a country. */
const ORDER_BITS = 16;

/**
 * The ways in the order in which a Hilbert curve passes them, by their middle node. Edges and junctions are numbered in this
 * order, so that what lies together on the map lies together in memory: a search then reads few cache lines.
 */
export function orderWays(ways: readonly CollectedWay[], nodes: LocatedNodes): CollectedWay[] {
  const middles = ways.map((way) => middleNode(way, nodes));
  let [south, north, west, east] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const node of middles) {
    if (node < 0) continue;
    south = Math.min(south, nodes.latE7[node]!);
    north = Math.max(north, nodes.latE7[node]!);
    west = Math.min(west, nodes.lonE7[node]!);
    east = Math.max(east, nodes.lonE7[node]!);
  }
  const scale = (2 ** ORDER_BITS - 1) / Math.max(1, north - south, east - west);
  const keys = middles.map((node) =>
    node < 0 ? 0 : hilbertIndex((nodes.lonE7[node]! - west) * scale, (nodes.latE7[node]! - south) * scale),
  );
  const order = Uint32Array.from(ways.keys()).sort((a, b) => keys[a]! - keys[b]! || a - b);
  return Array.from(order, (way) => ways[way]!);
}

/** The known node nearest to the middle of a way's list, −1 for none. */
function middleNode({ refStart, refEnd }: CollectedWay, nodes: LocatedNodes): number {
  const middle = (refStart + refEnd) >> 1;
  for (let away = 0; away <= refEnd - refStart; away++)
    for (const at of [middle - away, middle + away])
      if (at >= refStart && at < refEnd && nodes.known[nodes.refNode[at]!] === 1) return nodes.refNode[at]!;
  return -1;
}

/** How far along the Hilbert curve a cell lies. */
function hilbertIndex(column: number, row: number): number {
  let [x, y] = [Math.trunc(column), Math.trunc(row)];
  let index = 0;
  for (let side = 2 ** (ORDER_BITS - 1); side >= 1; side /= 2) {
    const right = (x & side) > 0 ? 1 : 0;
    const upper = (y & side) > 0 ? 1 : 0;
    index += side * side * ((3 * right) ^ upper);
    if (upper === 1) continue;
    if (right === 1) [x, y] = [side - 1 - x, side - 1 - y];
    [x, y] = [y, x];
  }
  return index;
}
