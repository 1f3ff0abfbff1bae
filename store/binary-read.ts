/**
 * Reads what `array_send` gives: PostgreSQL's binary arrays, in the format that `binary.ts` writes. The driver knows results
 * as text only, and would parse arrays character by character.
 */

const HEADER_BYTES = 20;
const LENGTH_AT = 12;
const LENGTH_BYTES = 4;
const POSTGRES_EPOCH_MS = 946_684_800_000;
const TWO_TO_32 = 4_294_967_296;

export function readInt4Array(array: Buffer): (number | null)[] {
  return readArray(array, (at) => array.readInt32BE(at));
}

/** Unix milliseconds with their fraction. */
export function readTimestamptzArray(array: Buffer): (number | null)[] {
  return readArray(array, (at) => {
    const timeUs = array.readInt32BE(at) * TWO_TO_32 + array.readUInt32BE(at + 4);
    return timeUs / 1000 + POSTGRES_EPOCH_MS;
  });
}

export function readTextArray(array: Buffer): (string | null)[] {
  return readArray(array, (at, end) => array.toString("utf8", at, end));
}

/** Parts of `array`, which stays in memory with each of them. */
export function readByteaArray(array: Buffer): (Buffer | null)[] {
  return readArray(array, (at, end) => array.subarray(at, end));
}

/** Of one dimension. */
function readArray<T>(array: Buffer, read: (at: number, end: number) => T): (T | null)[] {
  if (array.readInt32BE(0) === 0) return [];
  const values = new Array<T | null>(array.readInt32BE(LENGTH_AT));
  let at = HEADER_BYTES;
  for (let index = 0; index < values.length; index++) {
    const bytes = array.readInt32BE(at);
    at += LENGTH_BYTES;
    values[index] = bytes < 0 ? null : read(at, at + bytes);
    at += Math.max(0, bytes);
  }
  return values;
}
