import type { TripRow } from "#store/track-rows.ts";
import { eventIdOf } from "../events.ts";
import { isPlaced } from "../placed-fix.ts";
import type { DeviceStage, Fix, StageItem, StreamEvent } from "../stage.ts";
import { type Sample, sampleOf } from "./sample.ts";
import {
  type Announced,
  append,
  compare,
  insertLate,
  isLate,
  judgeAgain,
  type TripHistory,
  timeOf,
  trimmed,
  tripHistoryInitial,
} from "./trip-history.ts";
import { distanceOf, type Happening } from "./trip-machine.ts";

/** The fix that revealed something. */
type Cause = Pick<Fix, "fixId" | "deviceId" | "receivedAtMs"> & { late: boolean };

const FIX_IDS_PER_FRAME = 1024;
/** Trips that were withdrawn and are remembered, so that one that is found again does not begin at its first version. */
const GONE_MAX = 16;

/** Trips as a stage: `trip.started` and `trip.ended`, and rows of trips. */
export const tripStage: DeviceStage<TripHistory> = {
  name: "trip",
  version: 2,
  initial: tripHistoryInitial,
  runFrame: (before, items) => {
    let history = before;
    const outputs: StageItem[] = [...items];
    const lateFixes: Fix[] = [];
    for (const item of items) {
      if (item.kind !== "fix" || !isPlaced(item.fix)) continue;
      const sample = sampleOf(item.fix);
      if (isLate(history, sample)) lateFixes.push(item.fix);
      else {
        const step = append(settleLate(history, lateFixes.splice(0), outputs), sample);
        history = announceAll(step.history, step.happenings, causeOf(item.fix, item.fix.late), outputs);
      }
    }
    history = settleLate(history, lateFixes, outputs);
    return { state: history === before ? before : trimmed(history), outputs };
  },
};

/** Late fixes of a frame are judged together: each alone would revise the same trip again and again. */
function settleLate(history: TripHistory, lateFixes: readonly Fix[], outputs: StageItem[]): TripHistory {
  const newest = lateFixes.at(-1);
  if (newest === undefined) return history;
  const inserted = insertLate(
    history,
    lateFixes.flatMap((fix) => (isPlaced(fix) ? [sampleOf(fix)] : [])),
  );
  if (inserted === history) return history;
  const { history: judged, happened } = judgeAgain(inserted);
  return reviseAll(judged, happened, causeOf(newest, true), outputs);
}

function announceAll(
  history: TripHistory,
  happenings: readonly Happening[],
  cause: Cause,
  outputs: StageItem[],
): TripHistory {
  let { announced, open } = history;
  const versions = versionsOf(history);
  for (const happening of happenings) {
    const tripId = happening.kind === "ended" && open !== null ? open[0] : tripIdOf(happening, cause);
    const version = happening.kind === "ended" && open !== null ? open[1] : (versions.get(tripId) ?? 0) + 1;
    const told = tell({ happening, tripId, version, supersedes: null }, cause, outputs);
    announced = [...announced, told];
    open = happening.kind === "started" ? [tripId, version] : null;
  }
  return happenings.length === 0 ? history : { ...history, announced, open };
}

/** Tells what late fixes changed: trips keep their ids, and get another version. */
function reviseAll(
  history: TripHistory,
  happened: readonly Happening[],
  cause: Cause,
  outputs: StageItem[],
): TripHistory {
  const { same, replaced, withdrawn } = compare(history.announced, happened, distanceOfHappening);
  const versions = versionsOf(history);
  const raised = new Set<string>();
  // One revision makes one version of a trip, whichever of its ends it changes.
  const versionFor = (tripId: string): number => {
    if (!raised.has(tripId)) versions.set(tripId, (versions.get(tripId) ?? 0) + 1);
    raised.add(tripId);
    return versions.get(tripId) as number;
  };
  const announced: Announced[] = [];
  // A trip that goes on since before the window keeps its name; so does one that is told again.
  let openId = openBefore(history);
  happened.forEach((happening, index) => {
    const held = same[index];
    const was = held ?? replaced[index];
    const isStart = happening.kind === "started";
    const tripId = (isStart ? was?.[2] : openId) ?? tripIdOf(happening, cause);
    const holds = held !== undefined && held[2] === tripId && !raised.has(tripId);
    const telling = { happening, tripId, supersedes: was?.[1] ?? null };
    announced.push(holds ? held : tell({ ...telling, version: versionFor(tripId) }, cause, outputs));
    openId = isStart ? tripId : null;
  });
  const living = new Set([...announced.map(([, , tripId]) => tripId), openId]);
  for (const told of withdrawn) withdraw(told, versionFor(told[2]), !living.has(told[2]), cause, outputs);
  const { trip, last } = history.now;
  if (openId !== null && raised.has(openId) && trip !== null && last !== null) {
    const goesOn: Happening = { kind: "started", trip, by: last };
    outputs.push({ kind: "trip", trip: rowOf(goesOn, openId, versions.get(openId) as number, cause) });
  }
  const open = openId === null ? null : ([openId, versions.get(openId) ?? 1] as const);
  const gone = withdrawn.filter(([, , tripId]) => !living.has(tripId)).map(([, , tripId]) => tripId);
  return { ...history, announced, open, gone: withGone(history.gone, gone, versions) };
}

/** The newest version of each trip that was told and may be told again. */
function versionsOf({ announced, open, gone }: TripHistory): Map<string, number> {
  const versions = new Map<string, number>(gone);
  const heed = (tripId: string, version: number) => versions.set(tripId, Math.max(version, versions.get(tripId) ?? 0));
  for (const [, , tripId, version] of announced) heed(tripId, version);
  if (open !== null) heed(...open);
  return versions;
}

