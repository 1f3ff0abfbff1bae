import { columns, type RecordColumns } from "./columns.ts";
import { readNarrowGroups, readSixteenGroup, readWideGroups, uint64 } from "./groups.ts";
import { CODEC, DATA_BYTES_MIN } from "./layout.ts";
import { PACKET_BYTES, PACKET_VIEW } from "./packet-bytes.ts";

/**
 * The record walker of codecs 8, 8 Extended and 16, by hand: this is where a gateway spends its decoding time. Columns
 * instead of objects, one bounds check per group of elements instead of one per element (`bench/decode-teltonika.ts`).
 *
 * A record on the wire; sizes are bytes for codec 8 / 8E / 16:
 *
 * | field | size | |
 * |---|---|---|
 * | time | 8 | unsigned, Unix milliseconds |
 * | priority | 1 | 0 low, 1 high, 2 panic |
 * | longitude, latitude | 4, 4 | signed, degrees × 10^7 |
 * | altitude | 2 | signed, metres |
 * | heading | 2 | degrees |
 * | satellites | 1 | |
 * | speed | 2 | km/h |
 * | event id | 1 / 2 / 2 | |
 * | generation | 0 / 0 / 1 | |
 * | element total | 1 / 2 / 1 | sum of the group counts |
 * | groups of 1, 2, 4, 8 bytes | count 1 / 2 / 1, then (id 1 / 2 / 2, value) each | |
 * | group of variable length | 0 / 2 / 0, then (id 2, length 2, value) each | |
 */
export type RecordLayout = {
  idBytes: 1 | 2;
  countBytes: 1 | 2;
  generation: boolean;
  /** Group of variable-length values behind the others. */
  variable: boolean;
  /** Group of 16-byte values behind the others; special firmware, not in the vendor's documents. */
  sixteen: boolean;
};

const HEADER_BYTES = 24;

const bytes = PACKET_BYTES;
const view = PACKET_VIEW;
const {
  start: recordStart,
  timeMs,
  priority,
  longitudeE7,
  latitudeE7,
  altitudeM,
  headingDeg,
  satellites,
  speedKmh,
} = columns;
const { eventId, generation, firstElement, elementId, elementWidth, elementAt, elementValue } = columns;

const LAYOUT_8: RecordLayout = { idBytes: 1, countBytes: 1, generation: false, variable: false, sixteen: false };
const LAYOUT_8_WITH_16: RecordLayout = { ...LAYOUT_8, sixteen: true };
const LAYOUT_8E: RecordLayout = { idBytes: 2, countBytes: 2, generation: false, variable: true, sixteen: false };
const LAYOUT_16: RecordLayout = { idBytes: 2, countBytes: 1, generation: true, variable: false, sixteen: false };

/** The layouts that a codec's packets may have, the documented one first. */
export function layoutsOf(codec: number): readonly RecordLayout[] {
  switch (codec) {
    case CODEC.eight:
      return LAYOUTS_8;
    case CODEC.extended:
      return LAYOUTS_8E;
    case CODEC.sixteen:
      return LAYOUTS_16;
    default:
      return [];
  }
}

const LAYOUTS_8 = [LAYOUT_8, LAYOUT_8_WITH_16];
const LAYOUTS_8E = [LAYOUT_8E];
const LAYOUTS_16 = [LAYOUT_16];

/**
 * Reads the data field `start..end` (codec id to second count) of a packet into the columns, which hold until the next
 * packet. Undefined where the records do not fill the field exactly or a record's element total is not the sum of its
 * groups.
 *
 * Codec 8 packets that do not fit their documented layout are tried once more with a group of 16-byte values: the two
 * readings cannot both fill the field with equal totals, so the firmware need not be known.
 */
export function readRecords(packet: Uint8Array, start: number, end: number): RecordColumns | undefined {
  if (packet.length > bytes.length || end - start < DATA_BYTES_MIN) return undefined;
  bytes.set(packet);
  for (const layout of layoutsOf(bytes[start]!)) {
    if (walkRecords(start + 2, end - 1, bytes[start + 1]!, layout)) return columns;
  }
  return undefined;
}

function walkRecords(from: number, end: number, recordCount: number, layout: RecordLayout): boolean {
  const tailBytes = layout.idBytes + (layout.generation ? 1 : 0) + layout.countBytes;
  columns.recordCount = recordCount;
  columns.elementCount = 0;
  columns.hasGeneration = layout.generation;
  let at = from;
  for (let record = 0; record < recordCount; record++) {
    if (at + HEADER_BYTES + tailBytes > end) return false;
    readHeader(at, record);
    at = readTail(at + HEADER_BYTES, end, record, layout);
    if (at < 0) return false;
  }
  recordStart[recordCount] = at;
  firstElement[recordCount] = columns.elementCount;
  return at === end;
}

function readHeader(at: number, record: number): void {
  recordStart[record] = at;
  timeMs[record] = uint64(at);
  priority[record] = bytes[at + 8]!;
  longitudeE7[record] = view.getInt32(at + 9);
  latitudeE7[record] = view.getInt32(at + 13);
  altitudeM[record] = view.getInt16(at + 17);
  headingDeg[record] = view.getUint16(at + 19);
  satellites[record] = bytes[at + 21]!;
  speedKmh[record] = view.getUint16(at + 22);
}

/** Event, generation, total and groups of a record; the offset behind it, or -1 where they do not fit before `end`. */
function readTail(from: number, end: number, record: number, layout: RecordLayout): number {
  const { idBytes, countBytes } = layout;
  const first = columns.elementCount;
  firstElement[record] = first;
  eventId[record] = uint(from, idBytes);
  let at = from + idBytes;
  generation[record] = layout.generation ? bytes[at++]! : 0;
  const total = uint(at, countBytes);
  at += countBytes;
  at = idBytes === 1 ? readNarrowGroups(at, end) : readWideGroups(at, end, countBytes);
  if (layout.sixteen && at >= 0) at = readSixteenGroup(at, end);
  if (layout.variable && at >= 0) at = readVariableGroup(at, end);
  return columns.elementCount - first === total ? at : -1;
}

function readVariableGroup(from: number, end: number): number {
  if (from + 2 > end) return -1;
  const count = view.getUint16(from);
  let at = from + 2;
  for (let index = 0; index < count; index++) {
    if (at + 4 > end) return -1;
    const valueBytes = view.getUint16(at + 2);
    if (at + 4 + valueBytes > end) return -1;
    const row = columns.elementCount++;
    elementId[row] = view.getUint16(at);
    elementWidth[row] = 0;
    elementAt[row] = at + 4;
    elementValue[row] = valueBytes;
    at += 4 + valueBytes;
  }
  return at;
}

function uint(at: number, size: 1 | 2): number {
  return size === 1 ? bytes[at]! : view.getUint16(at);
}
