import type { RoadNetwork } from "../roads/network-file.ts";
import { confine, INNOVATION, observeSpeed, predict, settlePosition, tailOf, widestVariance } from "./along-road.ts";
import { EdgeBearings } from "./edge-bearings.ts";
import { headingApart, headingLikelihood, weighOnEdge } from "./emission.ts";
import { FIELD, OFF_ROAD, STRIDE } from "./hypothesis.ts";
import type { FixStep, MatchFix } from "./match-fix.ts";
import type { MatchState } from "./match-state.ts";
import { Reach } from "./reach.ts";
import type { MatchScratch } from "./scratch.ts";
import { COST_PER_METRE, COST_PER_METRE_MIN, mayDrive, speedingCost, U_TURN_COST } from "./transition.ts";

/** Nobody turns round faster than this, unless there was time to slow down in between. */
const TURNING_SPEED_MPS = 4;
const TURNING_S = 8;
/** Below this reach a search needs no direction. */
const NEARBY_M = 120;
/** Bounds on a log-likelihood for giving up a search early. */
const PEAK_MAX = 2;
const PEAK_MARGIN = 1;

/** What is nearer is not worth the logarithm. */
const FAR_SIGMAS = 2;
/** Most candidates of one search that are put off until a likely one is known. */
const LATER_MAX = 256;

const { score: SCORE, edge: EDGE, alongM: ALONG } = FIELD;

/** How far a search goes: in sigmas beyond the expected distance, and in multiples of the straight line. */
export interface SearchWidth {
  sigmas: number;
  detour: number;
}

/** Candidates that follow from the hypotheses on the road: every edge that each of them can have reached by the fix. */
export class RoadCandidates {
  readonly #s: MatchScratch;
  readonly #reach: Reach;
  readonly #bearings: EdgeBearings;
  /** Labels put off, while nothing to compare with is known, and the most that they can score without their spread. */
  readonly #later = new Int32Array(LATER_MAX);
  readonly #laterBound = new Float64Array(LATER_MAX);

  constructor(scratch: MatchScratch) {
    this.#s = scratch;
    this.#bearings = new EdgeBearings(scratch.roads);
    this.#reach = new Reach(scratch.roads, scratch.vehicle, scratch.wayCostFactor, scratch.heedsRamps);
  }

  advance(state: MatchState, step: FixStep, search: SearchWidth): void {
    // Any way there costs at least the straight line: that much is no argument against having driven.
    const credit =
      this.#s.wayCostFactor * COST_PER_METRE * Math.sqrt(step.eastM * step.eastM + step.northM * step.northM);
    for (let i = 0; i < state.count; i++)
      if (state.hypotheses[i * STRIDE + EDGE] !== OFF_ROAD) this.#advanceOne(state, i, step, credit, search);
  }

