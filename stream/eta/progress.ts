import { lonMetresPerE7, METRES_PER_E7 } from "../roads/geometry.ts";
import type { EtaPlace } from "./eta.ts";
import type { LegShape } from "./leg.ts";

/** The place of a line that is nearest to a position: metres along it, and metres beside it. */
export type OnLine = { alongM: number; besideM: number };

/** Searches the line between two distances along it. */
export function nearestOnLine(shape: LegShape, { latDeg, lonDeg }: EtaPlace, fromM: number, toM: number): OnLine {
  const { latDeg: lat, lonDeg: lon, alongM } = shape;
  const northScale = METRES_PER_E7 * 1e7;
  const eastScale = lonMetresPerE7(latDeg) * 1e7;
  let best: OnLine = { alongM: fromM, besideM: Number.POSITIVE_INFINITY };
  for (let i = firstSegment(alongM, fromM); i + 1 < alongM.length && alongM[i]! <= toM; i++) {
    const ax = (lon[i]! - lonDeg) * eastScale;
    const ay = (lat[i]! - latDeg) * northScale;
    const dx = (lon[i + 1]! - lon[i]!) * eastScale;
    const dy = (lat[i + 1]! - lat[i]!) * northScale;
    const square = dx * dx + dy * dy;
    const share = square > 0 ? Math.min(1, Math.max(0, -(ax * dx + ay * dy) / square)) : 0;
    const besideM = Math.hypot(ax + share * dx, ay + share * dy);
    if (besideM < best.besideM) best = { alongM: alongM[i]! + share * (alongM[i + 1]! - alongM[i]!), besideM };
  }
  return best;
}

/** The last segment that begins at or before `atM`. */
function firstSegment(alongM: Float64Array, atM: number): number {
  let [low, high] = [0, Math.max(0, alongM.length - 2)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (alongM[middle]! <= atM) low = middle;
    else high = middle - 1;
  }
  return low;
}
