import type { Attributes } from "#decoders/decoder.ts";
import type { Measured, Tracked } from "./measured.ts";

/** Rows that the stream writes. SI units, WGS 84 degrees, Unix milliseconds. */

export type FixRow = Measured &
  Tracked & {
    fixId: number;
    deviceId: number;
    fixTimeMs: number;
    fingerprint: number;
    receivedAtMs: number;
    kind: string;
    protocol: string;
    valid: boolean;
    late: boolean;
    buffered: boolean;
    clockFault: string | null;
    deviceTimeMs: number | null;
    /** H3 index as hexadecimal digits. */
    cell: string | null;
  };

/** The columns of `device_state` that repeat the newest valid fix. */
export type PositionRow = Tracked & {
  fixId: number;
  fixTimeMs: number;
  receivedAtMs: number;
  protocol: string;
  latDeg: number | null;
  lonDeg: number | null;
  altitudeM: number | null;
  speedMps: number | null;
  headingDeg: number | null;
  satellites: number | null;
  hdop: number | null;
  accuracyM: number | null;
  event: string | null;
};

export type DeviceStateRow = {
  deviceId: number;
  lastSeq: number;
  lastFrameSeq: number;
  position: PositionRow | null;
  attributes: Attributes;
  connected: boolean;
  lastFrameAtMs: number | null;
  lastConnectedAtMs: number | null;
  lastDisconnectedAtMs: number | null;
  lastCloseReason: string | null;
  counters: { readonly [name: string]: number };
  /** State of the stages, by their names. */
  stageState: { readonly [name: string]: unknown };
};

export type EventRow = {
  eventId: string;
  fleetId: number;
  deviceId: number;
  type: string;
  occurredAtMs: number;
  detectedAtMs: number;
  replayed: boolean;
  supersedes: string | null;
  frameSeq: number;
  data: Attributes;
};

export type QuarantineRow = {
  frameSeq: number;
  deviceId: number;
  fleetId: number | null;
  protocol: string;
  transport: string;
  receivedAtMs: number;
  remoteAddress: string | null;
  reason: string;
  detail: string;
  bytes: Uint8Array;
};

/**
 * JSON that jsonb accepts: it refuses U+0000 and halves of surrogate pairs, and one of them in a device's text must not
 * fail a whole batch. Both become U+FFFD.
 */
export function jsonbTextOf(value: unknown): string {
  const text = JSON.stringify(value);
  // Only an escape can carry either; few texts have one.
  if (!text.includes("\\u")) return text;
  return JSON.stringify(value, (_name, part: unknown) => (typeof part === "string" ? textOf(part) : repaired(part)));
}

/** Text that PostgreSQL accepts. */
export function textOf(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}

function repaired(part: unknown): unknown {
  if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
  return Object.fromEntries(Object.entries(part).map(([name, value]) => [textOf(name), value]));
}
