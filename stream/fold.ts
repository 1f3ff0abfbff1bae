import assert from "node:assert/strict";
import type { Attributes, ProtocolName, Report } from "#decoders/decoder.ts";
import type { PathSegmentRow, TripRow } from "#store/track-rows.ts";
import { eventOfNote } from "./events.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { type LiveState, liveAfterFixes, liveAfterFrame, liveAfterNote, liveInitial } from "./live.ts";
import { type IsKnown, type OrderState, order, orderInitial, readClock } from "./order/index.ts";
import type { DeviceStage, Fix, Note, StageContext, StageItem, StageStep, StreamEvent } from "./stage.ts";

/** Reports of one frame that a fix id has room for. */
export const REPORTS_PER_FRAME_MAX = 1024;

/** Times beyond this (the years 4368 BC to 8307) come from no device, and not every one of them fits into the store. */
const TIME_MS_MAX = 2e14;

/** The whole state of one device: serialisable JSON, never changed in place. */
export type DeviceFold = {
  live: LiveState;
  order: OrderState;
  /** What the decoder asked to remember of earlier frames. */
  memory: Attributes;
  /** State of each later stage by its name. */
  stages: { readonly [name: string]: { readonly version: number; readonly state: unknown } };
};

export const foldInitial: DeviceFold = { live: liveInitial, order: orderInitial, memory: {}, stages: {} };

/** The frame that reports came in, as far as a fix remembers it. */
export type FrameHead = {
  seq: number;
  deviceId: number;
  protocol: ProtocolName;
  receivedAtMs: number;
  bytes: Uint8Array;
};

export type FoldResult = {
  fold: DeviceFold;
  fixes: readonly Fix[];
  events: readonly StreamEvent[];
  path: readonly PathSegmentRow[];
  trips: readonly TripRow[];
  duplicates: number;
};

/**
 * Places the reports of a frame in time and names them. Logins and heartbeats that say nothing are no fixes. Throws when
 * there are more than `REPORTS_PER_FRAME_MAX` (the caller has checked) or a time is no number of milliseconds.
 */
export function fixesOf(frame: FrameHead, reports: readonly Report[]): Fix[] {
  assert(reports.length <= REPORTS_PER_FRAME_MAX, "more reports than a fix id has room for");
  const fixes: Fix[] = [];
  const named: Named[] = [];
  reports.forEach((report, index) => {
    if (isSilent(report)) return;
    const { timeMs } = report;
    const clock = readClock(timeMs === null ? null : wholeMs(timeMs), frame.receivedAtMs);
    const fingerprint = nameOf(frame.bytes, report, clock.fixTimeMs, named);
    // Field by field: the rest of a report, spread, costs a third of a microsecond more.
    fixes.push({
      kind: report.kind,
      valid: report.valid,
      latDeg: report.latDeg,
      lonDeg: report.lonDeg,
      altitudeM: report.altitudeM,
      speedMps: report.speedMps,
      headingDeg: report.headingDeg,
      satellites: report.satellites,
      hdop: report.hdop,
      accuracyM: report.accuracyM,
      event: report.event,
      buffered: report.buffered,
      attributes: report.attributes,
      fixTimeMs: clock.fixTimeMs,
      dated: clock.dated,
      clockFault: clock.clockFault,
      deviceTimeMs: clock.deviceTimeMs,
      fixId: frame.seq * REPORTS_PER_FRAME_MAX + index,
      deviceId: frame.deviceId,
      receivedAtMs: frame.receivedAtMs,
      fingerprint,
      protocol: frame.protocol,
      late: false,
      smoothed: null,
      matched: null,
      trackM: null,
      cell: null,
    });
  });
  return fixes;
}

type Named = { report: Report; fixTimeMs: number; fingerprint: number };

/**
 * The fingerprint of a report among those `named` before it in its frame. A copy has that of its first. But the positions of
 * one message may share its bytes, and positions packed as differences may have the same: those of one time are numbered.
 */
function nameOf(bytes: Uint8Array, report: Report, fixTimeMs: number, named: Named[]): number {
  const { bytesStart, bytesEnd, timeMs } = report;
  const fingerprint = fingerprintOf(bytes, bytesStart, bytesEnd);
  let others = 0;
  for (const before of named) {
    if (before.fixTimeMs !== fixTimeMs || before.fingerprint !== fingerprint) continue;
    if (before.report.bytesStart === bytesStart || before.report.timeMs !== timeMs) others++;
  }
  named.push({ report, fixTimeMs, fingerprint });
  return others === 0 ? fingerprint : fingerprintOf(bytes, bytesStart, bytesEnd, others);
}

