import { profileFor } from "#firmware-profiles";
import type { DecodeResult, Report } from "../decoder.ts";
import { emptyReport, headingOf, placeReport } from "../empty-report.ts";
import { openColumns, type RecordColumns } from "./columns.ts";
import { putElement } from "./elements.ts";
import { type PersonalWireElement, type PersonalWireRecord, parsePersonalData } from "./personal-grammar.ts";

/** 2007-01-01T00:00:00Z, from which codec 7 counts its seconds. */
const EPOCH_MS = 1_167_609_600_000;
const TIME_MASK = 0x3fff_ffff;
const KMH_PER_MPS = 3.6;
const HEADING_UNITS = 256;

/** One row, through which the elements of codec 7 reach the profile like all others. */
const row: RecordColumns = openColumns(2);

/** Codec 7: a fix for each record with a location, a status for the others. */
export function decodePersonal(frame: Uint8Array, dataStart: number, dataEnd: number): DecodeResult {
  const data = parsePersonalData(frame.subarray(dataStart, dataEnd));
  if (!data) return { kind: "undecodable", reason: "layout", detail: "the records do not fill the packet" };
  return { kind: "decoded", reports: data.records.map((record) => reportOf(record, dataStart)) };
}

function reportOf(record: PersonalWireRecord, dataStart: number): Report {
  const located = record.locationMask !== undefined;
  const report = emptyReport(located ? "fix" : "status", dataStart + record.start, dataStart + record.end, {});
  report.timeMs = EPOCH_MS + (record.head & TIME_MASK) * 1_000;
  report.altitudeM = record.altitudeM ?? null;
  report.speedMps = record.speedKmh === undefined ? null : record.speedKmh / KMH_PER_MPS;
  report.headingDeg = record.heading === undefined ? null : headingOf((record.heading * 360) / HEADING_UNITS);
  report.satellites = record.satellites ?? null;
  const { latitudeDeg: lat, longitudeDeg: lon, satellites } = record;
  if (lat !== undefined && lon !== undefined)
    placeReport(report, lat, lon, satellites !== 0 && (lat !== 0 || lon !== 0));
  putNetwork(report, record);
  const elements = [record.elements1, record.elements2, record.elements4, record.elements8];
  for (const element of elements.flatMap((group) => group ?? [])) putPersonalElement(report, element);
  const hdop = report.attributes["gnss.hdop"];
  if (typeof hdop === "number") report.hdop = hdop;
  return report;
}

function putNetwork({ attributes }: Report, record: PersonalWireRecord): void {
  if (record.head >>> 30 !== 0) attributes.priority = record.head >>> 30 === 1 ? "high" : "panic";
  if (record.lac !== undefined) attributes["gsm.area"] = record.lac;
  if (record.cell !== undefined) attributes["gsm.cell"] = record.cell;
  if (record.signal !== undefined) attributes["gsm.rssi"] = record.signal;
  if (record.operator !== undefined) attributes["gsm.operator"] = record.operator;
}

function putPersonalElement({ attributes }: Report, { id, value }: PersonalWireElement): void {
  row.elementId[0] = id;
  row.elementWidth[0] = value.length;
  row.elementAt[0] = 0;
  row.elementValue[0] = value.reduce((sum, byte) => sum * 256 + byte, 0);
  putElement(attributes, profileFor("teltonika", "GH3000"), row, 0, value);
}
