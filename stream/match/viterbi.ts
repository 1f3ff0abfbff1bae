import { lonMetresPerE7, METRES_PER_E7 } from "../roads/geometry.ts";
import { findEdgesNear } from "../roads/grid-index.ts";
import type { RoadNetwork } from "../roads/network-file.ts";
import { confine, INNOVATION, observePosition, observeSpeed, predict } from "./along-road.ts";
import { type Heading, headingLikelihood, observeOnEdge, readHeading } from "./emission.ts";
import { FIELD, OFF_ROAD, STRIDE } from "./hypothesis.ts";
import { HYPOTHESES_MAX, type MatchState } from "./match-state.ts";
import { joinCost, leaveCost, offRoadStep, START_OFF_ROAD_COST } from "./off-road.ts";
import { GAP, NODE_CAPACITY, type PathStep } from "./path-tree.ts";
import { EdgePlace } from "./project.ts";
import { Reach } from "./reach.ts";
import { Slots } from "./slots.ts";
import { CAR, COST_PER_METRE, mayDrive, U_TURN_COST, type VehicleKind } from "./transition.ts";

/** One position report, WGS 84; speed, heading and accuracy (68 % radius) are NaN where the device gives none. */
export interface MatchFix {
  timeMs: number;
  lat: number;
  lon: number;
  speedMps: number;
  headingDeg: number;
  accuracyM: number;
}

/** The answer for the fix just taken. `directed` is `OFF_ROAD` when the vehicle is on no road, or none was found. */
export interface MatchAnswer {
  directed: number;
  offsetM: number;
  latE7: number;
  lonE7: number;
  confidence: number;
  offRoad: boolean;
}

export interface ViterbiOptions {
  vehicle?: VehicleKind;
  /** Log-likelihood below the best at which a hypothesis is given up. */
  beam?: number;
}

/** Beyond a gap of this length the drive before says nothing about the one after. */
const GAP_S_MAX = 1200;
/** A fix is a gross error when its surprise and its distance are beyond these, unless it happens this often in a row. */
const OUTLIER_SURPRISE = 40;
const OUTLIER_SIGMAS = 4;
const OUTLIER_M = 12;
const OUTLIERS_MAX = 3;
const START_RADIUS_M = 40;
/** Nobody turns round faster than this, unless there was time to slow down in between. */
const TURNING_SPEED_MPS = 4;
const TURNING_S = 8;
/** How much longer than the straight line a way may be, at first and when that finds nothing after a gap. */
const DETOUR = 2;
const DETOUR_WIDE = 7;
const DETOUR_WIDE_FROM_S = 8;
/** Below this reach a search needs no direction. */
const NEARBY_M = 120;
/** Bounds on a log-likelihood for giving up a search early. */
const PEAK_MAX = 2;
const PEAK_MARGIN = 1;
const BEAM = 8;
const EDGES_NEAR_MAX = 256;
const UNKNOWN_SPEED_VARIANCE = 14 ** 2;

const { score: SCORE, edge: EDGE, alongM: ALONG, node: NODE } = FIELD;

/**
 * Online map matching by a hidden Markov model (Newson and Krumm 2009) whose states are directed edges, each with a
 * Kalman filter along the road that also follows the receiver's slowly changing error. One instance serves all devices of
 * a thread: it holds scratch memory only.
 */
export class Viterbi {
  readonly #roads: RoadNetwork;
  readonly #vehicle: VehicleKind;
  readonly #beam: number;
  readonly #reach: Reach;
  readonly #place: EdgePlace;
  readonly #slots = new Slots();
  readonly #predicted = new Float64Array(STRIDE);
  readonly #near = new Uint32Array(EDGES_NEAR_MAX);
  readonly #seen: Uint32Array;
  readonly #order = new Int32Array(256);
  readonly #tips = new Int32Array(HYPOTHESES_MAX);
  readonly #heading: Heading = { known: false, east: 0, north: 0, variance: 1 };
  #stamp = 0;
  readonly answer: MatchAnswer = { directed: OFF_ROAD, offsetM: 0, latE7: 0, lonE7: 0, confidence: 0, offRoad: false };

