import type { DecodeResult, Report } from "../decoder.ts";
import { emptyReport, headingOf, placeReport } from "../empty-report.ts";
import { compactIsSound, encodingOf, readUint } from "./frame.ts";

/**
 * The compact protocol of devices since 2025.
 *
 * | part | bytes |
 * |---|---|
 * | head | 1: `2B`, `2D` · 1: 0 · 2: length of all · 1: flags, bit 7: 2 bytes of parts follow |
 * | IMEI | 8: BCD with a leading 0 |
 * | device type, protocol version, custom version | 2 + 2 + 1 |
 * | reserved | 1 + n |
 * | records | each: length with itself (1, or 2 with the top bit set), Unix time 4, number 2, id 1, event 1, items |
 * | tail | count 2, check 1, `24` |
 *
 * Item 0x52 is a position: flags 1, longitude 4, latitude 4 (1e-6 degrees), Unix time 4, speed 2 (0.1 km/h), HDOP 1 (0.1),
 * course 2, altitude 3 (0.1 m), satellites 1. Item 0x61 is the battery: state 1, mV 2, % 1, charging 1.
 * Source: devices' own frames; no vendor document was at hand.
 */
export type CompactMessage = { deviceUid: string; count: number; recordsStart: number; recordsEnd: number };

const IMEI_BYTES = 8;
const TAIL_BYTES = 4;
const RECORD_HEAD_BYTES = 8;
const POSITION = 0x52;
const POSITION_BYTES = 22;
const BATTERY = 0x61;

export function openCompact(frame: Uint8Array): CompactMessage | undefined {
  if (frame.length < 24 || encodingOf(frame)?.kind !== "compact" || !compactIsSound(frame, frame.length))
    return undefined;
  const imeiAt = frame[4]! & 0x80 ? 7 : 5;
  const reservedAt = imeiAt + IMEI_BYTES + 5;
  const recordsStart = reservedAt + 1 + (frame[reservedAt] ?? 0);
  const recordsEnd = frame.length - TAIL_BYTES;
  if (recordsStart > recordsEnd) return undefined;
  const digits = Buffer.from(frame.subarray(imeiAt, imeiAt + IMEI_BYTES))
    .toString("hex")
    .replace(/^0/, "");
  return { deviceUid: digits, count: readUint(frame, recordsEnd, 2), recordsStart, recordsEnd };
}

export function decodeCompact(frame: Uint8Array): DecodeResult {
  const message = openCompact(frame);
  if (!message) return { kind: "undecodable", reason: "layout", detail: "not a compact message" };
  const reports: Report[] = [];
  let at = message.recordsStart;
  while (at < message.recordsEnd) {
    const length = lengthAt(frame, at);
    const end = at + length.value;
    if (end > message.recordsEnd || length.value < length.bytes + RECORD_HEAD_BYTES) break;
    reports.push(readRecord(frame, at + length.bytes, end, message));
    at = end;
  }
  return { kind: "decoded", deviceUid: message.deviceUid, reports };
}

function readRecord(frame: Uint8Array, start: number, end: number, { count }: CompactMessage): Report {
  const report = emptyReport("status", start, end, {
    "message.count": count,
    "record.id": frame[start + 6]!,
    "record.event": frame[start + 7]!,
  });
  report.timeMs = readUint(frame, start, 4) * 1000;
  let at = start + RECORD_HEAD_BYTES;
  while (at < end) {
    const id = lengthAt(frame, at);
    const length = lengthAt(frame, at + id.bytes);
    const dataAt = at + id.bytes + length.bytes;
    const dataEnd = dataAt + length.value;
    if (dataEnd > end) break;
    readItem(report, id.value, frame.subarray(dataAt, dataEnd));
    at = dataEnd;
  }
  return report;
}

/** A number of one byte, or of two where the top bit is set. */
function lengthAt(frame: Uint8Array, at: number): { value: number; bytes: number } {
  const first = frame[at] ?? 0;
  if ((first & 0x80) === 0) return { value: first, bytes: 1 };
  return { value: ((first & 0x7f) << 8) | (frame[at + 1] ?? 0), bytes: 2 };
}

function readItem(report: Report, id: number, data: Uint8Array): void {
  if (id === POSITION && data.length >= POSITION_BYTES) readPosition(report, data);
  else if (id === BATTERY && data.length >= 4) {
    report.attributes["battery.voltage"] = readUint(data, 1, 2) / 1000;
    report.attributes["battery.level"] = data[3]!;
  } else report.attributes[`item.${id.toString(16).padStart(2, "0")}`] = Buffer.from(data).toString("hex");
}

function readPosition(report: Report, data: Uint8Array): void {
  report.kind = "fix";
  report.timeMs = readUint(data, 9, 4) * 1000;
  report.speedMps = readUint(data, 13, 2) / 36;
  report.hdop = data[15]! / 10;
  report.headingDeg = headingOf(readUint(data, 16, 2));
  report.altitudeM = ((readUint(data, 18, 3) << 8) >> 8) / 10;
  report.satellites = data[21]!;
  placeReport(report, (readUint(data, 5, 4) | 0) / 1e6, (readUint(data, 1, 4) | 0) / 1e6, report.timeMs !== 0);
}
