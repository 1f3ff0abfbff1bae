import { METRES_PER_DEG, RADIANS_PER_DEG } from "#stream/geofence/shape.ts";
import type { Place } from "./visible.ts";

/** A path that comes no nearer to the stop than this is not a path to it, metres. */
const REACH_M_MAX = 150;

/**
 * The path up to where it first comes nearest to the stop; what lies behind belongs to others. Null when it never comes
 * near: nobody could say where to end it.
 */
export function pathToStop(path: readonly Place[], stop: Place): readonly Place[] | null {
  let best: { index: number; place: Place; distanceM: number } | null = null;
  for (let index = 1; index < path.length; index++) {
    const nearest = nearestOf(path[index - 1]!, path[index]!, stop);
    if (nearest.distanceM <= REACH_M_MAX && nearest.distanceM < (best?.distanceM ?? Number.POSITIVE_INFINITY)) {
      best = { index, ...nearest };
    } else if (best !== null) break;
  }
  return best && [...path.slice(0, best.index), best.place];
}

/** The point of a segment that is nearest to the stop, in the plane that touches the earth there. */
function nearestOf(from: Place, to: Place, stop: Place): { place: Place; distanceM: number } {
  const metresPerLonDeg = METRES_PER_DEG * Math.cos(stop.latDeg * RADIANS_PER_DEG);
  const xM = (from.lonDeg - stop.lonDeg) * metresPerLonDeg;
  const yM = (from.latDeg - stop.latDeg) * METRES_PER_DEG;
  const dxM = (to.lonDeg - from.lonDeg) * metresPerLonDeg;
  const dyM = (to.latDeg - from.latDeg) * METRES_PER_DEG;
  const squareM2 = dxM * dxM + dyM * dyM;
  const share = squareM2 === 0 ? 0 : Math.min(1, Math.max(0, -(xM * dxM + yM * dyM) / squareM2));
  return {
    place: {
      latDeg: from.latDeg + share * (to.latDeg - from.latDeg),
      lonDeg: from.lonDeg + share * (to.lonDeg - from.lonDeg),
    },
    distanceM: Math.hypot(xM + share * dxM, yM + share * dyM),
  };
}
