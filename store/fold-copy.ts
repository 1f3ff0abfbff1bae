import { type FixRow, jsonbTextOf, textOf } from "./fold-rows.ts";
import { TRACK_COLUMNS } from "./track-columns.ts";

/**
 * Rows of `fix` in the format of COPY … (FORMAT binary), after the PostgreSQL manual, "COPY", "Binary Format":
 *
 *   signature 11 B · flags 4 B · extension length 4 B · per row: field count 2 B, per field: length 4 B (−1 for null),
 *   value · trailer −1 2 B
 *
 * Rows are encoded while the batch before commits; the transaction's id and the time of storing are filled in at the end,
 * which is why these columns come first.
 */
export const FIX_COPY_COLUMNS = `commit_xid, stored_at, fix_id, device_id, fix_time, fingerprint, received_at, kind,
  protocol, valid, late, buffered, clock_fault, device_time, lat_deg, lon_deg, altitude_m, speed_mps, heading_deg,
  satellites, hdop, accuracy_m, event, attributes, ${TRACK_COLUMNS.join(", ")}, cell`;
const FIELDS = 35;

const SIGNATURE = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
/** Room for the fields of fixed width of one row, with their lengths. */
const FIXED_BYTES_MAX = 520;
const EPOCH_2000_MS = Date.UTC(2000, 0, 1);
const SATELLITES_MAX = 32_767;
const SMOOTHED_FIELDS = 5;
const MATCHED_FIELDS = 5;
const CELL_HALF_DIGITS = 8;
const NULL_LENGTH = -1;

export class FixCopy {
  #buffer = Buffer.allocUnsafe(1 << 16);
  #at = SIGNATURE.copy(this.#buffer);
  readonly #rowStarts: number[] = [];

  get rows(): number {
    return this.#rowStarts.length;
  }

  /** Adds all rows or, when one can't be encoded and throws, none. */
  append(fixes: readonly FixRow[]): void {
    const at = this.#at;
    const rows = this.rows;
    try {
      for (const fix of fixes) this.#append(fix);
    } catch (error) {
      this.#at = at;
      this.#rowStarts.length = rows;
      throw error;
    }
  }

  /** The whole message, with the id of the transaction and the time (Unix ms) in every row. Nothing is added after. */
  finish(commitXid: bigint, storedAtMs: number): Buffer {
    for (const start of this.#rowStarts) {
      this.#buffer.writeBigInt64BE(commitXid, start + 6);
      writeMicroseconds(this.#buffer, storedAtMs, start + 18);
    }
    this.#reserve(2);
    this.#at = this.#buffer.writeInt16BE(-1, this.#at);
    return this.#buffer.subarray(0, this.#at);
  }

  #append(fix: FixRow): void {
    const attributes = jsonbTextOf(fix.attributes);
    this.#reserve(FIXED_BYTES_MAX + 3 * (attributes.length + (fix.event?.length ?? 0)));
    this.#rowStarts.push(this.#at);
    this.#at = this.#buffer.writeInt16BE(FIELDS, this.#at);
    this.#int64(0);
    this.#int64(0);
    this.#int64(fix.fixId);
    this.#int32(fix.deviceId);
    this.#time(fix.fixTimeMs);
    this.#int64(fix.fingerprint);
    this.#time(fix.receivedAtMs);
    this.#text(fix.kind);
    this.#text(fix.protocol);
    this.#boolean(fix.valid);
    this.#boolean(fix.late);
    this.#boolean(fix.buffered);
    this.#text(fix.clockFault);
    this.#time(fix.deviceTimeMs);
    this.#float64(fix.latDeg);
    this.#float64(fix.lonDeg);
    this.#float32(fix.altitudeM);
    this.#float32(fix.speedMps);
    this.#float32(fix.headingDeg);
    this.#int16(fix.satellites === null ? null : Math.min(Math.round(fix.satellites), SATELLITES_MAX));
    this.#float32(fix.hdop);
    this.#float32(fix.accuracyM);
    this.#text(fix.event === null ? null : textOf(fix.event));
    this.#jsonb(attributes);
    this.#tracked(fix);
    this.#cell(fix.cell);
  }

