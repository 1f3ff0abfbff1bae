import {
  ARRAY_HEAD_BYTES,
  JSONB_VERSION,
  LENGTH_BYTES,
  NULL_LENGTH,
  TYPE_OID,
  writeArrayHead,
  writeInt64,
  writeTime,
} from "./binary-values.ts";

const SIGNATURE = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
const FIRST_BUFFER_BYTES = 1 << 16;
const TRAILER_BYTES = 2;
const TRAILER = -1;
/** Room that every row, text and array leaves for the fields of fixed width behind it: these need not look. */
const FIXED_FIELDS_BYTES_MAX = 1024;
/** A character of UTF-16 takes so many of UTF-8 at most. */
const CHARACTER_BYTES_MAX = 3;

/**
 * Writes rows, field after field, in the format of COPY … (FORMAT binary), after the PostgreSQL manual, "COPY", "Binary
 * Format", into one buffer that grows with the largest message:
 *
 *   signature 11 B · flags 4 B · extension length 4 B · per row: field count 2 B, per field: length 4 B (−1 for null),
 *   value · trailer −1 2 B
 *
 * A value that its type can't hold throws a RangeError.
 */
export class CopyWriter {
  #buffer = Buffer.allocUnsafe(FIRST_BUFFER_BYTES);
  #at = 0;

  /** Where the next row or field goes. */
  get at(): number {
    return this.#at;
  }

  /** Begins a message behind `headBytes` left free, over the one before. */
  begin(headBytes: number): void {
    this.#at = headBytes + SIGNATURE.copy(this.#buffer, headBytes);
  }

  /** Takes back what was written from there on. */
  rewind(at: number): void {
    this.#at = at;
  }

  /** The message, before `tailBytes` left free. It is overwritten by the next. */
  end(tailBytes: number): Buffer {
    this.#reserve(TRAILER_BYTES + tailBytes);
    this.#at = this.#buffer.writeInt16BE(TRAILER, this.#at);
    return this.#buffer.subarray(0, this.#at + tailBytes);
  }

  row(fields: number): void {
    this.#reserve(2);
    this.#at = this.#buffer.writeInt16BE(fields, this.#at);
  }

  nulls(fields: number): void {
    for (let field = 0; field < fields; field++) this.#length(NULL_LENGTH);
  }

  boolean(value: boolean): void {
    this.#length(1);
    this.#buffer[this.#at++] = value ? 1 : 0;
  }

  int16(value: number | null): void {
    if (this.#isNull(value)) return;
    this.#length(2);
    this.#at = this.#buffer.writeInt16BE(value, this.#at);
  }

  int32(value: number): void {
    this.#length(4);
    this.#at = this.#buffer.writeInt32BE(value, this.#at);
  }

  int64(value: number): void {
    this.#length(8);
    this.#at = writeInt64(this.#buffer, value, this.#at);
  }

  /** Its two halves, unsigned. */
  bits64(high: number, low: number): void {
    this.#length(8);
    this.#at = this.#buffer.writeUInt32BE(high, this.#at);
    this.#at = this.#buffer.writeUInt32BE(low, this.#at);
  }

  float32(value: number | null): void {
    if (this.#isNull(value)) return;
    this.#length(4);
    this.#at = this.#buffer.writeFloatBE(value, this.#at);
  }

  float64(value: number | null): void {
    if (this.#isNull(value)) return;
    this.#length(8);
    this.#at = this.#buffer.writeDoubleBE(value, this.#at);
  }

  /** Unix milliseconds. */
  time(timeMs: number | null): void {
    if (this.#isNull(timeMs)) return;
    this.#length(8);
    this.#at = writeTime(this.#buffer, timeMs, this.#at);
  }

  text(value: string | null): void {
    if (value === null) {
      // Any number of them may stand in an array.
      this.#reserve(LENGTH_BYTES);
      this.#length(NULL_LENGTH);
      return;
    }
    this.#reserve(LENGTH_BYTES + CHARACTER_BYTES_MAX * value.length);
    const bytes = this.#buffer.write(value, this.#at + LENGTH_BYTES);
    this.#length(bytes);
    this.#at += bytes;
  }

  /** A version byte and the text. */
  jsonb(text: string): void {
    this.#reserve(LENGTH_BYTES + 1 + CHARACTER_BYTES_MAX * text.length);
    const bytes = this.#buffer.write(text, this.#at + LENGTH_BYTES + 1);
    this.#length(1 + bytes);
    this.#buffer[this.#at++] = JSONB_VERSION;
    this.#at += bytes;
  }

  int4s(values: readonly number[]): void {
    const start = this.#beginArray(TYPE_OID.int4, values.length, values.length * (LENGTH_BYTES + 4));
    for (const value of values) this.int32(value);
    this.#endArray(start);
  }

  /** Unix milliseconds. */
  times(timesMs: readonly number[]): void {
    const start = this.#beginArray(TYPE_OID.timestamptz, timesMs.length, timesMs.length * (LENGTH_BYTES + 8));
    for (const timeMs of timesMs) this.time(timeMs);
    this.#endArray(start);
  }

  texts(values: readonly (string | null)[]): void {
    const start = this.#beginArray(TYPE_OID.text, values.length);
    for (const value of values) this.text(value);
    this.#endArray(start);
  }

  byteStrings(values: readonly Uint8Array[]): void {
    const start = this.#beginArray(TYPE_OID.bytea, values.length);
    for (const value of values) {
      this.#reserve(LENGTH_BYTES + value.byteLength);
      this.#length(value.byteLength);
      this.#buffer.set(value, this.#at);
      this.#at += value.byteLength;
    }
    this.#endArray(start);
  }

  /** A field with an array that is not empty. Its elements follow, each like a field; nulls may be among them. */
  #beginArray(typeOid: number, length: number, fixedBytes = 0): number {
    this.#reserve(LENGTH_BYTES + ARRAY_HEAD_BYTES + fixedBytes);
    this.#length(ARRAY_HEAD_BYTES);
    const start = this.#at;
    this.#at = writeArrayHead(this.#buffer, typeOid, length, true, start);
    return start;
  }

  /** The length of the field is known. */
  #endArray(start: number): void {
    this.#buffer.writeInt32BE(this.#at - start, start - LENGTH_BYTES);
  }

  /** Writes the field when it is null. */
  #isNull(value: unknown): value is null {
    if (value !== null) return false;
    this.#length(NULL_LENGTH);
    return true;
  }

  #length(bytes: number): void {
    this.#at = this.#buffer.writeInt32BE(bytes, this.#at);
  }

  #reserve(bytes: number): void {
    const end = this.#at + bytes + FIXED_FIELDS_BYTES_MAX;
    if (end <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, end));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}
