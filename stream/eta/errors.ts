import type { EtaBasis } from "./eta.ts";
import { normalBelow } from "./normal.ts";
import { type Outlook, standardised } from "./outlook.ts";
import type { DayPart } from "./time-of-week.ts";

/**
 * Learned errors: how far arrivals lay from the expectation, in deviations of the outlook (z), as histograms by
 * basis, halt, horizon and part of the week. Their quantiles, put on a new expectation, are the ETA (split conformal
 * prediction, Vovk et al. 2005, with buckets; the newest errors weigh most).
 */
export type ErrorModel = { buckets: Record<string, number[]> };
export const unlearnedErrors: ErrorModel = { buckets: {} };

/** `before`: no long halt yet today, `halted`: in one now, `paused`: in one that is hardly a rest, `rested`: after one. */
export type Halt = "before" | "halted" | "paused" | "rested";

/** Upper ends of the horizons that errors are told apart by, minutes. */
const HORIZONS_MIN = [5, 15, 30, 60, 120, 180, 300, Number.POSITIVE_INFINITY] as const;
const MINUTE_MS = 60_000;
/** Bins even in asinh z: fine in the middle, out to z = ±270 at the ends. */
const BINS = 106;
const BIN_WIDTH = 0.12;
const FIRST_EDGE = (-BINS * BIN_WIDTH) / 2;
/** Errors that the parent's histogram is worth. ETAs of one stop resemble each other: many count for few. */
const WORTH = 400;
/** Before anything is learned, errors are taken to be wider than the expected deviation. */
const UNLEARNED_WIDTH = 1.4;

export function errorBucket(basis: EtaBasis, halt: Halt, horizonMs: number, part: DayPart): string {
  return `${basis}/${halt}/${HORIZONS_MIN.findIndex((endMin) => horizonMs < endMin * MINUTE_MS)}/${part}`;
}

/** The bin of an observed error, for the histogram of its bucket. */
export function errorBin(outlook: Outlook, arrivedMs: number): number {
  const z = standardised(outlook, arrivedMs);
  return Math.min(BINS - 1, Math.max(0, Math.floor((Math.asinh(z) - FIRST_EDGE) / BIN_WIDTH)));
}

export function emptyHistogram(): number[] {
  return new Array<number>(BINS).fill(0);
}

/** A distribution function over z: cumulative shares at the bins' upper ends. */
export type ErrorCurve = Float64Array;

/** The curves of a model, made when first asked for. */
export class ErrorCurves {
  readonly #curves = new Map<string, ErrorCurve>();
  readonly #counts = new Map<string, Float64Array>();

  constructor({ buckets }: ErrorModel) {
    for (const [name, counts] of Object.entries(buckets)) {
      for (const level of levelsOf(name)) {
        const sum = this.#counts.get(level) ?? new Float64Array(BINS);
        for (let bin = 0; bin < BINS; bin++) sum[bin]! += counts[bin] ?? 0;
        this.#counts.set(level, sum);
      }
    }
  }

  of(bucket: string): ErrorCurve {
    let curve = this.#curves.get(bucket);
    if (curve === undefined) {
      curve = this.#blend(levelsOf(bucket));
      this.#curves.set(bucket, curve);
    }
    return curve;
  }

  /** Coarse to fine, each level shrunk towards the one before. */
  #blend(levels: readonly string[]): ErrorCurve {
    let density = unlearnedDensity;
    for (const level of levels) {
      const counts = this.#counts.get(level);
      if (counts === undefined) continue;
      const seen = counts.reduce((sum, count) => sum + count, 0);
      density = density.map((share, bin) => (counts[bin]! + WORTH * share) / (seen + WORTH));
    }
    let below = 0;
    return density.map((share) => {
      below += share;
      return below;
    });
  }
}

/** The z below which a share of the errors lies. */
export function errorQuantile(curve: ErrorCurve, share: number): number {
  let bin = 0;
  while (bin < BINS - 1 && curve[bin]! < share) bin++;
  const before = bin === 0 ? 0 : curve[bin - 1]!;
  const width = curve[bin]! - before;
  const part = width > 0 ? Math.min(1, (share - before) / width) : 0.5;
  return Math.sinh(FIRST_EDGE + (bin + part) * BIN_WIDTH);
}

/** The share of errors below z. */
export function errorsBelow(curve: ErrorCurve, z: number): number {
  const at = (Math.asinh(z) - FIRST_EDGE) / BIN_WIDTH;
  if (at <= 0) return 0;
  if (at >= BINS) return 1;
  const bin = Math.floor(at);
  const before = bin === 0 ? 0 : curve[bin - 1]!;
  return before + (curve[bin]! - before) * (at - bin);
}

/** The bucket's ancestors and itself: all, basis and horizon, with the halt, with the part of the week. */
function levelsOf(bucket: string): string[] {
  const [basis, halt, horizon] = bucket.split("/") as [string, string, string];
  return ["all", `${basis}/${horizon}`, `${basis}/${halt}/${horizon}`, bucket];
}

const unlearnedDensity = Float64Array.from({ length: BINS }, (_, bin) => {
  const below = (at: number): number => normalBelow(Math.sinh(FIRST_EDGE + at * BIN_WIDTH) / UNLEARNED_WIDTH);
  return below(bin + 1) - below(bin);
});
