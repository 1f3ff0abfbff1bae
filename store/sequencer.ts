import pg from "pg";
import { placesInCommit } from "./commit-order.ts";
import { COPY_HEAD_BYTES, COPY_TAIL_BYTES, CopyQuery, sealCopy } from "./copy-query.ts";
import { connectionSettings, MISSED_SOON } from "./database.ts";
import { type BatchRow, framesOfBatch, PACKED_BATCH } from "./frame-batches.ts";
import { COPY_FRAMES, FrameCopy } from "./frame-copy.ts";
import type { JournalFrame, NewFrame } from "./journal.ts";

/** One gateway process at a time appends: the holder of this lock. */
const SEQUENCER_LOCK = 7_411_820_002;
/** Times are stored in microseconds. */
const TIME_GRAIN_MS = 0.001;
/** Longer than any healthy commit; after it the connection is given up and the commit is in doubt. */
const APPEND_PATIENCE_MS = 30_000;
/**
 * The server notices that we have vanished, and frees the lock; it may neither cut the wait for the lock short nor end a
 * session that has nothing to do; and a commit that it confirms is on its disk, whatever its defaults are.
 */
const SESSION_SETTINGS = `
  ${MISSED_SOON};
  select set_config(name, '0', false) from pg_settings
    where name in ('statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_session_timeout');
  select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`;

const UNSAFE_SETTINGS = `
  select name from pg_settings where name in ('fsync', 'full_page_writes') and setting = 'off' order by name`;

/**
 * A connection that holds the sequencer lock and appends on that very connection: losing it loses the lock, and while a
 * statement of a lost connection is still running in the server, nobody else can hold the lock. So no append is ever
 * concurrent with another, and the order of `seq` is the order of commits.
 */
export type Sequencer = {
  /** Commits the frames and resolves with the `seq` of each, in their order: from `nextSeq` on, without gaps. */
  append(frames: readonly NewFrame[]): Promise<readonly number[]>;
  /** The seq that the next append will use. */
  readonly nextSeq: number;
  /** What became of a commit in doubt: the `seq` of each when exactly these frames are stored from `firstSeq` on. */
  findStored(frames: readonly NewFrame[], firstSeq: number): Promise<readonly number[] | undefined>;
  end(): Promise<void>;
};

/** What the journal hears of its sequencer. */
export type SequencerEvents = {
  /** The connection, and with it the lock, is gone. Called once, unless ended first. */
  lost(error: Error): void;
  /** Another process holds the lock: told at once, and again (`isLong`) when it still does after `longWaitMs`. */
  waits(isLong: boolean): void;
  readonly longWaitMs: number;
  /** The server runs with these settings off: what it confirms may not survive a crash of its machine. */
  unsafe(settings: readonly string[]): void;
};

/**
 * One transaction: the frames, the sequence moved past them and one notification. Moving the sequence is logged before
 * the commit, so that no seq returns, not even when every frame has been dropped.
 */
function appendStatements(lastSeq: number): string {
  return `${COPY_FRAMES}; select setval('frame_seq', ${lastSeq}), pg_notify('frames', '')`;
}

/** The rows of a commit: all of them or, for a transaction is whole, none. */
const READ_COMMIT = `select ${PACKED_BATCH} from frame_batch b where b.last_seq between $1 and $2`;

function isSame(frame: NewFrame, stored: JournalFrame | undefined): boolean {
  return (
    stored !== undefined &&
    stored.deviceId === frame.deviceId &&
    stored.kind === frame.kind &&
    Math.abs(stored.receivedAtMs - frame.receivedAtMs) < TIME_GRAIN_MS &&
    Buffer.compare(stored.bytes, frame.bytes) === 0
  );
}

/** Connects and waits for the lock, however long another process holds it. */
export async function openSequencer(url: string, aborted: AbortSignal, events: SequencerEvents): Promise<Sequencer> {
  const client = new pg.Client(connectionSettings(url, "journal"));
  let over = false;
  const end = async () => {
    over = true;
    await client.end();
  };
  client.on("error", (error) => {
    if (!over) events.lost(error);
    over = true;
  });
  client.on("end", () => {
    if (!over) events.lost(new Error("the journal's connection ended"));
    over = true;
  });
  const abort = () => void end().catch(() => undefined);
  aborted.addEventListener("abort", abort, { once: true });
  try {
    await client.connect();
    await client.query(SESSION_SETTINGS);
    await takeLock(client, events);
    const unsafe = await client.query<{ name: string }>(UNSAFE_SETTINGS);
    if (unsafe.rows.length > 0) events.unsafe(unsafe.rows.map(({ name }) => name));
    const found = await client.query<{ next: number }>(
      `select greatest((select case when is_called then last_value + 1 else last_value end from frame_seq),
        (select max(last_seq) + 1 from frame_batch)) as next`,
    );
    let nextSeq = found.rows[0]!.next;
    let copy = new FrameCopy();
    return {
      get nextSeq() {
        return nextSeq;
      },
      append: async (frames) => {
        const firstSeq = nextSeq;
        const places = placesInCommit(frames);
        const message = sealCopy(copy.write(frames, places, firstSeq, COPY_HEAD_BYTES, COPY_TAIL_BYTES));
        const text = appendStatements(firstSeq + frames.length - 1);
        await new Promise<void>((resolve, reject) => {
          client.query(
            new CopyQuery(text, message, APPEND_PATIENCE_MS, (error) => (error ? reject(error) : resolve())),
          );
        }).catch((error) => {
          // What the server refused may be on its way still: its bytes are not written over.
          copy = new FrameCopy();
          throw error;
        });
        nextSeq = firstSeq + frames.length;
        return places.map((place) => firstSeq + place);
      },
      findStored: async (frames, firstSeq) => {
        const values = [firstSeq, firstSeq + frames.length - 1];
        const { rows } = await client.query<BatchRow>(READ_COMMIT, values);
        const stored = new Map(rows.flatMap(framesOfBatch).map((frame) => [frame.seq, frame]));
        const seqs = placesInCommit(frames).map((place) => firstSeq + place);
        return frames.every((frame, index) => isSame(frame, stored.get(seqs[index]!))) ? seqs : undefined;
      },
      end,
    };
  } catch (error) {
    await end().catch(() => undefined);
    throw error;
  } finally {
    aborted.removeEventListener("abort", abort);
  }
}

async function takeLock(client: pg.Client, events: SequencerEvents): Promise<void> {
  const tried = await client.query<{ held: boolean }>("select pg_try_advisory_lock($1) as held", [SEQUENCER_LOCK]);
  if (tried.rows[0]!.held) return;
  events.waits(false);
  const timer = setTimeout(() => events.waits(true), events.longWaitMs);
  try {
    await client.query("select pg_advisory_lock($1)", [SEQUENCER_LOCK]);
  } finally {
    clearTimeout(timer);
  }
}
