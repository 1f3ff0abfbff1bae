import { CHECKPOINT_HYPOTHESES, checkpointTips, renumberCheckpoints } from "./checkpoint.ts";
import { FIELD, STRIDE } from "./hypothesis.ts";
import { HYPOTHESES_MAX, type MatchState } from "./match-state.ts";
import { NODE_CAPACITY, type PathStep } from "./path-tree.ts";
import type { MatchScratch } from "./scratch.ts";

const { score: SCORE, node: NODE } = FIELD;

/** Makes the best candidates the hypotheses of the next fix, and keeps the tree of their paths. */
export class Survivors {
  readonly #s: MatchScratch;
  /** Slots of the best candidates, best first. */
  readonly #order = new Int32Array(HYPOTHESES_MAX);
  /** Nodes that the checkpoints, and from `firstTip` on the candidates' new edges, hang on. */
  readonly #tips = new Int32Array(HYPOTHESES_MAX + 2 * CHECKPOINT_HYPOTHESES);
  #firstTip = 0;

  constructor(scratch: MatchScratch) {
    this.#s = scratch;
  }

  /** Keeps the candidates within the beam, best first, and adds their edges to the path tree. */
  keepBest(state: MatchState, decided: (step: PathStep) => void): void {
    const { floats, count, best } = this.#s.slots;
    const order = this.#order;
    const { hypotheses } = state;
    let kept = this.#sortBest(floats, count, best - this.#s.beam);
    kept = this.#makeRoom(state, kept, decided);
    const firstNew = state.tree.used;
    for (let k = 0; k < kept; k++)
      floats[order[k]! * STRIDE + NODE] = this.#addNodes(state, order[k]!, this.#tips[this.#firstTip + k]!, firstNew);
    for (let k = 0; k < kept; k++) {
      const from = order[k]! * STRIDE;
      const to = k * STRIDE;
      for (let i = 0; i < STRIDE; i++) hypotheses[to + i] = floats[from + i]!;
      hypotheses[to + SCORE]! -= best;
    }
    state.count = kept;
  }

  #addNodes(state: MatchState, slot: number, parent: number, firstNew: number): number {
    const slots = this.#s.slots;
    const { tree } = state;
    let node = parent;
    const start = slots.pathStart[slot]!;
    const last = slots.pathLength[slot]! - 1;
    for (let i = 0; i <= last; i++) {
      const edge = slots.pool[start + i]!;
      let child = -1;
      for (let n = firstNew; n < tree.used; n++) if (tree.parent[n] === node && tree.edge[n] === edge) child = n;
      if (child < 0) {
        const enterM = i === last ? slots.enterM[slot]! : 0;
        const leaveM = i === 0 ? slots.leaveM[slot]! : Number.NaN;
        child = tree.add(node, edge, enterM, leaveM, state.fixes);
      }
      node = child;
    }
    return node;
  }

  /**
   * Before nodes are added: fills `tips` with the nodes they go under, forgets dead branches and hands over what is
   * decided. What still does not fit costs the worst candidates their place, then the checkpoints, so a device's memory is bounded;
   * only one long way to a single candidate makes the tree grow, until it is decided at once. Returns how many candidates stay.
   */
  #makeRoom(state: MatchState, candidates: number, decided: (step: PathStep) => void): number {
    const { tree, hypotheses: h } = state;
    const slots = this.#s.slots;
    const tips = this.#tips;
    let needed = 0;
    for (let k = 0; k < candidates; k++) needed += slots.pathLength[this.#order[k]!]!;
    const fits = tree.used + needed <= NODE_CAPACITY;
    const first = fits ? 0 : checkpointTips(state, tips);
    this.#firstTip = first;
    for (let k = 0; k < candidates; k++) {
      const source = slots.source[this.#order[k]!]!;
      tips[first + k] = source < 0 ? -1 : h[source * STRIDE + NODE]!;
    }
    if (fits) return candidates;
    let kept = candidates;
    tree.settle(tips, first + kept, decided);
    while (kept > 1 && tree.used + needed > NODE_CAPACITY) {
      needed -= slots.pathLength[this.#order[--kept]!]!;
      tree.settle(tips, first + kept, decided);
    }
    renumberCheckpoints(state, tips);
    if (tree.used + needed > NODE_CAPACITY) this.#forgetCheckpoints(state, kept, decided);
    tree.grow(tree.used + needed);
    return kept;
  }

  /** Decides all that the candidates share although the match could go back to before it. */
  #forgetCheckpoints(state: MatchState, candidates: number, decided: (step: PathStep) => void): void {
    const tips = this.#tips;
    state.older.clear();
    state.newer.clear();
    for (let k = 0; k < candidates; k++) tips[k] = tips[this.#firstTip + k]!;
    this.#firstTip = 0;
    state.tree.settle(tips, candidates, decided);
  }

  /** Fills `order` with the slots that score at least this much; returns how many. */
  #sortBest(floats: Float64Array, count: number, scoreMin: number): number {
    const order = this.#order;
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const score = floats[i * STRIDE + SCORE]!;
      if (!(score >= scoreMin)) continue;
      const isFull = kept === HYPOTHESES_MAX;
      if (isFull && floats[order[kept - 1]! * STRIDE + SCORE]! >= score) continue;
      let to = isFull ? kept - 1 : kept++;
      for (; to > 0 && floats[order[to - 1]! * STRIDE + SCORE]! < score; to--) order[to] = order[to - 1]!;
      order[to] = i;
    }
    return kept;
  }
}
