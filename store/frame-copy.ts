import { CopyWriter } from "./copy-writer.ts";
import { type NewFrame, partitionOf } from "./journal.ts";

const COLUMNS = `seq, last_seq, partition, received_from, received_to, device_id, received_at, kind, protocol, transport,
  remote_address, bytes`;
const FIELDS = 12;

/** Takes what a `FrameCopy` wrote. */
export const COPY_FRAMES = `copy frame_batch (${COLUMNS}) from stdin (format binary)`;

/**
 * Writes commits one after another, with a row for each partition, whose frames stand in arrays. Measured for 200 frames in
 * 16 rows: 0.1 ms here and 1.0 of the server's CPU, against 0.2 and 2.2 as 200 rows.
 */
export class FrameCopy {
  readonly #copy = new CopyWriter();

  /**
   * The frames with consecutive `seq` by their `places` (of `placesInCommit`), behind `headBytes` left free and before
   * `tailBytes`. The buffer is overwritten by the next call. Throws a RangeError for a value that its column can't hold.
   */
  write(
    frames: readonly NewFrame[],
    places: readonly number[],
    firstSeq: number,
    headBytes: number,
    tailBytes: number,
  ): Buffer {
    const sorted = new Array<NewFrame>(frames.length);
    for (const [index, place] of places.entries()) sorted[place] = frames[index]!;
    const commit = receivedIn(frames);
    this.#copy.begin(headBytes);
    for (let from = 0; from < sorted.length; ) {
      const partition = partitionOf(sorted[from]!.deviceId);
      let end = from + 1;
      while (end < sorted.length && partitionOf(sorted[end]!.deviceId) === partition) end += 1;
      this.#row(sorted.slice(from, end), firstSeq + from, partition, commit);
      from = end;
    }
    return this.#copy.end(tailBytes);
  }

  #row(frames: readonly NewFrame[], seq: number, partition: number, commit: { fromMs: number; toMs: number }): void {
    const copy = this.#copy;
    copy.row(FIELDS);
    copy.int64(seq);
    copy.int64(seq + frames.length - 1);
    copy.int16(partition);
    copy.time(commit.fromMs);
    copy.time(commit.toMs);
    copy.int4s(frames.map((frame) => frame.deviceId));
    copy.times(frames.map((frame) => frame.receivedAtMs));
    this.#texts(frames, (frame) => frame.kind);
    this.#texts(frames, (frame) => frame.protocol);
    this.#texts(frames, (frame) => frame.transport);
    this.#texts(frames, (frame) => frame.remoteAddress);
    copy.byteStrings(frames.map((frame) => frame.bytes));
  }

  /** One element where all frames have the same. */
  #texts(frames: readonly NewFrame[], textOf: (frame: NewFrame) => string | null): void {
    const first = textOf(frames[0]!);
    const isSame = frames.every((frame) => textOf(frame) === first);
    this.#copy.texts(isSame ? [first] : frames.map(textOf));
  }
}

function receivedIn(frames: readonly NewFrame[]): { fromMs: number; toMs: number } {
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = Number.NEGATIVE_INFINITY;
  for (const { receivedAtMs } of frames) {
    if (receivedAtMs < fromMs) fromMs = receivedAtMs;
    if (receivedAtMs > toMs) toMs = receivedAtMs;
  }
  return { fromMs, toMs };
}
