import type { Report } from "../decoder.ts";
import { placeReport } from "../empty-report.ts";
import { asciiText, iccidOf } from "./information.ts";

/**
 * What a device says to a command: the server's flag (4) and a text.
 *
 * | number | layout |
 * |---|---|
 * | 0x15 | length 1, flag 4, text, language 2 |
 * | 0x21 | flag 4, encoding 1 (1 ASCII, 2 UTF-16), text |
 *
 * Source: JM-VL03 communication protocol 1.1.2, online command.
 */
export function readReply(report: Report, content: Uint8Array, long: boolean): void {
  report.kind = "commandReply";
  const flagAt = long ? 0 : 1;
  if (content.length < flagAt + 4) return;
  report.attributes["command.flag"] = Buffer.from(content.subarray(flagAt, flagAt + 4)).readUInt32BE();
  const text = long ? longText(content) : shortText(content);
  report.attributes["command.text"] = text;
  const iccid = iccidOf(text);
  if (iccid !== undefined) report.attributes.iccid = iccid;
  readPositionText(report, text);
}

const UTF16 = 2;

function longText(content: Uint8Array): string {
  const text = content.subarray(5);
  if (content[4] !== UTF16) return asciiText(text);
  return Buffer.from(text.subarray(0, text.length & ~1))
    .swap16()
    .toString("utf16le");
}

function shortText(content: Uint8Array): string {
  const end = Math.min(content.length, 1 + content[0]!);
  return asciiText(content.subarray(5, Math.max(5, end)));
}

const POSITION_TEXT =
  /Lat:([NS])(\d{1,3}\.\d+),\s*Lon:([EW])(\d{1,3}\.\d+),\s*Course:(\d+\.?\d*),\s*Speed:(\d+\.?\d*),\s*DateTime:\s*(\d{4}-\d\d-\d\d) +(\d\d:\d\d:\d\d)/;

/** The answer to a "where are you" is a position in words. */
function readPositionText(report: Report, text: string): void {
  const [, north, lat, east, lon, course, speedKph, date, time] = POSITION_TEXT.exec(text) ?? [];
  if (lat === undefined) return;
  const timeMs = Date.parse(`${date}T${time}Z`);
  const headingDeg = Number(course);
  report.kind = "fix";
  report.timeMs = Number.isFinite(timeMs) ? timeMs : null;
  report.headingDeg = headingDeg <= 360 ? headingDeg : null;
  report.speedMps = Number(speedKph) / 3.6;
  placeReport(report, north === "S" ? -Number(lat) : Number(lat), east === "W" ? -Number(lon) : Number(lon), true);
}
