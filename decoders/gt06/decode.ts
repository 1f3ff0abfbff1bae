import type { DecodeContext, DecodeResult, Report } from "../decoder.ts";
import { emptyReport, placeReport } from "../empty-report.ts";
import { CELL_2G, CELL_4G, readCells } from "./cells.ts";
import { type Gt06Frame, openFrame, readUint16, readUint32 } from "./frame.ts";
import { asciiText, readInformation } from "./information.ts";
import { findGpsBlock, type GpsBlock, readBareBlock, readDate, readGpsBlock } from "./location.ts";
import { memoryOf, readLogin, ZONE_MEMORY, ZONE_SETTING } from "./login.ts";
import { readModules } from "./modular.ts";
import * as numbers from "./protocol-numbers.ts";
import { readReply } from "./reply.ts";
import { readAlarm, readHeartbeat } from "./status.ts";
import { readTail } from "./tail.ts";

/** Reads one delimited frame into its report. */
export function decode(bytes: Uint8Array, context: DecodeContext): DecodeResult {
  const frame = openFrame(bytes);
  if (!frame) return { kind: "undecodable", reason: "layout", detail: "not a frame" };
  // The serial and the CRC after the content change when a record is sent again; the content does not.
  const report = emptyReport("status", frame.protocolAt, frame.contentEnd, {});
  if (frame.protocol === numbers.LOGIN) return decodeLogin(frame, report);
  readContent(report, frame, zoneMinutesOf(context));
  return { kind: "decoded", reports: [report] };
}

function decodeLogin({ content }: Gt06Frame, report: Report): DecodeResult {
  const login = readLogin(content);
  if (!login) return { kind: "undecodable", reason: "layout", detail: "the login has no IMEI" };
  report.kind = "login";
  if (login.type !== undefined) report.attributes["device.type"] = login.type.toString(16).padStart(4, "0");
  if (login.zoneMinutes !== undefined) report.attributes["time.zoneMinutes"] = login.zoneMinutes;
  return { kind: "decoded", reports: [report], deviceUid: login.deviceUid, memory: memoryOf(login) };
}

/**
 * Devices of the family write their local time and name its zone at login. The device's registration can say otherwise:
 * a setting beats the login.
 */
function zoneMinutesOf({ settings, memory }: DecodeContext): number {
  for (const zone of [settings?.[ZONE_SETTING], memory?.[ZONE_MEMORY]]) {
    if (typeof zone === "number" && Number.isFinite(zone)) return zone;
  }
  return 0;
}

function readContent(report: Report, frame: Gt06Frame, zoneMinutes: number): void {
  const { protocol, content } = frame;
  switch (protocol) {
    case numbers.HEARTBEAT:
    case numbers.HEARTBEAT_OTHER:
      report.kind = "heartbeat";
      readHeartbeat(report, content);
      return;
    case numbers.COMMAND_REPLY_SHORT:
    case numbers.COMMAND_REPLY_LONG:
      readReply(report, content, protocol === numbers.COMMAND_REPLY_LONG);
      return;
    case numbers.TIME_REQUEST:
      report.kind = "heartbeat";
      return;
    case numbers.ADDRESS_REQUEST:
      readAddressRequest(report, content, zoneMinutes);
      return;
    case numbers.INFORMATION:
      readInformation(report, content);
      return;
    case numbers.MODULAR:
      readModules(report, content);
      return;
    case numbers.MULTIMEDIA_ALARM:
      readMultimediaAlarm(report, content, zoneMinutes);
      return;
    case numbers.SERIAL_DATA:
      report.attributes["serial.text"] = asciiText(content.subarray(1));
      return;
    case numbers.PERIPHERAL:
      if (content.length >= 4) report.timeMs = readUint32(content, 0) * 1000;
      report.attributes["gt06.content"] = Buffer.from(content).toString("hex");
      return;
    default:
      readLocation(report, frame, zoneMinutes);
      return;
  }
}

function readLocation(report: Report, { protocol, content }: Gt06Frame, zoneMinutes: number): void {
  const found = numbers.NO_POSITION_NUMBERS.has(protocol)
    ? -1
    : findGpsBlock(content, numbers.POSITION_OR_CELLS.has(protocol));
  const expected = numbers.LOCATION_NUMBERS.has(protocol);
  const block = readGpsBlock(content, found < 0 && expected ? 0 : found, zoneMinutes);
  if (!block) {
    readWithoutPosition(report, protocol, content, zoneMinutes);
    return;
  }
  place(report, block);
  readTail(report, protocol, content, block);
}

function place(report: Report, block: GpsBlock): void {
  report.kind = "fix";
  report.timeMs = block.timeMs;
  report.speedMps = block.speedMps;
  report.headingDeg = block.headingDeg;
  report.satellites = block.satellites;
  placeReport(report, block.latDeg, block.lonDeg, block.positioned);
}

/** Cells, access points and whatever else: the time where one leads, the cells where the number promises a list. */
function readWithoutPosition(report: Report, protocol: number, content: Uint8Array, zoneMinutes: number): void {
  report.timeMs = readDate(content, 0, zoneMinutes);
  const list = numbers.CELL_LISTS.get(protocol);
  if (list !== undefined && report.timeMs !== null) {
    readCells(report.attributes, content, 6, list === "4g" ? CELL_4G : CELL_2G);
  }
  report.attributes["gt06.number"] = protocol;
  report.attributes["gt06.content"] = Buffer.from(content).toString("hex");
}

/** Someone asked the device by SMS where it is: the place is for the answer, the phone number too. Not a report. */
function readAddressRequest(report: Report, content: Uint8Array, zoneMinutes: number): void {
  report.event = "address.requested";
  const block = readGpsBlock(content, findGpsBlock(content), zoneMinutes);
  if (!block) return;
  report.timeMs = block.timeMs;
  if (!block.positioned) return;
  report.attributes["request.lat"] = block.latDeg;
  report.attributes["request.lon"] = block.lonDeg;
  report.attributes["request.phone"] = asciiText(content.subarray(block.end, block.end + PHONE_BYTES));
}

const PHONE_BYTES = 21;

/** Event of a camera: the GPS block without its speed, then (speed and voltage, on some models,) the event and files. */
function readMultimediaAlarm(report: Report, content: Uint8Array, zoneMinutes: number): void {
  const block = readBareBlock(content, zoneMinutes);
  const text = asciiText(content).match(/EVENT_[\w.,]*/)?.[0];
  if (text !== undefined) report.attributes["media.files"] = text;
  if (!block) {
    report.timeMs = readDate(content, 0, zoneMinutes);
    if (content.length > 6) readMediaEvent(report, content[6]!);
    return;
  }
  place(report, block);
  const hasSpeed = block.satellites !== null && content.length >= block.end + 5;
  if (hasSpeed) {
    report.speedMps = readUint16(content, block.end) / 3.6;
    report.attributes["external.voltage"] = readUint16(content, block.end + 2) / 10;
  }
  const eventAt = block.end + (hasSpeed ? 4 : 0);
  if (eventAt < content.length) readMediaEvent(report, content[eventAt]!);
}

/** Camera events have numbers of their own beside the alarms of the family. */
const MEDIA_EVENTS: { readonly [code: number]: number } = { 145: 48, 144: 41 };

function readMediaEvent(report: Report, code: number): void {
  report.attributes["media.event"] = code;
  readAlarm(report, MEDIA_EVENTS[code] ?? code);
}
