import { type Machine, machineInitial, stepDevice } from "./device-machine.ts";
import type { Happening } from "./fence-machine.ts";
import type { FenceSet } from "./fence-set.ts";
import type { Place } from "./place.ts";
import { type Announced, type Revision, reviseAnnounced, withoutFirst } from "./revision.ts";
import {
  COVERED,
  countBeforeGap,
  type Entry,
  emptyWindow,
  entriesOf,
  lengthOf,
  pushed,
  QUIET,
  type Window,
  windowOf,
  withoutOldest,
} from "./window.ts";

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
  readonly window: Window;
  /** Events that rest on the window: late fixes may revise them. */
  readonly announced: readonly Announced[];
  /** Late fixes from before the window, which nothing was made of. */
  readonly beyond: number;
};

/** Fixes that a window keeps, which is hours of driving: quiet stretches count as two. */
export const WINDOW_FIXES_MAX = 48;
/** While an outage is being filled, newest batch first, the fixes from before it are needed: so many are kept then. */
const FILLING_FIXES_MAX = 320;

export const historyInitial: History = {
  base: machineInitial,
  now: machineInitial,
  window: emptyWindow,
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
  const window = pushed(history.window, entryOf(place, false, step.quiet));
  return trimmed({ ...history, now: step.machine, window, announced }, fences);
}

/** Puts a late place where it belongs; `revise` judges it. */
export function insert(history: History, place: Place): History {
  const beforeMs = history.base.last?.timeMs;
  if (beforeMs !== undefined && place.timeMs < beforeMs) return { ...history, beyond: history.beyond + 1 };
  const entries = entriesOf(history.window);
  const found = entries.findIndex(([, timeMs]) => timeMs > place.timeMs);
  const index = found < 0 ? entries.length : found;
  const next = entries[index];
  const covered = next !== undefined && (next[6] & COVERED) !== 0;
  return { ...history, window: windowOf(entries.toSpliced(index, 0, entryOf(place, covered, false))) };
}

/** Judges the whole window again, and says how that differs from what was announced. */
export function revise(
  history: History,
  fences: FenceSet,
  name: (happening: Happening) => Announced,
): { history: History; revision: Revision } {
  let machine = history.base;
  let window = emptyWindow;
  const happened: Happening[] = [];
  for (const entry of entriesOf(history.window)) {
    const covered = (entry[6] & COVERED) !== 0;
    const step = stepDevice(machine, placeOfEntry(entry), covered, fences);
    machine = step.machine;
    happened.push(...step.happenings);
    window = pushed(window, entryOf(placeOfEntry(entry), covered, step.quiet));
  }
  const revision = reviseAnnounced(history.announced, happened, name);
  const revised = { ...history, now: machine, window, announced: revision.announced };
  return { history: trimmed(revised, fences), revision };
}

/** Lets go of the oldest fixes: what rests on them is final. */
function trimmed(history: History, fences: FenceSet): History {
  const excess = excessOf(history);
  if (excess === 0) return history;
  let { base, announced } = history;
  for (const entry of entriesOf(history.window, excess)) {
    const step = stepDevice(base, placeOfEntry(entry), (entry[6] & COVERED) !== 0, fences);
    base = step.machine;
    for (const happening of step.happenings) announced = withoutFirst(announced, happening);
  }
  return { ...history, base, announced, window: withoutOldest(history.window, excess) };
}

function excessOf({ base, window }: History): number {
  const length = lengthOf(window);
  const excess = Math.max(0, length - WINDOW_FIXES_MAX);
  const forced = Math.max(0, length - FILLING_FIXES_MAX);
  return excess === 0 ? 0 : Math.max(forced, countBeforeGap(window, excess, base.last?.timeMs));
}

function entryOf(place: Place, covered: boolean, quiet: boolean): Entry {
  const { fixId, timeMs, fencesAtMs, latDeg, lonDeg, sigmaM } = place;
  return [fixId, timeMs, timeMs - fencesAtMs, latDeg, lonDeg, sigmaM, (covered ? COVERED : 0) | (quiet ? QUIET : 0)];
}

function placeOfEntry([fixId, timeMs, aheadMs, latDeg, lonDeg, sigmaM]: Entry): Place {
  return { fixId, timeMs, fencesAtMs: timeMs - aheadMs, latDeg, lonDeg, sigmaM };
}
