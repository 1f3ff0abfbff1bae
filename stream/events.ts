import { createHash } from "node:crypto";
import type { Attributes } from "#decoders/decoder.ts";
import type { EventType, Note, StreamEvent } from "./stage.ts";

/**
 * The id of an event is a hash of what it is about, so that folding the same journal again gives the same ids. `subject`
 * is the journal position, or whatever else makes the event one of its kind for the device.
 */
export function eventIdOf(type: EventType, deviceId: number, subject: string | number): string {
  return createHash("sha256").update(`${type}|${deviceId}|${subject}`).digest("base64url").slice(0, 22);
}

const noteEvents = {
  connected: "device.connected",
  disconnected: "device.disconnected",
  conflict: "device.identity_conflict",
} as const;

/** The event that a note of the gateway stands for. */
export function eventOfNote(note: Note): StreamEvent {
  const type = noteEvents[note.kind];
  return {
    eventId: eventIdOf(type, note.deviceId, note.seq),
    type,
    deviceId: note.deviceId,
    occurredAtMs: note.receivedAtMs,
    detectedAtMs: note.receivedAtMs,
    replayed: false,
    supersedes: null,
    frameSeq: note.seq,
    data: note.detail,
  };
}

/** A frame that was acknowledged and can't be understood. */
export function quarantinedEvent(
  frame: { deviceId: number; seq: number; receivedAtMs: number; protocol: string },
  reason: string,
): StreamEvent {
  return {
    eventId: eventIdOf("frame.quarantined", frame.deviceId, frame.seq),
    type: "frame.quarantined",
    deviceId: frame.deviceId,
    occurredAtMs: frame.receivedAtMs,
    detectedAtMs: frame.receivedAtMs,
    replayed: false,
    supersedes: null,
    frameSeq: frame.seq,
    data: { protocol: frame.protocol, reason },
  };
}

/**
 * A device has sent nothing for `silentMs` since its last frame. The event is the same, whether a sweep notices the silence
 * or the frame that ends it does: a rebuild, which has no sweeps, makes it too.
 */
export function silentEvent(
  silent: { deviceId: number; fleetId: number; lastFrameAtMs: number; lastFrameSeq: number },
  silentMs: number,
): StreamEvent & { fleetId: number } {
  return {
    eventId: eventIdOf("device.silent", silent.deviceId, silent.lastFrameSeq),
    fleetId: silent.fleetId,
    type: "device.silent",
    deviceId: silent.deviceId,
    occurredAtMs: silent.lastFrameAtMs,
    detectedAtMs: silent.lastFrameAtMs + silentMs,
    replayed: false,
    supersedes: null,
    frameSeq: silent.lastFrameSeq,
    data: { silentS: Math.round(silentMs / 1000) },
  };
}

/** Reads the JSON of a note; a note that is none keeps its place without detail. */
export function parseNoteDetail(bytes: Uint8Array): Attributes {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? (parsed as Attributes) : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
