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
   * Takes the candidate that stands at `workAt` unless its edge has a better one, or all slots are taken by better ones. Returns
   * its slot, or −1; the caller then fills in the path.
   */
  take(source: number, innovation: Innovation): number {
    const work = this.workAt;
    const score = this.floats[work + FIELD.score]!;
    const edge = this.floats[work + FIELD.edge]!;
    for (let i = 0; i < this.count; i++) {
      const at = i * STRIDE;
      if (this.floats[at + FIELD.edge] !== edge) continue;
      if (this.floats[at + FIELD.score]! >= score) return -1;
      this.#copyRecord(work, at);
      return this.#describe(i, source, innovation);
    }
    if (this.count === SLOTS_MAX) {
      const worst = this.#worst();
      if (this.floats[worst * STRIDE + FIELD.score]! >= score) return -1;
      this.#copyRecord(work, worst * STRIDE);
      return this.#describe(worst, source, innovation);
    }
    return this.#describe(this.count++, source, innovation);
  }

  /**
   * Room for the path of the candidate taken last; the caller fills it in before the next is taken. Returns −1 where there is none:
   * the candidate is gone then, since nothing would tell how it came there.
   */
  reservePath(slot: number, length: number): number {
    if (this.#poolUsed + length > PATH_POOL) {
      this.#remove(slot);
      return -1;
    }
    const start = this.#poolUsed;
    this.#poolUsed += length;
    this.pathStart[slot] = start;
    this.pathLength[slot] = length;
    return start;
  }

  /** The last candidate moves to the slot of the one removed. */
  #remove(slot: number): void {
    const last = --this.count;
    this.#copyRecord(last * STRIDE, slot * STRIDE);
    for (const column of [this.source, this.pathStart, this.pathLength]) column[slot] = column[last]!;
    for (const column of [this.enterM, this.leaveM, this.surprise, this.missM2]) column[slot] = column[last]!;
    this.best = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < this.count; i++) this.#heedBest(i);
  }

  #worst(): number {
    let worst = 0;
    for (let i = 1; i < this.count; i++)
      if (this.floats[i * STRIDE + FIELD.score]! < this.floats[worst * STRIDE + FIELD.score]!) worst = i;
    return worst;
  }

  #copyRecord(from: number, to: number): void {
    for (let k = 0; k < STRIDE; k++) this.floats[to + k] = this.floats[from + k]!;
  }

  #describe(slot: number, source: number, { squared, distanceM2 }: Innovation): number {
    this.surprise[slot] = squared;
    this.missM2[slot] = distanceM2;
    this.source[slot] = source;
    this.pathLength[slot] = 0;
    this.enterM[slot] = 0;
    this.leaveM[slot] = Number.NaN;
    this.#heedBest(slot);
    return slot;
  }

  #heedBest(slot: number): void {
    const score = this.floats[slot * STRIDE + FIELD.score]!;
    if (score <= this.best) return;
    this.best = score;
    this.bestSlot = slot;
  }
}
