import { improbability, weighPosition } from "./along-road.ts";
import { FIELD } from "./hypothesis.ts";
import type { EdgePlace } from "./project.ts";

/** Heading from velocity: a sideways error of this speed, plus what a polyline's corners and mapping leave open. */
const SIDEWAYS_SIGMA_MPS = 0.55;
const SHAPE_SIGMA_RAD = 0.1;
/** Below this speed a heading is whatever the receiver made up. */
const HEADING_MPS_MIN = 1;
const ASSUMED_SPEED_MPS = 4;
const TAIL = 4;

/** A reported heading as a direction (unit vector east, north) with its variance (rad²); `known` is false without one. */
export interface Heading {
  known: boolean;
  east: number;
  north: number;
  /** The same in 1/256 turns, whole. */
  bearing256: number;
  variance: number;
}

/** Reads a heading (degrees clockwise from north, NaN for none). Slow vehicles report poor ones. */
export function readHeading(headingDeg: number, speedMps: number, to: Heading): void {
  to.known = headingDeg >= 0 && !(speedMps < HEADING_MPS_MIN);
  if (!to.known) return;
  const angle = (headingDeg * Math.PI) / 180;
  to.east = Math.sin(angle);
  to.north = Math.cos(angle);
  to.bearing256 = Math.round((headingDeg * 256) / 360);
  const sigma = SHAPE_SIGMA_RAD + SIDEWAYS_SIGMA_MPS / (speedMps >= 0 ? Math.max(0.5, speedMps) : ASSUMED_SPEED_MPS);
  to.variance = sigma * sigma;
}

/**
 * exp(−2 · log-likelihood) of a heading on a road with this direction (unit vector), up to a constant factor. The squared chord
 * stands for the squared angle: equal when small, and no arc cosine.
 */
export function headingFactor(heading: Heading, tangentE: number, tangentN: number): number {
  return chordFactor(2 - 2 * (heading.east * tangentE + heading.north * tangentN), heading.variance);
}

const CHORD = Float64Array.from({ length: 129 }, (_, i) => 2 - 2 * Math.cos((i * 2 * Math.PI) / 256));

/** The same of a heading so many 1/256 turns off the road. */
export function headingFactorApart(heading: Heading, apart256: number): number {
  return chordFactor(CHORD[apart256]!, heading.variance);
}

/** Student tails: twice the power of (`TAIL` + 1) / 2. */
function chordFactor(chord: number, variance: number): number {
  const x = 1 + chord / (variance * TAIL);
  const x2 = x * x;
  return x2 * x2 * x;
}

/** Below this variance of the offset the road near the expected place is the one to compare with, m². */
const WELL_KNOWN_M2 = 100;
const ROUNDS_MAX = 3;

/**
 * Weighs the fix (the origin of `place`) against a predicted hypothesis if the vehicle is on a directed edge; `place` is then
 * where. The road is taken as straight around the likeliest place; where the outcome lies on another stretch of a bent road it
 * is worked out again there. Returns exp(−2 · log-likelihood); `settlePosition` gives the state after the fix.
 */
export function weighOnEdge(
  h: Float64Array,
  shiftM: number,
  place: EdgePlace,
  directed: number,
  edgeM: number,
): number {
  if (h[FIELD.covAA]! < WELL_KNOWN_M2) place.placeAt(directed, h[FIELD.alongM]! - shiftM);
  else place.placeLikeliest(directed, h, shiftM);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const along = weighPosition(h, shiftM, place);
    if ((along >= place.fromM - 1 || place.fromM <= 0) && (along <= place.toM + 1 || place.toM >= edgeM)) break;
    const before = place.fromM;
    place.placeAt(directed, along);
    if (place.fromM === before) break;
  }
  return improbability();
}