  /** In the order of `TRACK_COLUMNS`. */
  #tracked({ smoothed, matched }: FixRow): void {
    if (smoothed === null) this.#nulls(SMOOTHED_FIELDS);
    else {
      this.#float64(smoothed.latDeg);
      this.#float64(smoothed.lonDeg);
      this.#float32(smoothed.speedMps);
      this.#float32(smoothed.headingDeg);
      this.#float32(smoothed.sigmaM);
    }
    if (matched === null) this.#nulls(MATCHED_FIELDS);
    else {
      this.#float64(matched.latDeg);
      this.#float64(matched.lonDeg);
      this.#int64(matched.wayId);
      this.#boolean(matched.forward);
      this.#float32(matched.confidence);
    }
  }

  #nulls(fields: number): void {
    for (let field = 0; field < fields; field++) this.#length(NULL_LENGTH);
  }

  /** Sixty-four bits of hexadecimal digits, as two halves. */
  #cell(index: string | null): void {
    if (this.#isNull(index)) return;
    this.#length(8);
    const half = index.length - CELL_HALF_DIGITS;
    this.#at = this.#buffer.writeUInt32BE(Number.parseInt(index.slice(0, half), 16), this.#at);
    this.#at = this.#buffer.writeUInt32BE(Number.parseInt(index.slice(half), 16), this.#at);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }

  #length(bytes: number): void {
    this.#at = this.#buffer.writeInt32BE(bytes, this.#at);
  }

  /** Writes the field when it is null. */
  #isNull(value: unknown): value is null {
    if (value !== null) return false;
    this.#length(NULL_LENGTH);
    return true;
  }

  #int64(value: number): void {
    this.#length(8);
    writeInt64(this.#buffer, value, this.#at);
    this.#at += 8;
  }

  #int32(value: number): void {
    this.#length(4);
    this.#at = this.#buffer.writeInt32BE(value, this.#at);
  }

  #int16(value: number | null): void {
    if (this.#isNull(value)) return;
    this.#length(2);
    this.#at = this.#buffer.writeInt16BE(value, this.#at);
  }

  #time(timeMs: number | null): void {
    if (this.#isNull(timeMs)) return;
    this.#length(8);
    writeMicroseconds(this.#buffer, timeMs, this.#at);
    this.#at += 8;
  }

  #boolean(value: boolean): void {
    this.#length(1);
    this.#buffer[this.#at++] = value ? 1 : 0;
  }

  #float64(value: number | null): void {
    if (this.#isNull(value)) return;
    this.#length(8);
    this.#at = this.#buffer.writeDoubleBE(value, this.#at);
  }

  #float32(value: number | null): void {
    if (this.#isNull(value)) return;
    this.#length(4);
    this.#at = this.#buffer.writeFloatBE(value, this.#at);
  }

  #text(value: string | null): void {
    if (this.#isNull(value)) return;
    const bytes = this.#buffer.write(value, this.#at + 4);
    this.#length(bytes);
    this.#at += bytes;
  }

  /** jsonb travels as a version byte and its text. */
  #jsonb(text: string): void {
    const bytes = this.#buffer.write(text, this.#at + 5);
    this.#length(bytes + 1);
    this.#buffer[this.#at++] = 1;
    this.#at += bytes;
  }
}

function writeMicroseconds(buffer: Buffer, timeMs: number, at: number): void {
  writeInt64(buffer, Math.round((timeMs - EPOCH_2000_MS) * 1000), at);
}

/** A safe integer as two halves: 3 times as fast as by BigInt. */
function writeInt64(buffer: Buffer, value: number, at: number): void {
  const high = Math.floor(value / 4_294_967_296);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(value - high * 4_294_967_296, at + 4);
}
