import { setTimeout as sleep } from "node:timers/promises";
import type { JournalWriter, NewFrame, Receipt } from "./journal.ts";
import { JournalClosedError, JournalFrameError, JournalFullError } from "./journal-errors.ts";
import { openSequencer, type Sequencer } from "./sequencer.ts";

export { JournalClosedError, JournalFrameError, JournalFullError } from "./journal-errors.ts";

export type JournalStats = {
  commits: number;
  committedFrames: number;
  /** Frames waiting for their commit and what they take of `pendingBytesMax`. */
  pendingFrames: number;
  pendingBytes: number;
  /** How often the connection, and with it the sequencer lock, was given up. */
  lostConnections: number;
};

export type PostgresJournal = JournalWriter & { stats(): JournalStats };

export type JournalLog = (line: string, level: "info" | "warn" | "error") => void;

export type PostgresJournalOptions = {
  url: string;
  /** Bytes of frames that may wait for their commit; one append above it is refused. */
  pendingBytesMax: number;
  /** How long `close()` waits for pending frames before it rejects them. */
  closePatienceMs?: number;
  /** How long the lock is waited for until it is told that another process leads. */
  lockWaitLongMs?: number;
  log?: JournalLog;
};

/** A frame that waits: `bytes` is what it counts for. */
type Pending = {
  frame: NewFrame;
  bytes: number;
  receipt: Receipt;
};

/** A batch whose commit was not confirmed: it is stored from `firstSeq` on, or not at all. */
type Doubt = { batch: readonly Pending[]; firstSeq: number };

type Committed = { batch: readonly Pending[]; seqs: readonly number[] };

const FRAMES_PER_COMMIT_MAX = 2_000;
const BYTES_PER_COMMIT_MAX = 4 * 1024 * 1024;
/** What a waiting frame takes besides its bytes, about. */
const FRAME_OVERHEAD_BYTES = 300;
const RETRY_DELAY_MS = 50;
const RETRY_DELAY_MAX_MS = 2_000;
const CLOSE_PATIENCE_MS = 10_000;
/** A handover takes less: who waits longer stands by for a process that goes on leading. */
const LOCK_WAIT_LONG_MS = 5_000;

/**
 * The journal in PostgreSQL, with group commit: the frames that arrived during a commit make up the next one.
 *
 *     connecting ──lock held, doubt settled──▶ leading ──commit, commit, …──▶ closed
 *         ▲                                       │
 *         └──backoff──◀──connection or commit lost┘
 *
 * `ready` is true while leading, `standby` while another process does. A commit that failed is looked up under the lock
 * before it is repeated, so a frame is stored once even then. Resolves at once, whether the database is there or not.
 */
export async function openPostgresJournal(options: PostgresJournalOptions): Promise<PostgresJournal> {
  return new GroupCommitJournal(options);
}

class GroupCommitJournal implements PostgresJournal {
  readonly #options: PostgresJournalOptions;
  readonly #aborted = new AbortController();
  readonly #finished: Promise<void>;
  #waiting: Pending[] = [];
  #doubt: Doubt | undefined;
  #pendingFrames = 0;
  #pendingBytes = 0;
  #ready = false;
  #closing = false;
  #wake: (() => void) | undefined;
  #retryDelayMs = RETRY_DELAY_MS;
  #commits = 0;
  #committedFrames = 0;
  #lostConnections = 0;
  #isOutageTold = false;
  #hasLed = false;
  #standby = false;
  #isStandbyTold = false;
  #isUnsafeTold = false;
  #lastBatchFrames = 0;

  constructor(options: PostgresJournalOptions) {
    this.#options = options;
    this.#finished = this.#run();
  }

  get ready(): boolean {
    return this.#ready;
  }

  get standby(): boolean {
    return this.#standby;
  }

  get pendingFrames(): number {
    return this.#pendingFrames;
  }

  stats(): JournalStats {
    return {
      commits: this.#commits,
      committedFrames: this.#committedFrames,
      pendingFrames: this.#pendingFrames,
      pendingBytes: this.#pendingBytes,
      lostConnections: this.#lostConnections,
    };
  }

