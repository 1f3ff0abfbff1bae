import { bestPlaceOf, type FixJson, type Place, placeOf, type TrackKind } from "./fix.ts";

/** A silence longer than this is a hole in the line, not a straight drive. */
const GAP_MS = 300_000;

export type TrackPoint = { timeMs: number; fix: FixJson };

/** The fixes of a day that say where, in the order of time, each instant once. */
export function pointsOf(fixes: readonly FixJson[]): TrackPoint[] {
  const points = fixes
    .filter((fix) => bestPlaceOf(fix) !== undefined)
    .map((fix) => ({ timeMs: Date.parse(fix.time), fix }))
    .sort((a, b) => a.timeMs - b.timeMs);
  return points.filter((point, i) => i === 0 || points[i - 1]!.timeMs !== point.timeMs);
}

/** The line of one kind of position, broken where nothing was heard or the kind is not known. */
export function linesOf(points: readonly TrackPoint[], kind: TrackKind): Place[][] {
  const lines: Place[][] = [];
  let line: Place[] = [];
  let beforeMs = Number.NEGATIVE_INFINITY;
  for (const { timeMs, fix } of points) {
    const place = placeOf(fix, kind);
    if (place === undefined || timeMs - beforeMs > GAP_MS) {
      if (line.length > 1) lines.push(line);
      line = [];
    }
    beforeMs = timeMs;
    if (place !== undefined) line.push(place);
  }
  return line.length > 1 ? [...lines, line] : lines;
}

/** How many points have a position of this kind. */
export function countOf(points: readonly TrackPoint[], kind: TrackKind): number {
  return points.reduce((count, { fix }) => count + (placeOf(fix, kind) === undefined ? 0 : 1), 0);
}

/** Index of the last point at or before a time; 0 where all are later. */
export function indexAt(points: readonly TrackPoint[], timeMs: number): number {
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (points[middle]!.timeMs <= timeMs) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, low);
}

const LIKE_E7 = 1e-7;

/** The box around all points: west, south, east, north in degrees; undefined without points. */
export function boundsOf(places: readonly Place[]): [number, number, number, number] | undefined {
  if (places.length === 0) return undefined;
  const [lons, lats] = [places.map(([lon]) => lon), places.map(([, lat]) => lat)];
  const least = (values: number[]) => values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = (values: number[]) => values.reduce((a, b) => Math.max(a, b), -Infinity);
  return [least(lons) - LIKE_E7, least(lats) - LIKE_E7, most(lons) + LIKE_E7, most(lats) + LIKE_E7];
}
