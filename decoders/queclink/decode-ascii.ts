import { kindOf, queclinkCodes } from "#firmware-profiles/queclink/index.ts";
import type { Attributes, DecodeContext, DecodeResult, Report } from "../decoder.ts";
import { emptyReport, headingOf, placeReport } from "../empty-report.ts";
import { type AsciiMessage, parseAscii, textEnd, timeOf } from "./ascii-text.ts";
import { readBlocks } from "./blocks.ts";
import { readCellList } from "./cell-list.ts";
import { readField, readPart } from "./layout-reader.ts";
import { findGroups, type PositionGroup } from "./position-group.ts";
import { readUnknown, splitAppend } from "./unknown-fields.ts";

/** Setting of a device that writes its send times in local time: minutes east of UTC. */
export const ZONE_SETTING = "time.zoneMinutes";

const MPS_PER_KPH = 1 / 3.6;

/** Reads an ASCII message into its reports: one for each position, or one without a position. */
export function decodeAscii(frame: Uint8Array, context: DecodeContext): DecodeResult {
  const message = parseAscii(frame);
  if (!message) return { kind: "undecodable", reason: "layout", detail: "not a message" };
  const { deviceUid } = message;
  const sentMs = sentTimeOf(message, context);
  // The word in front changes when a report is sent again from the buffer; the rest does not.
  const start = message.head.length + 2;
  const end = textEnd(frame);
  if (message.head === "ACK" || message.head === "NACK") {
    return { kind: "decoded", deviceUid, reports: [readAnswer(message, sentMs, start, end)] };
  }
  const { fields, bodyStart, bodyEnd } = message;
  const groups = findGroups(fields, bodyStart, bodyEnd, message.version === "");
  if (groups.length === 0) return { kind: "decoded", deviceUid, reports: [readBody(message, sentMs, start, end)] };
  const head = fields.slice(bodyStart, groups[0]!.start);
  const common = commonAttributes(message);
  readHead(common, message, head);
  const reports = groups.map((group, index): Report => {
    const report = emptyReport("fix", start, end, { ...common });
    placeGroup(report, group, message, sentMs);
    const next = groups[index + 1];
    const tail = fields.slice(group.end, next?.start ?? bodyEnd);
    readTail(report, message, tail, next === undefined);
    finish(report, message);
    return report;
  });
  return { kind: "decoded", deviceUid, reports };
}

/** The send time as Unix milliseconds; devices write it in UTC unless their registration says otherwise. */
function sentTimeOf(message: AsciiMessage, { settings }: DecodeContext): number | null {
  const sentMs = timeOf(message.sendTime);
  const zone = settings?.[ZONE_SETTING];
  return sentMs !== null && typeof zone === "number" ? sentMs - zone * 60_000 : sentMs;
}

function commonAttributes({ report, model, vin, name, count }: AsciiMessage): Attributes {
  const attributes: Attributes = { report };
  if (model !== undefined) attributes["device.model"] = model;
  if (name !== undefined) attributes["device.name"] = name;
  if (vin !== undefined) attributes.vin = vin;
  if (count !== undefined) attributes["message.count"] = Number.parseInt(count, 16);
  return attributes;
}

/** An answer to a command: its serial number correlates it, a negative one gives its cause before that. */
function readAnswer(message: AsciiMessage, sentMs: number | null, start: number, end: number): Report {
  const heartbeat = message.report === "GTHBD";
  const report = emptyReport(heartbeat ? "heartbeat" : "commandReply", start, end, commonAttributes(message));
  report.timeMs = sentMs;
  if (heartbeat) return report;
  const body = message.fields.slice(message.bodyStart, message.bodyEnd);
  const serial = body.at(-1);
  if (serial !== undefined && /^[0-9A-Fa-f]{4}$/.test(serial))
    report.attributes["command.serial"] = serial.toUpperCase();
  report.attributes["command.refused"] = message.head === "NACK";
  report.attributes["command.text"] = body.join(",");
  return report;
}

