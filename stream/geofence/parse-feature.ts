import { METRES_PER_DEG, type Shape } from "./shape.ts";

/**
 * What a fence is, from the GeoJSON Feature that describes it. Circles are Points with `radius_m`, corridors LineStrings
 * with `width_m`; times are seconds.
 */
export type FenceRule = {
  shape: Shape;
  name: string;
  /** A stay shorter than this is no visit, milliseconds. */
  minInsideMs: number;
  /** An absence shorter than this does not end a visit, milliseconds. */
  minOutsideMs: number;
  /** Between fixes further apart than this nothing is known of the way, milliseconds. */
  maxGapMs: number;
  /** A visit this long has dwelled, milliseconds; null: never said. */
  dwellMs: number | null;
};

export type FeatureGeometry =
  | { type: "Point"; coordinates: number[] }
  | { type: "Polygon"; coordinates: number[][][] }
  | { type: "MultiPolygon"; coordinates: number[][][][] }
  | { type: "LineString"; coordinates: number[][] };

export type FenceFeature = { geometry: FeatureGeometry; properties: { readonly [name: string]: unknown } };

/** `pointer` is a JSON Pointer into the Feature. */
export type FenceError = { pointer: string; detail: string };

export const FENCE_DEFAULTS = { minInsideS: 10, minOutsideS: 30, maxGapS: 300 } as const;
export const VERTICES_MAX = 10_000;
/** Beyond this latitude, where meridians run together, no fence may reach. */
export const LATITUDE_DEG_MAX = 85;
export const RADIUS_M_MAX = 1_000_000;
export const CORRIDOR_WIDTH_M_MAX = 100_000;
const SECONDS_MAX = 31 * 86_400;
const NAME_CHARACTERS_MAX = 200;
/** Positions beside a line by less than this are on it, degrees: a tenth of a millimetre. */
const FLAT_DEG = 1e-9;

/** The rule of a fence, or what is wrong with its Feature. Never throws on what the types allow. */
export function parseFence(feature: FenceFeature): FenceRule | FenceError {
  const { properties } = feature;
  const shape = parseShape(feature);
  if ("detail" in shape) return shape;
  const name = properties.name ?? "";
  if (typeof name !== "string" || name.length > NAME_CHARACTERS_MAX) {
    return wrong("/properties/name", `a text of at most ${NAME_CHARACTERS_MAX} characters`);
  }
  const seconds: Record<string, number | null> = {};
  for (const key of ["min_inside_s", "min_outside_s", "max_gap_s", "dwell_s"]) {
    const value = properties[key] ?? null;
    if (value !== null && !(isNumber(value) && value >= 0 && value <= SECONDS_MAX)) {
      return wrong(`/properties/${key}`, `seconds from 0 to ${SECONDS_MAX}`);
    }
    seconds[key] = value;
  }
  return {
    shape,
    name,
    minInsideMs: (seconds.min_inside_s ?? FENCE_DEFAULTS.minInsideS) * 1000,
    minOutsideMs: (seconds.min_outside_s ?? FENCE_DEFAULTS.minOutsideS) * 1000,
    maxGapMs: (seconds.max_gap_s ?? FENCE_DEFAULTS.maxGapS) * 1000,
    dwellMs: seconds.dwell_s == null ? null : seconds.dwell_s * 1000,
  };
}

/** The same for a fence that is new: one whose outer ring is a line, which was taken before, could never be entered. */
export function parseNewFence(feature: FenceFeature): FenceRule | FenceError {
  const rule = parseFence(feature);
  if ("detail" in rule || rule.shape.kind !== "area") return rule;
  const { polygons } = rule.shape;
  const flat = polygons.findIndex(([outer]) => outer === undefined || isFlat(outer));
  if (flat < 0) return rule;
  const at = feature.geometry.type === "Polygon" ? "/geometry/coordinates/0" : `/geometry/coordinates/${flat}/0`;
  return wrong(at, "all positions lie on one line, which encloses nothing");
}

/** Whether all positions of a ring lie on the line from the first to the one farthest from it. */
function isFlat(ring: Float64Array): boolean {
  const [x0, y0] = [ring[0]!, ring[1]!];
  let [dx, dy, longest] = [0, 0, 0];
  for (let i = 2; i < ring.length; i += 2) {
    const length = Math.hypot(ring[i]! - x0, ring[i + 1]! - y0);
    if (length > longest) [dx, dy, longest] = [ring[i]! - x0, ring[i + 1]! - y0, length];
  }
  for (let i = 2; i < ring.length; i += 2) {
    const beside = Math.abs((ring[i]! - x0) * dy - (ring[i + 1]! - y0) * dx);
    if (beside > FLAT_DEG * longest) return false;
  }
  return true;
}

