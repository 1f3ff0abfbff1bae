import type { RoadNetwork } from "../roads/network-file.ts";
import { openRoads } from "../roads/open.ts";
import { FinalMatcher } from "./final.ts";
import { MatchState } from "./match-state.ts";
import { Viterbi } from "./viterbi.ts";

/** The road network of a process and the matchers on it: memory that all devices of a thread use in turn. */
export class StreamRoads {
  readonly network: RoadNetwork;
  readonly viterbi: Viterbi;
  /** Holds the drive of the device at hand. */
  readonly state = new MatchState();
  #final: FinalMatcher | undefined;

  constructor(network: RoadNetwork) {
    this.network = network;
    this.viterbi = new Viterbi(network);
  }

  /** Matches what came late, and is made when that first happens. */
  get final(): FinalMatcher {
    this.#final ??= new FinalMatcher(this.network);
    return this.#final;
  }
}

/** Opens a road network file for the stream. Throws a `RoadFileError` when it is not one. */
export function openStreamRoads(path: string): StreamRoads {
  return new StreamRoads(openRoads(path));
}
