import type { RecordColumns } from "./columns.ts";

/**
 * The groups of fixed width of a record. A loop for each width and each size of ids, so that each is a few loads and
 * stores without a choice in it: about twice the rate of one loop for all (`bench/decode-teltonika.ts`).
 *
 * Each function answers with the offset behind its groups, or -1 where a count says more than fits before `end`.
 */

/** Groups of 1, 2, 4 and 8 bytes with ids of one byte: codec 8. Counts are one byte. */
export function readNarrowGroups(bytes: Uint8Array, start: number, end: number, columns: RecordColumns): number {
  const { elementId, elementWidth, elementAt, elementValue } = columns;
  let row = columns.elementCount;
  let at = start;
  let last = row;

  last = row + groupCount(bytes, at, end, 2, 1);
  if (last < row) return -1;
  for (at += 1; row < last; row++, at += 2) {
    elementId[row] = bytes[at]!;
    elementWidth[row] = 1;
    elementAt[row] = at + 1;
    elementValue[row] = bytes[at + 1]!;
  }

  last = row + groupCount(bytes, at, end, 3, 1);
  if (last < row) return -1;
  for (at += 1; row < last; row++, at += 3) {
    elementId[row] = bytes[at]!;
    elementWidth[row] = 2;
    elementAt[row] = at + 1;
    elementValue[row] = uint16(bytes, at + 1);
  }

  last = row + groupCount(bytes, at, end, 5, 1);
  if (last < row) return -1;
  for (at += 1; row < last; row++, at += 5) {
    elementId[row] = bytes[at]!;
    elementWidth[row] = 4;
    elementAt[row] = at + 1;
    elementValue[row] = uint32(bytes, at + 1);
  }

  last = row + groupCount(bytes, at, end, 9, 1);
  if (last < row) return -1;
  for (at += 1; row < last; row++, at += 9) {
    elementId[row] = bytes[at]!;
    elementWidth[row] = 8;
    elementAt[row] = at + 1;
    elementValue[row] = uint64(bytes, at + 1);
  }

  columns.elementCount = row;
  return at;
}

/** Groups of 1, 2, 4 and 8 bytes with ids of two bytes: codecs 8 Extended and 16. */
export function readWideGroups(
  bytes: Uint8Array,
  start: number,
  end: number,
  countBytes: 1 | 2,
  columns: RecordColumns,
): number {
  const { elementId, elementWidth, elementAt, elementValue } = columns;
  let row = columns.elementCount;
  let at = start;
  let last = row;

  last = row + groupCount(bytes, at, end, 3, countBytes);
  if (last < row) return -1;
  for (at += countBytes; row < last; row++, at += 3) {
    elementId[row] = uint16(bytes, at);
    elementWidth[row] = 1;
    elementAt[row] = at + 2;
    elementValue[row] = bytes[at + 2]!;
  }

  last = row + groupCount(bytes, at, end, 4, countBytes);
  if (last < row) return -1;
  for (at += countBytes; row < last; row++, at += 4) {
    elementId[row] = uint16(bytes, at);
    elementWidth[row] = 2;
    elementAt[row] = at + 2;
    elementValue[row] = uint16(bytes, at + 2);
  }

  last = row + groupCount(bytes, at, end, 6, countBytes);
  if (last < row) return -1;
  for (at += countBytes; row < last; row++, at += 6) {
    elementId[row] = uint16(bytes, at);
    elementWidth[row] = 4;
    elementAt[row] = at + 2;
    elementValue[row] = uint32(bytes, at + 2);
  }

  last = row + groupCount(bytes, at, end, 10, countBytes);
  if (last < row) return -1;
  for (at += countBytes; row < last; row++, at += 10) {
    elementId[row] = uint16(bytes, at);
    elementWidth[row] = 8;
    elementAt[row] = at + 2;
    elementValue[row] = uint64(bytes, at + 2);
  }

  columns.elementCount = row;
  return at;
}

/** Group of 16 bytes with ids of one byte: special firmware, codec 8. */
export function readSixteenGroup(bytes: Uint8Array, start: number, end: number, columns: RecordColumns): number {
  const count = groupCount(bytes, start, end, 17, 1);
  let at = start + 1;
  for (let index = 0; index < count; index++, at += 17) {
    const row = columns.elementCount++;
    columns.elementId[row] = bytes[at]!;
    columns.elementWidth[row] = 16;
    columns.elementAt[row] = at + 1;
    columns.elementValue[row] = 0;
  }
  return count < 0 ? -1 : at;
}

/** Elements of a group, below zero where they do not fit before `end`. */
function groupCount(bytes: Uint8Array, at: number, end: number, elementBytes: number, countBytes: 1 | 2): number {
  if (at + countBytes > end) return -1;
  const count = countBytes === 1 ? bytes[at]! : uint16(bytes, at);
  return at + countBytes + count * elementBytes > end ? -1 : count;
}

export function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function int32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function uint32(bytes: Uint8Array, at: number): number {
  return int32(bytes, at) >>> 0;
}

export function uint64(bytes: Uint8Array, at: number): number {
  return uint32(bytes, at) * 0x1_0000_0000 + uint32(bytes, at + 4);
}
