import type { MatchedPlace } from "#store/measured.ts";
import { Packed, unpacked } from "../packed.ts";
import { believedSpeedMps, type PlacedFix } from "../placed-fix.ts";
import { haversineM } from "../roads/geometry.ts";
import { cutPath, undecidedM } from "./cut-path.ts";
import type { MatchFix } from "./match-fix.ts";
import { type MatchState, restoreMatchState, serialiseMatchState } from "./match-state.ts";
import type { PathStep } from "./path-tree.ts";
import { type FixSpan, type PathState, PathWriter, pathInitial } from "./path-writer.ts";
import { RecentFixes } from "./recent-fixes.ts";
import { matchedPlace } from "./rematch.ts";
import type { StreamRoads } from "./stream-roads.ts";

/** What is kept of a device's drive between two frames. Serialisable; never changed in place. */
export type DriveState = {
  /** Of the matcher; null without roads. */
  readonly matcher: Packed | string | null;
  readonly recent: Packed | string | null;
  readonly spans: readonly FixSpan[];
  readonly path: PathState;
  /** Length of the path, decided or not, metres. */
  readonly pathM: number;
  readonly track: TrackState;
};

/** Straight driving beside the matched path, and the newest place. */
type TrackState = {
  /** Driven straight where no road was matched, metres. */
  readonly straightM: number;
  /** Of that, what was driven since the vehicle seems to have left the road, and how long the path was then. */
  readonly doubtfulM: number;
  readonly leftAtM: number;
  /** The newest fix: time, place (degrees), whether it was on a road. */
  readonly last: readonly [timeMs: number, latDeg: number, lonDeg: number, onRoad: boolean] | null;
  readonly standing: Standing | null;
};

/** Since when and where it stands; `cut`: number of the fix up to which the path has been written meanwhile. */
type Standing = {
  readonly sinceMs: number;
  readonly latDeg: number;
  readonly lonDeg: number;
  readonly cut: number | null;
};

export const driveInitial: DriveState = {
  matcher: null,
  recent: null,
  spans: [],
  path: pathInitial,
  pathM: 0,
  track: { straightM: 0, doubtfulM: 0, leftAtM: 0, last: null, standing: null },
};

/** A vehicle that has stood for this long has arrived: its path is written. */
const STOOD_MS = 90_000;
const STANDING_MPS = 0.5;
const STANDING_M = 25;
/** After a gap of this length another drive begins. */
const BREAK_MS = 15 * 60_000;
/** Smaller steps without a road are the receiver's, not the vehicle's. */
const STRAIGHT_M_MIN = 8;
const STRAIGHT_SIGMAS = 2;
/** A path that grew by this share of what was driven off it had not been left. */
const NEVER_LEFT_SHARE = 0.5;

const RECENT = new RecentFixes();
const NOTHING = new Uint8Array();

/** A device's drive while the fixes of one frame are taken. Uses the memory of `roads`: one at a time. */
export class Drive {
  readonly #roads: StreamRoads | undefined;
  readonly #match: MatchState | undefined;
  readonly #spans: Map<number, FixSpan>;
  readonly #writer: PathWriter | undefined;
  readonly #before: DriveState;
  #track: TrackState;
  #pathM: number;

  constructor(before: DriveState, roads: StreamRoads | undefined) {
    this.#before = before;
    this.#track = before.track;
    this.#pathM = before.pathM;
    this.#roads = roads;
    RECENT.load(before.recent === null ? NOTHING : unpacked(before.recent));
    const restored = roads === undefined || before.matcher === null ? undefined : this.#restore(before.matcher, roads);
    // On other roads than before nothing of the drive can be kept but how far it went and the way that was being written.
    const { run } = before.path;
    const path = restored === undefined ? { ...pathInitial, run, decidedM: before.pathM } : before.path;
    this.#spans = new Map(restored === undefined ? [] : before.spans.map((span) => [span[0], span]));
    if (roads === undefined) return;
    if (restored === undefined) roads.state.clear();
    this.#match = roads.state;
    this.#writer = new PathWriter(path, roads.network, (fix) => this.#spans.get(fix));
    if (restored === undefined) this.#writer.finishRun();
    this.#pathM = this.#lengthM();
  }

  /** Fixes that a late one is matched with. */
  get recent(): RecentFixes {
    return RECENT;
  }

  get segments(): PathWriter["segments"] {
    return this.#writer?.segments ?? [];
  }

