/**
 * What the file's numbers can name. Directed edges and arcs of the hierarchy are signed 32-bit integers whose complement
 * means something else, places in shapes and node lists unsigned ones; names are kept in a Map while a file is built.
 */
export const ROAD_LIMITS = {
  edges: 2 ** 30,
  shapePoints: 2 ** 32 - 1,
  wayNodes: 2 ** 32 - 1,
  names: 2 ** 24,
  hierarchyArcs: 2 ** 31 - 1,
  gridEntries: 2 ** 32 - 1,
} as const;

/** A source larger than a road network file can hold. */
export class RoadLimitError extends Error {
  readonly code = "ROAD_LIMIT_EXCEEDED";
}

/** Throws a `RoadLimitError` that names the limit when `count` is above it. */
export function checkRoadLimit(what: keyof typeof ROAD_LIMITS, count: number): void {
  if (count <= ROAD_LIMITS[what]) return;
  throw new RoadLimitError(`the source needs ${count} ${what}, a road network file holds ${ROAD_LIMITS[what]}`);
}
