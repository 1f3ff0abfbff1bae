import { METRES_PER_DEG, metresPerLonDeg, type Shape } from "./shape.ts";
import { signedDistanceM } from "./signed-distance.ts";

/** A square of which it is asked how deep inside a polygon one can be: its middle, half its side, and how deep its middle is. */
type Cell = { latDeg: number; lonDeg: number; halfM: number; depthM: number };

/** It is enough to know it to this share, and to this many metres. */
const PRECISION = 0.1;
const PRECISION_M = 1;
/** At most so many squares to begin with along a polygon, and so many looked at in all. */
const CELLS_ALONG_MAX = 64;
const LOOKS_MAX = 2_000;
/** Deeper than any receiver's error asks for, metres: no need to know more. */
const DEEP_M = 2_000;

const known = new WeakMap<Shape, number>();

/** About how far from its edge one can be inside the shape, metres, or some such place beyond 2 km; of polygons the deepest. */
export function deepestM(shape: Shape): number {
  if (shape.kind === "circle") return shape.radiusM;
  if (shape.kind === "corridor") return shape.widthM / 2;
  let deepest = known.get(shape);
  if (deepest === undefined) {
    deepest = shape.polygons.reduce((best, rings) => deeperOf(rings, best), 0);
    known.set(shape, deepest);
  }
  return deepest;
}

/**
 * Squares are cut in four as long as they may hold a place that is deeper than the best (a pole of inaccessibility; Garcia-
 * Castellanos and Lombardo 2007, by the bound of Agafonkin's polylabel). A grid of samples misses what is narrow.
 */
function deeperOf(rings: readonly Float64Array[], atLeastM: number): number {
  const shape: Shape = { kind: "area", polygons: [rings] };
  let best = atLeastM;
  let looks = 0;
  const lookAt = (latDeg: number, lonDeg: number, halfM: number): Cell => {
    looks++;
    const depthM = signedDistanceM(shape, latDeg, lonDeg);
    best = Math.max(best, depthM);
    return { latDeg, lonDeg, halfM, depthM };
  };
  const mayBeDeeper = ({ depthM, halfM }: Cell): boolean =>
    depthM + halfM * Math.SQRT2 > best + Math.max(PRECISION_M, best * PRECISION);
  let cells = squaresOver(rings[0] as Float64Array, lookAt);
  while (cells.length > 0 && looks < LOOKS_MAX && best < DEEP_M) {
    // The most promising first: what is left when the looks are used up matters least.
    const open = cells.filter(mayBeDeeper).sort((a, b) => b.depthM + b.halfM - a.depthM - a.halfM);
    cells = [];
    for (const cell of open) {
      if (looks >= LOOKS_MAX || best >= DEEP_M) break;
      if (mayBeDeeper(cell)) cells.push(...quartersOf(cell, lookAt));
    }
  }
  return best;
}

type Look = (latDeg: number, lonDeg: number, halfM: number) => Cell;

function squaresOver(ring: Float64Array, lookAt: Look): Cell[] {
  let [south, west, north, east] = [90, 180, -90, -180];
  for (let i = 0; i < ring.length; i += 2) {
    [west, east] = [Math.min(west, ring[i]!), Math.max(east, ring[i]!)];
    [south, north] = [Math.min(south, ring[i + 1]!), Math.max(north, ring[i + 1]!)];
  }
  const middleDeg = (south + north) / 2;
  const [widthM, heightM] = [(east - west) * metresPerLonDeg(middleDeg), (north - south) * METRES_PER_DEG];
  const sideM = Math.max(Math.min(widthM, heightM), Math.max(widthM, heightM) / CELLS_ALONG_MAX, PRECISION_M);
  const cells: Cell[] = [];
  for (let northM = sideM / 2; northM - sideM / 2 < heightM; northM += sideM)
    for (let eastM = sideM / 2; eastM - sideM / 2 < widthM; eastM += sideM)
      cells.push(lookAt(south + northM / METRES_PER_DEG, west + eastM / metresPerLonDeg(middleDeg), sideM / 2));
  return cells;
}

function quartersOf({ latDeg, lonDeg, halfM }: Cell, lookAt: Look): Cell[] {
  const latStep = halfM / 2 / METRES_PER_DEG;
  const lonStep = halfM / 2 / metresPerLonDeg(latDeg);
  return [-1, 1].flatMap((north) =>
    [-1, 1].map((east) => lookAt(latDeg + north * latStep, lonDeg + east * lonStep, halfM / 2)),
  );
}