  /** Takes the next fix. */
  take(fix: PlacedFix): { matched: MatchedPlace | null; trackM: number } {
    const matched = this.#matchFix(fix);
    this.#goStraight(fix, matched !== null);
    this.#heedStanding(fix);
    return { matched, trackM: Math.round((this.#pathM + this.#track.straightM) * 10) / 10 };
  }

  /** The state after the frame. What all hypotheses share by now is decided. */
  finish(): DriveState {
    const { path, matcher } = this.#before;
    const bytes = this.#match && serialiseMatchState(this.#match, this.#roads!.network.fingerprint, this.#decided);
    return {
      matcher: bytes === undefined ? matcher : new Packed(bytes),
      recent: new Packed(RECENT.save()),
      spans: this.#openSpans(),
      path: this.#writer?.state ?? path,
      pathM: this.#pathM,
      track: this.#track,
    };
  }

  #restore(matcher: Packed | string, roads: StreamRoads): MatchState | undefined {
    return restoreMatchState(unpacked(matcher), roads.network, roads.state);
  }

  readonly #decided = (step: PathStep): void => this.#writer!.take(step, this.#match!.timeMs);

  /** Writes the path to where the vehicle is; it came there at `arrivedMs`. */
  #cut(arrivedMs: number): void {
    const state = this.#match!;
    cutPath(this.#roads!.viterbi, state, (step) => this.#writer!.take(step, arrivedMs));
    this.#pathM = this.#lengthM();
  }

  #matchFix(fix: PlacedFix): MatchedPlace | null {
    const state = this.#match;
    if (state === undefined) return null;
    const { viterbi, network } = this.#roads!;
    if (state.count > 0 && fix.fixTimeMs - state.timeMs > BREAK_MS) this.#cut(state.timeMs);
    const beforeMs = state.timeMs;
    const input = matchFixOf(fix);
    RECENT.add(input);
    const answer = viterbi.step(state, input, this.#decided);
    const beforeM = this.#pathM;
    this.#pathM = this.#lengthM();
    const sinceMs = Number.isFinite(beforeMs) ? beforeMs : fix.fixTimeMs;
    this.#spans.set(state.fixes, [state.fixes, sinceMs, fix.fixTimeMs, beforeM, this.#pathM]);
    if (answer.directed < 0) return null;
    return matchedPlace(network, answer.directed, [answer.latE7 / 1e7, answer.lonE7 / 1e7], answer.confidence);
  }

  #lengthM(): number {
    const writer = this.#writer!;
    return writer.decidedM + undecidedM(this.#match!, this.#roads!.network.edgeLengthM, writer.open);
  }

  /**
   * What was driven where no road is: straight from place to place, once they are further apart than their errors. When the
   * vehicle is on a road again and the path there shows that it never left, the path counts instead.
   */
  #goStraight({ fixTimeMs, smoothed, latDeg, lonDeg }: PlacedFix, onRoad: boolean): void {
    const { last, straightM, doubtfulM, leftAtM } = this.#track;
    const at = smoothed ?? { latDeg, lonDeg, sigmaM: 0 };
    const isFollowed = last === null || (onRoad && last[3]);
    const stepM = isFollowed ? 0 : haversineM(last[1], last[2], at.latDeg, at.lonDeg);
    if (!isFollowed && stepM < Math.max(STRAIGHT_M_MIN, STRAIGHT_SIGMAS * at.sigmaM)) return;
    const next = { ...this.#track, last: [fixTimeMs, at.latDeg, at.lonDeg, onRoad] as const };
    if (!onRoad) {
      const isLeaving = last === null || last[3];
      this.#track = {
        ...next,
        straightM: straightM + stepM,
        doubtfulM: isLeaving ? stepM : doubtfulM + stepM,
        leftAtM: isLeaving ? this.#pathM : leftAtM,
      };
      return;
    }
    const offM = doubtfulM + stepM;
    const neverLeft = offM > 0 && this.#pathM - leftAtM >= offM * NEVER_LEFT_SHARE;
    this.#track = { ...next, straightM: neverLeft ? straightM - doubtfulM : straightM + stepM, doubtfulM: 0 };
  }

  #heedStanding({ fixTimeMs, speedMps, smoothed, latDeg, lonDeg }: PlacedFix): void {
    const { standing } = this.#track;
    const at = smoothed ?? { latDeg, lonDeg, speedMps: speedMps ?? 0 };
    const stays = standing !== null && haversineM(standing.latDeg, standing.lonDeg, at.latDeg, at.lonDeg) <= STANDING_M;
    if ((speedMps ?? at.speedMps) >= STANDING_MPS && !(stays && speedMps === null)) {
      if (standing !== null) this.#track = { ...this.#track, standing: null };
      return;
    }
    if (!stays) {
      const since = { sinceMs: fixTimeMs, latDeg: at.latDeg, lonDeg: at.lonDeg, cut: null };
      this.#track = { ...this.#track, standing: since };
      return;
    }
    const match = this.#match;
    if (match === undefined || match.count === 0 || fixTimeMs - standing.sinceMs < STOOD_MS) return;
    const cut = standing.cut ?? match.fixes;
    if (standing.cut === null) {
      this.#cut(standing.sinceMs);
      this.#track = { ...this.#track, standing: { ...standing, cut } };
    }
    // The way on begins when the vehicle does.
    this.#spans.set(cut, [cut, fixTimeMs, fixTimeMs, this.#pathM, this.#pathM]);
  }

  /** The times of fixes by which edges were entered that are not decided yet. */
  #openSpans(): FixSpan[] {
    const state = this.#match;
    if (state === undefined) return [...this.#before.spans];
    const open = new Set(state.tree.fix.subarray(0, state.tree.used));
    return [...this.#spans.values()].filter(([fix]) => open.has(fix));
  }
}

export function matchFixOf(fix: PlacedFix): MatchFix {
  const { fixTimeMs, latDeg, lonDeg, headingDeg, accuracyM } = fix;
  return {
    timeMs: fixTimeMs,
    lat: latDeg,
    lon: lonDeg,
    speedMps: believedSpeedMps(fix) ?? Number.NaN,
    headingDeg: headingDeg ?? Number.NaN,
    accuracyM: accuracyM ?? Number.NaN,
  };
}
