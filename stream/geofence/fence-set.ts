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

/** An indexed part of the versions. */
class Part {
  readonly versions: readonly Held[];
  readonly #grid: Grid;

  constructor(versions: readonly Held[]) {
    this.versions = versions;
    this.#grid = new Grid(versions.map((version) => grown(boundsOf(version.rule.shape), BESIDE_M)));
  }

  /** Appends the versions of a time whose box holds the place. */
  at(place: Point, atMs: number, found: FenceVersion[]): void {
    this.#take(this.#grid.at(place.latDeg, place.lonDeg), atMs, found);
  }

  /** Appends the versions of a time whose box the way may meet. */
  along(from: Point, to: Point, atMs: number, found: FenceVersion[]): void {
    const latStep = to.latDeg - from.latDeg;
    this.#take(this.#grid.along(from.latDeg, from.lonDeg, latStep, lonStepDeg(from, to)), atMs, found);
  }

  #take(count: number, atMs: number, found: FenceVersion[]): void {
    for (let i = 0; i < count; i++) {
      const version = this.versions[this.#grid.found[i]!]!;
      if (isValid(version, atMs)) found.push(version);
    }
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
    if (from === undefined) {
      if (this.#recent.versions.length > 0) this.#recent.at(place, atMs, found);
      this.#settled.at(place, atMs, found);
    } else {
      if (this.#recent.versions.length > 0) this.#recent.along(from, place, atMs, found);
      this.#settled.along(from, place, atMs, found);
    }
    return found;
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
