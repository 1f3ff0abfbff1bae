import type { RoadNetwork } from "../roads/network-file.ts";
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
const FLOATS_MAX =
  SCALARS + NOISE_FIELDS + HYPOTHESES_MAX * STRIDE + 2 * (CHECKPOINT_SCALARS + CHECKPOINT_HYPOTHESES * STRIDE);
/** The numbers of the state that is being restored, wherever its bytes lie; zeros after them. */
const RESTORED = new Float64Array(FLOATS_MAX);
const RESTORED_BYTES = new Uint8Array(RESTORED.buffer);

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
  const { older, newer, tree } = state;
  const records = state.count + older.count + newer.count;
  const floats = SCALARS + NOISE_FIELDS + 2 * CHECKPOINT_SCALARS + records * STRIDE;
  const bytes = new Uint8Array(HEAD_BYTES + floats * 8 + tree.used * NODE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, STATE_VERSION, true);
  view.setUint16(2, state.count, true);
  view.setUint16(4, tree.used, true);
  view.setUint16(6, state.outliers, true);
  view.setUint32(8, fingerprint, true);
  view.setUint32(12, state.fixes, true);
  const to = new Float64Array(bytes.buffer, HEAD_BYTES, floats);
  to[0] = state.timeMs;
  to[1] = state.latE7;
  to[2] = state.lonE7;
  to[3] = state.acrossM;
  to[4] = state.acrossE;
  to[5] = state.acrossN;
  to[6] = state.stoodLatE7;
  to[7] = state.stoodLonE7;
  to.set(state.noiseSums, SCALARS);
  let at = copyFloats(state.hypotheses, 0, to, SCALARS + NOISE_FIELDS, state.count * STRIDE);
  at = writeCheckpoint(older, to, at);
  at = writeCheckpoint(newer, to, at);
  tree.write(view, HEAD_BYTES + at * 8);
  return bytes;
}

function writeCheckpoint(
  { count, timeMs, latE7, lonE7, hypotheses }: Checkpoint,
  to: Float64Array,
  at: number,
): number {
  to[at] = count;
  to[at + 1] = timeMs;
  to[at + 2] = latE7;
  to[at + 3] = lonE7;
  return copyFloats(hypotheses, 0, to, at + CHECKPOINT_SCALARS, count * STRIDE);
}

/** Copies some numbers; returns the place after the last of them. A call of `set` costs more than so few are worth. */
function copyFloats(from: Float64Array, start: number, to: Float64Array, at: number, count: number): number {
  for (let i = 0; i < count; i++) to[at + i] = from[start + i]!;
  return at + count;
}

/**
 * A device's state from its bytes; undefined when they are of another version, of other roads, or so damaged that they name edges
 * or nodes that do not exist. `state` is filled and returned: one may serve for all devices in turn.
 */
export function restoreMatchState(
  bytes: Uint8Array,
  { fingerprint, edgeFrom }: Pick<RoadNetwork, "fingerprint" | "edgeFrom">,
  state = new MatchState(),
): MatchState | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEAD_BYTES || view.getUint16(0, true) !== STATE_VERSION || view.getUint32(8, true) !== fingerprint)
    return undefined;
  const count = view.getUint16(2, true);
  const nodes = view.getUint16(4, true);
  const floats = (bytes.length - HEAD_BYTES - nodes * NODE_BYTES) / 8;
  if (count > HYPOTHESES_MAX || !(floats >= 0 && floats <= FLOATS_MAX)) return undefined;
  const from = RESTORED;
  RESTORED_BYTES.set(bytes.subarray(HEAD_BYTES, HEAD_BYTES + floats * 8));
  from.fill(0, floats);
  state.count = count;
  state.outliers = view.getUint16(6, true);
  state.fixes = view.getUint32(12, true);
  state.timeMs = from[0]!;
  state.latE7 = from[1]!;
  state.lonE7 = from[2]!;
  state.acrossM = from[3]!;
  state.acrossE = from[4]!;
  state.acrossN = from[5]!;
  state.stoodLatE7 = from[6]!;
  state.stoodLonE7 = from[7]!;
  copyFloats(from, SCALARS, state.noiseSums, 0, NOISE_FIELDS);
  copyFloats(from, SCALARS + NOISE_FIELDS, state.hypotheses, 0, count * STRIDE);
  let at = readCheckpoint(state.older, from, SCALARS + NOISE_FIELDS + count * STRIDE);
  at = readCheckpoint(state.newer, from, at);
  const directed = edgeFrom.length * 2;
  const isWhole =
    at === floats &&
    state.tree.read(view, HEAD_BYTES + floats * 8, nodes, directed) &&
    areKnown(state.hypotheses, count, directed, nodes) &&
    areKnown(state.older.hypotheses, state.older.count, directed, nodes) &&
    areKnown(state.newer.hypotheses, state.newer.count, directed, nodes);
  return isWhole ? state : undefined;
}

/** Whether the edges and nodes of hypotheses exist. */
function areKnown(hypotheses: Float64Array, count: number, directed: number, nodes: number): boolean {
  for (let at = 0; at < count * STRIDE; at += STRIDE)
    if (!isIndex(hypotheses[at + FIELD.edge]!, directed) || !isIndex(hypotheses[at + FIELD.node]!, nodes)) return false;
  return true;
}

/** Whether a number is one of so many indexes, or −1. */
function isIndex(value: number, count: number): boolean {
  return (value | 0) === value && value >= -1 && value < count;
}

/** Returns the place after the checkpoint; NaN for one that cannot be. */
function readCheckpoint(checkpoint: Checkpoint, from: Float64Array, at: number): number {
  const count = from[at]!;
  if (!(count >= 0 && count <= CHECKPOINT_HYPOTHESES)) return Number.NaN;
  checkpoint.count = count;
  checkpoint.timeMs = from[at + 1]!;
  checkpoint.latE7 = from[at + 2]!;
  checkpoint.lonE7 = from[at + 3]!;
  copyFloats(from, at + CHECKPOINT_SCALARS, checkpoint.hypotheses, 0, count * STRIDE);
  return at + CHECKPOINT_SCALARS + count * STRIDE;
}

const TIPS = new Int32Array(HYPOTHESES_MAX + 2 * CHECKPOINT_HYPOTHESES);

/** Hands over the part of the path that all hypotheses share and forgets dead branches. */
function settleState(state: MatchState, decided: (step: PathStep) => void): void {
  const tips = TIPS;
  const first = checkpointTips(state, tips);
  for (let i = 0; i < state.count; i++) tips[first + i] = state.hypotheses[i * STRIDE + FIELD.node]!;
  state.tree.settle(tips, first + state.count, decided);
  renumberCheckpoints(state, tips);
  for (let i = 0; i < state.count; i++) state.hypotheses[i * STRIDE + FIELD.node] = tips[first + i]!;
}
