import type { Client } from "pg";
import { type CursorMove, commitFold, type FoldBatch } from "#store/fold-commit.ts";
import { type RetryFrame, readRetries } from "#store/fold-quarantine.ts";
import { readSilentDevices } from "#store/fold-silence.ts";
import { type JournalFrame, type JournalReader, partitionOf } from "#store/journal.ts";
import { claimPartitions, findShare, joinStreams, releasePartitions } from "#store/partition-claims.ts";
import { BatchFolder, type BatchFolderDeps, type FoldedBatch } from "./batch-folder.ts";
import { ComingFrames } from "./coming-frames.ts";
import { rowOfFold } from "./device-state.ts";
import { silentEvent } from "./events.ts";
import { type FixIdentities, type FoldedFrames, nothingFolded } from "./fold-frames.ts";
import type { StreamMetrics } from "./metrics.ts";
import { PartitionCursors, partitionsOf } from "./partition-cursors.ts";

/** Frames of one transaction: enough to share its cost, few enough to bound memory and the time until fixes are seen. */
const BATCH_FRAMES_MAX = 4_000;
const RETRIES_PER_BATCH_MAX = 100;
const SILENT_PER_SWEEP_MAX = 1_000;
/** A silence older than this is history: a sweep does not report it any more. */
const SILENT_AGE_MS_MAX = 7 * 86_400_000;

export type FoldWriterDeps = BatchFolderDeps & {
  /** The one connection that holds the claims and commits. */
  client: Client;
  journal: JournalReader;
  metrics: StreamMetrics;
};

/**
 * The single writer of the partitions it has claimed. While a batch commits, the next is read, decoded and folded on the
 * states that the batch leaves; when a commit fails, everything remembered is wrong and the writer is thrown away.
 */
export class FoldWriter {
  readonly #deps: FoldWriterDeps;
  readonly #cursors = new PartitionCursors();
  readonly #folder: BatchFolder;
  readonly #coming: ComingFrames;
  #joined = false;
  #inFlight: { commit: Promise<void>; accepted: FixIdentities } | undefined;

  constructor(deps: FoldWriterDeps) {
    this.#deps = deps;
    this.#folder = new BatchFolder(deps);
    this.#coming = new ComingFrames(deps.journal);
  }

  get partitions(): number[] {
    return this.#cursors.partitions;
  }

  /** Geofences have changed. */
  fencesChanged(): void {
    this.#folder.fencesChanged();
  }