  constructor(roads: RoadNetwork, options: ViterbiOptions = {}) {
    this.#roads = roads;
    this.#vehicle = options.vehicle ?? CAR;
    this.#beam = options.beam ?? BEAM;
    this.#reach = new Reach(roads, this.#vehicle);
    this.#place = new EdgePlace(roads);
    this.#seen = new Uint32Array(roads.edgeFrom.length);
  }

  /** Takes the next fix of a device, updates its state and returns the answer of that moment (reused object). */
  step(state: MatchState, fix: MatchFix, decided: (step: PathStep) => void): MatchAnswer {
    const latE7 = fix.lat * 1e7;
    const lonE7 = fix.lon * 1e7;
    this.#place.setOrigin(latE7, lonE7);
    const dtS = (fix.timeMs - state.timeMs) / 1000;
    state.fixes++;
    if (state.count > 0 && dtS <= 0) return this.#report(state);
    if (state.count > 0)
      state.noise.heedDisplacement(
        (lonE7 - state.lonE7) * lonMetresPerE7(fix.lat),
        (latE7 - state.latE7) * METRES_PER_E7,
        dtS,
      );
    state.noise.load(fix.accuracyM);
    readHeading(fix.headingDeg, fix.speedMps, this.#heading);
    this.#slots.clear();
    if (state.count > 0 && dtS <= GAP_S_MAX) {
      this.#advance(state, fix, latE7, lonE7, dtS);
      if (this.#isOutlier(state.noise.sigmaM)) {
        if (state.outliers++ < OUTLIERS_MAX) {
          state.noise.forgetDisplacement();
          return this.#report(state);
        }
        this.#slots.clear();
      }
    }
    if (this.#slots.count === 0) this.#restart(state, fix, latE7, lonE7);
    this.#survive(state, decided);
    state.timeMs = fix.timeMs;
    state.latE7 = latE7;
    state.lonE7 = lonE7;
    state.outliers = 0;
    this.#learnNoise(state, dtS);
    return this.#report(state);
  }

  /** Hands over what is still open of the best path: call once at the end of a trace. */
  finish(state: MatchState, decided: (step: PathStep) => void): void {
    if (state.count === 0) return;
    const node = state.hypotheses[NODE]!;
    for (const n of state.tree.lineage(node)) decided(state.tree.stepAt(n));
    const directed = state.hypotheses[EDGE]!;
    if (directed !== OFF_ROAD)
      decided({ edge: GAP, enterM: 0, leaveM: state.hypotheses[ALONG]!, fix: state.fixes + 1 });
  }

  #advance(state: MatchState, fix: MatchFix, latE7: number, lonE7: number, dtS: number): void {
    const h = state.hypotheses;
    // Any way there costs at least the straight line: that much is no argument against having driven.
    const east = (lonE7 - state.lonE7) * lonMetresPerE7(fix.lat);
    const north = (latE7 - state.latE7) * METRES_PER_E7;
    const credit = COST_PER_METRE * Math.sqrt(east * east + north * north);
    this.#advanceOnRoads(state, fix, dtS, credit, DETOUR);
    // A way that turns back on itself, as ramps do: look further before anything else is believed.
    if (dtS > DETOUR_WIDE_FROM_S && this.#isOutlier(state.noise.sigmaM))
      this.#advanceOnRoads(state, fix, dtS, credit, DETOUR_WIDE);
    let offScore = Number.NEGATIVE_INFINITY;
    let offSource = -1;
    for (let i = 0; i < state.count; i++)
      if (h[i * STRIDE + EDGE] === OFF_ROAD && h[i * STRIDE + SCORE]! > offScore) {
        offScore = h[i * STRIDE + SCORE]!;
        offSource = i;
      }
    const leaving = h[EDGE] !== OFF_ROAD ? h[SCORE]! - leaveCost(h[FIELD.speedMps]!) : Number.NEGATIVE_INFINITY;
    if (leaving > offScore) this.#advanceOffRoad(state, 0, leaving, fix, latE7, lonE7, dtS);
    else if (offSource >= 0) {
      const score = this.#advanceOffRoad(state, offSource, offScore, fix, latE7, lonE7, dtS);
      this.#join(state, fix, latE7, lonE7, offSource, score - joinCost(dtS));
    }
  }

  #advanceOnRoads(state: MatchState, fix: MatchFix, dtS: number, credit: number, detour: number): void {
    for (let i = 0; i < state.count; i++)
      if (state.hypotheses[i * STRIDE + EDGE] !== OFF_ROAD) this.#advanceOnRoad(state, i, fix, dtS, credit, detour);
  }

  #advanceOnRoad(state: MatchState, source: number, fix: MatchFix, dtS: number, credit: number, detour: number): void {
    const h = this.#predicted;
    const at = source * STRIDE;
    predict(state.hypotheses, at, dtS, state.noise, h);
    const startM = state.hypotheses[at + ALONG]!;
    let score = h[SCORE]! + credit;
    if (fix.speedMps >= 0) score += observeSpeed(h, fix.speedMps);
    const start = h[EDGE]!;
    const expectedM = h[ALONG]!;
    const perMetre2 = 0.5 / h[FIELD.covAA]!;
    const gateM = 4 * state.noise.sigmaM + 15;
    let maxM = expectedM + 4 * Math.sqrt(h[FIELD.covAA]!) + 2;
    // Over short times the speed bounds the search; over long ones the place of the fix does.
    const isLong = maxM - startM > NEARBY_M;
    if (isLong) maxM = Math.min(maxM, startM + detour * (this.#distanceToOrigin(start, startM) + 75) + gateM);
    const reach = this.#reach;
    const { edgeLengthM, edgeFrom, edgeTo } = this.#roads;
    let peak = PEAK_MAX;
    reach.begin(start);
    for (let label = reach.next(); label >= 0; label = reach.next()) {
      const prior = score - reach.cost[label]!;
      const hopeless = this.#slots.best - this.#beam;
      if (prior + peak < hopeless) break;
      const directed = reach.edge[label]!;
      const startsM = reach.lengthM[label]!;
      const endsM = startsM + edgeLengthM[directed >> 1]!;
      // To be on this edge costs at least the way from where the vehicle is expected to the edge's nearer end.
      const missedM = expectedM > endsM ? expectedM - endsM : expectedM < startsM ? startsM - expectedM : 0;
      if (prior + peak - missedM * missedM * perMetre2 > hopeless) {
        this.#consider(source, h, directed, startsM, prior, label);
        // What the best of the further edges could still reach: the same spread without the misfit.
        peak = INNOVATION.peak + PEAK_MARGIN;
      }
      if (endsM > maxM) continue;
      if (isLong) {
        const vertex = directed & 1 ? edgeFrom[directed >> 1]! : edgeTo[directed >> 1]!;
        if (endsM + this.#place.vertexDistanceM(vertex) - gateM > maxM) continue;
      }
      reach.expand(label);
    }
    if (h[FIELD.speedMps]! < TURNING_SPEED_MPS || dtS > TURNING_S) this.#turnRound(source, start, score, fix);
  }

  #distanceToOrigin(directed: number, offsetM: number): number {
    this.#place.placeAt(directed, offsetM);
    return Math.sqrt(this.#place.eastM ** 2 + this.#place.northM ** 2);
  }

  /** Works out one candidate edge for a predicted hypothesis. */
  #consider(source: number, h: Float64Array, directed: number, shiftM: number, prior: number, label: number): void {
    const slots = this.#slots;
    const place = this.#place;
    const floats = slots.floats;
    const at = slots.workAt;
    const edgeM = this.#roads.edgeLengthM[directed >> 1]!;
    const likelihood = observeOnEdge(h, shiftM, place, directed, edgeM, floats, at);
    const { squared, distanceM } = INNOVATION;
    let score = prior + likelihood;
    if (score < slots.best - this.#beam) return;
    score += confine(floats, at, edgeM);
    if (this.#heading.known) {
      const along = floats[at + ALONG]!;
      if (along < place.fromM || along > place.toM) place.placeAt(directed, along);
      score += headingLikelihood(this.#heading, place.tangentE, place.tangentN);
    }
    if (score < slots.best - this.#beam) return;
    floats[at + SCORE] = score;
    floats[at + EDGE] = directed;
    const slot = slots.take(squared, distanceM, source);
    if (slot >= 0 && label > 0) this.#recordPath(slot, label);
  }

  #recordPath(slot: number, label: number): void {
    const reach = this.#reach;
    let length = 0;
    for (let l = label; l > 0; l = reach.parent[l]!) length++;
    let to = this.#slots.reservePath(slot, length) + length;
    if (to < length) return;
    for (let l = label; l > 0; l = reach.parent[l]!) this.#slots.pool[--to] = reach.edge[l]!;
  }

  /** The hypothesis that the vehicle turned round in the road since the last fix. */
  #turnRound(source: number, directed: number, score: number, fix: MatchFix): void {
    const back = directed ^ 1;
    if (!mayDrive(this.#roads, this.#vehicle, back)) return;
    const prior = score - U_TURN_COST;
    if (prior < this.#slots.best - this.#beam) return;
    const h = this.#predicted;
    const edgeM = this.#roads.edgeLengthM[directed >> 1]!;
    const turnedAtM = Math.min(edgeM, Math.max(0, h[ALONG]!));
    h[ALONG] = edgeM - turnedAtM;
    h[FIELD.speedMps] = fix.speedMps >= 0 ? fix.speedMps : 1;
    h[FIELD.covAS] = 0;
    h[FIELD.covSE] = 0;
    h[FIELD.covSN] = 0;
    h[FIELD.covAE] = -h[FIELD.covAE]!;
    h[FIELD.covAN] = -h[FIELD.covAN]!;
    h[FIELD.covSS] = 9;
    const before = this.#slots.count;
    this.#consider(source, h, back, 0, prior, 0);
    if (this.#slots.count === before) return;
    const slot = before;
    const to = this.#slots.reservePath(slot, 1);
    if (to < 0) return;
    this.#slots.pool[to] = back;
    this.#slots.enterM[slot] = edgeM - turnedAtM;
    this.#slots.leaveM[slot] = turnedAtM;
  }

  #advanceOffRoad(
    state: MatchState,
    source: number,
    score: number,
    fix: MatchFix,
    latE7: number,
    lonE7: number,
    dtS: number,
  ): number {
    const floats = this.#slots.floats;
    const at = this.#slots.workAt;
    const h = state.hypotheses;
    const wasOff = h[source * STRIDE + EDGE] === OFF_ROAD;
    const east = (lonE7 - state.lonE7) * lonMetresPerE7(latE7 / 1e7);
    const north = (latE7 - state.latE7) * METRES_PER_E7;
    floats.fill(0, at, at + STRIDE);
    const stepped = score + offRoadStep(east, north, dtS, fix, state.noise);
    floats[at + SCORE] = stepped;
    floats[at + EDGE] = OFF_ROAD;
    floats[at + ALONG] = latE7;
    floats[at + FIELD.speedMps] = lonE7;
    const slot = this.#slots.take(INNOVATION.squared, INNOVATION.distanceM, source);
    if (slot < 0 || wasOff) return stepped;
    const to = this.#slots.reservePath(slot, 1);
    if (to < 0) return stepped;
    this.#slots.pool[to] = GAP;
    this.#slots.leaveM[slot] = h[source * STRIDE + ALONG]!;
    return stepped;
  }

  /** Candidates on the roads near the fix, for a vehicle that comes from off the network or from nowhere. */
  #join(state: MatchState, fix: MatchFix, latE7: number, lonE7: number, source: number, prior: number): void {
    if (prior + 2 < this.#slots.best - this.#beam) return;
    const roads = this.#roads;
    const sigmaM = state.noise.sigmaM;
    const radiusM = source < 0 ? Math.max(START_RADIUS_M, 4.5 * sigmaM) : 3.5 * sigmaM + 5;
    this.#stamp = (this.#stamp + 1) >>> 0;
    const count = findEdgesNear(roads, latE7, lonE7, radiusM, this.#near, this.#seen, this.#stamp);
    for (let i = 0; i < count; i++)
      for (let direction = 0; direction < 2; direction++)
        this.#joinEdge(state, fix, this.#near[i]! * 2 + direction, source, prior, radiusM);
  }

  #joinEdge(state: MatchState, fix: MatchFix, directed: number, source: number, prior: number, radiusM: number): void {
    if (!mayDrive(this.#roads, this.#vehicle, directed)) return;
    const place = this.#place;
    const variance = state.noise.varianceM2;
    place.placeNearest(directed, 0, 1e12, 0, 0, variance);
    const distanceM2 = place.eastM ** 2 + place.northM ** 2;
    if (distanceM2 > radiusM * radiusM) return;
    let score = prior - (0.5 * distanceM2) / variance;
    if (this.#heading.known) score += headingLikelihood(this.#heading, place.tangentE, place.tangentN);
    if (score < this.#slots.best - this.#beam) return;
    const h = this.#predicted;
    h.fill(0);
    h[ALONG] = place.atM;
    h[FIELD.speedMps] = fix.speedMps >= 0 ? fix.speedMps : 0;
    h[FIELD.covAA] = 9 * variance;
    h[FIELD.covSS] = fix.speedMps >= 0 ? 1 : UNKNOWN_SPEED_VARIANCE;
    h[FIELD.covEE] = variance;
    h[FIELD.covNN] = variance;
    const { floats, workAt } = this.#slots;
    observePosition(h, 0, place.eastM, place.northM, place.atM, place.tangentE, place.tangentN, floats, workAt);
    floats[workAt + SCORE] = score + confine(floats, workAt, this.#roads.edgeLengthM[directed >> 1]!);
    floats[workAt + EDGE] = directed;
    const atM = floats[workAt + ALONG]!;
    const slot = this.#slots.take(0, 0, source);
    if (slot < 0) return;
    const to = this.#slots.reservePath(slot, 1);
    if (to < 0) return;
    this.#slots.pool[to] = directed;
    this.#slots.enterM[slot] = atM;
  }

  /** No hypothesis explains the fix: the match breaks, and starts again from what is near. */
  #restart(state: MatchState, fix: MatchFix, latE7: number, lonE7: number): void {
    const source = state.count > 0 ? 0 : -1;
    if (source === 0 && state.hypotheses[EDGE] !== OFF_ROAD) {
      const leaveM = state.hypotheses[ALONG]!;
      state.hypotheses[NODE] = state.tree.add(state.hypotheses[NODE]!, GAP, 0, leaveM, state.fixes);
    }
    state.acrossM = Number.NaN;
    this.#join(state, fix, latE7, lonE7, source, 0);
    const { floats, workAt } = this.#slots;
    floats.fill(0, workAt, workAt + STRIDE);
    floats[workAt + SCORE] = -START_OFF_ROAD_COST;
    floats[workAt + EDGE] = OFF_ROAD;
    const slot = this.#slots.take(0, 0, source);
    if (slot < 0 || source >= 0) return;
    const to = this.#slots.reservePath(slot, 1);
    if (to >= 0) this.#slots.pool[to] = GAP;
  }

  #isOutlier(sigmaM: number): boolean {
    const slots = this.#slots;
    if (slots.count === 0) return true;
    let best = 0;
    for (let i = 1; i < slots.count; i++)
      if (slots.floats[i * STRIDE + SCORE]! > slots.floats[best * STRIDE + SCORE]!) best = i;
    return slots.surprise[best]! > OUTLIER_SURPRISE && slots.missM[best]! > OUTLIER_SIGMAS * sigmaM + OUTLIER_M;
  }

  /** Keeps the candidates within the beam, best first, and adds their edges to the path tree. */
  #survive(state: MatchState, decided: (step: PathStep) => void): void {
    const { floats, count, best } = this.#slots;
    const order = this.#order;
    const { hypotheses } = state;
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const score = floats[i * STRIDE + SCORE]!;
      if (score < best - this.#beam) continue;
      let to = kept < HYPOTHESES_MAX ? kept++ : HYPOTHESES_MAX - 1;
      if (
        to === HYPOTHESES_MAX - 1 &&
        to < kept - 0 &&
        kept === HYPOTHESES_MAX &&
        order[to] !== undefined &&
        i >= HYPOTHESES_MAX
      )
        if (floats[order[to]! * STRIDE + SCORE]! >= score) continue;
      while (to > 0 && floats[order[to - 1]! * STRIDE + SCORE]! < score) {
        order[to] = order[to - 1]!;
        to--;
      }
      order[to] = i;
    }
    kept = this.#makeRoom(state, kept, decided);
    const firstNew = state.tree.used;
    for (let k = 0; k < kept; k++)
      floats[order[k]! * STRIDE + NODE] = this.#addNodes(state, order[k]!, this.#tips[k]!, firstNew);
    for (let k = 0; k < kept; k++) {
      const from = order[k]! * STRIDE;
      const to = k * STRIDE;
      for (let i = 0; i < STRIDE; i++) hypotheses[to + i] = floats[from + i]!;
      hypotheses[to + SCORE]! -= best;
    }
    state.count = kept;
  }

  #addNodes(state: MatchState, slot: number, parent: number, firstNew: number): number {
    const slots = this.#slots;
    const { tree } = state;
    let node = parent;
    const start = slots.pathStart[slot]!;
    for (let i = 0; i < slots.pathLength[slot]!; i++) {
      const edge = slots.pool[start + i]!;
      let child = -1;
      for (let n = firstNew; n < tree.used; n++) if (tree.parent[n] === node && tree.edge[n] === edge) child = n;
      if (child < 0) {
        const enterM = i === 0 ? slots.enterM[slot]! : 0;
        const leaveM = i === 0 ? slots.leaveM[slot]! : Number.NaN;
        child = tree.add(node, edge, enterM, leaveM, state.fixes);
      }
      node = child;
    }
    return node;
  }

  /**
   * Before nodes are added: fills `tips` with the nodes they go under, forgets dead branches and hands over what is
   * decided. What still does not fit costs the worst candidates their place, so a device's memory is bounded; only one
   * long way to a single candidate makes the tree grow. Returns how many candidates stay.
   */
  #makeRoom(state: MatchState, candidates: number, decided: (step: PathStep) => void): number {
    const { tree, hypotheses: h } = state;
    const slots = this.#slots;
    const tips = this.#tips;
    let needed = 0;
    for (let k = 0; k < candidates; k++) {
      const source = slots.source[this.#order[k]!]!;
      tips[k] = source < 0 ? -1 : h[source * STRIDE + NODE]!;
      needed += slots.pathLength[this.#order[k]!]!;
    }
    if (tree.used + needed <= NODE_CAPACITY) return candidates;
    let kept = candidates;
    tree.settle(tips, kept, decided);
    while (kept > 1 && tree.used + needed > NODE_CAPACITY) {
      needed -= slots.pathLength[this.#order[--kept]!]!;
      tree.settle(tips, kept, decided);
    }
    tree.grow(tree.used + needed);
    return kept;
  }

  #learnNoise(state: MatchState, dtS: number): void {
    const h = state.hypotheses;
    if (h[EDGE] === OFF_ROAD || (state.count > 1 && h[STRIDE + SCORE]! > -1.5)) {
      state.acrossM = Number.NaN;
      return;
    }
    const place = this.#place;
    place.placeAt(h[EDGE]!, h[ALONG]!);
    const acrossM = place.eastM * place.tangentN - place.northM * place.tangentE;
    const isStraight = place.tangentE * state.acrossE + place.tangentN * state.acrossN > 0.95;
    if (isStraight && !Number.isNaN(state.acrossM) && dtS <= 60) state.noise.learn(acrossM, state.acrossM, dtS);
    state.acrossM = acrossM;
    state.acrossE = place.tangentE;
    state.acrossN = place.tangentN;
  }

  #report(state: MatchState): MatchAnswer {
    const { answer } = this;
    const h = state.hypotheses;
    const directed = state.count > 0 ? h[EDGE]! : OFF_ROAD;
    let total = 0;
    let same = 0;
    for (let i = 0; i < state.count; i++) {
      const weight = Math.exp(h[i * STRIDE + SCORE]!);
      total += weight;
      if (this.#sameWay(h[i * STRIDE + EDGE]!, directed)) same += weight;
    }
    answer.directed = directed;
    answer.offRoad = directed === OFF_ROAD;
    answer.confidence = total > 0 ? same / total : 0;
    if (directed === OFF_ROAD) return answer;
    this.#place.placeAt(directed, h[ALONG]!);
    answer.offsetM = this.#place.atM;
    answer.latE7 = this.#place.latE7;
    answer.lonE7 = this.#place.lonE7;
    return answer;
  }

  #sameWay(a: number, b: number): boolean {
    if (a === b) return true;
    if (a < 0 || b < 0 || ((a ^ b) & 1) === 1) return false;
    return this.#roads.edgeWay[a >> 1] === this.#roads.edgeWay[b >> 1];
  }
}
