import { type Profile, profileFor } from "#firmware-profiles";
import type { DecodeContext, DecodeResult, Report } from "../decoder.ts";
import { emptyReport, headingOf, placeReport } from "../empty-report.ts";
import { columns } from "./columns.ts";
import { decodeCommand } from "./decode-command.ts";
import { decodePersonal } from "./decode-personal.ts";
import { eventOf, putElement } from "./elements.ts";
import { partsOf } from "./frame.ts";
import { CODEC, carriesCommand } from "./layout.ts";
import { RecordShapes } from "./record-shapes.ts";
import { readRecords } from "./records.ts";

const KMH_PER_MPS = 3.6;
const shapes = new RecordShapes();
/** The last instant that a date can show. */
const TIME_MS_MAX = 253_402_300_799_999;

/** The reports of a delimited frame: a fix for each record, in the packet's order. */
export function decode(frame: Uint8Array, context: DecodeContext): DecodeResult {
  const parts = partsOf(frame);
  if (!parts)
    return { kind: "undecodable", reason: "layout", detail: "neither keep-alive, login, packet nor datagram" };
  if (parts.kind === "keepAlive") {
    return { kind: "decoded", reports: [emptyReport("heartbeat", 0, frame.length, {})] };
  }
  if (parts.kind === "login") {
    return { kind: "decoded", reports: [emptyReport("login", 0, frame.length, {})], deviceUid: parts.imei };
  }
  const { codec, dataStart, dataEnd, imei } = parts;
  const result = carriesCommand(codec)
    ? decodeCommand(frame, dataStart, dataEnd)
    : codec === CODEC.gh3000
      ? decodePersonal(frame, dataStart, dataEnd)
      : decodeRecords(frame, dataStart, dataEnd, profileFor("teltonika", context.model));
  return result.kind === "decoded" && imei !== null ? { deviceUid: imei, ...result } : result;
}

function decodeRecords(frame: Uint8Array, dataStart: number, dataEnd: number, profile: Profile): DecodeResult {
  if (!readRecords(frame, dataStart, dataEnd)) {
    return { kind: "undecodable", reason: "layout", detail: "the records do not fill the packet" };
  }
  const reports: Report[] = [];
  for (let record = 0; record < columns.recordCount; record++) {
    reports.push(reportOf(frame, record, profile));
  }
  return { kind: "decoded", reports };
}

/**
 * Without satellites the device repeats its last position: that is no fix, and (0, 0) is no position. Altitude, speed
 * and heading stay as sent (the vendor sends 0 for speed and heading then).
 */
function reportOf(frame: Uint8Array, record: number, profile: Profile): Report {
  const attributes = shapes.begin(profile, columns, record);
  const report = emptyReport("fix", columns.start[record]!, columns.start[record + 1]!, attributes);
  const timeMs = columns.timeMs[record]!;
  report.timeMs = timeMs <= TIME_MS_MAX ? timeMs : null;
  report.altitudeM = columns.altitudeM[record]!;
  report.speedMps = columns.speedKmh[record]! / KMH_PER_MPS;
  report.headingDeg = headingOf(columns.headingDeg[record]!);
  report.satellites = columns.satellites[record]!;
  const latitudeE7 = columns.latitudeE7[record]!;
  const longitudeE7 = columns.longitudeE7[record]!;
  const fixed = report.satellites > 0 && (latitudeE7 !== 0 || longitudeE7 !== 0);
  putRecordWords(report, record, frame, profile);
  placeReport(report, latitudeE7 / 1e7, longitudeE7 / 1e7, fixed);
  report.event = eventOf(profile, columns.eventId[record]!, attributes);
  const hdop = attributes["gnss.hdop"];
  if (typeof hdop === "number") report.hdop = hdop;
  return report;
}

function putRecordWords(report: Report, record: number, frame: Uint8Array, profile: Profile): void {
  const { attributes } = report;
  const last = columns.firstElement[record + 1]!;
  for (let row = columns.firstElement[record]!; row < last; row++) {
    const element = putElement(attributes, profile, columns, row, frame);
    if (element?.setsSpeed) report.speedMps = columns.elementValue[row]! / KMH_PER_MPS;
  }
  const priority = columns.priority[record]!;
  if (priority !== 0) attributes.priority = PRIORITIES[priority] ?? priority;
  if (columns.hasGeneration)
    attributes.generation = GENERATIONS[columns.generation[record]!] ?? columns.generation[record]!;
}

const PRIORITIES: readonly (string | undefined)[] = [undefined, "high", "panic"];

const GENERATIONS: readonly (string | undefined)[] = [
  "exit",
  "entrance",
  "both",
  undefined,
  "hysteresis",
  "change",
  "eventual",
  "periodical",
];
