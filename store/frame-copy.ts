import { type NewFrame, partitionOf } from "./journal.ts";

/**
 * Frames in the format of COPY … (FORMAT binary), after the PostgreSQL manual, "COPY", "Binary Format":
 *
 *   signature 11 B · flags 4 B · extension length 4 B · per row: field count 2 B, per field: length 4 B (−1 for null),
 *   value · trailer −1 2 B
 *
 * The columns stand so that all of a row's fixed width come first, copied from a template of its kind, protocol and
 * transport. Measured per frame: 1.1 µs here and 11 in the server, against 3.5 and 13 as arrays of an INSERT.
 */
const COLUMNS = "kind, protocol, transport, seq, partition, device_id, received_at, remote_address, bytes";
const FIELDS = 9;

/** Takes what a `FrameCopy` wrote. */
export const COPY_FRAMES = `copy frame (${COLUMNS}) from stdin (format binary)`;

const SIGNATURE = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
const FIRST_BUFFER_BYTES = 1 << 16;
const TRAILER_BYTES = 2;
const NULL_LENGTH = -1;
const INT32_MAX = 2_147_483_647;
const EPOCH_2000_MS = Date.UTC(2000, 0, 1);
const TWO_TO_32 = 4_294_967_296;

/** Writes batches of frames one after another into one buffer that grows with the largest. */
export class FrameCopy {
  #buffer = Buffer.allocUnsafe(FIRST_BUFFER_BYTES);
  readonly #templates = new Map<string, Buffer>();

  /**
   * The frames with consecutive `seq`, behind `headBytes` left free and before `tailBytes`. The buffer is overwritten by
   * the next call. Throws a RangeError for a value that its column can't hold.
   */
  write(frames: readonly NewFrame[], firstSeq: number, headBytes: number, tailBytes: number): Buffer {
    let at = headBytes + SIGNATURE.copy(this.#buffer, headBytes);
    for (let index = 0; index < frames.length; index++) at = this.#writeRow(frames[index]!, firstSeq + index, at);
    this.#reserve(at, TRAILER_BYTES + tailBytes);
    at = this.#buffer.writeInt16BE(-1, at);
    return this.#buffer.subarray(0, at + tailBytes);
  }

  #writeRow(frame: NewFrame, seq: number, start: number): number {
    const { deviceId, remoteAddress, bytes } = frame;
    if (!Number.isInteger(deviceId) || deviceId < 0 || deviceId > INT32_MAX) throw new RangeError("not a device's id");
    const template = this.#templateOf(frame);
    // A character of UTF-16 takes three bytes at most.
    this.#reserve(start, template.length + 8 + 3 * (remoteAddress?.length ?? 0) + bytes.byteLength);
    const buffer = this.#buffer;
    let at = start + template.copy(buffer, start);
    // The template ends in the four fields of fixed width, with room for their values.
    writeInt64(buffer, seq, at - FIXED_BYTES + 4);
    buffer.writeInt16BE(partitionOf(deviceId), at - FIXED_BYTES + 16);
    buffer.writeInt32BE(deviceId, at - FIXED_BYTES + 22);
    writeInt64(buffer, Math.round((frame.receivedAtMs - EPOCH_2000_MS) * 1000), at - FIXED_BYTES + 30);
    if (remoteAddress === null) at = buffer.writeInt32BE(NULL_LENGTH, at);
    else {
      const textBytes = buffer.write(remoteAddress, at + 4);
      at = buffer.writeInt32BE(textBytes, at) + textBytes;
    }
    at = buffer.writeInt32BE(bytes.byteLength, at);
    buffer.set(bytes, at);
    return at + bytes.byteLength;
  }

  #templateOf({ kind, protocol, transport }: NewFrame): Buffer {
    const name = `${kind} ${protocol} ${transport}`;
    const known = this.#templates.get(name);
    if (known !== undefined) return known;
    const count = Buffer.alloc(2);
    count.writeInt16BE(FIELDS, 0);
    const texts = [kind, protocol, transport].map((text) => field(Buffer.from(text)));
    const template = Buffer.concat([count, ...texts, ...FIXED_WIDTHS.map((width) => field(Buffer.alloc(width)))]);
    this.#templates.set(name, template);
    return template;
  }

  #reserve(at: number, bytes: number): void {
    if (at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, at + bytes));
    this.#buffer.copy(larger, 0, 0, at);
    this.#buffer = larger;
  }
}

/** Of `seq`, `partition`, `device_id` and `received_at`. */
const FIXED_WIDTHS = [8, 2, 4, 8];
const FIXED_BYTES = FIXED_WIDTHS.reduce((sum, width) => sum + 4 + width, 0);

function field(value: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(value.length, 0);
  return Buffer.concat([length, value]);
}

/** A safe integer as two halves: 3 times as fast as by BigInt. */
function writeInt64(buffer: Buffer, value: number, at: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`);
  const high = Math.floor(value / TWO_TO_32);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(value - high * TWO_TO_32, at + 4);
}
