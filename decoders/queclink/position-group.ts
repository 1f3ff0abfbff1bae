/**
 * The position group, found by its shape, so that a device or a firmware that nobody has described yet still has its
 * positions read.
 *
 * | field | shape |
 * |---|---|
 * | accuracy | up to two digits, 0: last known position repeated |
 * | speed | km/h |
 * | azimuth | degrees |
 * | altitude | metres, with sign |
 * | longitude, latitude | degrees with at least four decimals |
 * | GNSS time | 14 digits, UTC |
 * | MCC, MNC, LAC, cell | digits, digits, hex, hex; missing on a few reports |
 *
 * A GL100 writes: fix (1 yes, 0 no), speed, heading, altitude, accuracy, longitude … Without a fix coordinates and time are
 * empty; the group is then recognised by its six empty fields and the cell after them.
 * Source: GL300 @Track air interface protocol 1.02, section 3.3.1; GL100 @Track air interface protocol 2.03, section 3.3.
 */
export type PositionGroup = {
  accuracy: number | null;
  /** GL100 only: what it says itself of its fix. */
  fixed: boolean | null;
  speedKph: number | null;
  azimuthDeg: number | null;
  altitudeM: number | null;
  lonDeg: number | null;
  latDeg: number | null;
  time: string;
  cell: { mcc: number; mnc: number; lac: number; cid: number } | undefined;
  /** Indices of its fields, half-open, the cell included. */
  start: number;
  end: number;
};

const LONGITUDE = /^-?\d{1,3}\.\d{4,8}$/;
const LATITUDE = /^-?\d{1,2}\.\d{4,8}$/;
const TIME = /^\d{14}$/;
const NUMBER = /^-?\d{1,7}(\.\d{1,3})?$/;
const ACCURACY = /^\d{0,2}$/;
const MCC = /^0?\d{3}$/;
const MNC = /^\d{2,4}$/;
const HEX = /^[0-9A-Fa-f]{1,8}$/;

/** All groups between two indices, from left to right. `old`: the message has no version in front (GL100). */
export function findGroups(fields: readonly string[], start: number, end: number, old: boolean): PositionGroup[] {
  const groups: PositionGroup[] = [];
  let from = start;
  while (from < end) {
    const group = groupAt(fields, from, start, end, old);
    if (group) groups.push(group);
    from = group ? group.end : from + 1;
    start = group ? group.end : start;
  }
  return groups;
}

/** The group whose longitude, or whose accuracy if it is empty, stands at `at`. `start`: nothing before it belongs to it. */
function groupAt(
  fields: readonly string[],
  at: number,
  start: number,
  end: number,
  old: boolean,
): PositionGroup | undefined {
  const located = LONGITUDE.test(fields[at]!) && LATITUDE.test(fields[at + 1] ?? "") && TIME.test(fields[at + 2] ?? "");
  if (located && at + 2 < end && at - 4 >= start) return locatedGroup(fields, at, end, old);
  return isEmptyGroup(fields, at, end) ? emptyGroup(fields, at, end) : undefined;
}

function locatedGroup(fields: readonly string[], at: number, end: number, old: boolean): PositionGroup {
  const place = { lonDeg: Number(fields[at]), latDeg: Number(fields[at + 1]), time: fields[at + 2]! };
  const cellEnd = cellEndOf(fields, at + 3, end);
  const rest = { ...place, cell: cellOf(fields, at + 3, cellEnd), end: cellEnd };
  const accuracyLast = old && !fields[at - 3]!.includes(".") && fields[at - 4]!.includes(".");
  const first = accuracyLast ? at - 4 : at - 3;
  const values = {
    speedKph: numberOf(fields[first]),
    azimuthDeg: numberOf(fields[first + 1]),
    altitudeM: numberOf(fields[first + 2]),
  };
  if (accuracyLast) {
    const fixed = fields[at - 5] === "1";
    return { ...rest, ...values, accuracy: numberOf(fields[at - 1]), fixed, start: at - 5 };
  }
  return { ...rest, ...values, accuracy: numberOf(fields[at - 4]), fixed: null, start: at - 4 };
}

const EMPTY_FIELDS = 7;

/** Accuracy, then speed … time: coordinates empty, and a cell after them. */
function isEmptyGroup(fields: readonly string[], at: number, end: number): boolean {
  if (at + EMPTY_FIELDS + 4 > end || !ACCURACY.test(fields[at]!)) return false;
  if (fields[at + 4] !== "" || fields[at + 5] !== "") return false;
  const [speed, azimuth, altitude, time] = [fields[at + 1]!, fields[at + 2]!, fields[at + 3]!, fields[at + 6]!];
  if (![speed, azimuth, altitude].every((field) => field === "" || NUMBER.test(field))) return false;
  if (time !== "" && !TIME.test(time)) return false;
  const [mcc, mnc, lac, cell] = fields.slice(at + EMPTY_FIELDS, at + EMPTY_FIELDS + 4);
  return MCC.test(mcc!) && MNC.test(mnc!) && HEX.test(lac!) && HEX.test(cell!);
}

function emptyGroup(fields: readonly string[], at: number, end: number): PositionGroup {
  const cellEnd = cellEndOf(fields, at + EMPTY_FIELDS, end);
  return {
    accuracy: numberOf(fields[at]),
    fixed: null,
    speedKph: numberOf(fields[at + 1]),
    azimuthDeg: numberOf(fields[at + 2]),
    altitudeM: numberOf(fields[at + 3]),
    lonDeg: null,
    latDeg: null,
    time: fields[at + 6]!,
    cell: cellOf(fields, at + EMPTY_FIELDS, cellEnd),
    start: at,
    end: cellEnd,
  };
}

function cellEndOf(fields: readonly string[], at: number, end: number): number {
  if (at + 4 > end) return at;
  const [mcc, mnc, lac, cell] = fields.slice(at, at + 4);
  const shaped = (text: string | undefined, shape: RegExp): boolean => text === "" || shape.test(text!);
  const isCell = shaped(mcc, MCC) && shaped(mnc, MNC) && shaped(lac, HEX) && shaped(cell, HEX);
  return isCell ? at + 4 : at;
}

function cellOf(fields: readonly string[], at: number, end: number): PositionGroup["cell"] {
  const [mcc, mnc, lac, cell] = fields.slice(at, end);
  if (!mcc || !mnc || !lac || !cell) return undefined;
  return { mcc: Number(mcc), mnc: Number(mnc), lac: Number.parseInt(lac, 16), cid: Number.parseInt(cell, 16) };
}

function numberOf(text: string | undefined): number | null {
  return text !== undefined && NUMBER.test(text) ? Number(text) : null;
}
