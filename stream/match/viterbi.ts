import { HALF_TURN_E7, lonMetresPerE7, METRES_PER_E7 } from "../roads/geometry.ts";
import type { RoadNetwork } from "../roads/network-file.ts";
import { rewind, updateCheckpoints } from "./checkpoint.ts";
import { readHeading } from "./emission.ts";
import { FIELD, OFF_ROAD, STRIDE } from "./hypothesis.ts";
import type { FixStep, MatchAnswer, MatchFix } from "./match-fix.ts";
import { HYPOTHESES_MAX, type MatchState } from "./match-state.ts";
import { OffRoadCandidates } from "./off-road-candidates.ts";
import { GAP, type PathStep } from "./path-tree.ts";
import { RoadCandidates, type SearchWidth } from "./road-candidates.ts";
import { type MatchOptions, MatchScratch } from "./scratch.ts";
import { stand, stands } from "./standing.ts";
import { Survivors } from "./survivors.ts";

/** Beyond a gap of this length the drive before says nothing about the one after. */
const GAP_S_MAX = 1200;
/** A fix is a gross error when its surprise and its distance are beyond these, unless it happens this often in a row. */
const OUTLIER_SURPRISE = 40;
const OUTLIER_SIGMAS = 4;
const OUTLIER_M = 12;
const OUTLIERS_MAX = 3;
/** How far to look for ways, at first and when that finds nothing after a gap. */
const SEARCH: SearchWidth = { sigmas: 3.2, detour: 1.7 };
const SEARCH_WIDE: SearchWidth = { sigmas: 5, detour: 7 };
const SEARCH_WIDE_FROM_S = 8;
/** Noise is learned where the best hypothesis leads by this much, the road is straight, and fixes are not too far apart. */
const CERTAIN_LEAD = 1.5;
const STRAIGHT_COSINE = 0.95;
const LEARN_INTERVAL_S_MAX = 60;

const NO_FIX: MatchFix = { timeMs: 0, lat: 0, lon: 0, speedMps: 0, headingDeg: 0, accuracyM: 0 };

const { score: SCORE, edge: EDGE, alongM: ALONG, node: NODE } = FIELD;

/**
 * Online map matching by a hidden Markov model (Newson and Krumm 2009) whose states are directed edges, each with a
 * Kalman filter along the road that also follows the receiver's slowly changing error. One instance serves all devices of
 * a thread: it holds scratch memory only.
 */
export class Viterbi {
  readonly #s: MatchScratch;
  readonly #onRoad: RoadCandidates;
  readonly #offRoad: OffRoadCandidates;
  readonly #survivors: Survivors;
  /** Used again for every fix. */
  readonly #step = newStep();
  readonly #weights = new Float64Array(HYPOTHESES_MAX);
  readonly #answer: MatchAnswer = { directed: OFF_ROAD, offsetM: 0, latE7: 0, lonE7: 0, confidence: 0, offRoad: true };

  constructor(roads: RoadNetwork, options: MatchOptions = {}) {
    this.#s = new MatchScratch(roads, options);
    this.#onRoad = new RoadCandidates(this.#s);
    this.#offRoad = new OffRoadCandidates(this.#s);
    this.#survivors = new Survivors(this.#s);
  }

