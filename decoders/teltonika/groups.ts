import { columns } from "./columns.ts";
import { PACKET_BYTES, PACKET_VIEW } from "./packet-bytes.ts";

/**
 * The groups of fixed width of a record of the packet in hand. A loop for each width and each size of ids, so that each is
 * a few loads and stores without a choice in it: about twice the rate of one loop for all (`bench/decode-teltonika.ts`).
 *
 * Each function answers with the offset behind its groups, or -1 where a count says more than fits before `end`.
 */

const bytes = PACKET_BYTES;
const view = PACKET_VIEW;
const { elementId, elementWidth, elementAt, elementValue } = columns;

/** Groups of 1, 2, 4 and 8 bytes with ids of one byte: codec 8. Counts are one byte. */
export function readNarrowGroups(start: number, end: number): number {
  let row = columns.elementCount;
  let at = start;
  let last = row;

  last = row + groupCount(at, end, 2, 1);
  if (last < row) return -1;
  for (at += 1; row < last; row++, at += 2) {
    elementId[row] = bytes[at]!;
    elementWidth[row] = 1;
    elementAt[row] = at + 1;
    elementValue[row] = bytes[at + 1]!;
  }

  last = row + groupCount(at, end, 3, 1);
  if (last < row) return -1;
  for (at += 1; row < last; row++, at += 3) {
    elementId[row] = bytes[at]!;
    elementWidth[row] = 2;
    elementAt[row] = at + 1;
    elementValue[row] = view.getUint16(at + 1);
  }

  last = row + groupCount(at, end, 5, 1);
  if (last < row) return -1;
  for (at += 1; row < last; row++, at += 5) {
    elementId[row] = bytes[at]!;
    elementWidth[row] = 4;
    elementAt[row] = at + 1;
    elementValue[row] = view.getUint32(at + 1);
  }

  last = row + groupCount(at, end, 9, 1);
  if (last < row) return -1;
  for (at += 1; row < last; row++, at += 9) {
    elementId[row] = bytes[at]!;
    elementWidth[row] = 8;
    elementAt[row] = at + 1;
    elementValue[row] = uint64(at + 1);
  }

  columns.elementCount = row;
  return at;
}

/** Groups of 1, 2, 4 and 8 bytes with ids of two bytes: codecs 8 Extended and 16. */
export function readWideGroups(start: number, end: number, countBytes: 1 | 2): number {
  let row = columns.elementCount;
  let at = start;
  let last = row;

  last = row + groupCount(at, end, 3, countBytes);
  if (last < row) return -1;
  for (at += countBytes; row < last; row++, at += 3) {
    elementId[row] = view.getUint16(at);
    elementWidth[row] = 1;
    elementAt[row] = at + 2;
    elementValue[row] = bytes[at + 2]!;
  }

  last = row + groupCount(at, end, 4, countBytes);
  if (last < row) return -1;
  for (at += countBytes; row < last; row++, at += 4) {
    const idAndValue = view.getInt32(at);
    elementId[row] = idAndValue >>> 16;
    elementWidth[row] = 2;
    elementAt[row] = at + 2;
    elementValue[row] = idAndValue & 0xffff;
  }

  last = row + groupCount(at, end, 6, countBytes);
  if (last < row) return -1;
  for (at += countBytes; row < last; row++, at += 6) {
    elementId[row] = view.getUint16(at);
    elementWidth[row] = 4;
    elementAt[row] = at + 2;
    elementValue[row] = view.getUint32(at + 2);
  }

  last = row + groupCount(at, end, 10, countBytes);
  if (last < row) return -1;
  for (at += countBytes; row < last; row++, at += 10) {
    elementId[row] = view.getUint16(at);
    elementWidth[row] = 8;
    elementAt[row] = at + 2;
    elementValue[row] = uint64(at + 2);
  }

  columns.elementCount = row;
  return at;
}

/** Group of 16 bytes with ids of one byte: special firmware, codec 8. */
export function readSixteenGroup(start: number, end: number): number {
  const count = groupCount(start, end, 17, 1);
  let at = start + 1;
  for (let index = 0; index < count; index++, at += 17) {
    const row = columns.elementCount++;
    elementId[row] = bytes[at]!;
    elementWidth[row] = 16;
    elementAt[row] = at + 1;
    elementValue[row] = 0;
  }
  return count < 0 ? -1 : at;
}

/** Elements of a group, below zero where they do not fit before `end`. */
function groupCount(at: number, end: number, elementBytes: number, countBytes: 1 | 2): number {
  if (at + countBytes > end) return -1;
  const count = countBytes === 1 ? bytes[at]! : view.getUint16(at);
  return at + countBytes + count * elementBytes > end ? -1 : count;
}

/** An unsigned integer of 8 bytes, exact up to 2^53. */
export function uint64(at: number): number {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}