  #advanceOne(state: MatchState, source: number, { fix, dtS }: FixStep, credit: number, search: SearchWidth): void {
    const h = this.#s.predicted;
    const at = source * STRIDE;
    predict(state.hypotheses, at, dtS, state.noise, h);
    const startM = state.hypotheses[at + ALONG]!;
    let score = h[SCORE]! + credit;
    if (fix.speedMps >= 0) score += observeSpeed(h, dtS, fix.speedMps);
    const start = h[EDGE]!;
    const expectedM = h[ALONG]!;
    const perMetre2 = 0.5 / h[FIELD.covAA]!;
    const gateM = 4 * state.noise.sigmaM + 15;
    const metreCostMin = COST_PER_METRE_MIN * this.#s.wayCostFactor;
    let maxM = expectedM + search.sigmas * Math.sqrt(h[FIELD.covAA]!) + 2;
    // Over short times the speed bounds the search; over long ones the place of the fix does.
    const isLong = maxM - startM > NEARBY_M;
    if (isLong) maxM = Math.min(maxM, startM + search.detour * (this.#distanceToOrigin(start, startM) + 75) + gateM);
    const reach = this.#reach;
    const { heading } = this.#s;
    const { edgeLengthM } = this.#s.roads;
    const errorM = Math.sqrt(h[FIELD.errorEastM]! ** 2 + h[FIELD.errorNorthM]! ** 2);
    const errorVariance = widestVariance(h);
    const farM = FAR_SIGMAS * Math.sqrt(errorVariance);
    let peak = PEAK_MAX;
    let later = 0;
    reach.begin(start, this.#s.place.vertexDistanceM(startVertex(this.#s.roads, start)));
    for (let label = reach.next(); label >= 0; label = reach.next()) {
      const prior = score - reach.cost[label]!;
      const hopeless = this.#s.slots.best - this.#s.beam;
      if (prior + peak < hopeless) break;
      const directed = reach.edge[label]!;
      const edgeM = edgeLengthM[directed >> 1]!;
      const startsM = reach.lengthM[label]!;
      const endsM = startsM + edgeM;
      const awayM = this.#s.place.vertexDistanceM(startVertex(this.#s.roads, directed ^ 1));
      // To be on this edge costs at least the way from where the vehicle is expected to the edge's nearer end,
      const missedM = expectedM > endsM ? expectedM - endsM : expectedM < startsM ? startsM - expectedM : 0;
      let bound = prior - missedM * missedM * perMetre2;
      if (bound + peak > hopeless) {
        // and as large an error of the fix as the edge is away from it: no point of an edge is nearer than this.
        const gapM = (reach.startAwayM[label]! + awayM - edgeM) / 2 - errorM;
        if (gapM > farM) bound = Math.min(bound, prior + tailOf((gapM * gapM) / errorVariance));
        // Besides, its heading must be explained.
        if (heading.known) {
          const apart = this.#bearings.apart256(directed, heading.bearing256);
          if (apart > 0) bound += headingApart(heading, apart);
        }
        if (bound < score - this.#s.beam && later < LATER_MAX && hopeless === Number.NEGATIVE_INFINITY) {
          this.#later[later] = label;
          this.#laterBound[later++] = bound;
        } else if (bound + peak > hopeless) {
          this.#consider(source, fix.speedMps, directed, startsM, prior, label);
          // What the best of the further edges could still reach: the same spread without the misfit.
          peak = INNOVATION.peak + PEAK_MARGIN;
        }
      }
      if (endsM > maxM) continue;
      if (isLong) {
        const leftM = awayM - gateM;
        const furtherM = Math.max(0, endsM + leftM - expectedM);
        const boundThere = prior + peak - metreCostMin * leftM - furtherM * furtherM * perMetre2;
        if (endsM + leftM > maxM || boundThere < hopeless) continue;
      }
      reach.expand(label, awayM);
    }
    for (let i = 0; i < later; i++) {
      if (this.#laterBound[i]! + peak <= this.#s.slots.best - this.#s.beam) continue;
      const label = this.#later[i]!;
      const prior = score - reach.cost[label]!;
      this.#consider(source, fix.speedMps, reach.edge[label]!, reach.lengthM[label]!, prior, label);
    }
    if (h[FIELD.speedMps]! < TURNING_SPEED_MPS || dtS > TURNING_S) this.#turnRound(source, start, score, peak, fix);
  }

  #distanceToOrigin(directed: number, offsetM: number): number {
    this.#s.place.placeAt(directed, offsetM);
    return Math.sqrt(this.#s.place.eastM ** 2 + this.#s.place.northM ** 2);
  }

  /** Works out one candidate edge for a predicted hypothesis. */
  #consider(source: number, speedMps: number, directed: number, shiftM: number, prior: number, label: number): void {
    const { slots, place, predicted } = this.#s;
    const floats = slots.floats;
    const at = slots.workAt;
    const edgeM = this.#s.roads.edgeLengthM[directed >> 1]!;
    const likelihood = weighOnEdge(predicted, shiftM, place, directed, edgeM);
    const { squared, distanceM } = INNOVATION;
    let score = prior + likelihood;
    if (speedMps > 0) score -= speedingCost(this.#s.roads, directed >> 1, speedMps);
    if (score < slots.best - this.#s.beam) return;
    settlePosition(predicted, floats, at);
    score += confine(floats, at, edgeM);
    if (this.#s.heading.known) {
      const along = floats[at + ALONG]!;
      if (along < place.fromM || along > place.toM) place.placeAt(directed, along);
      score += headingLikelihood(this.#s.heading, place.tangentE, place.tangentN);
    }
    if (score < slots.best - this.#s.beam) return;
    floats[at + SCORE] = score;
    floats[at + EDGE] = directed;
    const slot = slots.take(squared, distanceM, source);
    if (slot >= 0 && label > 0) this.#recordPath(slot, label);
  }

  #recordPath(slot: number, label: number): void {
    const reach = this.#reach;
    let length = 0;
    for (let l = label; l > 0; l = reach.parent[l]!) length++;
    let to = this.#s.slots.reservePath(slot, length) + length;
    if (to < length) return;
    for (let l = label; l > 0; l = reach.parent[l]!) this.#s.slots.pool[--to] = reach.edge[l]!;
  }

  /** The hypothesis that the vehicle turned round in the road since the last fix. */
  #turnRound(source: number, directed: number, score: number, peak: number, fix: MatchFix): void {
    const back = directed ^ 1;
    if (!mayDrive(this.#s.roads, this.#s.vehicle, back)) return;
    const prior = score - U_TURN_COST;
    if (prior + peak < this.#s.slots.best - this.#s.beam) return;
    const h = this.#s.predicted;
    const edgeM = this.#s.roads.edgeLengthM[directed >> 1]!;
    const turnedAtM = Math.min(edgeM, Math.max(0, h[ALONG]!));
    h[ALONG] = edgeM - turnedAtM;
    h[FIELD.speedMps] = fix.speedMps >= 0 ? fix.speedMps : 1;
    h[FIELD.covAS] = 0;
    h[FIELD.covSE] = 0;
    h[FIELD.covSN] = 0;
    h[FIELD.covAE] = -h[FIELD.covAE]!;
    h[FIELD.covAN] = -h[FIELD.covAN]!;
    h[FIELD.covSS] = 9;
    const before = this.#s.slots.count;
    this.#consider(source, fix.speedMps, back, 0, prior, 0);
    if (this.#s.slots.count === before) return;
    const slot = before;
    const to = this.#s.slots.reservePath(slot, 1);
    if (to < 0) return;
    this.#s.slots.pool[to] = back;
    this.#s.slots.enterM[slot] = edgeM - turnedAtM;
    this.#s.slots.leaveM[slot] = turnedAtM;
  }
}

function startVertex(roads: RoadNetwork, directed: number): number {
  return directed & 1 ? roads.edgeTo[directed >> 1]! : roads.edgeFrom[directed >> 1]!;
}