  /** Claims its share of what no other stream holds, and lets go what is beyond it. Call only when nothing is in flight. */
  async claim(): Promise<void> {
    const { client, metrics } = this.#deps;
    await this.settle();
    if (!this.#joined) await joinStreams(client);
    this.#joined = true;
    const held = this.partitions;
    const claimed = await claimPartitions(client, held);
    this.#cursors.set(claimed);
    const surplus = this.partitions.length - (await findShare(client));
    const inOrder = [...claimed.map(({ partition }) => partition), ...held];
    if (surplus > 0) await this.#release(inOrder.slice(0, surplus));
    metrics.partitions.set(this.partitions.length);
  }

  /** Another stream goes on with them: what is remembered of their devices will not hold any more. */
  async #release(partitions: readonly number[]): Promise<void> {
    const isTheirs = (deviceId: number) => partitions.includes(partitionOf(deviceId));
    this.#cursors.delete(partitions);
    this.#coming.forget(isTheirs);
    this.#folder.forget(isTheirs);
    await releasePartitions(this.#deps.client, partitions);
  }

  /** Reads and folds the next frames and begins their commit; false where there are none. */
  async step(): Promise<boolean> {
    const { seqs } = this.#cursors;
    if (seqs.size === 0) return false;
    const { caution, metrics, now } = this.#deps;
    const frames = await this.#coming.next(seqs, caution.framesMax(BATCH_FRAMES_MAX));
    if (frames.length === 0) {
      metrics.lagSeconds.set(0);
      return false;
    }
    const batch = await this.#folder.fold(frames, { onTheirWay: this.#inFlight?.accepted });
    this.#coming.took(batch.taken.length);
    await this.settle();
    this.#commit(batch);
    metrics.lagSeconds.set(Math.max(0, (now() - batch.taken.at(-1)!.receivedAtMs) / 1000));
    return true;
  }

  #commit({ folded, taken }: FoldedBatch): void {
    const moves = this.#cursors.movesTo(taken);
    const batch = this.#take(folded, moves);
    this.#cursors.set(moves);
    const observe = this.#deps.metrics.commitSeconds.startTimer();
    const commit = this.#commitWatched(batch, taken).then(() => {
      observe();
      this.#count(folded, taken);
    });
    // Whoever settles sees the failure; until then it is nobody's unhandled rejection.
    commit.catch(() => undefined);
    this.#inFlight = { commit, accepted: folded.accepted };
  }

  /** What the database refuses is met with caution next time. */
  async #commitWatched(batch: FoldBatch, taken: readonly JournalFrame[]): Promise<void> {
    const { caution, client } = this.#deps;
    try {
      await commitFold(client, batch);
      caution.passed(taken.length);
    } catch (error) {
      const seqs = taken.map((frame) => frame.seq);
      caution.failed(error, seqs);
      throw error;
    }
  }

  /** Resolves when what is in flight has been committed; rejects when it could not be. */
  async settle(): Promise<void> {
    const inFlight = this.#inFlight;
    await inFlight?.commit;
    if (this.#inFlight === inFlight) this.#inFlight = undefined;
  }

  /** Tries the frames of the quarantine again that somebody asked for. */
  async retryQuarantined(): Promise<void> {
    await this.settle();
    const { caution, pool } = this.#deps;
    const retries = await readRetries(pool, this.partitions, caution.framesMax(RETRIES_PER_BATCH_MAX));
    if (retries.length === 0) return;
    const frames = retries.map((retry) => retry.frame);
    const { folded, taken } = await this.#folder.fold(frames, { looksUpAll: true });
    const failures = new Map(folded.quarantined.map((row) => [row.frameSeq, row]));
    const batch = {
      ...this.#take(folded, this.#cursors.standingAt(partitionsOf(taken))),
      quarantined: [],
      retried: retries.slice(0, taken.length).map((retry) => retryResult(retry, failures.get(retry.frame.seq))),
    };
    await this.#commitWatched(batch, taken);
    this.#deps.metrics.fixes.inc(folded.fixes.rows);
  }

  /** Writes `device.silent`, once for each silence of at least `silentMs`. */
  async reportSilent(silentMs: number): Promise<void> {
    await this.settle();
    const untilMs = this.#deps.now() - silentMs;
    const range = { fromMs: untilMs - SILENT_AGE_MS_MAX, untilMs, limit: SILENT_PER_SWEEP_MAX };
    const silent = await readSilentDevices(this.#deps.pool, this.partitions, range);
    if (silent.length === 0) return;
    const events = silent.map((device) => silentEvent(device, silentMs));
    const moves = this.#cursors.standingAt(this.partitions);
    await commitFold(this.#deps.client, { ...batchOf(nothingFolded(), moves, this.#deps.now()), events });
  }

  /** Has the next batch folded on this one, and makes it rows. */
  #take(folded: FoldedFrames, moves: readonly CursorMove[]): FoldBatch {
    this.#folder.keep(folded);
    return batchOf(folded, moves, this.#deps.now());
  }

  #count({ fixes, tally }: FoldedFrames, taken: readonly JournalFrame[]): void {
    const { metrics } = this.#deps;
    metrics.frames.inc(taken.length);
    metrics.batchFrames.observe(taken.length);
    metrics.fixes.inc(fixes.rows);
    metrics.duplicates.inc(tally.duplicates);
    metrics.late.inc(tally.late);
    for (const [reason, frames] of tally.unusable) metrics.unusable.inc({ reason }, frames);
  }
}

function batchOf(folded: FoldedFrames, moves: readonly CursorMove[], storedAtMs: number): FoldBatch {
  const { fixes, folds, events, path, trips, quarantined } = folded;
  const states = [...folds].map(([deviceId, fold]) => rowOfFold(deviceId, fold));
  return { moves, fixes, states, events, path, trips, quarantined, retried: [], storedAtMs };
}

function retryResult(
  { quarantineId }: RetryFrame,
  failed: { reason: string; detail: string } | undefined,
): FoldBatch["retried"][number] {
  return { quarantineId, failure: failed === undefined ? null : { reason: failed.reason, detail: failed.detail } };
}
