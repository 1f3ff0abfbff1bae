import { FIELD, STRIDE } from "./hypothesis.ts";

/** Most candidates of one fix. */
const SLOTS_MAX = 96;
const PATH_POOL = 1 << 14;

/** How far a fix was from where it was expected, both squared: in sigmas and in metres. */
export type Innovation = { readonly squared: number; readonly distanceM2: number };

/**
 * The candidates of one fix: the best hypothesis for each directed edge, with the edges driven since the last fix.
 * Viterbi's maximisation: a candidate keeps only its best predecessor.
 */
export class Slots {
  readonly floats = new Float64Array((SLOTS_MAX + 1) * STRIDE);
  /** Hypothesis that each candidate comes from, −1 for none. */
  readonly source = new Int32Array(SLOTS_MAX);
  readonly pathStart = new Int32Array(SLOTS_MAX);
  readonly pathLength = new Int32Array(SLOTS_MAX);
  /** Where the first new edge was entered and the edge before it left (NaN: at its end). */
  readonly enterM = new Float64Array(SLOTS_MAX);
  readonly leaveM = new Float64Array(SLOTS_MAX);
  /** How far the fix was from where this candidate expected it, both squared: in sigmas and in metres. */
  readonly surprise = new Float64Array(SLOTS_MAX);
  readonly missM2 = new Float64Array(SLOTS_MAX);
  readonly pool = new Int32Array(PATH_POOL);
  count = 0;
  best = Number.NEGATIVE_INFINITY;
  bestSlot = 0;
  #poolUsed = 0;

  clear(): void {
    this.count = 0;
    this.#poolUsed = 0;
    this.best = Number.NEGATIVE_INFINITY;
  }

  /** Where to work out the next candidate: the record after the last. */
  get workAt(): number {
    return this.count * STRIDE;
  }

  /**
   * Takes the candidate that stands at `workAt` unless its edge has a better one. Returns its slot, or −1; the caller
   * then fills in the path.
   */
  take(source: number, innovation: Innovation): number {
    const work = this.workAt;
    const score = this.floats[work + FIELD.score]!;
    const edge = this.floats[work + FIELD.edge]!;
    for (let i = 0; i < this.count; i++) {
      const at = i * STRIDE;
      if (this.floats[at + FIELD.edge] !== edge) continue;
      if (this.floats[at + FIELD.score]! >= score) return -1;
      for (let k = 0; k < STRIDE; k++) this.floats[at + k] = this.floats[work + k]!;
      return this.#describe(i, source, innovation);
    }
    if (this.count === SLOTS_MAX) return -1;
    return this.#describe(this.count++, source, innovation);
  }

  /** Appends an edge to a candidate's path; the caller appends all of one candidate before the next is taken. */
  reservePath(slot: number, length: number): number {
    if (this.#poolUsed + length > PATH_POOL) return -1;
    const start = this.#poolUsed;
    this.#poolUsed += length;
    this.pathStart[slot] = start;
    this.pathLength[slot] = length;
    return start;
  }

  #describe(slot: number, source: number, { squared, distanceM2 }: Innovation): number {
    this.surprise[slot] = squared;
    this.missM2[slot] = distanceM2;
    this.source[slot] = source;
    this.pathLength[slot] = 0;
    this.enterM[slot] = 0;
    this.leaveM[slot] = Number.NaN;
    const score = this.floats[slot * STRIDE + FIELD.score]!;
    if (score > this.best) {
      this.best = score;
      this.bestSlot = slot;
    }
    return slot;
  }
}
