/** Degrees, WGS 84. */
export type Spot = { readonly lat: number; readonly lon: number };

/** Where something is on its way from one place to another: `share` from 0 to 1. `headingDeg` is null where it stands. */
export type Glide = (share: number) => { spot: Spot; headingDeg: number | null };

const METRES_PER_DEG = 111_195;
/** Further from the path than this, a place does not lie on it, metres. */
const OFF_PATH_M_MAX = 40;
/** A way along the path that is so much longer than the direct one is not how it went. */
const DETOUR_MAX = 3;

/**
 * The way between two positions: along the path where both lie on it, in order; else straight. `path` is the one that led
 * on from the first of them.
 */
export function glideOf(from: Spot, to: Spot, path: readonly Spot[]): Glide {
  const line = alongPath(from, to, path) ?? [from, to];
  const lengths = line.slice(1).map((spot, index) => metresOf(line[index]!, spot));
  const totalM = lengths.reduce((sum, length) => sum + length, 0);
  return (share) => {
    let leftM = Math.min(1, Math.max(0, share)) * totalM;
    for (const [index, lengthM] of lengths.entries()) {
      if (leftM <= lengthM && lengthM > 0) {
        const [a, b] = [line[index]!, line[index + 1]!];
        return { spot: between(a, b, leftM / lengthM), headingDeg: headingOf(a, b) };
      }
      leftM -= lengthM;
    }
    return { spot: to, headingDeg: null };
  };
}

/** What is left of the path from here on; the whole path where the place does not lie on it. */
export function pathFrom(spot: Spot, path: readonly Spot[]): Spot[] {
  const at = placeOn(path, spot);
  return at === null ? [...path] : [spot, ...path.slice(at.index + 1)];
}

export function metresOf(a: Spot, b: Spot): number {
  const east = (b.lon - a.lon) * Math.cos((a.lat * Math.PI) / 180);
  return Math.hypot(b.lat - a.lat, east) * METRES_PER_DEG;
}

function alongPath(from: Spot, to: Spot, path: readonly Spot[]): Spot[] | null {
  const [start, end] = [placeOn(path, from), placeOn(path, to)];
  if (start === null || end === null || end.alongM <= start.alongM) return null;
  if (end.alongM - start.alongM > DETOUR_MAX * metresOf(from, to)) return null;
  return [from, ...path.slice(start.index + 1, end.index + 1), to];
}

/** The nearest place on the path: after which of its points it lies, and how far from the path's beginning. */
function placeOn(path: readonly Spot[], spot: Spot): { index: number; alongM: number } | null {
  let best: { index: number; alongM: number; offM: number } | null = null;
  let behindM = 0;
  for (let index = 0; index + 1 < path.length; index++) {
    const [a, b] = [path[index]!, path[index + 1]!];
    const lengthM = metresOf(a, b);
    const share = lengthM === 0 ? 0 : shareOf(a, b, spot);
    const offM = metresOf(between(a, b, share), spot);
    if (offM <= OFF_PATH_M_MAX && (best === null || offM < best.offM)) {
      best = { index, alongM: behindM + share * lengthM, offM };
    }
    behindM += lengthM;
  }
  return best;
}

function shareOf(a: Spot, b: Spot, spot: Spot): number {
  const shrink = Math.cos((a.lat * Math.PI) / 180);
  const [dx, dy] = [(b.lon - a.lon) * shrink, b.lat - a.lat];
  const [x, y] = [(spot.lon - a.lon) * shrink, spot.lat - a.lat];
  return Math.min(1, Math.max(0, (x * dx + y * dy) / (dx * dx + dy * dy)));
}

function between(a: Spot, b: Spot, share: number): Spot {
  return { lat: a.lat + share * (b.lat - a.lat), lon: a.lon + share * (b.lon - a.lon) };
}

function headingOf(a: Spot, b: Spot): number {
  const east = (b.lon - a.lon) * Math.cos((a.lat * Math.PI) / 180);
  return ((Math.atan2(east, b.lat - a.lat) * 180) / Math.PI + 360) % 360;
}
