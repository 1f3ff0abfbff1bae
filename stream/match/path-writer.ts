import type { RoadNetwork } from "../roads/network-file.ts";
import { type DrivenSegment, extendRun, type Run, runOf, segmentOf } from "./driven-run.ts";
import { GAP, type PathStep } from "./path-tree.ts";

/** Where and when the last decided edge was entered; its end is not decided. */
export type OpenEdge = { directed: number; enterM: number; enteredMs: number };

/** What happened between the fix before and a fix: times (Unix ms), and lengths of the path up to them (m). */
export type FixSpan = readonly [fix: number, beforeMs: number, timeMs: number, beforeM: number, atM: number];

export type PathState = {
  /** Length of all that is decided but for the open edge, metres. */
  readonly decidedM: number;
  readonly open: OpenEdge | null;
  readonly run: Run | null;
};

export const pathInitial: PathState = { decidedM: 0, open: null, run: null };

/** Puts decided edges together to segments of one way and direction, with times between those of the fixes. */
export class PathWriter {
  readonly segments: DrivenSegment[] = [];
  readonly #roads: RoadNetwork;
  readonly #spanOf: (fix: number) => FixSpan | undefined;
  #decidedM: number;
  #open: OpenEdge | null;
  #run: Run | null;

  constructor(state: PathState, roads: RoadNetwork, spanOf: (fix: number) => FixSpan | undefined) {
    this.#roads = roads;
    this.#spanOf = spanOf;
    this.#decidedM = state.decidedM;
    this.#open = state.open;
    this.#run = state.run === null ? null : { ...state.run, line: [...state.run.line] };
  }

  get state(): PathState {
    return { decidedM: this.#decidedM, open: this.#open, run: this.#run };
  }

  /** Where the decided part ends. */
  get open(): OpenEdge | null {
    return this.#open;
  }

  get decidedM(): number {
    return this.#decidedM;
  }

  /** The next decided step. `timeMs` is when a gap without a fix of its own came at the latest. */
  take(step: PathStep, timeMs: number): void {
    const open = this.#open;
    const leaveM = open === null ? 0 : step.leaveM >= 0 ? step.leaveM : this.#roads.edgeLengthM[open.directed >> 1]!;
    const lengthM = open === null ? 0 : Math.max(0, leaveM - open.enterM);
    this.#decidedM += lengthM;
    const atMs = this.#timeOf(step.fix, timeMs);
    if (open !== null) this.#close(open, open.enterM + lengthM, Math.max(open.enteredMs, atMs));
    this.#open = null;
    if (step.edge === GAP) this.finishRun();
    else {
      const enteredMs = open === null ? atMs : Math.max(open.enteredMs, atMs);
      this.#open = { directed: step.edge, enterM: step.enterM, enteredMs };
    }
  }

  /** When the path was as long as it is decided now. */
  #timeOf(fix: number, latestMs: number): number {
    const span = this.#spanOf(fix);
    if (span === undefined) return latestMs;
    const [, beforeMs, timeMs, beforeM, atM] = span;
    if (!(atM > beforeM)) return timeMs;
    const share = Math.min(1, Math.max(0, (this.#decidedM - beforeM) / (atM - beforeM)));
    return Math.round(beforeMs + (timeMs - beforeMs) * share);
  }

  #close({ directed, enterM, enteredMs }: OpenEdge, leaveM: number, leftMs: number): void {
    const run = runOf(this.#roads, this.#run, directed, enteredMs);
    if (run !== this.#run) this.finishRun();
    this.#run = run;
    extendRun(this.#roads, run, { directed, fromM: enterM, toM: leaveM, fix: 0, startM: 0 }, leftMs);
  }

  /** Closes the segment that is being written. */
  finishRun(): void {
    const run = this.#run;
    this.#run = null;
    if (run !== null && run.lengthM > 0) this.segments.push(segmentOf(run));
  }
}
