/**
 * What PostgreSQL's binary format needs beyond the methods of `Buffer`. Each function returns where the next value goes.
 *
 *     array:   int32 dimensions (1, or 0 when empty) · int32 has-nulls · uint32 element type · int32 length · int32 lower bound
 *     element: int32 bytes (-1 for null) · the value, big-endian
 */

/** Times count from the first day of the year 2000. */
export const POSTGRES_EPOCH_MS = 946_684_800_000;
export const TWO_TO_32 = 4_294_967_296;

export const TYPE_OID = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  float4: 700,
  float8: 701,
  timestamptz: 1184,
  json: 114,
  jsonb: 3802,
} as const;

export const LENGTH_BYTES = 4;
/** Of null. */
export const NULL_LENGTH = -1;
export const JSONB_VERSION = 1;
export const ARRAY_HEAD_BYTES = 20;
/** All of an array without elements. */
export const EMPTY_ARRAY_BYTES = 12;

export function writeArrayHead(buffer: Buffer, typeOid: number, length: number, hasNulls: boolean, at: number): number {
  buffer.writeInt32BE(length === 0 ? 0 : 1, at);
  buffer.writeInt32BE(hasNulls ? 1 : 0, at + 4);
  buffer.writeUInt32BE(typeOid, at + 8);
  buffer.writeInt32BE(length, at + 12);
  return buffer.writeInt32BE(1, at + 16);
}

/** Numbers must be safe integers: others throw a RangeError. */
export function writeInt64(buffer: Buffer, value: number | bigint, at: number): number {
  if (typeof value === "bigint") return buffer.writeBigInt64BE(value, at);
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`);
  return writeHalves(buffer, value, at);
}

/** Unix milliseconds as timestamptz; fractions are kept to the microsecond (before the year 2285). */
export function writeTime(buffer: Buffer, timeMs: number, at: number): number {
  const sinceEpochMs = timeMs - POSTGRES_EPOCH_MS;
  const timeUs = Math.round(sinceEpochMs * 1000);
  if (Number.isSafeInteger(timeUs)) return writeHalves(buffer, timeUs, at);
  return buffer.writeBigInt64BE(BigInt(Math.round(sinceEpochMs)) * 1000n, at);
}

/** A safe integer: 3 times as fast as by BigInt. */
function writeHalves(buffer: Buffer, value: number, at: number): number {
  const high = Math.floor(value / TWO_TO_32);
  buffer.writeInt32BE(high, at);
  return buffer.writeUInt32BE(value - high * TWO_TO_32, at + 4);
}
