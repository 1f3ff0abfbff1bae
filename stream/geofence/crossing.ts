import { METRES_PER_DEG, RADIANS_PER_DEG, type Shape } from "./shape.ts";
import { signedDistanceM } from "./signed-distance.ts";

/** A position without its time, degrees. */
export type Point = { readonly latDeg: number; readonly lonDeg: number };

const BISECTIONS = 20;
/** A way is walked in at most so many steps: along an edge they are long, and less than that share of the way may be missed. */
const MARCH_STEPS_MAX = 256;
const MARCH_STEP_M_MIN = 1;
/** The plane turns a little along a segment: steps stay below the distance to the edge. */
const MARCH_SHARE = 0.95;
/** How many places of a chord are looked at for its greatest depth. */
const DEPTH_SAMPLES = 7;

/** Where on the way from one side of the edge to the other the edge is, as a share of the way. */
export function edgeShare(shape: Shape, from: Point, to: Point): number {
  return edgeBetween(shape, from, to, 0, 1);
}

/** The same between two shares of the way that are on different sides. */
function edgeBetween(shape: Shape, from: Point, to: Point, startShare: number, endShare: number): number {
  const endsInside = distanceAt(shape, from, to, endShare) > 0;
  let [low, high] = [startShare, endShare];
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (distanceAt(shape, from, to, middle) > 0 === endsInside) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}

/** The part of a way that lies inside, from first entry to last exit as shares, and how deep it gets in metres. */
export type Chord = { readonly inShare: number; readonly outShare: number; readonly depthM: number };

/**
 * The chord of a way that begins and ends outside, undefined where it misses the shape. The edge is at least as far as the
 * signed distance says, so the way is walked in such steps from both ends.
 */
export function chordOf(shape: Shape, from: Point, to: Point): Chord | undefined {
  const lengthM = planarM(from, to);
  if (lengthM === 0) return undefined;
  const inShare = march(shape, from, to, lengthM);
  if (inShare === undefined) return undefined;
  const back = march(shape, to, from, lengthM);
  const outShare = back === undefined ? inShare : Math.max(inShare, 1 - back);
  let depthM = 0;
  for (let i = 1; i <= DEPTH_SAMPLES; i++) {
    const share = inShare + ((outShare - inShare) * i) / (DEPTH_SAMPLES + 1);
    depthM = Math.max(depthM, distanceAt(shape, from, to, share));
  }
  return { inShare, outShare, depthM };
}

/** Where a way that begins outside is inside first, as a share of it; undefined where it never is. */
function march(shape: Shape, from: Point, to: Point, lengthM: number): number | undefined {
  const stepMinM = Math.max(MARCH_STEP_M_MIN, lengthM / MARCH_STEPS_MAX);
  let outsideM = 0;
  for (let walkedM = 0; walkedM < lengthM; ) {
    const distanceM = distanceAt(shape, from, to, walkedM / lengthM);
    if (distanceM > 0) return edgeBetween(shape, from, to, outsideM / lengthM, walkedM / lengthM);
    outsideM = walkedM;
    walkedM += Math.max(stepMinM, -distanceM * MARCH_SHARE);
  }
  return undefined;
}

function distanceAt(shape: Shape, from: Point, to: Point, share: number): number {
  const latDeg = from.latDeg + (to.latDeg - from.latDeg) * share;
  const lonDeg = from.lonDeg + lonStepDeg(from, to) * share;
  return signedDistanceM(shape, latDeg, lonDeg > 180 ? lonDeg - 360 : lonDeg < -180 ? lonDeg + 360 : lonDeg);
}

/** Eastward degrees of longitude between two positions, the short way round. */
export function lonStepDeg(from: Point, to: Point): number {
  const step = to.lonDeg - from.lonDeg;
  if (step > 180) return step - 360;
  return step < -180 ? step + 360 : step;
}

/** Length of a way that is short beside the earth, metres. */
export function planarM(from: Point, to: Point): number {
  const middleDeg = (from.latDeg + to.latDeg) / 2;
  return Math.hypot(
    lonStepDeg(from, to) * METRES_PER_DEG * Math.cos(middleDeg * RADIANS_PER_DEG),
    (to.latDeg - from.latDeg) * METRES_PER_DEG,
  );
}
