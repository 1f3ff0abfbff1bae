import { lonStepDeg, type Point } from "./crossing.ts";
import { Grid } from "./grid.ts";
import type { FenceRule } from "./parse-feature.ts";
import { boundsOf, grown } from "./shape.ts";

/** A fence as it was from `validFromMs` until before `validToMs` (infinite: until today), Unix milliseconds. */
export type FenceVersion = {
  readonly fenceId: number;
  readonly version: number;
  readonly rule: FenceRule;
  readonly validFromMs: number;
  readonly validToMs: number;
};

type Held = { -readonly [Key in keyof FenceVersion]: FenceVersion[Key] };

/** Changes are searched in a small grid of their own until there are this many, or a share of all. */
const RECENT_MAX = 1_000;
const RECENT_SHARE_MAX = 1 / 8;
/** Places this close to a fence find it too, metres: its edge may be nearer than the error of the fix. */
const BESIDE_M = 40;

/** An indexed part of the versions: their boxes, flat, and the grid of these. */
class Part {
  readonly versions: readonly Held[];
  /** South, west, north and east of each, flat: a box a cache line. */
  readonly #boxes: Float64Array;
  readonly #grid: Grid;

  constructor(versions: readonly Held[]) {
    this.versions = versions;
    const boxes = versions.map((version) => grown(boundsOf(version.rule.shape), BESIDE_M));
    this.#boxes = Float64Array.from(boxes.flatMap((box) => [box.southDeg, box.westDeg, box.northDeg, box.eastDeg]));
    this.#grid = new Grid(boxes);
  }

  /** Appends the versions whose box holds the place. */
  at(place: Point, found: FenceVersion[]): void {
    this.#grid.at(place.latDeg, place.lonDeg, (item) => {
      if (meets(this.#boxes, item, place, 0, 0)) found.push(this.versions[item]!);
    });
  }

  /** Appends the versions whose box the way may meet, some of them repeatedly. */
  along(from: Point, to: Point, found: FenceVersion[]): void {
    const latStep = to.latDeg - from.latDeg;
    const lonStep = lonStepDeg(from, to);
    this.#grid.along(from.latDeg, from.lonDeg, latStep, lonStep, (item) => {
      if (meets(this.#boxes, item, from, latStep, lonStep)) found.push(this.versions[item]!);
    });
  }
}

/**
 * The geofences of one fleet with their history, so that a fix is judged by the fences of its own time whenever it is
 * folded. Ended versions are kept as long as fixes of their time may come.
 */
export class FenceSet {
  #settled = new Part([]);
  #recent = new Part([]);
  readonly #byFence = new Map<number, Held[]>();

  constructor(versions: readonly FenceVersion[] = []) {
    this.apply(versions, Number.NEGATIVE_INFINITY);
  }

  get size(): number {
    return this.#byFence.size;
  }

  /** Takes versions that are new or have ended; those that ended before `forgetBeforeMs` may be forgotten. */
  apply(changes: readonly FenceVersion[], forgetBeforeMs: number): void {
    const fresh: Held[] = [];
    for (const change of changes) {
      const versions = this.#byFence.get(change.fenceId) ?? [];
      const known = versions.find(({ version }) => version === change.version);
      if (known !== undefined) {
        known.validToMs = change.validToMs;
        continue;
      }
      const held = { ...change };
      versions.push(held);
      fresh.push(held);
      this.#byFence.set(change.fenceId, versions);
    }
    if (fresh.length === 0) return;
    const recent = [...this.#recent.versions, ...fresh];
    if (recent.length <= Math.max(RECENT_MAX, this.#settled.versions.length * RECENT_SHARE_MAX)) {
      this.#recent = new Part(recent);
    } else {
      this.#settle(forgetBeforeMs);
    }
  }

  /** The version of a fence at a time; undefined where there was none. */
  versionAt(fenceId: number, atMs: number): FenceVersion | undefined {
    return this.#byFence.get(fenceId)?.find((version) => isValid(version, atMs));
  }

  /** Of the versions that ended by `atMs`, the one that ended last. */
  lastBefore(fenceId: number, atMs: number): FenceVersion | undefined {
    const ended = (this.#byFence.get(fenceId) ?? []).filter((version) => version.validToMs <= atMs);
    return ended.toSorted((a, b) => a.validToMs - b.validToMs).at(-1);
  }

  /**
   * The fences of a time that may hold a place or, where `from` is given, may lie on the straight way to it: none is
   * missed, some are only close. Each once.
   */
  near(place: Point, from: Point | undefined, atMs: number): FenceVersion[] {
    const found: FenceVersion[] = [];
    for (const part of [this.#recent, this.#settled]) {
      if (part.versions.length === 0) continue;
      if (from === undefined) part.at(place, found);
      else part.along(from, place, found);
    }
    if (found.length === 0) return found;
    const valid = found.filter((version) => isValid(version, atMs));
    return valid.length > 1 && from !== undefined ? [...new Set(valid)] : valid;
  }

  #settle(forgetBeforeMs: number): void {
    const kept: Held[] = [];
    for (const [fenceId, versions] of this.#byFence) {
      const needed = versions.filter((version) => version.validToMs > forgetBeforeMs);
      if (needed.length === 0) this.#byFence.delete(fenceId);
      else this.#byFence.set(fenceId, needed);
      kept.push(...needed);
    }
    this.#settled = new Part(kept);
    this.#recent = new Part([]);
  }
}

function isValid({ validFromMs, validToMs }: FenceVersion, atMs: number): boolean {
  return validFromMs <= atMs && atMs < validToMs;
}

/** Boxes and ways may pass ±180, so they are compared a turn apart too. */
function meets(boxes: Float64Array, item: number, from: Point, latStep: number, lonStep: number): boolean {
  const southDeg = Math.min(from.latDeg, from.latDeg + latStep);
  const northDeg = Math.max(from.latDeg, from.latDeg + latStep);
  if (northDeg < boxes[item * 4]! || southDeg > boxes[item * 4 + 2]!) return false;
  const westDeg = Math.min(from.lonDeg, from.lonDeg + lonStep);
  const eastDeg = Math.max(from.lonDeg, from.lonDeg + lonStep);
  const boxWestDeg = boxes[item * 4 + 1]!;
  const boxEastDeg = boxes[item * 4 + 3]!;
  if (eastDeg >= boxWestDeg && westDeg <= boxEastDeg) return true;
  if (eastDeg + 360 >= boxWestDeg && westDeg + 360 <= boxEastDeg) return true;
  return eastDeg - 360 >= boxWestDeg && westDeg - 360 <= boxEastDeg;
}
