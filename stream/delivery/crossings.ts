/**
 * What is believed of a device and the geofence of a stop: the crossings that no later event has replaced or withdrawn.
 * `geofence.entered` and `geofence.exited` come in any order of time; visits are read off the whole list.
 */
export type Crossing = {
  readonly eventId: string;
  readonly deviceId: number;
  readonly type: "entered" | "exited";
  /** When the edge was crossed, Unix milliseconds. */
  readonly atMs: number;
};

/** A crossing as the stream tells of it. */
export type CrossingEvent = Crossing & {
  readonly supersedes: string | null;
  /** Says that what it supersedes never happened. */
  readonly withdrawn: boolean;
};

/** A stay inside, by one device. `entered` null: it was inside before anything was known. `exited` null: it still is. */
export type Stay = { readonly entered: Crossing | null; readonly exited: Crossing | null; readonly deviceId: number };

/** Crossings that are remembered for a stop, the newest: a fence that a vehicle crosses all day forgets its morning. */
const CROSSINGS_MAX = 24;

export function afterCrossing(crossings: readonly Crossing[], event: CrossingEvent): readonly Crossing[] {
  const { eventId, deviceId, type, atMs, supersedes, withdrawn } = event;
  const kept = crossings.filter((crossing) => crossing.eventId !== supersedes && crossing.eventId !== eventId);
  if (withdrawn) return kept;
  const next = [...kept, { eventId, deviceId, type, atMs }];
  return next.toSorted((a, b) => a.atMs - b.atMs || rank(a) - rank(b)).slice(-CROSSINGS_MAX);
}

/** Of two at one moment, leaving comes first: nobody enters twice. */
function rank({ type }: Crossing): number {
  return type === "exited" ? 0 : 1;
}

/** The stays of a device, in the order of time. */
export function staysOf(crossings: readonly Crossing[], deviceId: number): Stay[] {
  const stays: Stay[] = [];
  let entered: Crossing | null = null;
  for (const crossing of crossings) {
    if (crossing.deviceId !== deviceId) continue;
    // Of two entries with no exit between them the later counts: the exit that is missing comes with the next event.
    if (crossing.type === "entered") entered = crossing;
    else {
      if (entered !== null || stays.length === 0) stays.push({ entered, exited: crossing, deviceId });
      entered = null;
    }
  }
  if (entered !== null) stays.push({ entered, exited: null, deviceId });
  return stays;
}
