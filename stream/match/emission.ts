import { observePosition } from "./along-road.ts";
import { FIELD } from "./hypothesis.ts";
import type { EdgePlace } from "./project.ts";

const DEG_TO_RAD = Math.PI / 180;
/** Heading from velocity: a sideways error of this speed, plus what a polyline's corners and mapping leave open. */
const SIDEWAYS_SIGMA_MPS = 0.7;
const SHAPE_SIGMA_RAD = 0.12;
const ASSUMED_SPEED_MPS = 4;
const TAIL = 4;

/**
 * Log-likelihood of a reported heading (degrees clockwise from north) on a road with this direction (unit vector), up to
 * a constant. Slow vehicles report poor headings.
 */
export function headingLikelihood(headingDeg: number, speedMps: number, tangentE: number, tangentN: number): number {
  const heading = headingDeg * DEG_TO_RAD;
  const cosine = Math.sin(heading) * tangentE + Math.cos(heading) * tangentN;
  const angle = cosine >= 1 ? 0 : cosine <= -1 ? Math.PI : Math.acos(cosine);
  const speed = speedMps >= 0 ? Math.max(0.5, speedMps) : ASSUMED_SPEED_MPS;
  const sigma = SHAPE_SIGMA_RAD + SIDEWAYS_SIGMA_MPS / speed;
  return (-(TAIL + 1) / 2) * Math.log1p((angle * angle) / (sigma * sigma * TAIL));
}

/** Below this variance of the offset the road near the expected place is the one to compare with, m². */
const WELL_KNOWN_M2 = 100;
const ROUNDS_MAX = 3;

/**
 * Conditions a predicted hypothesis on the fix (the origin of `place`) if the vehicle is on a directed edge, and writes it
 * to `to[at…]` with its offset on that edge. The road is taken as straight around the likeliest place; where the outcome
 * lies on another stretch of a bent road it is worked out again there. Returns the log-likelihood.
 */
export function observeOnEdge(
  h: Float64Array,
  shiftM: number,
  place: EdgePlace,
  directed: number,
  edgeM: number,
  to: Float64Array,
  at: number,
): number {
  const expectedM = h[FIELD.alongM]! - shiftM;
  const varianceM2 = h[FIELD.covAA]!;
  if (varianceM2 < WELL_KNOWN_M2) place.placeAt(directed, expectedM);
  else place.placeNearest(directed, expectedM, varianceM2, h[FIELD.errorEastM]!, h[FIELD.errorNorthM]!, h[FIELD.covEE]! + 1);
  let likelihood = 0;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    likelihood = observePosition(h, shiftM, place.eastM, place.northM, place.atM, place.tangentE, place.tangentN, to, at);
    const along = to[at + FIELD.alongM]!;
    if ((along >= place.fromM - 1 || place.fromM <= 0) && (along <= place.toM + 1 || place.toM >= edgeM)) break;
    const before = place.fromM;
    place.placeAt(directed, along);
    if (place.fromM === before) break;
  }
  return likelihood;
}
