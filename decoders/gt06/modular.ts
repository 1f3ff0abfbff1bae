import type { Report } from "../decoder.ts";
import { placeReport } from "../empty-report.ts";
import { bcdText, readUint16, readUint32 } from "./frame.ts";
import { readPlace } from "./location.ts";

/**
 * The modular frame (0x70): modules of type (2), length (2) and data. A position module:
 *
 * | field | bytes |
 * |---|---|
 * | time | 4: Unix seconds |
 * | satellites | 1 |
 * | altitude | 2: metres, signed |
 * | latitude, longitude | 4 + 4: degrees × 1,800,000 |
 * | speed | 1: km/h |
 * | status and course | 2: as in the GPS block |
 *
 * Source: public decoders of the family; no vendor document was at hand.
 */
export function readModules(report: Report, content: Uint8Array): void {
  let at = 0;
  while (at + 4 <= content.length) {
    const type = readUint16(content, at);
    const length = readUint16(content, at + 2);
    const data = content.subarray(at + 4, at + 4 + length);
    if (data.length < length) return;
    readModule(report, type, data);
    at += 4 + length;
  }
}

const POSITION_BYTES = 18;
const MPS_PER_KPH = 1 / 3.6;

function readModule(report: Report, type: number, data: Uint8Array): void {
  const { attributes } = report;
  const has = (bytes: number): boolean => data.length >= bytes;
  if (type === 0x33 && has(POSITION_BYTES)) readPosition(report, data);
  else if (type === 0x03 && has(10)) attributes.iccid = bcdText(data, 0, 10).replace(/f+$/, "");
  else if (type === 0x09 && has(1)) attributes["satellites.visible"] = data[0]!;
  else if (type === 0x18 && has(2)) attributes["battery.voltage"] = readUint16(data, 0) / 100;
  else if (type === 0x28 && has(1)) report.hdop = data[0]! / 10;
  else if (type === 0x2a && has(1)) readInputs(report, data[0]!);
  else if (type === 0x2b && has(1)) attributes["boot.reason"] = data[0]!;
  else if (type === 0x2e && has(4)) attributes.odometer = readUint32(data, 0);
  else if (data.length > 0)
    attributes[`module.${type.toString(16).padStart(2, "0")}`] = Buffer.from(data).toString("hex");
}

function readPosition(report: Report, data: Uint8Array): void {
  const place = readPlace(data, 7, 16);
  report.kind = "fix";
  report.timeMs = readUint32(data, 0) * 1000;
  report.satellites = data[4]!;
  report.speedMps = data[15]! * MPS_PER_KPH;
  report.headingDeg = place.headingDeg;
  placeReport(report, place.latDeg, place.lonDeg, place.positioned);
  if (place.positioned) report.altitudeM = (readUint16(data, 5) << 16) >> 16;
}

function readInputs(report: Report, bits: number): void {
  report.attributes.door = (bits & 0x10) !== 0;
  report.attributes.tamper = (bits & 0x20) !== 0;
}
