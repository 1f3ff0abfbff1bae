import { CHECKPOINT_HYPOTHESES, Checkpoint, checkpointTips, renumberCheckpoints } from "./checkpoint.ts";
import { FIELD, STRIDE } from "./hypothesis.ts";
import { NOISE_FIELDS, Noise } from "./noise.ts";
import { NODE_BYTES, type PathStep, PathTree } from "./path-tree.ts";

/** Most hypotheses that a device carries from fix to fix. */
export const HYPOTHESES_MAX = 10;

/** What is known of one device's drive between two fixes. Small, of fixed size, serialisable. */
export class MatchState {
  readonly hypotheses = new Float64Array(HYPOTHESES_MAX * STRIDE);
  count = 0;
  readonly tree = new PathTree();
  readonly noiseSums = new Float64Array(NOISE_FIELDS);
  readonly noise = new Noise(this.noiseSums);
  /** Time and place of the last fix that was used. */
  timeMs = Number.NEGATIVE_INFINITY;
  latE7 = 0;
  lonE7 = 0;
  /** Fixes taken, and fixes left out as gross errors since the last that was used. */
  fixes = 0;
  outliers = 0;
  /** Distance across the road at the last fix and the road's direction there; NaN: none. */
  acrossM = Number.NaN;
  acrossE = 0;
  acrossN = 0;
  /** Where it has stood since it stopped; NaN: it moves. */
  stoodLatE7 = Number.NaN;
  stoodLonE7 = Number.NaN;
  older = new Checkpoint();
  newer = new Checkpoint();

  /** Forgets the drive, but not what is known of the receiver unless that is asked too. */
  clear(noiseToo = true): void {
    this.count = 0;
    this.tree.used = 0;
    this.fixes = 0;
    this.outliers = 0;
    this.timeMs = Number.NEGATIVE_INFINITY;
    this.latE7 = 0;
    this.lonE7 = 0;
    this.acrossM = Number.NaN;
    this.acrossE = 0;
    this.acrossN = 0;
    this.stoodLatE7 = Number.NaN;
    this.stoodLonE7 = Number.NaN;
    this.older.clear();
    this.newer.clear();
    if (noiseToo) this.noiseSums.fill(0);
  }
}

/*
 * Serialised, little endian:  version u16 · hypotheses u16 · nodes u16 · outliers u16 · fingerprint of the roads u32
 *                             · fixes u32 · floats f64 (timeMs, latE7, lonE7, across ×3, stood ×2, noise) · hypotheses f64
 *                             · two checkpoints (count, timeMs, latE7, lonE7, hypotheses; f64) · nodes
 */
const STATE_VERSION = 2;
const HEAD_BYTES = 16;
const SCALARS = 8;
const CHECKPOINT_SCALARS = 4;

/**
 * The state as bytes, for the roads with this fingerprint. Nothing is rounded: a restored device gives the same answers.
 * At most 10 hypotheses and 6 in checkpoints of 136 bytes each, 90 nodes of 18 and a head of 224: below 4 kB. What is
 * decided by now is handed over first.
 */
export function serialiseMatchState(
  state: MatchState,
  fingerprint: number,
  decided: (step: PathStep) => void,
): Uint8Array {
  settleState(state, decided);
  const checkpoints = [state.older, state.newer];
  let floats = SCALARS + NOISE_FIELDS + state.count * STRIDE;
  for (const { count } of checkpoints) floats += CHECKPOINT_SCALARS + count * STRIDE;
  const bytes = new Uint8Array(HEAD_BYTES + floats * 8 + state.tree.used * NODE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, STATE_VERSION, true);
  view.setUint16(2, state.count, true);
  view.setUint16(4, state.tree.used, true);
  view.setUint16(6, state.outliers, true);
  view.setUint32(8, fingerprint, true);
  view.setUint32(12, state.fixes, true);
  let at = HEAD_BYTES;
  const write = (value: number): void => {
    view.setFloat64(at, value, true);
    at += 8;
  };
  for (const value of [state.timeMs, state.latE7, state.lonE7, state.acrossM, state.acrossE, state.acrossN])
    write(value);
  for (const value of [state.stoodLatE7, state.stoodLonE7]) write(value);
  state.noiseSums.forEach(write);
  for (let i = 0; i < state.count * STRIDE; i++) write(state.hypotheses[i]!);
  for (const checkpoint of checkpoints) {
    for (const value of [checkpoint.count, checkpoint.timeMs, checkpoint.latE7, checkpoint.lonE7]) write(value);
    for (let i = 0; i < checkpoint.count * STRIDE; i++) write(checkpoint.hypotheses[i]!);
  }
  state.tree.write(view, at);
  return bytes;
}

/**
 * A device's state from its bytes; undefined when they are of another version, of other roads, or damaged. `state` is filled
 * and returned: one may serve for all devices in turn.
 */
export function restoreMatchState(
  bytes: Uint8Array,
  fingerprint: number,
  state = new MatchState(),
): MatchState | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEAD_BYTES || view.getUint16(0, true) !== STATE_VERSION || view.getUint32(8, true) !== fingerprint)
    return undefined;
  state.count = view.getUint16(2, true);
  const nodes = view.getUint16(4, true);
  const floatsEnd = bytes.length - nodes * NODE_BYTES;
  let at = HEAD_BYTES;
  const read = (): number => {
    at += 8;
    return at <= floatsEnd ? view.getFloat64(at - 8, true) : Number.NaN;
  };
  if (state.count > HYPOTHESES_MAX) return undefined;
  state.outliers = view.getUint16(6, true);
  state.fixes = view.getUint32(12, true);
  state.timeMs = read();
  state.latE7 = read();
  state.lonE7 = read();
  state.acrossM = read();
  state.acrossE = read();
  state.acrossN = read();
  state.stoodLatE7 = read();
  state.stoodLonE7 = read();
  for (let i = 0; i < NOISE_FIELDS; i++) state.noiseSums[i] = read();
  for (let i = 0; i < state.count * STRIDE; i++) state.hypotheses[i] = read();
  for (const checkpoint of [state.older, state.newer]) {
    checkpoint.count = read();
    if (!(checkpoint.count <= CHECKPOINT_HYPOTHESES)) return undefined;
    checkpoint.timeMs = read();
    checkpoint.latE7 = read();
    checkpoint.lonE7 = read();
    for (let i = 0; i < checkpoint.count * STRIDE; i++) checkpoint.hypotheses[i] = read();
  }
  if (at !== floatsEnd) return undefined;
  state.tree.read(view, at, nodes);
  return state;
}

/** Hands over the part of the path that all hypotheses share and forgets dead branches. */
function settleState(state: MatchState, decided: (step: PathStep) => void): void {
  const tips = new Int32Array(state.count + 2 * CHECKPOINT_HYPOTHESES);
  const first = checkpointTips(state, tips);
  for (let i = 0; i < state.count; i++) tips[first + i] = state.hypotheses[i * STRIDE + FIELD.node]!;
  state.tree.settle(tips, first + state.count, decided);
  renumberCheckpoints(state, tips);
  for (let i = 0; i < state.count; i++) state.hypotheses[i * STRIDE + FIELD.node] = tips[first + i]!;
}
