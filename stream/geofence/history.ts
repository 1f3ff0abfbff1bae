import { type Machine, machineInitial, stepDevice } from "./device-machine.ts";
import type { Happening } from "./fence-machine.ts";
import type { FenceSet } from "./fence-set.ts";
import type { Place } from "./place.ts";
import { type Announced, type Revision, reviseAnnounced, withoutFirst } from "./revision.ts";

/**
 * What a device's geofence state remembers of its past, so that late fixes can be judged in their place: where it stood
 * before the window, and the fixes of the window, of which quiet stretches keep only their ends.
 *
 *     ── before ──│ window: fix fix ········ fix fix fix │── next fix
 *          `base` ┘                                `now` ┘
 */
export type History = {
  readonly base: Machine;
  readonly now: Machine;
  readonly window: readonly Entry[];
  /** Events that rest on the window: late fixes may revise them. */
  readonly announced: readonly Announced[];
  /** Late fixes from before the window, which nothing was made of. */
  readonly beyond: number;
};

/** Fix id, time (Unix ms), how much earlier the fences that judge it are (ms), latitude, longitude (degrees), sigma (m), flags. */
type Entry = readonly [number, number, number, number, number, number, number];

const COVERED = 1;
const QUIET = 2;

/** Fixes that a window keeps, which is hours of driving: quiet stretches count as two. */
export const WINDOW_FIXES_MAX = 48;
/** Fixes further apart than this are no quiet stretch: late ones may come between them. */
const STRETCH_GAP_MS_MAX = 120_000;

export const historyInitial: History = {
  base: machineInitial,
  now: machineInitial,
  window: [],
  announced: [],
  beyond: 0,
};

/** True for a place that belongs before what has been judged. */
export function isLate(history: History, place: Place): boolean {
  return history.now.last !== null && place.timeMs < history.now.last.timeMs;
}

/** Takes the newest place. `announce` names the event of what happened. */
export function append(
  history: History,
  place: Place,
  fences: FenceSet,
  announce: (happening: Happening) => Announced,
): History {
  const step = stepDevice(history.now, place, false, fences);
  const announced =
    step.happenings.length === 0 ? history.announced : [...history.announced, ...step.happenings.map(announce)];
  const window = pushed([...history.window], entryOf(place, false, step.quiet));
  return trimmed({ ...history, now: step.machine, window, announced }, fences);
}

/** Puts a late place where it belongs; `revise` judges it. */
export function insert(history: History, place: Place): History {
  const beforeMs = history.base.last?.timeMs;
  if (beforeMs !== undefined && place.timeMs < beforeMs) return { ...history, beyond: history.beyond + 1 };
  const found = history.window.findIndex(([, timeMs]) => timeMs > place.timeMs);
  const index = found < 0 ? history.window.length : found;
  const next = history.window[index];
  const covered = next !== undefined && (next[6] & COVERED) !== 0;
  return { ...history, window: history.window.toSpliced(index, 0, entryOf(place, covered, false)) };
}

/** Judges the whole window again, and says how that differs from what was announced. */
export function revise(
  history: History,
  fences: FenceSet,
  name: (happening: Happening) => Announced,
): { history: History; revision: Revision } {
  let machine = history.base;
  const window: Entry[] = [];
  const happened: Happening[] = [];
  for (const entry of history.window) {
    const covered = (entry[6] & COVERED) !== 0;
    const step = stepDevice(machine, placeOfEntry(entry), covered, fences);
    machine = step.machine;
    happened.push(...step.happenings);
    pushed(window, entryOf(placeOfEntry(entry), covered, step.quiet));
  }
  const revision = reviseAnnounced(history.announced, happened, name);
  const revised = { ...history, now: machine, window, announced: revision.announced };
  return { history: trimmed(revised, fences), revision };
}

/** Appends to `window`, taking out the middle of a quiet stretch. */
function pushed(window: Entry[], entry: Entry): Entry[] {
  const last = window.at(-1);
  const before = window.at(-2);
  if (last !== undefined && before !== undefined && extendsStretch(before, last, entry)) {
    window[window.length - 1] = [...entry.slice(0, 6), QUIET | COVERED] as unknown as Entry;
  } else window.push(entry);
  return window;
}

function extendsStretch(before: Entry, last: Entry, entry: Entry): boolean {
  if ((entry[6] & QUIET) === 0 || (last[6] & QUIET) === 0) return false;
  const isClose = (entry[6] & COVERED) !== 0 || entry[1] - last[1] <= STRETCH_GAP_MS_MAX;
  return isClose && ((last[6] & COVERED) !== 0 || last[1] - before[1] <= STRETCH_GAP_MS_MAX);
}

/** Lets go of the oldest fixes: what rests on them is final. */
function trimmed(history: History, fences: FenceSet): History {
  if (history.window.length <= WINDOW_FIXES_MAX) return history;
  const excess = history.window.length - WINDOW_FIXES_MAX;
  let { base, announced } = history;
  for (const entry of history.window.slice(0, excess)) {
    const step = stepDevice(base, placeOfEntry(entry), (entry[6] & COVERED) !== 0, fences);
    base = step.machine;
    for (const happening of step.happenings) announced = withoutFirst(announced, happening);
  }
  return { ...history, base, announced, window: history.window.slice(excess) };
}

function entryOf(place: Place, covered: boolean, quiet: boolean): Entry {
  const { fixId, timeMs, fencesAtMs, latDeg, lonDeg, sigmaM } = place;
  return [fixId, timeMs, timeMs - fencesAtMs, latDeg, lonDeg, sigmaM, (covered ? COVERED : 0) | (quiet ? QUIET : 0)];
}

function placeOfEntry([fixId, timeMs, aheadMs, latDeg, lonDeg, sigmaM]: Entry): Place {
  return { fixId, timeMs, fencesAtMs: timeMs - aheadMs, latDeg, lonDeg, sigmaM };
}
