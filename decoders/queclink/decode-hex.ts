import { queclinkHex } from "#firmware-profiles/queclink/index.ts";
import type { Attributes, DecodeResult, Report } from "../decoder.ts";
import { emptyReport, headingOf, placeReport } from "../empty-report.ts";
import { readTrack } from "./compressed-track.ts";
import { readUint } from "./frame.ts";
import { type HexMessage, hexEventOf, openHex, timeAt } from "./hex-head.ts";
import { readBits, readState } from "./layout-reader.ts";

/** Reads a HEX message into its reports. */
export function decodeHex(frame: Uint8Array): DecodeResult {
  const message = openHex(frame);
  if (!message) return { kind: "undecodable", reason: "layout", detail: "not a HEX message" };
  const named = message.deviceUid === undefined ? {} : { deviceUid: message.deviceUid };
  const attributes = commonAttributes(message);
  if (message.head.kind !== "position")
    return { kind: "decoded", ...named, reports: [readStatus(frame, message, attributes)] };
  readStates(attributes, frame, message);
  const reports =
    message.type === queclinkHex.compressed
      ? readTrack(frame, message, attributes)
      : readPositions(frame, message, attributes);
  for (const report of reports) {
    report.event ??= hexEventOf(message);
    report.buffered = message.head.buffered;
  }
  return { kind: "decoded", ...named, reports };
}

function commonAttributes(message: HexMessage): Attributes {
  const attributes: Attributes = { report: `${message.name}-${message.type}`, "message.count": message.count };
  if (message.deviceName) attributes["device.name"] = message.deviceName;
  if (message.firmware !== undefined) attributes["firmware.version"] = message.firmware.toString(16).padStart(4, "0");
  return attributes;
}

function readStatus(frame: Uint8Array, message: HexMessage, attributes: Attributes): Report {
  const kind = message.head.kind === "position" ? "status" : message.head.kind;
  const report = emptyReport(kind, 4, message.bodyEnd, attributes);
  report.timeMs = message.sentMs;
  report.buffered = message.head.buffered;
  const body = frame.subarray(message.bodyStart, message.bodyEnd);
  if (kind === "commandReply" && body.length >= 3)
    attributes["command.serial"] = hex(body.subarray(1, 3)).toUpperCase();
  if (body.length > 0) attributes["hex.body"] = hex(body);
  return report;
}

/** The supply, inputs and motion in front of the positions, where the mask is one whose groups are known. */
function readStates(attributes: Attributes, frame: Uint8Array, { mask, bodyStart, bodyEnd }: HexMessage): void {
  const groups = mask >>> GROUP_SHIFT;
  const layout = queclinkHex.states.find((entry) => entry.mask >>> GROUP_SHIFT === groups);
  let at = bodyStart;
  for (const { name, read } of layout?.fields ?? []) {
    const bytes = read === "millivolts" ? 2 : 1;
    if (at + bytes > bodyEnd) return;
    const value = readUint(frame, at, bytes);
    if (read === "millivolts") attributes[name] = value / 1000;
    else if (read === "state") readState(attributes, value.toString(16).padStart(2, "0").toUpperCase());
    else if (read === "inputs") readBits(attributes, "input", value);
    else if (read === "outputs") readBits(attributes, "output", value);
    else if (read === "satellites") attributes[SATELLITES] = value & 0x3f;
    else attributes[name] = value;
    at += bytes;
  }
}

const SATELLITES = "gnss.satellites";

/** Bits below this one are about the parts of the message, not about groups of values. */
const GROUP_SHIFT = 12;

/** How wide a position is under a mask: bit 0 speed, 1 azimuth, 2 altitude, 3 cell. */
function positionBytes(mask: number): number {
  return 1 + (mask & 1 ? 3 : 0) + (mask & 2 ? 2 : 0) + (mask & 4 ? 2 : 0) + 4 + 4 + 7 + (mask & 8 ? 9 : 0);
}

/**
 * Positions, found by their shape: coordinates inside the world followed by a date. What stands in front of them depends
 * on the model; the byte before the first one is their number.
 */
function readPositions(frame: Uint8Array, message: HexMessage, attributes: Attributes): Report[] {
  const size = positionBytes(message.mask);
  const first = firstPosition(frame, message, size);
  if (first < 0) {
    const report = emptyReport("fix", 4, message.bodyEnd, attributes);
    report.timeMs = message.sentMs;
    return [report];
  }
  const wanted = Math.max(1, frame[first - 1]!);
  const reports: Report[] = [];
  for (let at = first; reports.length < wanted && isPosition(frame, at, message, size); at += size) {
    reports.push(readPosition(frame, at, message, { ...attributes }));
  }
  return reports;
}

function firstPosition(frame: Uint8Array, message: HexMessage, size: number): number {
  for (let at = message.bodyStart + 1; at + size <= message.bodyEnd; at++) {
    if (isPosition(frame, at, message, size)) return at;
  }
  return -1;
}

const ACCURACY_MAX = 50;

function isPosition(frame: Uint8Array, at: number, { mask, bodyEnd }: HexMessage, size: number): boolean {
  if (at + size > bodyEnd || frame[at]! > ACCURACY_MAX) return false;
  const lonAt = longitudeAt(at, mask);
  const inWorld = Math.abs(int32(frame, lonAt)) <= 180e6 && Math.abs(int32(frame, lonAt + 4)) <= 90e6;
  return inWorld && timeAt(frame, lonAt + 8) !== null;
}

function longitudeAt(at: number, mask: number): number {
  return at + 1 + (mask & 1 ? 3 : 0) + (mask & 2 ? 2 : 0) + (mask & 4 ? 2 : 0);
}

function readPosition(frame: Uint8Array, start: number, message: HexMessage, attributes: Attributes): Report {
  const { mask } = message;
  const report = emptyReport("fix", 4, message.bodyEnd, attributes);
  const accuracy = frame[start]!;
  let at = start + 1;
  if (mask & 1) {
    // Whole km/h in two bytes, tenths in the third.
    report.speedMps = (readUint(frame, at, 2) + frame[at + 2]! / 10) / 3.6;
    at += 3;
  }
  if (mask & 2) {
    report.headingDeg = headingOf(readUint(frame, at, 2));
    at += 2;
  }
  if (mask & 4) {
    report.altitudeM = (readUint(frame, at, 2) << 16) >> 16;
    at += 2;
  }
  const lonDeg = int32(frame, at) / 1e6;
  const latDeg = int32(frame, at + 4) / 1e6;
  report.timeMs = timeAt(frame, at + 8);
  if (mask & 8) readCell(attributes, frame, at + 15);
  const satellites = attributes[SATELLITES];
  if (typeof satellites === "number") report.satellites = satellites;
  if (accuracy > 0) report.hdop = accuracy;
  attributes["gnss.accuracy"] = accuracy;
  placeReport(report, latDeg, lonDeg, accuracy > 0);
  return report;
}

/** Country and network are written in hex digits that mean decimal ones. */
function readCell(attributes: Attributes, frame: Uint8Array, at: number): void {
  attributes["cell.mcc"] = Number.parseInt(readUint(frame, at, 2).toString(16), 10) || 0;
  attributes["cell.mnc"] = Number.parseInt(readUint(frame, at + 2, 2).toString(16), 10) || 0;
  attributes["cell.lac"] = readUint(frame, at + 4, 2);
  attributes["cell.cid"] = readUint(frame, at + 6, 2);
}

export function int32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
