import type { Happening } from "./fence-machine.ts";

/** An event that was made: its id, what it says, of which fence, and when that happened (Unix ms). */
export type Announced = readonly [eventId: string, type: Happening["type"], fenceId: number, occurredAtMs: number];

/** What late fixes change in what was announced. */
export type Revision = {
  /** What holds now. */
  readonly announced: readonly Announced[];
  /** New events, with the id of the one that each replaces. */
  readonly added: readonly { happening: Happening; supersedes: string | null }[];
  /** Events of which nothing is left. */
  readonly withdrawn: readonly Announced[];
};

/** A time that moves by less is not worth an event, milliseconds. */
const MOVED_MS_MIN = 5_000;

/**
 * Compares what happened, as it looks now, with what was announced. The same kind of event of the same fence at nearly
 * the same time is the same; of the others, those nearest in time replace each other.
 */
export function reviseAnnounced(
  announced: readonly Announced[],
  happened: readonly Happening[],
  name: (happening: Happening) => Announced,
): Revision {
  const left = new Set(announced);
  const holding: Announced[] = [];
  const unmatched: Happening[] = [];
  for (const happening of happened) {
    const same = nearest(left, happening, MOVED_MS_MIN);
    if (same === undefined) unmatched.push(happening);
    else {
      left.delete(same);
      holding.push(same);
    }
  }
  const added = unmatched.map((happening) => {
    const replaced = nearest(left, happening, Number.POSITIVE_INFINITY);
    if (replaced !== undefined) left.delete(replaced);
    holding.push(name(happening));
    return { happening, supersedes: replaced?.[0] ?? null };
  });
  return { announced: holding.toSorted((a, b) => a[3] - b[3]), added, withdrawn: [...left] };
}

/** Without the event of a happening that is final now. */
export function withoutFirst(announced: readonly Announced[], happening: Happening): readonly Announced[] {
  const final = nearest(new Set(announced), happening, MOVED_MS_MIN);
  return final === undefined ? announced : announced.filter((event) => event !== final);
}

function nearest(events: ReadonlySet<Announced>, happening: Happening, withinMs: number): Announced | undefined {
  let best: Announced | undefined;
  let bestMs = withinMs;
  for (const event of events) {
    const apartMs = Math.abs(event[3] - happening.occurredAtMs);
    if (event[1] !== happening.type || event[2] !== happening.fenceId || apartMs >= bestMs) continue;
    best = event;
    bestMs = apartMs;
  }
  return best;
}