/** Folds the fixes of one frame into the device's state. Pure: the same frames in the same order give the same result. */
export function foldFixes(
  before: DeviceFold,
  input: { frame: FrameHead; fixes: readonly Fix[]; memory?: Attributes | undefined; isKnown: IsKnown },
  stages: readonly DeviceStage[],
  context: StageContext = {},
): FoldResult {
  const ordered = order(before.order, { fixes: input.fixes, isKnown: input.isKnown });
  const items: StageItem[] = [];
  for (const output of ordered.outputs) if (output.kind === "accepted") items.push({ kind: "fix", fix: output.fix });
  const piped = pipe(before.stages, items, stages, context);
  const fixes = piped.items.flatMap((item) => (item.kind === "fix" ? [item.fix] : []));
  assert.equal(fixes.length, items.length, "a stage lost or made a fix");
  const duplicates = ordered.outputs.length - fixes.length;
  const live = liveAfterFixes(liveAfterFrame(before.live, input.frame), { fixes, duplicates });
  const memory = input.memory === undefined ? before.memory : { ...before.memory, ...input.memory };
  return {
    fold: { live, order: ordered.state, memory, stages: piped.states },
    fixes,
    ...madeOf(piped.items),
    duplicates,
  };
}

/** Folds a note of the gateway about a session into the device's state. */
export function foldNote(
  before: DeviceFold,
  note: Note,
  stages: readonly DeviceStage[],
  context: StageContext = {},
): FoldResult {
  const items: StageItem[] = [
    { kind: "note", note },
    { kind: "event", event: eventOfNote(note) },
  ];
  const piped = pipe(before.stages, items, stages, context);
  const live = liveAfterNote(before.live, note);
  return { fold: { ...before, live, stages: piped.states }, fixes: [], ...madeOf(piped.items), duplicates: 0 };
}

/** The state after a frame that can't be understood: it arrived, and that is all. */
export function foldUndecodable(before: DeviceFold, frame: { seq: number; receivedAtMs: number }): DeviceFold {
  const live = liveAfterFrame(before.live, frame);
  return {
    ...before,
    live: { ...live, counters: { ...live.counters, undecodable: live.counters.undecodable + 1 } },
  };
}

function pipe(
  states: DeviceFold["stages"],
  items: readonly StageItem[],
  stages: readonly DeviceStage[],
  context: StageContext,
): { states: DeviceFold["stages"]; items: readonly StageItem[] } {
  if (stages.length === 0) return { states, items };
  const after = { ...states };
  let flowing = items;
  for (const stage of stages) {
    const kept = after[stage.name];
    let state = kept?.version === stage.version ? kept.state : stage.initial;
    if ("runFrame" in stage) {
      const step = stage.runFrame(state, flowing, context);
      state = step.state;
      flowing = step.outputs;
    } else {
      const take = (step: StageStep<unknown>): readonly StageItem[] => {
        state = step.state;
        return step.outputs;
      };
      flowing = flowing.flatMap((item) => take(stage.run(state, item, context)));
      if (stage.settle !== undefined) flowing = [...flowing, ...take(stage.settle(state, context))];
    }
    after[stage.name] = { version: stage.version, state };
  }
  return { states: after, items: flowing };
}

function madeOf(items: readonly StageItem[]): Pick<FoldResult, "events" | "path" | "trips"> {
  const events: StreamEvent[] = [];
  const path: PathSegmentRow[] = [];
  const trips: TripRow[] = [];
  for (const item of items) {
    if (item.kind === "event") events.push(item.event);
    else if (item.kind === "path") path.push(item.segment);
    else if (item.kind === "trip") trips.push(item.trip);
  }
  return { events, path, trips };
}

/** Times are identities, so they are whole milliseconds; a decoder that gives something else has a bug. */
function wholeMs(timeMs: number): number {
  assert(Math.abs(timeMs) <= TIME_MS_MAX, "a time that is none");
  return Math.floor(timeMs);
}

function isSilent(report: Report): boolean {
  if (report.kind !== "login" && report.kind !== "heartbeat") return false;
  return Object.keys(report.attributes).length === 0;
}