/** A report without a position: a `fix` without one where the report promises it, a `status` otherwise. */
function readBody(message: AsciiMessage, sentMs: number | null, start: number, end: number): Report {
  const { report: name, fields, bodyStart, bodyEnd, deviceType } = message;
  const kind = queclinkCodes.positionReports.has(name) ? "fix" : "status";
  const report = emptyReport(kind, start, end, commonAttributes(message));
  report.timeMs = sentMs;
  const body = fields.slice(bodyStart, bodyEnd);
  const read =
    readPart(report.attributes, "body", name, deviceType, body) ??
    (name === "GTCAN" ? readPart(report.attributes, "head", name, deviceType, body) : undefined);
  if (read) readBlocks(report.attributes, read);
  else if (!readCellList(report.attributes, name, body)) readUnknown(report.attributes, "body", body);
  finish(report, message);
  return report;
}

function readHead(attributes: Attributes, { report, deviceType }: AsciiMessage, head: readonly string[]): void {
  const read =
    readPart(attributes, "head", report, deviceType, head) ??
    // A firmware that puts an empty field of its own in front.
    (head[0] === "" ? readPart(attributes, "head", report, deviceType, head.slice(1)) : undefined);
  if (read) readBlocks(attributes, read);
  else if (head.some((field) => field !== "")) readUnknown(attributes, "head", head);
}

function placeGroup(report: Report, group: PositionGroup, message: AsciiMessage, sentMs: number | null): void {
  report.timeMs = timeOf(group.time) ?? sentMs;
  report.altitudeM = group.altitudeM;
  report.speedMps = group.speedKph === null || group.speedKph < 0 ? null : group.speedKph * MPS_PER_KPH;
  report.headingDeg = headingOf(group.azimuthDeg ?? Number.NaN);
  const { attributes } = report;
  if (group.accuracy !== null) attributes["gnss.accuracy"] = group.accuracy;
  if (group.accuracy !== null && group.accuracy > 0) report.hdop = group.accuracy;
  if (group.cell) {
    attributes["cell.mcc"] = group.cell.mcc;
    attributes["cell.mnc"] = group.cell.mnc;
    attributes["cell.lac"] = group.cell.lac;
    attributes["cell.cid"] = group.cell.cid;
  }
  if (group.latDeg === null || group.lonDeg === null) return;
  const strict = queclinkCodes.strictAccuracyReports.has(message.report);
  placeReport(report, group.latDeg, group.lonDeg, group.fixed ?? (!strict || group.accuracy !== 0));
}

/** What follows a position; `last` has what follows all of them. */
function readTail(
  report: Report,
  { report: name, deviceType }: AsciiMessage,
  tail: readonly string[],
  last: boolean,
): void {
  const rest = splitAppend(report, tail);
  if (!last) {
    const kilometres = kindOf("kilometres");
    const odometer = rest[0] ?? "";
    if (kilometres.pattern.test(odometer)) readField(report.attributes, "odometer", kilometres, odometer);
    return;
  }
  const read = readPart(report.attributes, "tail", name, deviceType, rest);
  if (read) readBlocks(report.attributes, read);
  else readUnknown(report.attributes, "tail", rest);
}

/** Event and ignition that the report's own name says, and whether it had waited for a network. */
function finish(report: Report, { head, report: name }: AsciiMessage): void {
  report.buffered = head === "BUFF";
  const { attributes } = report;
  const type = attributes["report.type"];
  const typed = typeof type === "string" ? queclinkCodes.typedEvents.get(name)?.get(type) : undefined;
  report.event = typed ?? queclinkCodes.events.get(name) ?? null;
  const ignition = queclinkCodes.ignition.get(name);
  if (ignition !== undefined) attributes.ignition = ignition;
  if (report.event === "ignition.on" || report.event === "ignition.off")
    attributes.ignition = report.event === "ignition.on";
  const state = attributes["state.code"];
  if (name === "GTSTT" && typeof state === "string") {
    const known = queclinkCodes.states.get(state.toUpperCase());
    if (known) attributes.motion = known.motion;
    if (known?.ignition !== null && known !== undefined) attributes.ignition = known.ignition;
  }
}
