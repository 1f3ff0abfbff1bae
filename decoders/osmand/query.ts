import type { Attributes, AttributeValue, DecodeContext, Report } from "../decoder.ts";
import { emptyReport, headingOf, placeReport } from "../empty-report.ts";
import { keepUnknown, numberFrom, timeFrom } from "./values.ts";

/**
 * The query form: `/?id=…&lat=…&lon=…&timestamp=…`, of OsmAnd and of Traccar Client up to 8. Speed is in knots.
 * Source: OsmAnd protocol as Traccar documents it.
 */
const MPS_PER_KNOT = 1852 / 3600;

/** A report from the parameters; undefined where they say nothing but the device. */
export function readQuery(parameters: URLSearchParams, context: DecodeContext, start: number, end: number): Report {
  const attributes: Attributes = {};
  const report = emptyReport("status", start, end, attributes);
  const [latDeg, lonDeg] = coordinatesOf(parameters);
  if (Number.isFinite(latDeg) && Number.isFinite(lonDeg)) {
    report.kind = "fix";
    placeReport(report, latDeg, lonDeg, flagOf(parameters.get("valid")) ?? true);
  }
  readTime(report, parameters.get("timestamp"), context);
  const speedKnots = numberOf(parameters.get("speed"));
  report.speedMps = speedKnots >= 0 ? speedKnots * MPS_PER_KNOT : null;
  report.headingDeg = headingOf(numberOf(parameters.get("bearing") ?? parameters.get("heading")));
  report.altitudeM = finiteOrNull(numberOf(parameters.get("altitude")));
  report.accuracyM = finiteOrNull(numberOf(parameters.get("accuracy")));
  report.hdop = finiteOrNull(numberOf(parameters.get("hdop")));
  const alarm = parameters.get("alarm");
  if (alarm) report.event = `alarm.${alarm.slice(0, ALARM_CHARACTERS_MAX)}`;
  for (const [name, value] of parameters) readAttribute(attributes, name, value);
  const cells = parameters.getAll("cell").flatMap(cellOf);
  if (cells.length > 0) attributes.cells = cells;
  const points = parameters.getAll("wifi").flatMap(accessPointOf);
  if (points.length > 0) attributes.wifi = points;
  return report;
}

const ALARM_CHARACTERS_MAX = 40;

function coordinatesOf(parameters: URLSearchParams): [number, number] {
  const pair = parameters.get("location")?.split(",") ?? [];
  return [numberOf(parameters.get("lat") ?? pair[0]), numberOf(parameters.get("lon") ?? pair[1])];
}

/** Without a timestamp the protocol means "now": the time of receipt, and the report says so. */
function readTime(report: Report, timestamp: string | null, context: DecodeContext): void {
  const timeMs = timestamp === null ? null : timeFrom(timestamp);
  report.timeMs = timeMs ?? context.receivedAtMs;
  if (timeMs === null) report.attributes["time.source"] = "receipt";
}

/** Parameters that have a place of their own in a report. */
const CONSUMED = new Set([
  ..."id deviceid lat lon location timestamp speed bearing heading altitude accuracy hdop valid".split(" "),
  ..."cell wifi notificationToken".split(" "),
]);

const RENAMED: { readonly [name: string]: string } = {
  batt: "battery.level",
  charge: "battery.charging",
  driverUniqueId: "driver.id",
  ignition: "ignition",
  motion: "motion",
  odometer: "odometer",
  rpm: "engine.rpm",
  fuel: "fuel.level",
  temp: "temperature.1",
  alarm: "alarm",
};

function readAttribute(attributes: Attributes, name: string, text: string): void {
  if (CONSUMED.has(name)) return;
  const renamed = Object.hasOwn(RENAMED, name) ? RENAMED[name] : undefined;
  if (renamed === "driver.id") attributes[renamed] = text;
  else if (renamed !== undefined) attributes[renamed] = valueFrom(text);
  else keepUnknown(attributes, name, valueFrom(text));
}

/** A value of a parameter that has no fixed type: a number, a truth or a text. */
function valueFrom(text: string): AttributeValue {
  if (text === "true") return true;
  if (text === "false") return false;
  const value = numberOf(text);
  return Number.isFinite(value) ? value : text;
}

function cellOf(text: string): Attributes[] {
  const [mcc, mnc, lac, cid, signalDbm] = text.split(",").map(numberOf);
  if (![mcc, mnc, lac, cid].every((part) => Number.isFinite(part))) return [];
  const cell: Attributes = { mcc: mcc!, mnc: mnc!, lac: lac!, cid: cid! };
  if (Number.isFinite(signalDbm)) cell.signalDbm = signalDbm!;
  return [cell];
}

function accessPointOf(text: string): Attributes[] {
  const [mac, signal] = text.split(",");
  const signalDbm = numberOf(signal);
  if (!mac) return [];
  const bssid = mac.replaceAll("-", ":").toLowerCase();
  return [Number.isFinite(signalDbm) ? { bssid, signalDbm } : { bssid }];
}

function flagOf(text: string | null): boolean | undefined {
  if (text === null) return undefined;
  return text === "true" || text === "1";
}

function numberOf(text: string | null | undefined): number {
  return text === null || text === undefined ? Number.NaN : numberFrom(text);
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
