import type { RecordColumns } from "./columns.ts";
import { int32, readNarrowGroups, readSixteenGroup, readWideGroups, uint16, uint64 } from "./groups.ts";
import { CODEC } from "./layout.ts";

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
 * Reads the data field `start..end` (codec id to second count) of a packet into `columns`. False where the records do
 * not fill the field exactly or a record's element total is not the sum of its groups; the columns are then undefined.
 *
 * Codec 8 packets that do not fit their documented layout are tried once more with a group of 16-byte values: the two
 * readings cannot both fill the field with equal totals, so the firmware need not be known.
 */
export function readRecords(bytes: Uint8Array, start: number, end: number, columns: RecordColumns): boolean {
  for (const layout of layoutsOf(bytes[start]!)) {
    if (walkRecords(bytes, start + 2, end - 1, bytes[start + 1]!, layout, columns)) return true;
  }
  return false;
}

function walkRecords(
  bytes: Uint8Array,
  start: number,
  end: number,
  recordCount: number,
  layout: RecordLayout,
  columns: RecordColumns,
): boolean {
  const tailBytes = layout.idBytes + (layout.generation ? 1 : 0) + layout.countBytes;
  columns.recordCount = recordCount;
  columns.elementCount = 0;
  columns.hasGeneration = layout.generation;
  let at = start;
  for (let record = 0; record < recordCount; record++) {
    if (at + HEADER_BYTES + tailBytes > end) return false;
    readHeader(bytes, at, record, columns);
    at = readTail(bytes, at + HEADER_BYTES, end, record, layout, columns);
    if (at < 0) return false;
  }
  columns.start[recordCount] = at;
  columns.firstElement[recordCount] = columns.elementCount;
  return at === end;
}

function readHeader(bytes: Uint8Array, at: number, record: number, columns: RecordColumns): void {
  columns.start[record] = at;
  columns.timeMs[record] = uint64(bytes, at);
  columns.priority[record] = bytes[at + 8]!;
  columns.longitudeE7[record] = int32(bytes, at + 9);
  columns.latitudeE7[record] = int32(bytes, at + 13);
  columns.altitudeM[record] = uint16(bytes, at + 17);
  columns.headingDeg[record] = uint16(bytes, at + 19);
  columns.satellites[record] = bytes[at + 21]!;
  columns.speedKmh[record] = uint16(bytes, at + 22);
}

/** Event, generation, total and groups of a record; the offset behind it, or -1 where they do not fit before `end`. */
function readTail(
  bytes: Uint8Array,
  start: number,
  end: number,
  record: number,
  layout: RecordLayout,
  columns: RecordColumns,
): number {
  const { idBytes, countBytes } = layout;
  const first = columns.elementCount;
  columns.firstElement[record] = first;
  columns.eventId[record] = uint(bytes, start, idBytes);
  let at = start + idBytes;
  columns.generation[record] = layout.generation ? bytes[at++]! : 0;
  const total = uint(bytes, at, countBytes);
  at += countBytes;
  at = idBytes === 1 ? readNarrowGroups(bytes, at, end, columns) : readWideGroups(bytes, at, end, countBytes, columns);
  if (layout.sixteen && at >= 0) at = readSixteenGroup(bytes, at, end, columns);
  if (layout.variable && at >= 0) at = readVariableGroup(bytes, at, end, columns);
  return columns.elementCount - first === total ? at : -1;
}

function readVariableGroup(bytes: Uint8Array, start: number, end: number, columns: RecordColumns): number {
  if (start + 2 > end) return -1;
  const count = uint16(bytes, start);
  let at = start + 2;
  for (let index = 0; index < count; index++) {
    if (at + 4 > end) return -1;
    const valueBytes = uint16(bytes, at + 2);
    if (at + 4 + valueBytes > end) return -1;
    const row = columns.elementCount++;
    columns.elementId[row] = uint16(bytes, at);
    columns.elementWidth[row] = 0;
    columns.elementAt[row] = at + 4;
    columns.elementValue[row] = valueBytes;
    at += 4 + valueBytes;
  }
  return at;
}

function uint(bytes: Uint8Array, at: number, size: 1 | 2): number {
  return size === 1 ? bytes[at]! : uint16(bytes, at);
}