function parseShape({ geometry, properties }: FenceFeature): Shape | FenceError {
  switch (geometry.type) {
    case "Point":
      return parseCircle(geometry.coordinates, properties.radius_m);
    case "Polygon":
      return parseArea([geometry.coordinates]);
    case "MultiPolygon":
      return parseArea(geometry.coordinates);
    case "LineString":
      return parseCorridor(geometry.coordinates, properties.width_m);
  }
}

function parseCircle(position: readonly number[], radiusM: unknown): Shape | FenceError {
  if (!isNumber(radiusM) || radiusM <= 0 || radiusM > RADIUS_M_MAX) {
    return wrong("/properties/radius_m", `a Point needs a radius above 0 and of at most ${RADIUS_M_MAX} metres`);
  }
  const problem = positionProblem(position, radiusM);
  if (problem !== undefined) return wrong("/geometry/coordinates", problem);
  return { kind: "circle", lonDeg: position[0]!, latDeg: position[1]!, radiusM };
}

function parseCorridor(positions: readonly (readonly number[])[], widthM: unknown): Shape | FenceError {
  if (!isNumber(widthM) || widthM <= 0 || widthM > CORRIDOR_WIDTH_M_MAX) {
    return wrong(
      "/properties/width_m",
      `a LineString needs a width above 0 and of at most ${CORRIDOR_WIDTH_M_MAX} metres`,
    );
  }
  if (positions.length < 2) return wrong("/geometry/coordinates", "a LineString has at least two positions");
  const line = parseLine(positions, "/geometry/coordinates", widthM / 2);
  return line instanceof Float64Array ? { kind: "corridor", line, widthM } : line;
}

function parseArea(polygons: readonly number[][][][]): Shape | FenceError {
  if (polygons.length === 0) return wrong("/geometry/coordinates", "at least one polygon");
  const vertices = polygons.flat().reduce((sum, ring) => sum + ring.length, 0);
  if (vertices > VERTICES_MAX) return wrong("/geometry/coordinates", `at most ${VERTICES_MAX} positions`);
  const parsed: Float64Array[][] = [];
  for (const [index, rings] of polygons.entries()) {
    const at = polygons.length === 1 ? "/geometry/coordinates" : `/geometry/coordinates/${index}`;
    if (rings.length === 0) return wrong(at, "a polygon has an outer ring");
    const lines: Float64Array[] = [];
    for (const [place, ring] of rings.entries()) {
      const line = parseRing(ring, `${at}/${place}`);
      if (!(line instanceof Float64Array)) return line;
      lines.push(line);
    }
    parsed.push(lines);
  }
  return { kind: "area", polygons: parsed };
}

function parseRing(positions: readonly (readonly number[])[], pointer: string): Float64Array | FenceError {
  const first = positions[0];
  const last = positions.at(-1);
  if (positions.length < 4 || first?.[0] !== last?.[0] || first?.[1] !== last?.[1]) {
    return wrong(pointer, "a ring has at least four positions, and ends where it begins");
  }
  return parseLine(positions, pointer, 0);
}

function parseLine(
  positions: readonly (readonly number[])[],
  pointer: string,
  marginM: number,
): Float64Array | FenceError {
  if (positions.length > VERTICES_MAX) return wrong(pointer, `at most ${VERTICES_MAX} positions`);
  const line = new Float64Array(positions.length * 2);
  for (const [index, position] of positions.entries()) {
    const problem = positionProblem(position, marginM);
    if (problem !== undefined) return wrong(`${pointer}/${index}`, problem);
    line[index * 2] = position[0]!;
    line[index * 2 + 1] = position[1]!;
    if (index > 0 && Math.abs(line[index * 2]! - line[index * 2 - 2]!) > 180) {
      return wrong(`${pointer}/${index}`, "crosses the antimeridian: cut it there (RFC 7946, section 3.1.9)");
    }
  }
  return line;
}

function positionProblem(position: readonly number[], marginM: number): string | undefined {
  const [lonDeg, latDeg] = position;
  if (!isNumber(lonDeg) || !isNumber(latDeg) || Math.abs(lonDeg) > 180 || Math.abs(latDeg) > 90) {
    return "a position is longitude (-180 to 180) and latitude (-90 to 90), in this order";
  }
  if (Math.abs(latDeg) + marginM / METRES_PER_DEG > LATITUDE_DEG_MAX) {
    return `reaches beyond ${LATITUDE_DEG_MAX} degrees of latitude, where no fence may be`;
  }
  return undefined;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function wrong(pointer: string, detail: string): FenceError {
  return { pointer, detail };
}
