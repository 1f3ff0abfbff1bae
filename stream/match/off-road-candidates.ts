import { findEdgesNear } from "../roads/grid-index.ts";
import { nextStamp } from "../roads/stamps.ts";
import { confine, INNOVATION, settlePosition, weighPosition } from "./along-road.ts";
import { headingFactor } from "./emission.ts";
import { FIELD, OFF_ROAD, STRIDE } from "./hypothesis.ts";
import type { FixStep, MatchFix } from "./match-fix.ts";
import type { MatchState } from "./match-state.ts";
import { JOIN_COST, leaveCost, offRoadStep, START_OFF_ROAD_COST } from "./off-road.ts";
import { GAP } from "./path-tree.ts";
import type { MatchScratch } from "./scratch.ts";
import { mayDrive } from "./transition.ts";

const START_RADIUS_M = 40;
/** A fix that is 60 m off and more is looked for among some 300 edges in a town. */
const EDGES_NEAR_MAX = 4096;
/** A match that starts here expected nothing. */
const NO_INNOVATION = { squared: 0, distanceM2: 0 };
const UNKNOWN_SPEED_VARIANCE = 14 ** 2;

const { score: SCORE, edge: EDGE, alongM: ALONG } = FIELD;

/** Candidates that leave the network, stay off it, come back to it, or start on it. */
export class OffRoadCandidates {
  readonly #s: MatchScratch;
  readonly #near = new Uint32Array(EDGES_NEAR_MAX);
  readonly #seen: Uint32Array;
  #stamp = 0;

  constructor(scratch: MatchScratch) {
    this.#s = scratch;
    this.#seen = new Uint32Array(scratch.roads.edgeFrom.length);
  }

  /** The vehicle leaves the road, or it is off the network already: then it may also come back. */
  advance(state: MatchState, step: FixStep): void {
    const h = state.hypotheses;
    let source = -1;
    for (let i = state.count - 1; i >= 0; i--) if (h[i * STRIDE + EDGE] === OFF_ROAD) source = i;
    const offScore = source < 0 ? Number.NEGATIVE_INFINITY : h[source * STRIDE + SCORE]!;
    const leaving =
      h[EDGE] === OFF_ROAD
        ? Number.NEGATIVE_INFINITY
        : h[SCORE]! - leaveCost(h[FIELD.speedMps]!) - this.#s.offRoadReluctance;
    const { slots, beam, heading } = this.#s;
    if (leaving > offScore) {
      const likelihood = offRoadStep(step, heading, state.noise, slots.best - beam - leaving);
      this.#offer(step, 0, leaving + likelihood, h[ALONG]!);
    } else if (source >= 0) {
      const likelihood = offRoadStep(step, heading, state.noise, Number.NEGATIVE_INFINITY);
      this.#offer(step, source, offScore + likelihood, Number.NaN);
      this.#join(state, step, source, offScore + likelihood - JOIN_COST, Number.NaN);
    }
  }

  /** No hypothesis explains the fix: the match breaks, and starts (again) from what is near. */
  restart(state: MatchState, step: FixStep): void {
    const source = state.count > 0 ? 0 : -1;
    const leftRoad = source === 0 && state.hypotheses[EDGE] !== OFF_ROAD;
    const leftM = leftRoad ? state.hypotheses[ALONG]! : Number.NaN;
    this.#join(state, step, source, 0, leftM);
    INNOVATION.squared = 0;
    INNOVATION.distanceM2 = 0;
    this.#offer(step, source, -START_OFF_ROAD_COST - this.#s.offRoadReluctance / 2, leftM);
  }

  /** The candidate off the network; `leftM` is where the road was left, NaN for one that was off it before. */
  #offer({ latE7, lonE7 }: FixStep, source: number, score: number, leftM: number): void {
    const { slots } = this.#s;
    if (score < slots.best - this.#s.beam) return;
    const { floats, workAt } = slots;
    for (let i = workAt; i < workAt + STRIDE; i++) floats[i] = 0;
    floats[workAt + SCORE] = score;
    floats[workAt + EDGE] = OFF_ROAD;
    floats[workAt + ALONG] = latE7;
    floats[workAt + FIELD.speedMps] = lonE7;
    const slot = slots.take(source, INNOVATION);
    if (slot >= 0 && (source < 0 || !Number.isNaN(leftM))) this.#recordEntry(slot, GAP, leftM);
  }

  /** Candidates on the roads near the fix, for a vehicle that comes from off the network or from nowhere. */
  #join(state: MatchState, { fix, latE7, lonE7 }: FixStep, source: number, prior: number, leftM: number): void {
    if (prior + 2 < this.#s.slots.best - this.#s.beam) return;
    const roads = this.#s.roads;
    const sigmaM = state.noise.sigmaM;
    const radiusM = source < 0 ? Math.max(START_RADIUS_M, 4.5 * sigmaM) : 3.5 * sigmaM + 5;
    this.#stamp = nextStamp(this.#seen, this.#stamp);
    const count = findEdgesNear(roads, latE7, lonE7, radiusM, this.#near, this.#seen, this.#stamp);
    for (let i = 0; i < count; i++)
      for (let direction = 0; direction < 2; direction++)
        this.#joinEdge(state, fix, this.#near[i]! * 2 + direction, source, prior, radiusM, leftM);
  }

  #joinEdge(
    state: MatchState,
    fix: MatchFix,
    directed: number,
    source: number,
    prior: number,
    radiusM: number,
    leftM: number,
  ): void {
    if (!mayDrive(this.#s.roads, this.#s.vehicle, directed)) return;
    const place = this.#s.place;
    const variance = state.noise.varianceM2;
    place.placeNearest(directed);
    const distanceM2 = place.eastM ** 2 + place.northM ** 2;
    if (distanceM2 > radiusM * radiusM) return;
    let score = prior - (0.5 * distanceM2) / variance;
    if (this.#s.heading.known) score -= 0.5 * Math.log(headingFactor(this.#s.heading, place.tangentE, place.tangentN));
    if (score < this.#s.slots.best - this.#s.beam) return;
    const h = this.#s.predicted;
    h.fill(0);
    h[ALONG] = place.atM;
    h[FIELD.speedMps] = fix.speedMps >= 0 ? fix.speedMps : 0;
    h[FIELD.covAA] = 9 * variance;
    h[FIELD.covSS] = fix.speedMps >= 0 ? 1 : UNKNOWN_SPEED_VARIANCE;
    h[FIELD.covEE] = variance;
    h[FIELD.covNN] = variance;
    const { floats, workAt } = this.#s.slots;
    weighPosition(h, 0, place);
    settlePosition(h, floats, workAt);
    floats[workAt + SCORE] = score + confine(floats, workAt, this.#s.roads.edgeLengthM[directed >> 1]!);
    floats[workAt + EDGE] = directed;
    const atM = floats[workAt + ALONG]!;
    const slot = this.#s.slots.take(source, NO_INNOVATION);
    if (slot < 0) return;
    this.#s.slots.enterM[slot] = atM;
    this.#recordEntry(slot, directed, leftM);
  }

  /** The path of a candidate that comes from elsewhere: after a gap where a road was left at `leftM`, then the edge. */
  #recordEntry(slot: number, edge: number, leftM: number): void {
    const { slots } = this.#s;
    const leftRoad = !Number.isNaN(leftM) && edge !== GAP;
    let to = slots.reservePath(slot, leftRoad ? 2 : 1);
    if (to < 0) return;
    if (leftRoad) slots.pool[to++] = GAP;
    slots.pool[to] = edge;
    slots.leaveM[slot] = leftM;
  }
}
