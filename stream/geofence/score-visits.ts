import { type DeviceFold, foldFixes, foldInitial } from "../fold.ts";
import type { DeviceStage, StreamEvent } from "../stage.ts";
import { FenceSet } from "./fence-set.ts";
import { geofenceStage } from "./geofence-stage.ts";
import { type SimulatedDay, seededRandom, simulateDay, type TrueVisit } from "./simulated-visits.ts";

/** What was found of the true visits. `found` and `once` count due visits; `falseVisits` were found where nothing was. */
export type VisitScore = {
  due: number;
  found: number;
  /** Exactly one arrival and one departure. */
  once: number;
  reported: number;
  falseVisits: number;
  fixes: number;
  lateFixes: number;
  /** Errors of the times of arrivals and departures of found visits, milliseconds. */
  timeErrorsMs: number[];
  /** Live events about late fixes: there must be none. */
  liveOfLate: number;
};

/** How far a found visit may lie from the true one and still be it, milliseconds. */
const NEAR_MS = 60_000;

type Visit = { fenceId: number; enteredAtMs: number; exitedAtMs: number | null };

/** Drives vehicles through the fold of a device, late batches and all, and compares what remains with the truth. */
export function scoreVisits(seed: number, vehicles: number, visitsEach: number): VisitScore {
  const random = seededRandom(seed);
  const score: VisitScore = {
    ...{
      due: 0,
      found: 0,
      once: 0,
      reported: 0,
      falseVisits: 0,
      fixes: 0,
      lateFixes: 0,
      timeErrorsMs: [],
      liveOfLate: 0,
    },
  };
  for (let vehicle = 1; vehicle <= vehicles; vehicle++) {
    const day = simulateDay(random, vehicle, visitsEach);
    compare(day.truth, visitsOf(foldDay(day, vehicle, score)), score);
  }
  return score;
}

/** The events of a day, in the order in which they were made. */
export function foldDay(day: SimulatedDay, deviceId: number, score?: VisitScore): StreamEvent[] {
  const fences = new FenceSet(day.fences);
  let fold: DeviceFold = foldInitial;
  const events: StreamEvent[] = [];
  for (const [index, fixes] of day.frames.entries()) {
    const receivedAtMs = fixes[0]!.receivedAtMs;
    const frame = { seq: index + 1, deviceId, protocol: "teltonika" as const, receivedAtMs, bytes: new Uint8Array() };
    const input = { frame, fixes, isKnown: () => false };
    const result = foldFixes(fold, input, [geofenceStage as DeviceStage], { fences });
    fold = result.fold;
    events.push(...result.events);
    if (score === undefined) continue;
    const late = result.fixes.filter((fix) => fix.late);
    score.fixes += fixes.length;
    score.lateFixes += late.length;
    if (late.length === fixes.length) score.liveOfLate += result.events.filter((event) => !event.replayed).length;
  }
  return events;
}

/** The visits that remain when every event has had its say. Throws where arrivals and departures do not alternate. */
export function visitsOf(events: readonly StreamEvent[]): Visit[] {
  const standing = new Map<string, StreamEvent>();
  for (const event of events) {
    if (event.supersedes !== null && !standing.delete(event.supersedes))
      throw new Error("supersedes what does not stand");
    if (event.data.withdrawn !== true) standing.set(event.eventId, event);
  }
  const open = new Map<number, Visit>();
  const visits: Visit[] = [];
  const order = (event: StreamEvent): number => (event.type === "geofence.entered" ? 1 : 0);
  for (const event of [...standing.values()].sort((a, b) => a.occurredAtMs - b.occurredAtMs || order(a) - order(b))) {
    const fenceId = event.data.geofenceId as number;
    const visit = open.get(fenceId);
    if (event.type === "geofence.entered") {
      if (visit !== undefined) throw new Error("two arrivals without a departure");
      const entered: Visit = { fenceId, enteredAtMs: event.occurredAtMs, exitedAtMs: null };
      open.set(fenceId, entered);
      visits.push(entered);
    } else if (event.type === "geofence.exited") {
      if (visit === undefined) throw new Error("a departure without an arrival");
      visit.exitedAtMs = event.occurredAtMs;
      open.delete(fenceId);
    }
  }
  return visits;
}

function compare(truth: readonly TrueVisit[], visits: readonly Visit[], score: VisitScore): void {
  const ofStay = assignVisits(truth, visits);
  score.reported += visits.length;
  score.falseVisits += visits.length - [...ofStay.values()].reduce((sum, { length }) => sum + length, 0);
  for (const real of truth.filter(({ due }) => due)) {
    const found = ofStay.get(real) ?? [];
    score.due++;
    if (found.length > 0) score.found++;
    const visit = found[0];
    if (found.length !== 1 || visit === undefined || visit.exitedAtMs === null) continue;
    score.once++;
    score.timeErrorsMs.push(visit.enteredAtMs - real.enteredAtMs, visit.exitedAtMs - real.exitedAtMs);
  }
}

/** Each visit belongs to the true stay that it shares most time with, or lies nearest to; to none where all are far. */
export function assignVisits(truth: readonly TrueVisit[], visits: readonly Visit[]): Map<TrueVisit, Visit[]> {
  const ofStay = new Map<TrueVisit, Visit[]>();
  for (const visit of visits) {
    let most: TrueVisit | undefined;
    let mostMs = -NEAR_MS;
    for (const real of truth) {
      if (real.fenceId !== visit.fenceId) continue;
      const sharedMs =
        Math.min(visit.exitedAtMs ?? Number.POSITIVE_INFINITY, real.exitedAtMs) -
        Math.max(visit.enteredAtMs, real.enteredAtMs);
      if (sharedMs <= mostMs) continue;
      most = real;
      mostMs = sharedMs;
    }
    if (most !== undefined) ofStay.set(most, [...(ofStay.get(most) ?? []), visit]);
  }
  return ofStay;
}
