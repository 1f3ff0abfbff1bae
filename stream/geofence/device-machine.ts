import { endFence, type FenceState, type Happening, OUTSIDE, stepFence } from "./fence-machine.ts";
import type { FenceSet } from "./fence-set.ts";
import type { Place } from "./place.ts";

/** Where a device stands with all fences of its fleet: those that it is inside of, or may be about to enter. */
export type Machine = { readonly last: Place | null; readonly fences: { readonly [fenceId: string]: FenceState } };

export const machineInitial: Machine = { last: null, fences: {} };

export type MachineStep = {
  readonly machine: Machine;
  readonly happenings: readonly Happening[];
  /** Nothing happened, nothing is pending, and the place is clearly inside or outside of every fence. */
  readonly quiet: boolean;
};

/** Longer gaps than this have no way that could be followed, whatever a fence says, milliseconds. */
const WAY_MS_MAX = 15 * 60_000;

/**
 * Takes the next place of a device, in order of time. `covered`: the way to it was looked at before and thinned out since,
 * so nothing happened on it. Pure.
 */
export function stepDevice(machine: Machine, place: Place, covered: boolean, fences: FenceSet): MachineStep {
  const { last } = machine;
  const followed = last !== null && !covered && place.timeMs - last.timeMs <= WAY_MS_MAX;
  const near = fences.near(place, followed ? last : undefined, place.fencesAtMs);
  const ids = Object.keys(machine.fences);
  if (near.length === 0 && ids.length === 0) {
    return { machine: { last: place, fences: machine.fences }, happenings: [], quiet: true };
  }
  const step = { place, last, covered };
  const happenings: Happening[] = [];
  const after: { [fenceId: string]: FenceState } = {};
  let quiet = true;
  for (const id of ids) {
    const before = machine.fences[id] as FenceState;
    const fence = fences.versionAt(Number(id), place.fencesAtMs);
    if (fence === undefined) {
      const ended = fences.lastBefore(Number(id), place.fencesAtMs);
      if (ended !== undefined) happenings.push(...endFence(before, ended, place));
      quiet = false;
      continue;
    }
    const stepped = stepFence(before, fence, step);
    happenings.push(...stepped.happenings);
    if (stepped.state !== OUTSIDE) after[id] = stepped.state;
    quiet &&= stepped.clear && stepped.state === before;
  }
  for (const fence of near) {
    if (machine.fences[fence.fenceId] !== undefined) continue;
    const stepped = stepFence(OUTSIDE, fence, step);
    happenings.push(...stepped.happenings);
    quiet &&= stepped.clear;
    if (stepped.state !== OUTSIDE) after[fence.fenceId] = stepped.state;
  }
  return { machine: { last: place, fences: after }, happenings, quiet: quiet && happenings.length === 0 };
}