function withGone(before: TripHistory["gone"], tripIds: readonly string[], versions: ReadonlyMap<string, number>) {
  const now = new Map(before);
  for (const tripId of tripIds) now.set(tripId, versions.get(tripId) ?? 1);
  return [...now].slice(-GONE_MAX);
}

/** The trip that was going on where the window begins: that of its first end without a start. */
function openBefore({ base, announced, open }: TripHistory): string | null {
  if (base.trip === null) return null;
  const starts = new Set(announced.filter(([kind]) => kind === "started").map(([, , tripId]) => tripId));
  const end = announced.find(([kind, , tripId]) => kind === "ended" && !starts.has(tripId));
  return end?.[2] ?? open?.[0] ?? null;
}

type Telling = { happening: Happening; tripId: string; version: number; supersedes: string | null };

/** Puts out the event and the row of a happening. */
function tell({ happening, tripId, version, supersedes }: Telling, cause: Cause, outputs: StageItem[]): Announced {
  const occurredAtMs = timeOf(happening);
  const trip = rowOf(happening, tripId, version, cause);
  const subject = `${tripId}|${version}`;
  const event = eventOf(`trip.${happening.kind}`, subject, occurredAtMs, cause, {
    supersedes,
    data: dataOf(trip, happening.by),
  });
  outputs.push({ kind: "event", event }, { kind: "trip", trip });
  return [happening.kind, event.eventId, tripId, version, occurredAtMs, distanceOfHappening(happening)];
}

/** Says of an event that it never happened; `entirely` of a trip of which nothing is left. */
function withdraw(
  [kind, eventId, tripId, , atMs]: Announced,
  version: number,
  entirely: boolean,
  cause: Cause,
  outputs: StageItem[],
): void {
  const data = { tripId, version, withdrawn: true };
  const event = eventOf(`trip.${kind}`, `withdrawn ${eventId}`, atMs, cause, { supersedes: eventId, data });
  outputs.push({ kind: "event", event });
  if (!entirely || kind === "ended") return;
  const { deviceId, fixId } = cause;
  const frameSeq = Math.floor(fixId / FIX_IDS_PER_FRAME);
  const trip: TripRow = {
    ...{ tripId, version, deviceId, frameSeq, startedMs: atMs, endedMs: null },
    ...{ startLatDeg: 0, startLonDeg: 0, endLatDeg: null, endLonDeg: null, startReason: "gap", endReason: null },
    ...{ distanceM: null, odometerM: null, idleS: null, stops: null, maxSpeedMps: null, fixes: null },
    ...{ replayed: true, withdrawn: true },
  };
  outputs.push({ kind: "trip", trip });
}

function rowOf(happening: Happening, tripId: string, version: number, cause: Cause): TripRow {
  const { trip } = happening;
  const ended = happening.kind === "ended" ? happening.trip : null;
  return {
    ...{ tripId, version, deviceId: cause.deviceId, frameSeq: Math.floor(cause.fixId / FIX_IDS_PER_FRAME) },
    ...{ startedMs: trip.startedMs, startLatDeg: trip.start[2], startLonDeg: trip.start[3], startReason: trip.reason },
    endedMs: ended === null ? null : ended.end[1],
    endLatDeg: ended === null ? null : ended.end[2],
    endLonDeg: ended === null ? null : ended.end[3],
    endReason: ended === null ? null : ended.endReason,
    distanceM: ended === null ? null : Math.round(distanceOf(ended)),
    odometerM: ended === null || ended.odometerM === null ? null : Math.round(ended.odometerM),
    idleS: ended === null ? null : Math.round(ended.idleMs / 1000),
    stops: ended === null ? null : ended.stops,
    maxSpeedMps: ended === null ? null : Math.round(ended.maxSpeedMps * 100) / 100,
    fixes: ended === null ? null : ended.fixes,
    ...{ replayed: cause.late, withdrawn: false },
  };
}

function dataOf(trip: TripRow, by: Sample): StreamEvent["data"] {
  const { tripId, version } = trip;
  const fixIds = [String(by[0])];
  if (trip.endedMs === null) {
    return { tripId, version, lat: trip.startLatDeg, lon: trip.startLonDeg, reason: trip.startReason, fixIds };
  }
  return {
    ...{ tripId, version, lat: trip.endLatDeg, lon: trip.endLonDeg, reason: trip.endReason, fixIds },
    ...{ startedAt: new Date(trip.startedMs).toISOString(), distanceM: trip.distanceM, odometerM: trip.odometerM },
    ...{ idleS: trip.idleS, stops: trip.stops?.length ?? 0, maxSpeedMps: trip.maxSpeedMps },
  };
}

function eventOf(
  type: StreamEvent["type"],
  subject: string,
  occurredAtMs: number,
  { deviceId, fixId, receivedAtMs, late }: Cause,
  rest: Pick<StreamEvent, "supersedes" | "data">,
): StreamEvent {
  const frameSeq = Math.floor(fixId / FIX_IDS_PER_FRAME);
  const eventId = eventIdOf(type, deviceId, subject);
  return { eventId, type, deviceId, occurredAtMs, detectedAtMs: receivedAtMs, replayed: late, frameSeq, ...rest };
}

function causeOf({ fixId, deviceId, receivedAtMs }: Fix, late: boolean): Cause {
  return { fixId, deviceId, receivedAtMs, late };
}

/** The same trip found again has the same id: it is that of its first fix. */
function tripIdOf({ trip }: Happening, { deviceId }: Cause): string {
  return eventIdOf("trip.started", deviceId, `${trip.start[0]}|${trip.startedMs}`);
}

function distanceOfHappening(happening: Happening): number {
  return happening.kind === "ended" ? Math.round(distanceOf(happening.trip)) : 0;
}
