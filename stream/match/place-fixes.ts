import type { RoadNetwork } from "../roads/network-file.ts";
import { confine, observeSpeed, settlePosition } from "./along-road.ts";
import { weighOnEdge } from "./emission.ts";
import { FIELD, STRIDE } from "./hypothesis.ts";
import type { Leg, Stretch } from "./legs.ts";
import type { MatchFix } from "./match-fix.ts";
import { motionOver, predict } from "./motion.ts";
import type { Noise } from "./noise.ts";
import { EdgePlace } from "./project.ts";

const { alongM: ALONG, speedMps: SPEED } = FIELD;
const UNKNOWN_SPEED_VARIANCE = 14 ** 2;

export interface PlacedFix {
  directed: number;
  offsetM: number;
  /** Distance from the start of the stretch, as its legs count it. */
  alongM: number;
}

/**
 * Where the vehicle was at each fix of a stretch, once the way it took is known: the filter along the path forwards, then
 * the Rauch–Tung–Striebel smoother backwards, so that every place rests on all fixes. The ends of the stretch move to the first
 * of them and to the last that is believed. `fixes[i]` is fix number i + 1; what `rejected` marks is a gross error and only predicted.
 */
export function placeFixes(
  roads: RoadNetwork,
  stretch: Stretch,
  fixes: readonly MatchFix[],
  rejected: Uint8Array,
  noise: Noise,
  placed: (PlacedFix | undefined)[],
): void {
  const first = stretch.firstFix - 1;
  const count = Math.min(stretch.lastFix, fixes.length) - first;
  if (count <= 0) return;
  const filtered = new Float64Array(count * STRIDE);
  const predictions = new Float64Array(count * STRIDE);
  filterAlong(roads, stretch, fixes, rejected, noise, first, count, filtered, predictions);
  smoothBack(fixes, noise, first, count, filtered, predictions);
  const { legs } = stretch;
  let last = count - 1;
  while (last > 0 && rejected[first + last] === 1) last--;
  trimEnds(roads, legs, filtered[ALONG]!, filtered[last * STRIDE + ALONG]!);
  let leg = 0;
  for (let i = 0; i < count; i++) {
    const alongM = filtered[i * STRIDE + ALONG]!;
    while (leg + 1 < legs.length && alongM >= legs[leg + 1]!.startM) leg++;
    while (leg > 0 && alongM < legs[leg]!.startM) leg--;
    const on = legs[leg]!;
    const offsetM = Math.min(on.toM, Math.max(on.fromM, alongM - on.startM + on.fromM));
    placed[first + i] = { directed: on.directed, offsetM, alongM: on.startM + offsetM - on.fromM };
  }
}

/** The drive starts and ends where the smoothed first and last fix are, as far as their edges go. */
function trimEnds(roads: RoadNetwork, legs: Leg[], firstM: number, lastM: number): void {
  const start = legs[0]!;
  const fromM = Math.min(start.toM, Math.max(0, start.fromM + firstM - start.startM));
  start.startM += fromM - start.fromM;
  start.fromM = fromM;
  const end = legs.at(-1)!;
  const edgeM = roads.edgeLengthM[end.directed >> 1]!;
  end.toM = Math.min(edgeM, Math.max(end.fromM, end.fromM + lastM - end.startM));
}

function filterAlong(
  roads: RoadNetwork,
  stretch: Stretch,
  fixes: readonly MatchFix[],
  rejected: Uint8Array,
  noise: Noise,
  first: number,
  count: number,
  filtered: Float64Array,
  predictions: Float64Array,
): void {
  const place = new EdgePlace(roads);
  const h = new Float64Array(STRIDE);
  let leg = 0;
  for (let i = 0; i < count; i++) {
    const fix = fixes[first + i]!;
    noise.load(fix.accuracyM);
    place.setOrigin(fix.lat * 1e7, fix.lon * 1e7);
    const dtS =
      i === 0 ? Number.POSITIVE_INFINITY : Math.max(0.001, (fix.timeMs - fixes[first + i - 1]!.timeMs) / 1000);
    if (i === 0) startOn(stretch.legs[0]!, noise, h);
    else predict(filtered, (i - 1) * STRIDE, dtS, noise, h);
    predictions.set(h, i * STRIDE);
    if (rejected[first + i] === 1) {
      filtered.set(h, i * STRIDE);
      continue;
    }
    if (fix.speedMps >= 0) observeSpeed(h, dtS, fix.speedMps);
    while (leg + 1 < stretch.legs.length && stretch.legs[leg + 1]!.fix <= first + i + 1) leg++;
    observeOnLeg(roads, stretch.legs[leg]!, h, place, filtered, i * STRIDE);
  }
}

