import {
  ARRAY_HEAD_BYTES,
  EMPTY_ARRAY_BYTES,
  JSONB_VERSION,
  LENGTH_BYTES,
  NULL_LENGTH,
  TYPE_OID,
  writeArrayHead,
  writeInt64,
  writeTime,
} from "./binary-values.ts";

/**
 * PostgreSQL's binary array format, for `insert … select from unnest($1::int4[], …)` with Buffers as parameters.
 *
 * Measured per row of 20 columns: 6 µs here and 24 µs in the server, against 18 + 29 µs as text arrays.
 *
 * Every function takes values (null where the element is null) and returns one parameter. A value outside its type throws
 * a RangeError. `text` and `jsonb` can't hold U+0000: the server refuses it with SQLSTATE 22021 or 22P05.
 */

type Values<T> = ArrayLike<T | null>;

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
  return fixedArray(TYPE_OID.timestamptz, 8, valuesMs, writeTime);
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
  let at = ARRAY_HEAD_BYTES;
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
  write: (buffer: Buffer, value: T, at: number) => number,
): Buffer {
  let elementBytes = 0;
  for (let index = 0; index < values.length; index++)
    elementBytes += LENGTH_BYTES + (isNull(values, index) ? 0 : valueBytes);
  const buffer = allocate(typeOid, values, elementBytes);
  let at = ARRAY_HEAD_BYTES;
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
  let at = ARRAY_HEAD_BYTES;
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
  const buffer = Buffer.allocUnsafe(ARRAY_HEAD_BYTES + elementBytes);
  let hasNulls = false;
  for (let index = 0; index < values.length && !hasNulls; index++) hasNulls = isNull(values, index);
  writeArrayHead(buffer, typeOid, values.length, hasNulls, 0);
  return values.length === 0 ? buffer.subarray(0, EMPTY_ARRAY_BYTES) : buffer;
}

function isNull(values: Values<unknown>, index: number): boolean {
  return (values[index] ?? null) === null;
}

function integer(value: number): number {
  if (!Number.isInteger(value)) throw new RangeError(`not an integer: ${value}`);
  return value;
}
