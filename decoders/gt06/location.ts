import { readUint16, readUint32 } from "./frame.ts";

/**
 * The GPS block, and where it stands in the content of a frame.
 *
 * | field | bytes |
 * |---|---|
 * | date and time | 6: YY MM DD hh mm ss |
 * | GPS length, satellites | 1: high nibble length, low nibble satellites |
 * | latitude, longitude | 4 + 4: unsigned, degrees × 1,800,000 |
 * | speed | 1: km/h |
 * | status and course | 2: bit 12 positioned, 11 west, 10 north, 9-0 course in degrees |
 *
 * Clones put their own fields before it (an IMEI, a second time, an alarm word), so the block is found by its shape: a
 * date that a calendar knows, followed by coordinates inside the world and a course of at most 360 degrees.
 * Source: JM-VL03 communication protocol 1.1.2, location packet.
 */
export type GpsBlock = {
  timeMs: number | null;
  latDeg: number;
  lonDeg: number;
  positioned: boolean;
  speedMps: number | null;
  headingDeg: number | null;
  satellites: number | null;
  /** Offset of the first byte after the block. */
  end: number;
  /** The status word, whose upper bits some models use for the ignition. */
  status: number;
};

const BLOCK_BYTES = 18;
/** Farthest place that a block was seen at: an IMEI and a second time before it. */
const BLOCK_OFFSET_MAX = 20;
/** Country codes are below 1,024: their high byte is 0 to 3 (with bit 7 for wide network codes). */
const COUNTRY_HIGH_END = 4;
const UNITS_PER_DEGREE = 1_800_000;
const LAT_UNITS_MAX = 90 * UNITS_PER_DEGREE;
const LON_UNITS_MAX = 180 * UNITS_PER_DEGREE;
const MPS_PER_KPH = 1 / 3.6;

/**
 * Offset of the GPS block, -1 where nothing in the content looks like one. `orCells`: the number may also carry a list of
 * cells, whose country code then stands where the satellites would.
 */
export function findGpsBlock(content: Uint8Array, orCells = false): number {
  if (orCells && content.length > 6 && (content[6]! & 0x7f) < COUNTRY_HIGH_END) return -1;
  for (let at = 0; at <= BLOCK_OFFSET_MAX && at + BLOCK_BYTES <= content.length; at++) {
    if (!isDate(content, at) || !isPlace(content, at + 7, at + 16)) continue;
    // Two times in a row: the first is when the frame was built, and only the second starts a block.
    const second = at + 6;
    const twoDates = isDate(content, second) && second + BLOCK_BYTES <= content.length;
    return twoDates && isPlace(content, second + 7, second + 16) ? second : at;
  }
  return -1;
}

/** Reads the block at `at`; undefined where it does not fit. */
export function readGpsBlock(content: Uint8Array, at: number, zoneMinutes: number): GpsBlock | undefined {
  if (at < 0 || at + BLOCK_BYTES > content.length) return undefined;
  return {
    ...readPlace(content, at + 7, at + 16),
    timeMs: readDate(content, at, zoneMinutes),
    satellites: content[at + 6]! & 0x0f,
    speedMps: content[at + 15]! * MPS_PER_KPH,
    end: at + BLOCK_BYTES,
  };
}

/**
 * The block of the multimedia alarm: the speed, if any, stands elsewhere, and some models leave the satellites out.
 * `end` is where the status word ends.
 */
export function readBareBlock(content: Uint8Array, zoneMinutes: number): GpsBlock | undefined {
  for (let at = 0; at <= BLOCK_OFFSET_MAX; at++) {
    if (at + 16 > content.length || !isDate(content, at)) continue;
    for (const latAt of [at + 6, at + 7]) {
      const statusAt = latAt + 8;
      if (statusAt + 2 > content.length || !isPlace(content, latAt, statusAt)) continue;
      const place = readPlace(content, latAt, statusAt);
      const satellites = latAt === at + 7 ? content[at + 6]! & 0x0f : null;
      return { ...place, timeMs: readDate(content, at, zoneMinutes), satellites, speedMps: null, end: statusAt + 2 };
    }
  }
  return undefined;
}

/** Reads YY MM DD hh mm ss; null where no calendar has that moment. `zoneMinutes` is the device's offset from UTC. */
export function readDate(content: Uint8Array, at: number, zoneMinutes: number): number | null {
  if (!isDate(content, at)) return null;
  const [year, month, day, hour, minute, second] = content.subarray(at, at + 6);
  return Date.UTC(2000 + year!, month! - 1, day, hour, minute, second) - zoneMinutes * 60_000;
}

function isDate(content: Uint8Array, at: number): boolean {
  if (at + 6 > content.length) return false;
  const [year, month, day, hour, minute, second] = content.subarray(at, at + 6);
  if (year! > 99 || month! < 1 || month! > 12 || day! < 1 || hour! > 23 || minute! > 59 || second! > 59) return false;
  return day! <= new Date(Date.UTC(2000 + year!, month!, 0)).getUTCDate();
}

function isPlace(content: Uint8Array, latAt: number, statusAt: number): boolean {
  return (
    readUint32(content, latAt) <= LAT_UNITS_MAX &&
    readUint32(content, latAt + 4) <= LON_UNITS_MAX &&
    (readUint16(content, statusAt) & 0x3ff) <= 360
  );
}

type Place = Pick<GpsBlock, "latDeg" | "lonDeg" | "positioned" | "headingDeg" | "status">;

export function readPlace(content: Uint8Array, latAt: number, statusAt: number): Place {
  const status = readUint16(content, statusAt);
  const latDeg = readUint32(content, latAt) / UNITS_PER_DEGREE;
  const lonDeg = readUint32(content, latAt + 4) / UNITS_PER_DEGREE;
  const course = status & 0x3ff;
  return {
    latDeg: status & 0x0400 ? latDeg : -latDeg,
    lonDeg: status & 0x0800 ? -lonDeg : lonDeg,
    positioned: (status & 0x1000) !== 0,
    headingDeg: course <= 360 ? course : null,
    status,
  };
}
