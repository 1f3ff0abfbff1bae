import type { Attributes } from "#decoders/decoder.ts";
import type { Fix, Note } from "./stage.ts";

/** What came of the device's frames since it was registered. `noFixStreak` restarts at 0 with every valid position. */
export type Counters = {
  frames: number;
  fixes: number;
  late: number;
  duplicates: number;
  undecodable: number;
  noFix: number;
  noFixStreak: number;
  clockFaults: number;
};

/** Where and when the newest valid fix was: what `device_state` repeats of it. */
export type LivePosition = Pick<
  Fix,
  | "fixId"
  | "fixTimeMs"
  | "receivedAtMs"
  | "protocol"
  | "latDeg"
  | "lonDeg"
  | "altitudeM"
  | "speedMps"
  | "headingDeg"
  | "satellites"
  | "hdop"
  | "accuracyM"
  | "event"
  | "smoothed"
  | "matched"
>;

/** The last known of a device. `position` is the newest valid fix that was not late when it came. */
export type LiveState = {
  lastSeq: number;
  /** Journal position of the newest frame of the device itself; notes of the gateway count in `lastSeq` only. */
  lastFrameSeq: number;
  position: LivePosition | null;
  /** The last value of every attribute, from reports that were not late. */
  attributes: Attributes;
  connected: boolean;
  lastFrameAtMs: number | null;
  lastConnectedAtMs: number | null;
  lastDisconnectedAtMs: number | null;
  lastCloseReason: string | null;
  counters: Counters;
};

export const liveInitial: LiveState = {
  lastSeq: 0,
  lastFrameSeq: 0,
  position: null,
  attributes: {},
  connected: false,
  lastFrameAtMs: null,
  lastConnectedAtMs: null,
  lastDisconnectedAtMs: null,
  lastCloseReason: null,
  counters: { frames: 0, fixes: 0, late: 0, duplicates: 0, undecodable: 0, noFix: 0, noFixStreak: 0, clockFaults: 0 },
};

export type FrameTally = { fixes: readonly Fix[]; duplicates: number };

/** Live state after the fixes of one frame. It never moves backwards: an older fix changes counters only. */
export function liveAfterFixes(live: LiveState, { fixes, duplicates }: FrameTally): LiveState {
  let { position, attributes } = live;
  const counters = { ...live.counters, duplicates: live.counters.duplicates + duplicates };
  for (const fix of fixes) {
    counters.fixes++;
    if (fix.late) counters.late++;
    if (fix.clockFault !== null) counters.clockFaults++;
    if (fix.kind === "fix" && !fix.valid) counters.noFix++;
    if (fix.late) continue;
    attributes = overlaid(attributes, fix.attributes);
    if (fix.kind === "fix") counters.noFixStreak = fix.valid ? 0 : counters.noFixStreak + 1;
    if (moves(position, fix)) position = positionOf(fix);
  }
  return { ...live, position, attributes, counters };
}

/** Live state after any frame of the device arrived, understood or not. One tried again is not counted again. */
export function liveAfterFrame(live: LiveState, frame: { seq: number; receivedAtMs: number }): LiveState {
  const frames = live.counters.frames + (frame.seq > live.lastSeq ? 1 : 0);
  const counters = { ...live.counters, frames };
  const lastFrameAtMs = Math.max(live.lastFrameAtMs ?? 0, frame.receivedAtMs);
  const lastFrameSeq = Math.max(live.lastFrameSeq, frame.seq);
  return { ...live, lastSeq: Math.max(live.lastSeq, frame.seq), lastFrameSeq, lastFrameAtMs, counters };
}

/** Live state after a note of the gateway. A session that was superseded leaves `sessions` behind: its successor lives. */
export function liveAfterNote(live: LiveState, note: Note): LiveState {
  const lastSeq = Math.max(live.lastSeq, note.seq);
  switch (note.kind) {
    case "connected":
      return { ...live, lastSeq, connected: true, lastConnectedAtMs: note.receivedAtMs };
    case "disconnected": {
      const { sessions, closeReason } = note.detail;
      return {
        ...live,
        lastSeq,
        connected: typeof sessions === "number" && sessions > 0,
        lastDisconnectedAtMs: note.receivedAtMs,
        lastCloseReason: typeof closeReason === "string" ? closeReason : null,
      };
    }
    case "conflict":
      return { ...live, lastSeq };
  }
}

/** The newer values over the older ones. Most reports name all that the one before did: then nothing is copied. */
function overlaid(older: Attributes, newer: Attributes): Attributes {
  for (const name in older) if (!(name in newer)) return { ...older, ...newer };
  return newer;
}

function moves(position: LivePosition | null, fix: Fix): boolean {
  if (!fix.valid || fix.latDeg === null || fix.lonDeg === null) return false;
  return position === null || fix.fixTimeMs >= position.fixTimeMs;
}

function positionOf(fix: Fix): LivePosition {
  const { fixId, fixTimeMs, receivedAtMs, protocol, latDeg, lonDeg, altitudeM, speedMps, headingDeg } = fix;
  const { satellites, hdop, accuracyM, event, smoothed, matched } = fix;
  const place = { latDeg, lonDeg, altitudeM, speedMps, headingDeg, satellites, hdop, accuracyM };
  return { fixId, fixTimeMs, receivedAtMs, protocol, ...place, event, smoothed, matched };
}
