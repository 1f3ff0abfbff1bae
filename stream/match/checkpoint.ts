import { FIELD, STRIDE } from "./hypothesis.ts";
import type { MatchState } from "./match-state.ts";

/** Hypotheses that a checkpoint keeps, and the least time between two checkpoints of a device. */
export const CHECKPOINT_HYPOTHESES = 3;
const CHECKPOINT_S = 8;
/** Further back the vehicle may have been anywhere. */
const REWIND_S_MAX = 60;

/**
 * The best hypotheses as they were some seconds ago. A receiver that loses sight dead-reckons: its fixes drift straight on
 * while the road bends, a wrong hypothesis wins, and when the fixes jump back nothing explains them. Then the match goes
 * on from here as if the fixes in between had not been.
 */
export class Checkpoint {
  readonly hypotheses = new Float64Array(CHECKPOINT_HYPOTHESES * STRIDE);
  count = 0;
  timeMs = 0;
  latE7 = 0;
  lonE7 = 0;

  clear(): void {
    this.count = 0;
    this.timeMs = 0;
    this.latE7 = 0;
    this.lonE7 = 0;
  }
}

/** After a fix was taken: keeps the older of two checkpoints at least `CHECKPOINT_S` old once there was time for it. */
export function updateCheckpoints(state: MatchState): void {
  if (state.newer.count > 0 && state.timeMs - state.newer.timeMs < CHECKPOINT_S * 1000) return;
  const newer = state.older;
  state.older = state.newer;
  state.newer = newer;
  newer.count = Math.min(CHECKPOINT_HYPOTHESES, state.count);
  for (let i = 0; i < newer.count * STRIDE; i++) newer.hypotheses[i] = state.hypotheses[i]!;
  newer.timeMs = state.timeMs;
  newer.latE7 = state.latE7;
  newer.lonE7 = state.lonE7;
}

/** Puts the state back to its older checkpoint. False when there is none that can help at this time. */
export function rewind(state: MatchState, timeMs: number): boolean {
  const { older } = state;
  if (older.count === 0 || timeMs - older.timeMs > REWIND_S_MAX * 1000) return false;
  state.hypotheses.set(older.hypotheses);
  state.count = older.count;
  state.timeMs = older.timeMs;
  state.latE7 = older.latE7;
  state.lonE7 = older.lonE7;
  state.acrossM = Number.NaN;
  return true;
}

/** Tree nodes that the checkpoints hang on, written to `tips`; returns how many. */
export function checkpointTips({ older, newer }: MatchState, tips: Int32Array): number {
  let count = 0;
  for (const checkpoint of [older, newer])
    for (let i = 0; i < checkpoint.count; i++) tips[count++] = checkpoint.hypotheses[i * STRIDE + FIELD.node]!;
  return count;
}

/** Takes the nodes back after the tree was renumbered. */
export function renumberCheckpoints({ older, newer }: MatchState, tips: Int32Array): void {
  let count = 0;
  for (const checkpoint of [older, newer])
    for (let i = 0; i < checkpoint.count; i++) checkpoint.hypotheses[i * STRIDE + FIELD.node] = tips[count++]!;
}
