import { STRIDE } from "./hypothesis.ts";
import { Noise, NOISE_FIELDS } from "./noise.ts";
import { PathTree } from "./path-tree.ts";

/** Most hypotheses that a device carries from fix to fix. */
export const HYPOTHESES_MAX = 16;

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
}
