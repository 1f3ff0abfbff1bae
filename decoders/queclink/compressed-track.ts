import type { Attributes, Report } from "../decoder.ts";
import { emptyReport, headingOf, placeReport } from "../empty-report.ts";
import { readUint } from "./frame.ts";
import type { HexMessage } from "./hex-head.ts";

/**
 * A track of one point a second, packed. Each point begins with two bits:
 *
 * | bits | point | bytes |
 * |---|---|---|
 * | 01 | fix 1, speed 12 (0.1 km/h), heading 9; longitude 32, latitude 32 (1e-6 degrees); the first one: Unix time 32 | 11 or 15 |
 * | 10 | fix 1, and differences: speed 7, heading 7, longitude 12, latitude 11 | 5 |
 * | else | no point in this second | 1 |
 *
 * Source: public decoders; no vendor document was at hand.
 */
export function readTrack(frame: Uint8Array, message: HexMessage, attributes: Attributes): Report[] {
  const countAt = trackStart(frame, message);
  if (countAt < 0) return [];
  const end = message.bodyEnd;
  const wanted = readUint(frame, countAt, 2);
  const reports: Report[] = [];
  let point: Point | undefined;
  let at = countAt + 2;
  for (let index = 0; index < wanted && at < end; index++) {
    if (point) point = { ...point, timeS: point.timeS + 1 };
    const kind = frame[at]! >> 6;
    const bytes: number = kind === FULL ? (point ? FULL_BYTES : FULL_BYTES + 4) : kind === DELTA ? DELTA_BYTES : 1;
    if (at + bytes > end) break;
    if (kind === FULL) point = readFull(frame, at, point?.timeS);
    else if (kind === DELTA && point) point = readDelta(frame, at, point);
    if (point && (kind === FULL || kind === DELTA)) reports.push(reportOf(point, at, bytes, { ...attributes }));
    at += bytes;
  }
  return reports;
}

type Point = { timeS: number; speed: number; headingDeg: number; lon: number; lat: number };

const FULL = 1;
const DELTA = 2;
const FULL_BYTES = 11;
const DELTA_BYTES = 5;
/** Supply, motion and satellites in front of the count, on the model that sends tracks. */
const STATE_BYTES = 5;

/** The count of points stands behind the states and is followed by a full point. */
function trackStart(frame: Uint8Array, { bodyStart, bodyEnd }: HexMessage): number {
  for (const countAt of [bodyStart + STATE_BYTES, bodyStart + STATE_BYTES + 1]) {
    if (countAt + 3 <= bodyEnd && frame[countAt + 2]! >> 6 === FULL) return countAt;
  }
  return -1;
}

function readFull(frame: Uint8Array, at: number, timeS: number | undefined): Point {
  const word = readUint(frame, at, 3);
  return {
    speed: (word >> 9) & 0xfff,
    headingDeg: word & 0x1ff,
    lon: readUint(frame, at + 3, 4) | 0,
    lat: readUint(frame, at + 7, 4) | 0,
    timeS: timeS ?? readUint(frame, at + 11, 4),
  };
}

function readDelta(frame: Uint8Array, at: number, last: Point): Point {
  const bits = BigInt(readUint(frame, at, DELTA_BYTES));
  const signed = (shift: number, width: number): number => Number(BigInt.asIntN(width, bits >> BigInt(shift)));
  return {
    timeS: last.timeS,
    speed: last.speed + signed(30, 7),
    headingDeg: last.headingDeg + signed(23, 7),
    lon: last.lon + signed(11, 12),
    lat: last.lat + signed(0, 11),
  };
}

function reportOf(point: Point, at: number, bytes: number, attributes: Attributes): Report {
  const report = emptyReport("fix", at, at + bytes, attributes);
  report.timeMs = point.timeS * 1000;
  report.speedMps = point.speed < 0 ? null : point.speed / 36;
  report.headingDeg = headingOf(((point.headingDeg % 360) + 360) % 360);
  placeReport(report, point.lat / 1e6, point.lon / 1e6, true);
  return report;
}
