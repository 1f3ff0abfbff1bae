import type { NewFrame, Receipt } from "./journal.ts";
import { JournalFullError } from "./journal-errors.ts";

/** A frame that waits for its commit: `bytes` is what it counts for. */
export type Pending = {
  frame: NewFrame;
  bytes: number;
  receipt: Receipt;
};

const FRAMES_PER_COMMIT_MAX = 2_000;
const BYTES_PER_COMMIT_MAX = 4 * 1024 * 1024;
/** What a waiting frame takes besides its bytes, about. */
const FRAME_OVERHEAD_BYTES = 300;

/** The frames between their offer and the word about their commit, in the order in which they were offered. */
export class PendingFrames {
  readonly #bytesMax: number;
  readonly #receiptFailed: (error: unknown) => void;
  #waiting: Pending[] = [];
  #count = 0;
  #bytes = 0;
  #lastBatchFrames = 0;

  /** `receiptFailed` hears of receipts that threw: the others are told all the same. */
  constructor(bytesMax: number, receiptFailed: (error: unknown) => void) {
    this.#bytesMax = bytesMax;
    this.#receiptFailed = receiptFailed;
  }

  /** Frames that wait or are being committed, and what they take of `bytesMax`. */
  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether any frame is in no batch yet. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  add(frame: NewFrame, receipt: Receipt): JournalFullError | undefined {
    const bytes = frame.bytes.byteLength + FRAME_OVERHEAD_BYTES;
    if (this.#bytes + bytes > this.#bytesMax) return new JournalFullError(`${this.#bytes} bytes wait for their commit`);
    this.#count += 1;
    this.#bytes += bytes;
    this.#waiting.push({ frame, bytes, receipt });
    return undefined;
  }

  /**
   * All that waits, up to half of what is under way: with the frames of the last commit, which are told of it now, and
   * their senders' next ones. So the database and the sessions have work at the same time; in batches of 8 and 392 in
   * turn, which is what becomes of 400 clients by itself, one of them always waits for the other.
   */
  takeBatch(): Pending[] {
    const half = Math.ceil((this.#waiting.length + this.#lastBatchFrames) / 2);
    const framesMax = Math.min(FRAMES_PER_COMMIT_MAX, half);
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && count < framesMax) {
      bytes += this.#waiting[count]!.bytes;
      if (count > 0 && bytes > BYTES_PER_COMMIT_MAX) break;
      count += 1;
    }
    this.#lastBatchFrames = count;
    return this.#waiting.splice(0, count);
  }

  /** Frames of a batch go back to the front, as they would be lost with a connection that fails meanwhile. */
  putBack(frames: readonly Pending[]): void {
    this.#waiting = [...frames, ...this.#waiting];
  }

  /** Takes that many from the front again. */
  takeBack(count: number): Pending[] {
    return this.#waiting.splice(0, count);
  }

  /** Tells whoever handed in the frame its `seq`, or what was wrong with it; it is pending no more. */
  settle(pending: Pending, outcome: number | Error): void {
    this.#count -= 1;
    this.#bytes -= pending.bytes;
    try {
      if (typeof outcome === "number") pending.receipt.committed(outcome);
      else pending.receipt.failed(outcome);
    } catch (error) {
      // A defect of whoever was told: the connection is not to blame.
      this.#receiptFailed(error);
    }
  }

  /** Every frame that waits gets the same answer. */
  settleWaiting(outcome: Error): void {
    for (const pending of this.#waiting.splice(0)) this.settle(pending, outcome);
  }
}
