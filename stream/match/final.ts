import type { RoadNetwork } from "../roads/network-file.ts";
import { collectStretches, type Stretch } from "./legs.ts";
import type { MatchFix } from "./match-fix.ts";
import { MatchState } from "./match-state.ts";
import type { PathStep } from "./path-tree.ts";
import { type PlacedFix, placeFixes } from "./place-fixes.ts";
import type { MatchOptions } from "./scratch.ts";
import { Viterbi } from "./viterbi.ts";

export interface FinalMatch {
  /** Place of each fix on the path; undefined: off the network or unmatched. */
  placed: (PlacedFix | undefined)[];
  confidence: Float32Array;
  stretches: Stretch[];
}

/** Wider than online: a finished trace can wait for the truth to show. The pass that learns the noise needs less. */
const FINAL_BEAM = 22;
const SCOUT_BEAM = 8;
/** A live answer must leave the road at the first signs; a finished trace shows later whether it was left. */
const FINAL_RELUCTANCE = 1.3;
/** Prior cost of the ways as it was fitted to whole drives. */
const FINAL_WAY_COST_FACTOR = 1;

/** Matches whole traces: the most likely path with all fixes known, and each fix placed on it by smoothing. */
export class FinalMatcher {
  readonly #roads: RoadNetwork;
  readonly #scout: Viterbi;
  readonly #viterbi: Viterbi;

  constructor(roads: RoadNetwork, options: MatchOptions = {}) {
    this.#roads = roads;
    const ways = { wayCostFactor: FINAL_WAY_COST_FACTOR, heedsRamps: true };
    this.#scout = new Viterbi(roads, { beam: SCOUT_BEAM, ...ways, ...options });
    this.#viterbi = new Viterbi(roads, {
      ...{ beam: FINAL_BEAM, offRoadReluctance: FINAL_RELUCTANCE, ...ways },
      ...options,
    });
  }

  match(fixes: readonly MatchFix[]): FinalMatch {
    // The first pass learns the receiver's noise, the second starts from it.
    let state = new MatchState();
    const ignore = (): void => {};
    for (const fix of fixes) this.#scout.step(state, fix, ignore);
    const learned = state.noiseSums;
    state = new MatchState();
    state.noiseSums.set(learned);
    state.noiseSums[8] = 0;
    const steps: PathStep[] = [];
    const decided = (step: PathStep): void => void steps.push(step);
    const confidence = new Float32Array(fixes.length);
    const rejected = new Uint8Array(fixes.length);
    fixes.forEach((fix, i) => {
      confidence[i] = this.#viterbi.step(state, fix, decided).confidence;
      if (state.outliers > 0) rejected[i] = 1;
    });
    this.#viterbi.finish(state, decided);
    const stretches = collectStretches(this.#roads, steps, fixes.length);
    const placed: (PlacedFix | undefined)[] = Array.from({ length: fixes.length });
    for (const stretch of stretches) placeFixes(this.#roads, stretch, fixes, rejected, state.noise, placed);
    return { placed, confidence, stretches };
  }
}
