import type { Logger } from "pino";
import { FixCopy } from "#store/fold-copy.ts";
import type { FoldDevice } from "#store/fold-devices.ts";
import type { EventRow, QuarantineRow } from "#store/fold-rows.ts";
import type { FleetTripRow } from "#store/fold-track.ts";
import type { JournalFrame } from "#store/journal.ts";
import type { PathSegmentRow } from "#store/track-rows.ts";
import { type FrameMeaning, faultOf, type QuarantineReason } from "./decode-frames.ts";
import { parseNoteDetail, quarantinedEvent, silentEvent } from "./events.ts";
import { type DeviceFold, type FoldResult, foldFixes, foldInitial, foldNote, foldUndecodable } from "./fold.ts";
import type { FenceSet } from "./geofence/fence-set.ts";
import type { StreamRoads } from "./match/stream-roads.ts";
import type { DeviceStage, StageContext, StreamEvent } from "./stage.ts";

export type ReadFrame = { frame: JournalFrame; meaning: FrameMeaning; device: FoldDevice | undefined };

/** What a batch of frames adds to the store, besides the moves of the cursors. */
export type FoldedFrames = {
  fixes: FixCopy;
  events: EventRow[];
  path: PathSegmentRow[];
  trips: FleetTripRow[];
  quarantined: QuarantineRow[];
  /** Devices whose state has changed. */
  folds: Map<number, DeviceFold>;
  /** Identities of the new fixes, so that the next batch knows them before they are committed. */
  accepted: FixIdentities;
  tally: { duplicates: number; late: number; unusable: Map<QuarantineReason, number> };
};

/** The identities (time and fingerprint) of fixes, by device. */
export class FixIdentities {
  /** Fingerprints by device and time. */
  readonly #devices = new Map<number, Map<number, number[]>>();

  add(deviceId: number, fixTimeMs: number, fingerprint: number): void {
    const times = this.#devices.get(deviceId);
    const fingerprints = times?.get(fixTimeMs);
    if (times === undefined) this.#devices.set(deviceId, new Map([[fixTimeMs, [fingerprint]]]));
    else if (fingerprints === undefined) times.set(fixTimeMs, [fingerprint]);
    else fingerprints.push(fingerprint);
  }

  has(deviceId: number, fixTimeMs: number, fingerprint: number): boolean {
    return this.#devices.get(deviceId)?.get(fixTimeMs)?.includes(fingerprint) === true;
  }
}

export type FoldContext = {
  stages: readonly DeviceStage[];
  /** State of a device before this batch. */
  foldBefore(deviceId: number): DeviceFold;
  /** Fixes that are stored, or on their way into the store, as far as they matter to this batch. */
  known: readonly FixIdentities[];
  /** The geofences of a fleet; undefined where it has none. */
  fencesOf?: (fleetId: number) => FenceSet | undefined;
  roads?: StreamRoads | undefined;
  /** Silence of a device that is an event, milliseconds. */
  silentMs?: number | undefined;
  log: Logger;
};

export function nothingFolded(): FoldedFrames {
  return {
    fixes: new FixCopy(),
    events: [],
    path: [],
    trips: [],
    quarantined: [],
    folds: new Map(),
    accepted: new FixIdentities(),
    tally: { duplicates: 0, late: 0, unusable: new Map() },
  };
}

/**
 * Folds frames, in journal order, into their devices, and adds what comes of them to `folded`. A frame on which a stage
 * throws is set aside: the state of its device stays as it was before, and the frames after it go on.
 */
export function foldFrames(frames: readonly ReadFrame[], context: FoldContext, folded = nothingFolded()): FoldedFrames {
  for (const read of frames) {
    tellSilence(read, folded, context);
    try {
      foldFrame(read, folded, context);
    } catch (error) {
      setAside({ ...read, meaning: faultOf(error) }, faultOf(error), folded, context);
    }
  }
  return folded;
}

/** A frame that ends a silence tells of it too: no sweep need have been there. */
function tellSilence({ frame, device }: ReadFrame, folded: FoldedFrames, context: FoldContext): void {
  const { silentMs } = context;
  if (silentMs === undefined || device === undefined || frame.kind !== "frame") return;
  const { lastFrameAtMs, lastFrameSeq } = stateOf(frame.deviceId, folded, context).live;
  if (lastFrameAtMs === null || frame.receivedAtMs - lastFrameAtMs < silentMs) return;
  const { deviceId, fleetId } = device;
  folded.events.push(silentEvent({ deviceId, fleetId, lastFrameAtMs, lastFrameSeq }, silentMs));
}

