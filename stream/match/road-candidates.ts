import type { RoadNetwork } from "../roads/network-file.ts";
import {
  confine,
  INNOVATION,
  likelihoodMax,
  observeSpeed,
  settlePosition,
  tailFactor,
  widestVariance,
} from "./along-road.ts";
import { EdgeBearings } from "./edge-bearings.ts";
import { headingFactor, headingFactorApart, weighOnEdge } from "./emission.ts";
import { FIELD, OFF_ROAD, STRIDE } from "./hypothesis.ts";
import { logBelow } from "./log-below.ts";
import type { FixStep, MatchFix } from "./match-fix.ts";
import type { MatchState } from "./match-state.ts";
import { predict } from "./motion.ts";
import { Reach } from "./reach.ts";
import type { MatchScratch } from "./scratch.ts";
import { COST_PER_METRE, COST_PER_METRE_MIN, mayDrive, speedingCost, U_TURN_COST } from "./transition.ts";

/** Nobody turns round faster than this, unless there was time to slow down in between. */
const TURNING_SPEED_MPS = 4;
const TURNING_S = 8;
/** Below this reach a search needs no direction. */
const NEARBY_M = 120;
/** The first search takes for granted that its best candidate falls no further short of what is possible, or is done again. */
const SHORTFALL_MAX = 5;

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
  /** Of the hypothesis at hand: its number, where it was, its score before the way, and the most that the fix can add. */
  #source = 0;
  #startM = 0;
  #score = 0;
  #peak = 0;
  #speedMps = 0;

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

  #advanceOne(state: MatchState, source: number, step: FixStep, credit: number, search: SearchWidth): void {
    const h = this.#s.predicted;
    const at = source * STRIDE;
    const { fix, dtS } = step;
    predict(state.hypotheses, at, dtS, state.noise, h);
    let score = h[SCORE]! + credit;
    if (fix.speedMps >= 0) score += observeSpeed(h, dtS, fix.speedMps);
    this.#source = source;
    this.#startM = state.hypotheses[at + ALONG]!;
    this.#score = score;
    this.#speedMps = fix.speedMps;
    this.#peak = likelihoodMax(h);
    const { slots, beam } = this.#s;
    const isFirst = slots.best === Number.NEGATIVE_INFINITY;
    const floor = isFirst ? score + this.#peak - SHORTFALL_MAX - beam : Number.NEGATIVE_INFINITY;
    this.#search(state.noise.sigmaM, search, floor);
    if (slots.best - beam < floor) this.#search(state.noise.sigmaM, search, Number.NEGATIVE_INFINITY);
    if (h[FIELD.speedMps]! < TURNING_SPEED_MPS || dtS > TURNING_S) this.#turnRound(fix);
  }

  /** Considers every edge that the predicted hypothesis can have reached; what scores less than `floor` may be left out. */
  #search(sigmaM: number, search: SearchWidth, floor: number): void {
    const h = this.#s.predicted;
    const { place, slots, beam, heading, roads } = this.#s;
    const { edgeLengthM } = roads;
    const score = this.#score;
    const peak = this.#peak;
    const start = h[EDGE]!;
    const startM = this.#startM;
    const expectedM = h[ALONG]!;
    const perMetre2 = 0.5 / h[FIELD.covAA]!;
    const gateM = 4 * sigmaM + 15;
    const metreCostMin = COST_PER_METRE_MIN * this.#s.wayCostFactor;
    let maxM = expectedM + search.sigmas * Math.sqrt(h[FIELD.covAA]!) + 2;
    // Over short times the speed bounds the search; over long ones the place of the fix does.
    const isLong = maxM - startM > NEARBY_M;
    if (isLong) maxM = Math.min(maxM, startM + search.detour * (this.#distanceToOrigin(start, startM) + 75) + gateM);
    const reach = this.#reach;
    const errorM = Math.sqrt(h[FIELD.errorEastM]! ** 2 + h[FIELD.errorNorthM]! ** 2);
    const errorVariance = widestVariance(h);
    const farM = FAR_SIGMAS * Math.sqrt(errorVariance);
    let later = 0;
    reach.begin(start, place.vertexDistanceM(startVertex(roads, start)));
    for (let label = reach.next(); label >= 0; label = reach.next()) {
      const prior = score - reach.cost[label]!;
      const hopeless = Math.max(floor, slots.best - beam);
      if (prior + peak < hopeless) break;
      const directed = reach.edge[label]!;
      const edgeM = edgeLengthM[directed >> 1]!;
      const startsM = reach.lengthM[label]!;
      const endsM = startsM + edgeM;
      const awayM = place.vertexDistanceM(startVertex(roads, directed ^ 1));
      reach.awayM[label + 1] = awayM;
      // To be on this edge costs at least the way from where the vehicle is expected to the edge's nearer end,
      const missedM = expectedM > endsM ? expectedM - endsM : expectedM < startsM ? startsM - expectedM : 0;
      let cost = missedM * missedM * perMetre2;
      if (prior - cost + peak > hopeless) {
        // and as large an error of the fix as the edge is away from it: no point of an edge is nearer than this.
        const gapM = (reach.awayM[reach.parent[label]! + 1]! + awayM - edgeM) / 2 - errorM;
        if (gapM > farM) cost = Math.max(cost, 0.5 * logBelow(tailFactor((gapM * gapM) / errorVariance)));
        // Besides, its heading must be explained.
        if (heading.known) {
          const apart = this.#bearings.apart256(directed, heading.bearing256);
          if (apart > 0) cost += 0.5 * logBelow(headingFactorApart(heading, apart));
        }
        const bound = prior - cost;
        if (bound < score - beam && later < LATER_MAX && slots.best === Number.NEGATIVE_INFINITY) {
          this.#later[later] = label;
          this.#laterBound[later++] = bound;
        } else if (bound + peak > hopeless) this.#considerLabel(label);
      }
      if (endsM > maxM) continue;
      reach.costMax = score + peak - hopeless;
      if (isLong) {
        const leftM = awayM - gateM;
        const furtherM = Math.max(0, endsM + leftM - expectedM);
        const furtherCost = furtherM * furtherM * perMetre2;
        if (endsM + leftM > maxM || prior + peak - metreCostMin * leftM - furtherCost < hopeless) continue;
        reach.costMax -= furtherCost;
      }
      reach.expand(label);
    }
    for (let i = 0; i < later; i++)
      if (this.#laterBound[i]! + peak > slots.best - beam) this.#considerLabel(this.#later[i]!);
  }

  #distanceToOrigin(directed: number, offsetM: number): number {
    this.#s.place.placeAt(directed, offsetM);
    return Math.sqrt(this.#s.place.eastM ** 2 + this.#s.place.northM ** 2);
  }

  #considerLabel(label: number): void {
    const { edge, lengthM, cost } = this.#reach;
    const slot = this.#consider(edge[label]!, lengthM[label]!, cost[label]!);
    if (slot >= 0 && label > 0) this.#recordPath(slot, label);
  }

  /**
   * Works out one candidate edge for the predicted hypothesis: it begins `shiftM` from where the way begins and costs so much
   * to come to. Returns its slot, −1 for one that others leave behind.
   */
  #consider(directed: number, shiftM: number, cost: number): number {
    const { slots, place, predicted, heading, beam, roads } = this.#s;
    const floats = slots.floats;
    const at = slots.workAt;
    const edge = directed >> 1;
    const edgeM = roads.edgeLengthM[edge]!;
    let factor = weighOnEdge(predicted, shiftM, place, directed, edgeM);
    let score = this.#score - cost;
    if (this.#speedMps > 0) score -= speedingCost(roads, edge, this.#speedMps);
    if (score - 0.5 * logBelow(factor) < slots.best - beam) return -1;
    settlePosition(predicted, floats, at);
    score += confine(floats, at, edgeM);
    if (heading.known) {
      const along = floats[at + ALONG]!;
      if (along < place.fromM || along > place.toM) place.placeAt(directed, along);
      factor *= headingFactor(heading, place.tangentE, place.tangentN);
    }
    score -= 0.5 * Math.log(factor);
    if (score < slots.best - beam) return -1;
    floats[at + SCORE] = score;
    floats[at + EDGE] = directed;
    return slots.take(this.#source, INNOVATION);
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
  #turnRound(fix: MatchFix): void {
    const { slots, predicted: h, roads, beam } = this.#s;
    const back = h[EDGE]! ^ 1;
    if (!mayDrive(roads, this.#s.vehicle, back)) return;
    if (this.#score - U_TURN_COST + this.#peak < slots.best - beam) return;
    const edgeM = roads.edgeLengthM[back >> 1]!;
    const turnedAtM = Math.min(edgeM, Math.max(0, h[ALONG]!));
    h[ALONG] = edgeM - turnedAtM;
    h[FIELD.speedMps] = fix.speedMps >= 0 ? fix.speedMps : 1;
    h[FIELD.covAS] = 0;
    h[FIELD.covSE] = 0;
    h[FIELD.covSN] = 0;
    h[FIELD.covAE] = -h[FIELD.covAE]!;
    h[FIELD.covAN] = -h[FIELD.covAN]!;
    h[FIELD.covSS] = 9;
    const slot = this.#consider(back, 0, U_TURN_COST);
    if (slot < 0) return;
    const to = slots.reservePath(slot, 1);
    if (to < 0) return;
    slots.pool[to] = back;
    slots.enterM[slot] = edgeM - turnedAtM;
    slots.leaveM[slot] = turnedAtM;
  }
}

function startVertex(roads: RoadNetwork, directed: number): number {
  return directed & 1 ? roads.edgeTo[directed >> 1]! : roads.edgeFrom[directed >> 1]!;
}
