import type { AttributeValue, DecodeContext, Report } from "../decoder.ts";
import { emptyReport, headingOf, placeReport } from "../empty-report.ts";
import { attributeOf, parseJson } from "../message-frame.ts";
import { type ByteRange, elementRanges, nestedRange, skipSpaces, valueStart } from "./json-ranges.ts";
import { keepUnknown, timeFrom } from "./values.ts";

/**
 * The JSON form of Traccar Client 9 and later and of the background-geolocation library: one location, or a batch, under
 * `location` (or the bare array). Speed is in m/s, -1 means "not known".
 * Source: the app's requests, and the library's documentation of its location data.
 */
type JsonObject = { [name: string]: unknown };
export type LocationBatch = { deviceId: string | undefined; locations: JsonObject[]; ranges: ByteRange[] };

/** Most locations read from one request. */
export const LOCATIONS_MAX = 1000;
const OPENING_BRACKET = 0x5b;

/** The locations of a body with their bytes; undefined where the body is not such JSON. */
export function readBatch(body: Uint8Array): LocationBatch | undefined {
  const root = parseJson(body);
  const listed = Array.isArray(root) ? (root as unknown[]) : undefined;
  if (!listed && !isObject(root)) return undefined;
  const value = listed ?? (root as JsonObject).location ?? root;
  const locations = Array.isArray(value) ? (value as unknown[]) : [value];
  if (locations.length === 0 || locations.length > LOCATIONS_MAX || !locations.every(isObject)) return undefined;
  const arrayStart = listed ? skipSpaces(body, 0) : valueStart(body, "location");
  const batched = arrayStart >= 0 && body[arrayStart] === OPENING_BRACKET;
  // A record has the same bytes alone and in a batch: the object under `location`, not the request around it.
  const ranges = batched ? elementRanges(body, arrayStart) : [nestedRange(body, Math.max(arrayStart, 0))];
  if (ranges.length !== locations.length) return undefined;
  return { deviceId: deviceIdOf(isObject(root) ? [root, ...locations] : locations), locations, ranges };
}

export function readLocation(location: JsonObject, context: DecodeContext, start: number, end: number): Report {
  const report = emptyReport("status", start, end, {});
  const coords = isObject(location.coords) ? location.coords : {};
  const latDeg = numberOf(coords.latitude);
  const lonDeg = numberOf(coords.longitude);
  if (latDeg !== undefined && lonDeg !== undefined) {
    report.kind = "fix";
    placeReport(report, latDeg, lonDeg, true);
  }
  report.altitudeM = numberOf(coords.altitude) ?? null;
  report.speedMps = knownOf(coords.speed);
  report.headingDeg = headingOf(knownOf(coords.heading) ?? Number.NaN);
  report.accuracyM = knownOf(coords.accuracy);
  const timeMs = timeOf(location.timestamp);
  report.timeMs = timeMs ?? context.receivedAtMs;
  if (timeMs === null) report.attributes["time.source"] = "receipt";
  readAttributes(report, location, coords);
  return report;
}

function readAttributes(report: Report, location: JsonObject, coords: JsonObject): void {
  const { attributes } = report;
  const battery = isObject(location.battery) ? location.battery : {};
  const activity = isObject(location.activity) ? location.activity : {};
  const event = location.event;
  const alarm = location.alarm;
  if (typeof alarm === "string" && alarm !== "") {
    report.event = `alarm.${alarm}`;
    attributes.alarm = alarm;
  } else if (typeof event === "string" && event !== "") report.event = `report.${event}`;
  const set = (name: string, value: AttributeValue | null | undefined): void => {
    if (value !== null && value !== undefined) attributes[name] = value;
  };
  set("motion", flagOf(location.is_moving));
  set("odometer", numberOf(location.odometer));
  const level = knownOf(battery.level);
  set("battery.level", level === null ? null : Math.round(level * 1e4) / 100);
  set("battery.charging", flagOf(battery.is_charging));
  set("activity", typeof activity.type === "string" ? activity.type : null);
  set("activity.confidence", numberOf(activity.confidence));
  set("position.mock", flagOf(location.mock));
  set("speed.accuracy", knownOf(coords.speed_accuracy));
  set("heading.accuracy", knownOf(coords.heading_accuracy));
  set("altitude.accuracy", knownOf(coords.altitude_accuracy));
  const extras = isObject(location.extras) ? location.extras : {};
  for (const [name, value] of Object.entries(extras)) keepUnknown(attributes, name, attributeOf(value));
}

function deviceIdOf(holders: readonly unknown[]): string | undefined {
  for (const holder of holders) {
    const id = isObject(holder) ? (holder.device_id ?? holder.deviceId ?? holder.id) : undefined;
    if (typeof id === "string" && id !== "") return id;
    if (typeof id === "number") return String(id);
  }
  return undefined;
}

function timeOf(value: unknown): number | null {
  return typeof value === "string" || typeof value === "number" ? timeFrom(String(value)) : null;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** A number where negative ones mean "not known". */
function knownOf(value: unknown): number | null {
  const number = numberOf(value);
  return number === undefined || number < 0 ? null : number;
}

function flagOf(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}
