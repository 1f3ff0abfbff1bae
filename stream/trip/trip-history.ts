import type { Sample } from "./sample.ts";
import { type Happening, stepTrip, type TripMachine, tripInitial } from "./trip-machine.ts";

/**
 * What a device's trip state remembers of its past, so that late fixes can be put in their place. Late fixes fill gaps, so
 * the window begins before the oldest gap that is remembered; a device that reports all the time has an empty one.
 *
 *     ── before ──│ gap · sample · sample ······ sample │── next sample
 *          `base` ┘                                `now` ┘
 */
export type TripHistory = {
  readonly base: TripMachine;
  readonly now: TripMachine;
  readonly window: readonly Sample[];
  /** What was announced of the window: late fixes may revise it. */
  readonly announced: readonly Announced[];
  /** Id, and version told last, of the trip that goes on at `now`. */
  readonly open: readonly [tripId: string, version: number] | null;
  /** Trips of which nothing is left, with the version that said so. */
  readonly gone: readonly (readonly [tripId: string, version: number])[];
};

/** An end of a trip that was told: its event, the trip and its version, and what was said: time (Unix ms) and metres. */
export type Announced = readonly [
  kind: Happening["kind"],
  eventId: string,
  tripId: string,
  version: number,
  atMs: number,
  distanceM: number,
];

export const tripHistoryInitial: TripHistory = {
  base: tripInitial,
  now: tripInitial,
  window: [],
  announced: [],
  open: null,
  gone: [],
};

/** Samples further apart than this may have late ones between them. */
const GAP_MS_MIN = 60_000;
const WINDOW_SAMPLES_MAX = 32;
/** While an outage is being filled, newest batch first, what comes after it is needed: so many are kept for this long. */
const OUTAGE_MS_MIN = 2 * 60_000;
const FILLING_SAMPLES_MAX = 128;
const FILLING_MS_MAX = 3_600_000;
/** A time or a length that differs by less is the same. */
const SAME_MS = 5_000;
const SAME_M = 20;

/** True for a sample that belongs before what has been judged. */
export function isLate({ now }: TripHistory, sample: Sample): boolean {
  return now.last !== null && sample[1] < now.last[1];
}

/** Puts late samples where they belong; those from before the window are left out. */
export function insertLate(history: TripHistory, late: readonly Sample[]): TripHistory {
  const beforeMs = history.base.last?.[1] ?? Number.NEGATIVE_INFINITY;
  const fitting = late.filter((sample) => sample[1] >= beforeMs);
  if (fitting.length === 0) return history;
  return { ...history, window: [...history.window, ...fitting].sort((a, b) => a[1] - b[1] || a[0] - b[0]) };
}

/** Takes the newest sample; what happened is to be announced. */
export function append(
  history: TripHistory,
  sample: Sample,
): { history: TripHistory; happenings: readonly Happening[] } {
  const { machine, happenings } = stepTrip(history.now, sample);
  return { history: { ...history, now: machine, window: [...history.window, sample] }, happenings };
}

/** Judges the whole window again. */
export function judgeAgain(history: TripHistory): { history: TripHistory; happened: readonly Happening[] } {
  let now = history.base;
  const happened: Happening[] = [];
  for (const sample of history.window) {
    const step = stepTrip(now, sample);
    now = step.machine;
    happened.push(...step.happenings);
  }
  return { history: { ...history, now }, happened };
}

/** Lets go of the oldest samples: those without a gap before them, and those too many. What rests on them is final. */
export function trimmed(history: TripHistory): TripHistory {
  let { base, announced } = history;
  const newestMs = history.window.at(-1)?.[1] ?? 0;
  let from = 0;
  for (const { length } = history.window; from < length; from++) {
    const sample = history.window[from] as Sample;
    const gapMs = base.last === null ? 0 : sample[1] - base.last[1];
    const mayBeFilled = gapMs >= OUTAGE_MS_MIN && newestMs - sample[1] <= FILLING_MS_MAX;
    if (gapMs >= GAP_MS_MIN && length - from <= (mayBeFilled ? FILLING_SAMPLES_MAX : WINDOW_SAMPLES_MAX)) break;
    const step = stepTrip(base, sample);
    base = step.machine;
    for (const happening of step.happenings) announced = withoutNearest(announced, happening);
  }
  return from === 0 ? history : { ...history, base, announced, window: history.window.slice(from) };
}

/** When a happening was: the start or the end of its trip. */
export function timeOf(happening: Happening): number {
  return happening.kind === "started" ? happening.trip.startedMs : happening.trip.end[1];
}

export type Revision = {
  /** What was told and holds, in the order of what happened now; undefined: it is new or another. */
  readonly same: readonly (Announced | undefined)[];
  /** For what is new or another: what it takes the place of. */
  readonly replaced: readonly (Announced | undefined)[];
  /** What was told and of which nothing is left. */
  readonly withdrawn: readonly Announced[];
};

/** Compares what happened, as it looks now, with what was told. */
export function compare(
  announced: readonly Announced[],
  happened: readonly Happening[],
  distanceOf: (happening: Happening) => number,
): Revision {
  const left = new Set(announced);
  const take = (happening: Happening, withinMs: number, withinM: number): Announced | undefined => {
    const found = nearest([...left], happening, withinMs);
    if (found === undefined || Math.abs(found[5] - distanceOf(happening)) > withinM) return undefined;
    left.delete(found);
    return found;
  };
  const same = happened.map((happening) => take(happening, SAME_MS, SAME_M));
  const replaced = happened.map((happening, index) =>
    same[index] === undefined ? take(happening, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY) : undefined,
  );
  return { same, replaced, withdrawn: [...left] };
}

function withoutNearest(announced: readonly Announced[], happening: Happening): readonly Announced[] {
  const final = nearest(announced, happening, SAME_MS);
  return final === undefined ? announced : announced.filter((event) => event !== final);
}

function nearest(announced: readonly Announced[], happening: Happening, withinMs: number): Announced | undefined {
  const atMs = timeOf(happening);
  let best: Announced | undefined;
  let bestMs = withinMs;
  for (const event of announced) {
    const apartMs = Math.abs(event[4] - atMs);
    if (event[0] !== happening.kind || !(apartMs < bestMs)) continue;
    best = event;
    bestMs = apartMs;
  }
  return best;
}
