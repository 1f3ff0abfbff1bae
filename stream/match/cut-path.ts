import { FIELD, OFF_ROAD, STRIDE } from "./hypothesis.ts";
import type { MatchState } from "./match-state.ts";
import { GAP, type PathStep } from "./path-tree.ts";
import type { Viterbi } from "./viterbi.ts";

const NO_PARENT = -1;

/**
 * Decides the path up to now by what is most likely, without waiting for what comes: a parked vehicle's drive is written to
 * its end. The hypotheses stay and go on from where they are, so matching goes on as if nothing had been cut.
 */
export function cutPath(viterbi: Viterbi, state: MatchState, decided: (step: PathStep) => void): void {
  viterbi.finish(state, decided);
  const { hypotheses, tree } = state;
  tree.used = 0;
  for (let i = 0; i < state.count; i++) {
    const edge = hypotheses[i * STRIDE + FIELD.edge]!;
    const enterM = edge === OFF_ROAD ? 0 : hypotheses[i * STRIDE + FIELD.alongM]!;
    const node = tree.add(NO_PARENT, edge === OFF_ROAD ? GAP : edge, enterM, Number.NaN, state.fixes);
    hypotheses[i * STRIDE + FIELD.node] = node;
  }
  state.older.count = 0;
  state.newer.count = 0;
}

/** Length of the path to the most likely place now, as far as it is not decided (m). `from` is where the decided part ends. */
export function undecidedM(
  state: MatchState,
  edgeLengthM: Float32Array,
  from: { directed: number; enterM: number } | null,
): number {
  if (state.count === 0) return 0;
  const { tree, hypotheses } = state;
  let length = 0;
  for (let node = hypotheses[FIELD.node]!; node >= 0; node = tree.parent[node]!) LINEAGE[length++] = node;
  let edge = from === null ? GAP : from.directed;
  let enterM = from === null ? 0 : from.enterM;
  let totalM = 0;
  for (let i = length - 1; i >= 0; i--) {
    const node = LINEAGE[i]!;
    const leaveM = tree.leaveM[node]!;
    if (edge >= 0) totalM += Math.max(0, (leaveM >= 0 ? leaveM : edgeLengthM[edge >> 1]!) - enterM);
    edge = tree.edge[node]!;
    enterM = tree.enterM[node]!;
  }
  if (edge >= 0 && hypotheses[FIELD.edge] === edge) totalM += Math.max(0, hypotheses[FIELD.alongM]! - enterM);
  return totalM;
}

/** Nodes of one path, used again for every fix. */
const LINEAGE = new Int32Array(1 << 14);
