import { setTimeout as sleep } from "node:timers/promises";
import type { JournalWriter, NewFrame, Receipt } from "./journal.ts";
import { JournalClosedError, JournalFrameError } from "./journal-errors.ts";
import { JournalLeadership, type JournalLog } from "./journal-leadership.ts";
import { type Pending, PendingFrames } from "./pending-frames.ts";
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

/** A batch whose commit was not confirmed: it is stored from `firstSeq` on, or not at all. */
type Doubt = { batch: readonly Pending[]; firstSeq: number };

type Committed = { batch: readonly Pending[]; seqs: readonly number[] };

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
  readonly #leadership: JournalLeadership;
  readonly #pending: PendingFrames;
  readonly #aborted = new AbortController();
  readonly #finished: Promise<void>;
  #doubt: Doubt | undefined;
  #closing = false;
  #wake: (() => void) | undefined;
  #retryDelayMs = RETRY_DELAY_MS;
  #commits = 0;
  #committedFrames = 0;
  #lostConnections = 0;

  constructor(options: PostgresJournalOptions) {
    this.#options = options;
    this.#leadership = new JournalLeadership(options.log);
    this.#pending = new PendingFrames(options.pendingBytesMax, (error) =>
      options.log?.(`a receipt of the journal failed: ${String(error)}`, "error"),
    );
    this.#finished = this.#run();
  }

  get ready(): boolean {
    return this.#leadership.ready;
  }

  get standby(): boolean {
    return this.#leadership.standby;
  }

  get pendingFrames(): number {
    return this.#pending.count;
  }

  stats(): JournalStats {
    return {
      commits: this.#commits,
      committedFrames: this.#committedFrames,
      pendingFrames: this.#pending.count,
      pendingBytes: this.#pending.bytes,
      lostConnections: this.#lostConnections,
    };
  }

  offer(frame: NewFrame, receipt: Receipt): Error | undefined {
    if (this.#closing) return new JournalClosedError("the journal is closed");
    const refusal = this.#pending.add(frame, receipt);
    if (refusal !== undefined) return refusal;
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
    if (this.#pending.count === 0) this.#aborted.abort();
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
        if (!this.#isOver()) this.#leadership.failed(error);
      }
      this.#leadership.lost();
      if (!this.#isOver()) await this.#backOff();
    }
    const closed = new JournalClosedError("the journal was closed before the frame was committed");
    for (const pending of this.#doubt?.batch ?? []) this.#pending.settle(pending, closed);
    this.#doubt = undefined;
    this.#pending.settleWaiting(closed);
  }

  #isOver(): boolean {
    return this.#aborted.signal.aborted || (this.#closing && this.#pending.count === 0);
  }

  /** Holds the lock and commits until the connection is lost (throws) or the journal is closed (returns). */
  async #lead(): Promise<void> {
    let lost: Error | undefined;
    const sequencer = await openSequencer(this.#options.url, this.#aborted.signal, {
      lost: (error) => {
        lost = error;
        this.#leadership.lost();
        this.#wake?.();
      },
      waits: (isLong) => this.#leadership.waits(isLong),
      unsafe: (settings) => this.#leadership.unsafe(settings),
      longWaitMs: this.#options.lockWaitLongMs ?? LOCK_WAIT_LONG_MS,
    });
    try {
      await this.#settleDoubt(sequencer);
      this.#retryDelayMs = RETRY_DELAY_MS;
      this.#leadership.gained();
      while (!this.#isOver()) {
        if (lost !== undefined) throw lost;
        if (this.#pending.hasWaiting) await this.#commitWaiting(sequencer);
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
    return this.#pending.hasWaiting && !this.#isOver() ? this.#append(sequencer, this.#pending.takeBatch()) : undefined;
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
      this.#pending.settle(batch[0]!, new JournalFrameError("the database can't hold this frame", { cause }));
      return;
    }
    const middle = batch.length >> 1;
    const second = batch.slice(middle);
    this.#pending.putBack(second);
    this.#tell(await this.#append(sequencer, batch.slice(0, middle)));
    this.#tell(await this.#append(sequencer, this.#pending.takeBack(second.length)));
  }

  #tell(committed: Committed | undefined): void {
    if (committed === undefined) return;
    const { batch, seqs } = committed;
    this.#commits += 1;
    this.#committedFrames += batch.length;
    for (let index = 0; index < batch.length; index++) this.#pending.settle(batch[index]!, seqs[index]!);
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
