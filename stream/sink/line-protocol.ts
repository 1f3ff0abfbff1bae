import { Point } from "@influxdata/influxdb-client";
import type { MetricObjectWithValues, MetricValue } from "prom-client";
import type { StoredFix } from "#store/fixes.ts";

/** Longer texts of a device are cut: InfluxDB refuses fields of 64 KiB. */
export const FIELD_CHARACTERS_MAX = 16_000;
const NANOSECONDS_PER_MS = 1_000_000n;

/** Field names that an attribute may not take; it then goes out as `attributes.<name>`. */
const OWN_FIELDS = [
  ...["id", "kind", "valid", "late", "buffered", "lat", "lon", "altitudeM", "speedMps", "headingDeg", "satellites"],
  ...["hdop", "accuracyM", "event", "clockFault", "receiveDelayS", "time", "device", "protocol", "fleet"],
  ...["smoothed.lat", "smoothed.lon", "smoothed.speedMps", "smoothed.headingDeg", "smoothed.sigmaM"],
  ...["matched.lat", "matched.lon", "matched.wayId", "matched.forward", "matched.confidence"],
];
const RESERVED = new Set(OWN_FIELDS);

/** A point as a line, and without what the device named itself, should a server refuse that. */
export type FixLine = { full: string; bare: () => string };

/**
 * A fix as a point of the measurement `fix`: tags `device` (uid), `protocol` and `fleet` (id), fields in the names and
 * units of a fix in JSON, attributes beside them as numbers (always floats), booleans or text. Nulls are left out.
 *
 * The same fix is always the same point, so sending it again changes nothing. The time is `fixTime` in nanoseconds, its
 * part below a millisecond the id modulo a million: two fixes of one device in one millisecond stay two points.
 */
export function fixLine(fix: StoredFix): FixLine {
  const point = basePoint(fix);
  for (const [name, value] of Object.entries(fix.attributes)) addAttribute(point, name, value);
  return { full: lineOf(point), bare: () => lineOf(basePoint(fix)) };
}

/**
 * Values of a metrics registry as points of the measurement `gateway`: one for each set of labels, the labels and `tags`
 * as tags, the names of the metrics as fields. `timeMs` is Unix milliseconds.
 */
export function metricLines(
  metrics: readonly MetricObjectWithValues<MetricValue<string>>[],
  tags: Readonly<Record<string, string>>,
  timeMs: number,
): string[] {
  const points = new Map<string, Point>();
  for (const { name, values } of metrics) {
    for (const { value, labels, ...sample } of values) {
      if (!Number.isFinite(value)) continue;
      const labelled = Object.entries({ ...labels, ...tags }).sort();
      const key = JSON.stringify(labelled);
      const point = points.get(key) ?? tagged(new Point("gateway"), labelled).timestamp(nanoseconds(timeMs));
      points.set(key, point);
      point.floatField("metricName" in sample ? String(sample.metricName) : name, value);
    }
  }
  return [...points.values()].map(lineOf);
}

function basePoint(fix: StoredFix): Point {
  const { deviceUid, protocol, fleetId, fixId, fixTime, receivedAt } = fix;
  const point = tagged(new Point("fix"), [
    ["device", deviceUid],
    ["protocol", protocol],
    ["fleet", String(fleetId)],
  ]);
  point.stringField("id", fixId).stringField("kind", fix.kind);
  point.booleanField("valid", fix.valid).booleanField("late", fix.late).booleanField("buffered", fix.buffered);
  addNumber(point, "lat", fix.latDeg);
  addNumber(point, "lon", fix.lonDeg);
  addNumber(point, "altitudeM", fix.altitudeM);
  addNumber(point, "speedMps", fix.speedMps);
  addNumber(point, "headingDeg", fix.headingDeg);
  addNumber(point, "satellites", fix.satellites);
  addNumber(point, "hdop", fix.hdop);
  addNumber(point, "accuracyM", fix.accuracyM);
  addNumber(point, "receiveDelayS", (receivedAt.getTime() - fixTime.getTime()) / 1000);
  addTracked(point, fix);
  if (fix.event !== null) point.stringField("event", shortened(fix.event));
  if (fix.clockFault !== null) point.stringField("clockFault", fix.clockFault);
  return point.timestamp(nanoseconds(fixTime.getTime(), BigInt(fixId) % NANOSECONDS_PER_MS));
}

function addTracked(point: Point, { smoothed, matched }: StoredFix): void {
  if (smoothed !== null) {
    addNumber(point, "smoothed.lat", smoothed.latDeg);
    addNumber(point, "smoothed.lon", smoothed.lonDeg);
    addNumber(point, "smoothed.speedMps", smoothed.speedMps);
    addNumber(point, "smoothed.headingDeg", smoothed.headingDeg);
    addNumber(point, "smoothed.sigmaM", smoothed.sigmaM);
  }
  if (matched === null) return;
  addNumber(point, "matched.lat", matched.latDeg);
  addNumber(point, "matched.lon", matched.lonDeg);
  addNumber(point, "matched.confidence", matched.confidence);
  addNumber(point, "matched.wayId", matched.wayId);
  point.booleanField("matched.forward", matched.forward);
}

function addAttribute(point: Point, given: string, value: unknown): void {
  const plain = nameOf(given);
  const name = RESERVED.has(plain) || plain.startsWith("_") ? `attributes.${plain}` : plain;
  if (plain === "" || value === null || value === undefined) return;
  if (typeof value === "number") addNumber(point, name, value);
  else if (typeof value === "boolean") point.booleanField(name, value);
  else point.stringField(name, shortened(typeof value === "string" ? value : JSON.stringify(value)));
}

function addNumber(point: Point, name: string, value: number | null): void {
  if (value !== null && Number.isFinite(value)) point.floatField(name, value);
}

function tagged(point: Point, tags: readonly (readonly [name: string, value: unknown])[]): Point {
  for (const [name, value] of tags) point.tag(nameOf(name), nameOf(String(value)));
  return point;
}

/** Line protocol has no way to write a backslash before a separator. */
function nameOf(text: string): string {
  return text.replaceAll("\\", "/");
}

/** Text on one line: not every server that speaks line protocol reads a line break inside quotes. */
function shortened(text: string): string {
  const cut = text.length > FIELD_CHARACTERS_MAX ? text.slice(0, FIELD_CHARACTERS_MAX) : text;
  return cut.replace(/[\r\n]/g, " ").toWellFormed();
}

function nanoseconds(timeMs: number, below = 0n): string {
  return String(BigInt(timeMs) * NANOSECONDS_PER_MS + below);
}

function lineOf(point: Point): string {
  const line = point.toLineProtocol();
  if (line === undefined) throw new Error("a point without fields");
  return line;
}
