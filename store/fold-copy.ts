import { writeTime } from "./binary-values.ts";
import { CopyWriter } from "./copy-writer.ts";
import { type FixRow, jsonbTextOf, textOf } from "./fold-rows.ts";
import { TRACK_COLUMNS } from "./track-columns.ts";

export const FIX_COPY_COLUMNS = `commit_xid, stored_at, fix_id, device_id, fix_time, fingerprint, received_at, kind,
  protocol, valid, late, buffered, clock_fault, device_time, lat_deg, lon_deg, altitude_m, speed_mps, heading_deg,
  satellites, hdop, accuracy_m, event, attributes, ${TRACK_COLUMNS.join(", ")}, cell`;
const FIELDS = 35;
/** Where the values of the first two fields stand in a row: behind the number of fields, and their lengths. */
const COMMIT_XID_AT = 2 + 4;
const STORED_AT_AT = COMMIT_XID_AT + 8 + 4;

const SATELLITES_MAX = 32_767;
const SMOOTHED_FIELDS = 5;
const MATCHED_FIELDS = 5;
const CELL_HALF_DIGITS = 8;

/**
 * Rows of `fix` as COPY takes them. They are encoded while the batch before commits; the transaction's id and the time of
 * storing are filled in at the end, which is why these columns come first.
 */
export class FixCopy {
  readonly #copy = new CopyWriter();
  readonly #rowStarts: number[] = [];

  constructor() {
    this.#copy.begin(0);
  }

  get rows(): number {
    return this.#rowStarts.length;
  }

  /** Adds all rows or, when one can't be encoded and throws, none. */
  append(fixes: readonly FixRow[]): void {
    const { at } = this.#copy;
    const { rows } = this;
    try {
      for (const fix of fixes) this.#append(fix);
    } catch (error) {
      this.#copy.rewind(at);
      this.#rowStarts.length = rows;
      throw error;
    }
  }

  /** The whole message, with the id of the transaction and the time (Unix ms) in every row. Nothing is added after. */
  finish(commitXid: bigint, storedAtMs: number): Buffer {
    const message = this.#copy.end(0);
    for (const start of this.#rowStarts) {
      message.writeBigInt64BE(commitXid, start + COMMIT_XID_AT);
      writeTime(message, storedAtMs, start + STORED_AT_AT);
    }
    return message;
  }

  #append(fix: FixRow): void {
    const attributes = jsonbTextOf(fix.attributes);
    const copy = this.#copy;
    this.#rowStarts.push(copy.at);
    copy.row(FIELDS);
    copy.int64(0);
    copy.int64(0);
    copy.int64(fix.fixId);
    copy.int32(fix.deviceId);
    copy.time(fix.fixTimeMs);
    copy.int64(fix.fingerprint);
    copy.time(fix.receivedAtMs);
    copy.text(fix.kind);
    copy.text(fix.protocol);
    copy.boolean(fix.valid);
    copy.boolean(fix.late);
    copy.boolean(fix.buffered);
    copy.text(fix.clockFault);
    copy.time(fix.deviceTimeMs);
    copy.float64(fix.latDeg);
    copy.float64(fix.lonDeg);
    copy.float32(fix.altitudeM);
    copy.float32(fix.speedMps);
    copy.float32(fix.headingDeg);
    copy.int16(fix.satellites === null ? null : Math.min(Math.round(fix.satellites), SATELLITES_MAX));
    copy.float32(fix.hdop);
    copy.float32(fix.accuracyM);
    copy.text(fix.event === null ? null : textOf(fix.event));
    copy.jsonb(attributes);
    this.#tracked(fix);
    this.#cell(fix.cell);
  }

  /** In the order of `TRACK_COLUMNS`. */
  #tracked({ smoothed, matched }: FixRow): void {
    const copy = this.#copy;
    if (smoothed === null) copy.nulls(SMOOTHED_FIELDS);
    else {
      copy.float64(smoothed.latDeg);
      copy.float64(smoothed.lonDeg);
      copy.float32(smoothed.speedMps);
      copy.float32(smoothed.headingDeg);
      copy.float32(smoothed.sigmaM);
    }
    if (matched === null) copy.nulls(MATCHED_FIELDS);
    else {
      copy.float64(matched.latDeg);
      copy.float64(matched.lonDeg);
      copy.int64(matched.wayId);
      copy.boolean(matched.forward);
      copy.float32(matched.confidence);
    }
  }

  /** Sixty-four bits of hexadecimal digits, as two halves. */
  #cell(index: string | null): void {
    if (index === null) {
      this.#copy.nulls(1);
      return;
    }
    const half = index.length - CELL_HALF_DIGITS;
    this.#copy.bits64(Number.parseInt(index.slice(0, half), 16), Number.parseInt(index.slice(half), 16));
  }
}