  /** Takes the next fix of a device, updates its state and returns the answer of that moment (reused object). */
  step(state: MatchState, fix: MatchFix, decided: (step: PathStep) => void): MatchAnswer {
    const step = readStep(state, fix, this.#step);
    this.#s.place.setOrigin(step.latE7, step.lonE7, step.lonScale);
    this.#s.chooseBeam(step.dtS);
    state.fixes++;
    const isFirst = state.count === 0;
    if (!isFirst && step.dtS <= 0) return this.#report(state);
    if (!isFirst) state.noise.heedDisplacement(step.eastM, step.northM, step.dtS);
    state.noise.load(fix.accuracyM);
    if (stands(state, step)) {
      stand(state, step, this.#s);
      moveTo(state, step);
      return this.#report(state);
    }
    readHeading(fix.headingDeg, fix.speedMps, this.#s.heading);
    this.#s.slots.clear();
    // Roads end at the date line, and so does what is known of a drive: the match starts again beyond it.
    if (!isFirst && step.dtS <= GAP_S_MAX && Math.abs(step.lonE7 - state.lonE7) <= HALF_TURN_E7) {
      this.#advance(state, step);
      if (this.#isOutlier(state.noise.sigmaM)) {
        if (state.outliers++ < OUTLIERS_MAX) {
          state.noise.forgetDisplacement();
          return this.#report(state);
        }
        this.#s.slots.clear();
        this.#advanceFromCheckpoint(state, step);
      }
    }
    if (this.#s.slots.count === 0) {
      state.acrossM = Number.NaN;
      this.#offRoad.restart(state, step);
    }
    this.#survivors.keepBest(state, decided);
    moveTo(state, step);
    state.outliers = 0;
    this.#learnNoise(state, step.dtS);
    updateCheckpoints(state);
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

  #advance(state: MatchState, step: FixStep): void {
    this.#onRoad.advance(state, step, SEARCH);
    // A way that turns back on itself, as ramps do: look further before anything else is believed.
    if (step.dtS > SEARCH_WIDE_FROM_S && this.#isOutlier(state.noise.sigmaM))
      this.#onRoad.advance(state, step, SEARCH_WIDE);
    this.#offRoad.advance(state, step);
  }

  /** The last fixes were gross errors and led astray: tries to explain this one from before them. */
  #advanceFromCheckpoint(state: MatchState, step: FixStep): void {
    const { count, timeMs, latE7, lonE7 } = state;
    const kept = state.hypotheses.slice();
    if (!rewind(state, step.fix.timeMs)) return;
    this.#advance(state, readStep(state, step.fix, newStep()));
    if (!this.#isOutlier(state.noise.sigmaM)) return;
    this.#s.slots.clear();
    state.hypotheses.set(kept);
    Object.assign(state, { count, timeMs, latE7, lonE7 });
  }

  #isOutlier(sigmaM: number): boolean {
    const slots = this.#s.slots;
    if (slots.count === 0) return true;
    const best = slots.bestSlot;
    const farM = OUTLIER_SIGMAS * sigmaM + OUTLIER_M;
    return slots.surprise[best]! > OUTLIER_SURPRISE && slots.missM2[best]! > farM * farM;
  }

  #learnNoise(state: MatchState, dtS: number): void {
    const h = state.hypotheses;
    if (h[EDGE] === OFF_ROAD || (state.count > 1 && h[STRIDE + SCORE]! > -CERTAIN_LEAD)) {
      state.acrossM = Number.NaN;
      return;
    }
    const place = this.#s.place;
    place.placeAt(h[EDGE]!, h[ALONG]!);
    const acrossM = place.eastM * place.tangentN - place.northM * place.tangentE;
    const isStraight = place.tangentE * state.acrossE + place.tangentN * state.acrossN > STRAIGHT_COSINE;
    if (isStraight && !Number.isNaN(state.acrossM) && dtS <= LEARN_INTERVAL_S_MAX)
      state.noise.learn(acrossM, state.acrossM, dtS);
    state.acrossM = acrossM;
    state.acrossE = place.tangentE;
    state.acrossN = place.tangentN;
  }

  #report(state: MatchState): MatchAnswer {
    const h = state.hypotheses;
    if (state.count === 1) return this.#reportBest(state, 0, 1);
    const weights = this.#weights;
    let total = 0;
    let best = 0;
    let share = 0;
    for (let i = 0; i < state.count; i++) {
      const behind = h[i * STRIDE + SCORE]!;
      weights[i] = behind === 0 ? 1 : Math.exp(behind);
      total += weights[i]!;
    }
    // Hypotheses on the same way and direction speak for one answer.
    for (let i = 0; i < state.count; i++) {
      let same = 0;
      for (let k = 0; k < state.count; k++)
        if (this.#sameWay(h[i * STRIDE + EDGE]!, h[k * STRIDE + EDGE]!)) same += weights[k]!;
      if (same > share) {
        share = same;
        best = i;
      }
    }
    return this.#reportBest(state, best, total > 0 ? share / total : 0);
  }

  #reportBest({ hypotheses: h, count }: MatchState, best: number, confidence: number): MatchAnswer {
    const answer = this.#answer;
    const directed = count > 0 ? h[best * STRIDE + EDGE]! : OFF_ROAD;
    answer.directed = directed;
    answer.offRoad = directed === OFF_ROAD;
    answer.confidence = confidence;
    if (directed === OFF_ROAD) return answer;
    this.#s.place.placeAt(directed, h[best * STRIDE + ALONG]!);
    answer.offsetM = this.#s.place.atM;
    answer.latE7 = this.#s.place.latE7;
    answer.lonE7 = this.#s.place.lonE7;
    return answer;
  }

  #sameWay(a: number, b: number): boolean {
    if (a === b) return true;
    if (a < 0 || b < 0 || ((a ^ b) & 1) === 1) return false;
    return this.#s.roads.edgeWay[a >> 1] === this.#s.roads.edgeWay[b >> 1];
  }
}

/** The fix is the last one used from now on. */
function moveTo(state: MatchState, { fix, latE7, lonE7 }: FixStep): void {
  state.timeMs = fix.timeMs;
  state.latE7 = latE7;
  state.lonE7 = lonE7;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

function newStep(): Writable<FixStep> {
  const { NaN: none } = Number;
  return { fix: NO_FIX, latE7: none, lonE7: none, dtS: none, eastM: none, northM: none, lonScale: none };
}

function readStep(state: MatchState, fix: MatchFix, to: Writable<FixStep>): FixStep {
  to.fix = fix;
  to.latE7 = fix.lat * 1e7;
  to.lonE7 = fix.lon * 1e7;
  to.dtS = (fix.timeMs - state.timeMs) / 1000;
  to.lonScale = lonMetresPerE7(fix.lat);
  to.eastM = theShortWay(to.lonE7 - state.lonE7) * to.lonScale;
  to.northM = (to.latE7 - state.latE7) * METRES_PER_E7;
  return to;
}

/** A difference of longitudes (1e-7 degrees) without going round the earth. */
function theShortWay(lonE7: number): number {
  return lonE7 > HALF_TURN_E7 ? lonE7 - 2 * HALF_TURN_E7 : lonE7 < -HALF_TURN_E7 ? lonE7 + 2 * HALF_TURN_E7 : lonE7;
}