function startOn(leg: Leg, noise: Noise, h: Float64Array): void {
  h.fill(0);
  h[ALONG] = leg.startM;
  h[FIELD.covAA] = 9 * noise.varianceM2;
  h[FIELD.covSS] = UNKNOWN_SPEED_VARIANCE;
  h[FIELD.covEE] = noise.varianceM2;
  h[FIELD.covNN] = noise.varianceM2;
}

/** Conditions on the fix on the leg where the path was at that moment; offsets in `h` and `to` are along the path. */
function observeOnLeg(
  roads: RoadNetwork,
  leg: Leg,
  h: Float64Array,
  place: EdgePlace,
  to: Float64Array,
  at: number,
): void {
  const shiftM = leg.startM - leg.fromM;
  const edgeM = roads.edgeLengthM[leg.directed >> 1]!;
  weighOnEdge(h, shiftM, place, leg.directed, edgeM);
  settlePosition(h, to, at);
  confine(to, at, edgeM);
  to[at + ALONG] = to[at + ALONG]! + shiftM;
}

/** Means only: each step's estimate moves by what the next one learned. */
function smoothBack(
  fixes: readonly MatchFix[],
  noise: Noise,
  first: number,
  count: number,
  filtered: Float64Array,
  predictions: Float64Array,
): void {
  const difference = new Float64Array(4);
  const weight = new Float64Array(4);
  for (let i = count - 2; i >= 0; i--) {
    const fix = fixes[first + i + 1]!;
    const dtS = Math.max(0.001, (fix.timeMs - fixes[first + i]!.timeMs) / 1000);
    noise.load(fix.accuracyM);
    const memory = noise.memoryAfter(dtS);
    const next = (i + 1) * STRIDE;
    for (let k = 0; k < 4; k++) difference[k] = filtered[next + ALONG + k]! - predictions[next + ALONG + k]!;
    solveSymmetric(predictions, next + FIELD.covAA, difference, weight);
    const at = i * STRIDE;
    const f = filtered;
    // P · Fᵀ · w, with F = [[1, lasting, 0, 0], [0, keep, 0, 0], [0, 0, memory, 0], [0, 0, 0, memory]]
    const { lastingS, keep } = motionOver(dtS);
    const [w0, w1, w2, w3] = [
      weight[0]!,
      keep * weight[1]! + lastingS * weight[0]!,
      memory * weight[2]!,
      memory * weight[3]!,
    ];
    f[at + ALONG]! +=
      f[at + FIELD.covAA]! * w0 + f[at + FIELD.covAS]! * w1 + f[at + FIELD.covAE]! * w2 + f[at + FIELD.covAN]! * w3;
    f[at + SPEED]! +=
      f[at + FIELD.covAS]! * w0 + f[at + FIELD.covSS]! * w1 + f[at + FIELD.covSE]! * w2 + f[at + FIELD.covSN]! * w3;
    f[at + FIELD.errorEastM]! +=
      f[at + FIELD.covAE]! * w0 + f[at + FIELD.covSE]! * w1 + f[at + FIELD.covEE]! * w2 + f[at + FIELD.covEN]! * w3;
    f[at + FIELD.errorNorthM]! +=
      f[at + FIELD.covAN]! * w0 + f[at + FIELD.covSN]! * w1 + f[at + FIELD.covEN]! * w2 + f[at + FIELD.covNN]! * w3;
  }
}

const TRIANGLE = [0, 1, 2, 3, 1, 4, 5, 6, 2, 5, 7, 8, 3, 6, 8, 9] as const;
const LOWER = new Float64Array(16);

/** Solves M x = b for a symmetric positive 4 × 4 matrix stored as its upper triangle (Cholesky). */
function solveSymmetric(triangle: Float64Array, at: number, b: Float64Array, x: Float64Array): void {
  for (let i = 0; i < 4; i++)
    for (let j = 0; j <= i; j++) {
      let sum = triangle[at + TRIANGLE[i * 4 + j]!]!;
      for (let k = 0; k < j; k++) sum -= LOWER[i * 4 + k]! * LOWER[j * 4 + k]!;
      LOWER[i * 4 + j] = i === j ? Math.sqrt(Math.max(sum, 1e-9)) : sum / LOWER[j * 4 + j]!;
    }
  for (let i = 0; i < 4; i++) {
    let sum = b[i]!;
    for (let k = 0; k < i; k++) sum -= LOWER[i * 4 + k]! * x[k]!;
    x[i] = sum / LOWER[i * 4 + i]!;
  }
  for (let i = 3; i >= 0; i--) {
    let sum = x[i]!;
    for (let k = i + 1; k < 4; k++) sum -= LOWER[k * 4 + i]! * x[k]!;
    x[i] = sum / LOWER[i * 4 + i]!;
  }
}
