import type { Report } from "../decoder.ts";
import { CELL_2G, CELL_2G_WIDE, CELL_4G, readCell } from "./cells.ts";
import { readUint16, readUint32 } from "./frame.ts";
import type { GpsBlock } from "./location.ts";
import { ALARM_NUMBERS } from "./protocol-numbers.ts";
import { readAlarm, readStatusTail } from "./status.ts";

/** Upload modes of a position. Source: JM-VL03 communication protocol 1.1.2, location packet. */
const UPLOAD_EVENTS: { readonly [mode: number]: string } = {
  1: "report.distance",
  2: "report.corner",
  3: "ignition.changed",
  4: "report.stopped",
  5: "report.outage",
  6: "report.forced",
  7: "report.manual",
  8: "device.started",
  10: "report.static",
  13: "report.static",
  14: "report.static",
  15: "report.resumed",
};

/** Reads what follows the GPS block: cell, then the fields of the number and model, as far as the length allows. */
export function readTail(report: Report, protocol: number, content: Uint8Array, block: GpsBlock): void {
  readIgnitionBits(report, block.status);
  if (ALARM_NUMBERS.has(protocol)) readAlarmTail(report, protocol, content, block.end);
  else if (protocol === 0x17) readDriverTail(report, content, block.end);
  else if (protocol === 0x31) readAltitudeTail(report, content, block.end);
  else if (protocol === 0x36) readHoursTail(report, content, block.end);
  else readCellTail(report, protocol, content, block.end);
}

function readCellTail(report: Report, protocol: number, content: Uint8Array, at: number): void {
  const wide = protocol === 0xa0;
  const end = readCell(report.attributes, content, at, wide ? CELL_4G : CELL_2G);
  if (end < 0) return;
  if (protocol === 0x22 || wide) readUploadTail(report, content, end);
  else keepRest(report, content, end);
}

/** Old models put the ignition into the two upper bits of the status word: bit 14 says that bit 15 is meant. */
function readIgnitionBits(report: Report, status: number): void {
  if (status & 0x4000) report.attributes.ignition = (status & 0x8000) !== 0;
}

/** The protocol number in front of the content. */
const PROTOCOL_BYTES = 1;

/** Ignition, upload mode, sent again after an outage; mileage in metres where it is given. */
function readUploadTail(report: Report, content: Uint8Array, at: number): void {
  if (at + 3 > content.length) return;
  report.attributes.ignition = content[at] !== 0;
  const mode = content[at + 1]!;
  report.attributes["upload.mode"] = mode;
  const event = UPLOAD_EVENTS[mode];
  if (event === "ignition.changed") report.event = content[at] === 0 ? "ignition.off" : "ignition.on";
  else if (event !== undefined) report.event = event;
  report.buffered = content[at + 2] === 1;
  // A record is the same record when it is sent again: what identifies it ends before the flag that says so.
  report.bytesEnd = report.bytesStart + PROTOCOL_BYTES + at + 2;
  if (content.length - at - 3 === 4) report.attributes.odometer = readUint32(content, at + 3);
  else keepRest(report, content, at + 3);
}

/** Cell, ten bytes of state, of which the last two are the altitude in metres. */
function readAltitudeTail(report: Report, content: Uint8Array, at: number): void {
  const end = readCell(report.attributes, content, at, CELL_2G_WIDE);
  if (end < 0) return;
  keepRest(report, content, end);
  if (content.length - end === 10) report.altitudeM = readInt16(content, end + 8);
}

/** Cell with its length in front, terminal information, voltage, signal, alarm, language; a fence or a mileage after. */
function readAlarmTail(report: Report, protocol: number, content: Uint8Array, at: number): void {
  if (protocol === 0x32) {
    readAltitudeAlarmTail(report, content, at);
    return;
  }
  const after = protocol === 0x27 || protocol === 0xa4 ? 6 : 5;
  const wideCell = content.length - at - 1 === 5 + 4 + after;
  const layout = protocol === 0xa4 ? CELL_4G : wideCell ? CELL_2G_WIDE : CELL_2G;
  const statusAt = readCell(report.attributes, content, at + 1, layout);
  if (statusAt < 0) return;
  const end = readStatusTail(report, content, statusAt);
  if (end < statusAt + 5) return;
  readAlarm(report, content[statusAt + 3]!);
  if (after === 6 && end < content.length) {
    const fence = content[end]!;
    if (fence !== NO_FENCE) report.attributes["geofence.number"] = fence + 1;
  } else if (content.length - end === 4) report.attributes.odometer = readUint32(content, end);
  else keepRest(report, content, end);
}

const NO_FENCE = 0xff;

/** As the other alarms, with one byte before the terminal information and, on some models, an altitude at the end. */
function readAltitudeAlarmTail(report: Report, content: Uint8Array, at: number): void {
  const end = readCell(report.attributes, content, at + 1, CELL_2G_WIDE);
  if (end < 0 || end + 6 > content.length) return;
  const rest = readStatusTail(report, content, end + 1);
  readAlarm(report, content[end + 4]!);
  if (content.length - rest === 2) report.altitudeM = readInt16(content, rest);
}

function readInt16(content: Uint8Array, at: number): number {
  return (readUint16(content, at) << 16) >> 16;
}

/** Cell, then the card of the driver. */
function readDriverTail(report: Report, content: Uint8Array, at: number): void {
  const end = readCell(report.attributes, content, at, CELL_2G);
  if (end >= 0 && end + 8 <= content.length) {
    report.attributes["driver.id"] = Buffer.from(content.subarray(end, end + 8)).toString("hex");
  }
}

/** Cell, upload fields, mileage 4, supply 2 (0.01 V), battery 1 (0.1 V), engine hours 3 (0.01 h …), driver card 8. */
function readHoursTail(report: Report, content: Uint8Array, at: number): void {
  const end = readCell(report.attributes, content, at, CELL_2G_WIDE);
  if (end < 0 || end + 7 > content.length) return;
  readUploadTail(report, content.subarray(0, end + 7), end);
  if (end + 10 > content.length) return;
  report.attributes["external.voltage"] = readUint16(content, end + 7) / 100;
  report.attributes["battery.voltage"] = content[end + 9]! / 10;
  keepRest(report, content, end + 10);
}

function keepRest(report: Report, content: Uint8Array, at: number): void {
  if (at < content.length) report.attributes["gt06.rest"] = Buffer.from(content.subarray(at)).toString("hex");
}