function foldFrame(read: ReadFrame, folded: FoldedFrames, context: FoldContext): void {
  const { frame, meaning, device } = read;
  if (meaning.kind === "unusable" || device === undefined) {
    if (meaning.kind === "unusable") setAside(read, meaning, folded, context);
    return;
  }
  const before = stateOf(frame.deviceId, folded, context);
  const known: StageContext = { fences: context.fencesOf?.(device.fleetId), roads: context.roads };
  const result =
    meaning.kind === "note"
      ? foldOfNote(before, frame, context, known)
      : foldOfFixes(before, read, folded, context, known);
  folded.fixes.append(result.fixes);
  // Nothing below fails: the frame is taken as a whole or not at all.
  folded.folds.set(frame.deviceId, result.fold);
  for (const fix of result.fixes) folded.accepted.add(fix.deviceId, fix.fixTimeMs, fix.fingerprint);
  for (const event of result.events) folded.events.push(eventRow(event, device.fleetId));
  for (const segment of result.path) folded.path.push(segment);
  for (const trip of result.trips) folded.trips.push({ ...trip, fleetId: device.fleetId });
  folded.tally.duplicates += result.duplicates;
  folded.tally.late += result.fixes.reduce((late, fix) => late + (fix.late ? 1 : 0), 0);
}

function foldOfNote(before: DeviceFold, frame: JournalFrame, { stages }: FoldContext, known: StageContext): FoldResult {
  if (frame.kind === "frame") throw new TypeError("a frame of the device is no note");
  const { kind, deviceId, seq, receivedAtMs, remoteAddress } = frame;
  const detail = parseNoteDetail(frame.bytes);
  return foldNote(before, { kind, deviceId, seq, receivedAtMs, remoteAddress, detail }, stages, known);
}

function foldOfFixes(
  before: DeviceFold,
  read: ReadFrame,
  folded: FoldedFrames,
  context: FoldContext,
  known: StageContext,
): FoldResult {
  const { frame, meaning } = read;
  if (meaning.kind !== "fixes") throw new TypeError("a frame without fixes can't be folded");
  const isKnown = (fixTimeMs: number, fingerprint: number): boolean =>
    folded.accepted.has(frame.deviceId, fixTimeMs, fingerprint) ||
    context.known.some((identities) => identities.has(frame.deviceId, fixTimeMs, fingerprint));
  const input = { frame, fixes: meaning.fixes, memory: meaning.memory, isKnown };
  return foldFixes(before, input, context.stages, known);
}

function setAside(
  { frame, device }: ReadFrame,
  meaning: FrameMeaning & { kind: "unusable" },
  folded: FoldedFrames,
  context: FoldContext,
): void {
  if (meaning.reason === "fault")
    context.log.error({ err: meaning.cause, seq: frame.seq }, "frame set aside: our fault");
  const { unusable } = folded.tally;
  unusable.set(meaning.reason, (unusable.get(meaning.reason) ?? 0) + 1);
  folded.quarantined.push({
    frameSeq: frame.seq,
    deviceId: frame.deviceId,
    fleetId: device?.fleetId ?? null,
    protocol: frame.protocol,
    transport: frame.transport,
    receivedAtMs: frame.receivedAtMs,
    remoteAddress: frame.remoteAddress,
    reason: meaning.reason,
    detail: meaning.detail,
    bytes: frame.bytes,
  });
  if (device === undefined) return;
  folded.folds.set(frame.deviceId, foldUndecodable(stateOf(frame.deviceId, folded, context), frame));
  folded.events.push(eventRow(quarantinedEvent(frame, meaning.reason), device.fleetId));
}

function stateOf(deviceId: number, folded: FoldedFrames, context: FoldContext): DeviceFold {
  return folded.folds.get(deviceId) ?? context.foldBefore(deviceId) ?? foldInitial;
}

function eventRow(event: StreamEvent, fleetId: number): EventRow {
  return { ...event, fleetId };
}