  offer(frame: NewFrame, receipt: Receipt): Error | undefined {
    if (this.#closing) return new JournalClosedError("the journal is closed");
    const bytes = frame.bytes.byteLength + FRAME_OVERHEAD_BYTES;
    if (this.#pendingBytes + bytes > this.#options.pendingBytesMax) {
      return new JournalFullError(`${this.#pendingBytes} bytes wait for their commit`);
    }
    this.#pendingFrames += 1;
    this.#pendingBytes += bytes;
    this.#waiting.push({ frame, bytes, receipt });
    this.#wake?.();
    return undefined;
  }

  append(frame: NewFrame): Promise<number> {
    return new Promise((committed, failed) => {
      const refusal = this.offer(frame, { committed, failed });
      if (refusal !== undefined) failed(refusal);
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#wake?.();
    if (this.#pendingFrames === 0) this.#aborted.abort();
    const giveUp = setTimeout(() => this.#aborted.abort(), this.#options.closePatienceMs ?? CLOSE_PATIENCE_MS);
    await this.#finished;
    clearTimeout(giveUp);
  }

  async #run(): Promise<void> {
    while (!this.#isOver()) {
      try {
        await this.#lead();
      } catch (error) {
        this.#lostConnections += 1;
        if (!this.#isOver()) this.#tellOnce(error);
      }
      this.#ready = false;
      if (!this.#isOver()) await this.#backOff();
    }
    const closed = new JournalClosedError("the journal was closed before the frame was committed");
    for (const pending of [...(this.#doubt?.batch ?? []), ...this.#waiting]) this.#settle(pending, closed);
    this.#doubt = undefined;
    this.#waiting = [];
  }

  /** An outage is told once, however often it is tried again. */
  #tellOnce(error: unknown): void {
    if (!this.#isOutageTold)
      this.#options.log?.(`journal is not ready, devices are not acknowledged: ${String(error)}`, "warn");
    this.#isOutageTold = true;
  }

  /**
   * Before it has ever led, a process whose lock is taken stands by at once. One that has led may be waiting for what it
   * left in the server itself: it stands by when the wait is long.
   */
  #waits(isLong: boolean): void {
    if (isLong || !this.#hasLed) this.#standby = true;
    if (!isLong || this.#isStandbyTold) return;
    this.#options.log?.("another process leads the journal: standing by, no device connection is taken", "warn");
    this.#isStandbyTold = true;
  }

  /** Holds the lock, and nothing is in doubt any more. */
  #leads(): void {
    this.#ready = true;
    this.#hasLed = true;
    this.#standby = false;
    this.#retryDelayMs = RETRY_DELAY_MS;
    if (this.#isOutageTold || this.#isStandbyTold) this.#options.log?.("journal is ready, this process leads", "info");
    this.#isOutageTold = false;
    this.#isStandbyTold = false;
  }

  #warnOfServer(settings: readonly string[]): void {
    if (this.#isUnsafeTold) return;
    const list = settings.join(" and ");
    this.#options.log?.(`the database runs with ${list} off: acknowledged records can be lost in a crash`, "error");
    this.#isUnsafeTold = true;
  }

  #isOver(): boolean {
    return this.#aborted.signal.aborted || (this.#closing && this.#pendingFrames === 0);
  }

  /** Holds the lock and commits until the connection is lost (throws) or the journal is closed (returns). */
  async #lead(): Promise<void> {
    let lost: Error | undefined;
    const sequencer = await openSequencer(this.#options.url, this.#aborted.signal, {
      lost: (error) => {
        lost = error;
        this.#ready = false;
        this.#wake?.();
      },
      waits: (isLong) => this.#waits(isLong),
      unsafe: (settings) => this.#warnOfServer(settings),
      longWaitMs: this.#options.lockWaitLongMs ?? LOCK_WAIT_LONG_MS,
    });
    try {
      await this.#settleDoubt(sequencer);
      this.#leads();
      while (!this.#isOver()) {
        if (lost !== undefined) throw lost;
        if (this.#waiting.length > 0) await this.#commitWaiting(sequencer);
        else await this.#nextWake();
      }
    } finally {
      // A connection that is gone can't be ended in good order; the server frees its lock.
      const report = (error: unknown) => this.#options.log?.(`journal connection: ${String(error)}`, "warn");
      await sequencer.end().catch(report);
    }
  }

  async #settleDoubt(sequencer: Sequencer): Promise<void> {
    const doubt = this.#doubt;
    if (doubt === undefined) return;
    const frames = doubt.batch.map((pending) => pending.frame);
    const seqs = await sequencer.findStored(frames, doubt.firstSeq);
    if (seqs !== undefined) {
      this.#doubt = undefined;
      this.#tell({ batch: doubt.batch, seqs });
      return;
    }
    this.#tell(await this.#append(sequencer, doubt.batch));
  }

  /**
   * Commits until nothing waits. The next batch is on its way before the frames of the last are told of their commit: the
   * database works while they are answered.
   */
  async #commitWaiting(sequencer: Sequencer): Promise<void> {
    for (let running = this.#appendNext(sequencer); running !== undefined; ) {
      const committed = await running;
      running = this.#appendNext(sequencer);
      this.#tell(committed);
    }
  }

  #appendNext(sequencer: Sequencer): Promise<Committed | undefined> | undefined {
    return this.#waiting.length > 0 && !this.#isOver() ? this.#append(sequencer, this.#takeBatch()) : undefined;
  }

  /** What was committed; undefined where all of it has been told already. */
  async #append(sequencer: Sequencer, batch: readonly Pending[]): Promise<Committed | undefined> {
    this.#doubt = { batch, firstSeq: sequencer.nextSeq };
    try {
      const seqs = await sequencer.append(batch.map((pending) => pending.frame));
      this.#doubt = undefined;
      return { batch, seqs };
    } catch (error) {
      if (!isFrameFault(error)) throw error;
      this.#doubt = undefined;
      await this.#isolate(sequencer, batch, error);
      return undefined;
    }
  }

  /** One frame that the database can't hold must not stop the others: halves the batch until it stands alone. */
  async #isolate(sequencer: Sequencer, batch: readonly Pending[], cause: unknown): Promise<void> {
    if (batch.length === 1) {
      this.#settle(batch[0]!, new JournalFrameError("the database can't hold this frame", { cause }));
      return;
    }
    const middle = batch.length >> 1;
    const second = batch.slice(middle);
    this.#waiting = [...second, ...this.#waiting];
    this.#tell(await this.#append(sequencer, batch.slice(0, middle)));
    this.#waiting = this.#waiting.slice(second.length);
    this.#tell(await this.#append(sequencer, second));
  }

  #tell(committed: Committed | undefined): void {
    if (committed === undefined) return;
    const { batch, seqs } = committed;
    this.#commits += 1;
    this.#committedFrames += batch.length;
    for (let index = 0; index < batch.length; index++) this.#settle(batch[index]!, seqs[index]!);
  }

  #settle(pending: Pending, outcome: number | Error): void {
    this.#pendingFrames -= 1;
    this.#pendingBytes -= pending.bytes;
    try {
      if (typeof outcome === "number") pending.receipt.committed(outcome);
      else pending.receipt.failed(outcome);
    } catch (error) {
      // A defect of whoever was told: the others are told all the same, and the connection is not to blame.
      this.#options.log?.(`a receipt of the journal failed: ${String(error)}`, "error");
    }
  }

  /**
   * All that waits, up to half of what is under way: with the frames of the last commit, which are told of it now, and
   * their senders' next ones. So the database and the sessions have work at the same time; in batches of 8 and 392 in
   * turn, which is what becomes of 400 clients by itself, one of them always waits for the other.
   */
  #takeBatch(): Pending[] {
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

  /** Waits for a frame, the loss of the connection or the end; then lets the other sessions of this turn hand in theirs. */
  async #nextWake(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    await new Promise((resolve) => setImmediate(resolve));
  }

  async #backOff(): Promise<void> {
    const delayMs = this.#retryDelayMs;
    this.#retryDelayMs = Math.min(delayMs * 2, RETRY_DELAY_MAX_MS);
    await sleep(delayMs, undefined, { signal: this.#aborted.signal }).catch(() => undefined);
  }
}

/** A value that the column can't hold: found here while encoding, or by the server (SQLSTATE class 22). */
function isFrameFault(error: unknown): boolean {
  if (error instanceof RangeError || error instanceof TypeError) return true;
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" && /^22...$/.test(code);
}
