import { setImmediate as nextTurn } from "node:timers/promises";
import type { Client } from "pg";
import type { Logger } from "pino";
import type { Database } from "#store/database.ts";
import { type Cursor, type CursorMove, commitFold, type FoldBatch } from "#store/fold-commit.ts";
import { FixCopy } from "#store/fold-copy.ts";
import { findStoredFixes } from "#store/fold-devices.ts";
import { type RetryFrame, readRetries } from "#store/fold-quarantine.ts";
import { readSilentDevices } from "#store/fold-silence.ts";
import { type JournalFrame, type JournalReader, partitionOf } from "#store/journal.ts";
import { claimPartitions, findShare, joinStreams, releasePartitions } from "#store/partition-claims.ts";
import type { Caution } from "./caution.ts";
import { ComingFrames } from "./coming-frames.ts";
import { type FindDecoder, faultOf, readFrame } from "./decode-frames.ts";
import { DeviceCache } from "./device-cache.ts";
import { rowOfFold } from "./device-state.ts";
import { silentEvent } from "./events.ts";
import { FenceDirectory } from "./fence-directory.ts";
import type { DeviceFold } from "./fold.ts";
import {
  FixIdentities,
  type FoldContext,
  type FoldedFrames,
  foldFrames,
  nothingFolded,
  type ReadFrame,
} from "./fold-frames.ts";
import type { StreamRoads } from "./match/stream-roads.ts";
import type { StreamMetrics } from "./metrics.ts";
import { needsLookup } from "./order/index.ts";
import type { DeviceStage, Fix } from "./stage.ts";

/** Frames of one transaction: enough to share its cost, few enough to bound memory and the time until fixes are seen. */
export const BATCH_FRAMES_MAX = 4_000;
/** Reports of one transaction; the frames beyond wait for the next. */
export const BATCH_REPORTS_MAX = 20_000;
/** Frames read and folded between two turns of the event loop. */
const FRAMES_PER_TURN = 64;
const RETRIES_PER_BATCH_MAX = 100;
const SILENT_PER_SWEEP_MAX = 1_000;
/** A silence older than this is history: a sweep does not report it any more. */
const SILENT_AGE_MS_MAX = 7 * 86_400_000;

export type FoldWriterDeps = {
  /** The one connection that holds the claims and commits. */
  client: Client;
  /** Reads beside the commit in flight. */
  pool: Database["pool"];
  journal: JournalReader;
  findDecoder: FindDecoder;
  stages: readonly DeviceStage[];
  /** The road network; undefined: nothing is matched. */
  roads?: StreamRoads | undefined;
  metrics: StreamMetrics;
  caution: Caution;
  log: Logger;
  /** Silence after which `device.silent` is written, milliseconds; undefined: by sweeps only. */
  silentMs?: number;
  /** Unix milliseconds. */
  now: () => number;
};

type Prepared = { folded: FoldedFrames; taken: readonly JournalFrame[] };

/**
 * The single writer of the partitions it has claimed. While a batch commits, the next is read, decoded and folded on the
 * states that the batch leaves; when a commit fails, everything remembered is wrong and the writer is thrown away.
 */
export class FoldWriter {
  readonly #deps: FoldWriterDeps;
  readonly #cursors = new Map<number, Cursor>();
  readonly #devices: DeviceCache;
  readonly #fences: FenceDirectory;
  readonly #coming: ComingFrames;
  #joined = false;
  #inFlight: { commit: Promise<void>; accepted: FixIdentities } | undefined;

  constructor(deps: FoldWriterDeps) {
    this.#deps = deps;
    this.#devices = new DeviceCache(deps.pool);
    this.#fences = new FenceDirectory(deps.pool);
    this.#coming = new ComingFrames(deps.journal);
  }

  get partitions(): number[] {
    return [...this.#cursors.keys()];
  }

  get newestSeq(): number {
    return Math.max(0, ...[...this.#cursors.values()].map((cursor) => cursor.seq));
  }

  /** Geofences have changed. */
  fencesChanged(): void {
    this.#fences.stale();
  }

  /** Claims its share of what no other stream holds, and lets go what is beyond it. Call only when nothing is in flight. */
  async claim(): Promise<void> {
    const { client, metrics } = this.#deps;
    await this.settle();
    if (!this.#joined) await joinStreams(client);
    this.#joined = true;
    const held = this.partitions;
    const claimed = await claimPartitions(client, held);
    for (const cursor of claimed) this.#cursors.set(cursor.partition, cursor);
    const surplus = this.#cursors.size - (await findShare(client));
    const inOrder = [...claimed.map(({ partition }) => partition), ...held];
    if (surplus > 0) await this.#release(inOrder.slice(0, surplus));
    metrics.partitions.set(this.#cursors.size);
  }

  /** Another stream goes on with them: what is remembered of their devices will not hold any more. */
  async #release(partitions: readonly number[]): Promise<void> {
    const isTheirs = (deviceId: number) => partitions.includes(partitionOf(deviceId));
    for (const partition of partitions) this.#cursors.delete(partition);
    this.#coming.forget(isTheirs);
    this.#devices.forget(isTheirs);
    await releasePartitions(this.#deps.client, partitions);
  }

  /** Reads and folds the next frames and begins their commit; false where there are none. */
  async step(): Promise<boolean> {
    if (this.#cursors.size === 0) return false;
    const { caution, metrics, now } = this.#deps;
    const cursors = new Map([...this.#cursors].map(([partition, { seq }]) => [partition, seq]));
    const frames = await this.#coming.next(cursors, caution.framesMax(BATCH_FRAMES_MAX));
    if (frames.length === 0) {
      metrics.lagSeconds.set(0);
      return false;
    }
    const { folded, taken } = await this.#prepare(frames);
    this.#coming.took(taken.length);
    await this.settle();
    this.#commit(folded, taken);
    metrics.lagSeconds.set(Math.max(0, (now() - taken.at(-1)!.receivedAtMs) / 1000));
    return true;
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
    const retries = await readRetries(this.#deps.pool, this.partitions, RETRIES_PER_BATCH_MAX);
    if (retries.length === 0) return;
    const { folded, taken } = await this.#prepare(
      retries.map((retry) => retry.frame),
      true,
    );
    const failures = new Map(folded.quarantined.map((row) => [row.frameSeq, row]));
    await commitFold(this.#deps.client, {
      ...this.#batch(folded, this.#standing(taken)),
      quarantined: [],
      retried: retries.slice(0, taken.length).map((retry) => retryResult(retry, failures.get(retry.frame.seq))),
    });
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
    const moves = [...this.#cursors.values()].map((cursor) => ({ ...cursor, expectedSeq: cursor.seq }));
    await commitFold(this.#deps.client, { ...emptyBatch(this.#deps.now()), moves, events });
  }

  /**
   * Reads and folds frames until the batch is full, some at a time: what was decoded is garbage soon, and between two turns
   * the commit in flight takes its answers and sends its statements.
   */
  async #prepare(frames: readonly JournalFrame[], lookupAll = false): Promise<Prepared> {
    await this.#devices.load([...new Set(frames.map((frame) => frame.deviceId))], this.#deps.now());
    await this.#fences.load(this.#deps.now());
    const context: Omit<FoldContext, "known"> = {
      stages: this.#deps.stages,
      foldBefore: (deviceId) => this.#devices.fold(deviceId),
      fencesOf: (fleetId) => this.#fences.fencesOf(fleetId),
      roads: this.#deps.roads,
      silentMs: this.#deps.silentMs,
      log: this.#deps.log,
    };
    const onTheirWay = this.#inFlight === undefined ? [] : [this.#inFlight.accepted];
    const memories = new Map<number, DeviceFold["memory"]>();
    const folded = nothingFolded();
    const taken: JournalFrame[] = [];
    let reports = 0;
    for (let at = 0; at < frames.length; at += FRAMES_PER_TURN) {
      const turn = this.#read(frames.slice(at, at + FRAMES_PER_TURN), memories, BATCH_REPORTS_MAX - reports);
      const stored = await this.#findStored(turn, lookupAll || this.#deps.caution.active);
      foldFrames(turn, { ...context, known: [stored, ...onTheirWay] }, folded);
      reports += reportsIn(turn);
      for (const read of turn) taken.push(read.frame);
      if (turn.length < FRAMES_PER_TURN || reports >= BATCH_REPORTS_MAX) break;
      await nextTurn();
    }
    return { folded, taken };
  }

  /** Decodes until there are `reportsMax`. Decoders remember across the frames of a device, so this goes in journal order. */
  #read(frames: readonly JournalFrame[], memories: Map<number, DeviceFold["memory"]>, reportsMax: number): ReadFrame[] {
    const taken: ReadFrame[] = [];
    let reports = 0;
    for (const frame of frames) {
      const device = this.#devices.device(frame.deviceId);
      const memory = memories.get(frame.deviceId) ?? this.#devices.fold(frame.deviceId).memory;
      const meaning = this.#deps.caution.isPoison(frame.seq)
        ? faultOf(new Error("the database refused what was made of this frame"))
        : readFrame(frame, device, memory, this.#deps.findDecoder);
      if (meaning.kind === "fixes") {
        reports += meaning.fixes.length;
        if (reports > reportsMax && taken.length > 0) break;
        if (meaning.memory !== undefined) memories.set(frame.deviceId, { ...memory, ...meaning.memory });
      }
      taken.push({ frame, meaning, device });
    }
    return taken;
  }

  /** Looks up the fixes that may be stored already: those not newer than what their device sent before. */
  async #findStored(taken: readonly ReadFrame[], all: boolean): Promise<FixIdentities> {
    const doubtful: Fix[] = [];
    for (const { frame, meaning } of taken) {
      if (meaning.kind !== "fixes") continue;
      const watermarkMs = this.#devices.fold(frame.deviceId).order.watermarkMs;
      for (const fix of meaning.fixes) if (all || needsLookup(watermarkMs, fix)) doubtful.push(fix);
    }
    const stored = new FixIdentities();
    if (doubtful.length === 0) return stored;
    for (const place of await findStoredFixes(this.#deps.pool, doubtful)) {
      const fix = doubtful[place] as Fix;
      stored.add(fix.deviceId, fix.fixTimeMs, fix.fingerprint);
    }
    return stored;
  }

  #commit(folded: FoldedFrames, taken: readonly JournalFrame[]): void {
    const { caution, client, metrics } = this.#deps;
    const batch = this.#batch(folded, this.#moves(taken));
    for (const move of batch.moves) this.#cursors.set(move.partition, move);
    const observe = metrics.commitSeconds.startTimer();
    const commit = commitFold(client, batch).then(
      () => {
        observe();
        caution.passed(taken.length);
        this.#count(folded, taken);
      },
      (error: unknown) => {
        caution.failed(
          error,
          taken.map((frame) => frame.seq),
        );
        throw error;
      },
    );
    // Whoever settles sees the failure; until then it is nobody's unhandled rejection.
    commit.catch(() => undefined);
    this.#inFlight = { commit, accepted: folded.accepted };
  }

  #batch(folded: FoldedFrames, moves: readonly CursorMove[]): FoldBatch {
    this.#devices.keep(folded.folds);
    return {
      moves,
      fixes: folded.fixes,
      states: [...folded.folds].map(([deviceId, fold]) => rowOfFold(deviceId, fold)),
      events: folded.events,
      path: folded.path,
      trips: folded.trips,
      quarantined: folded.quarantined,
      retried: [],
      storedAtMs: this.#deps.now(),
    };
  }

  /** From where each partition of the batch stood to its last frame. */
  #moves(taken: readonly JournalFrame[]): CursorMove[] {
    const moves = new Map(this.#standing(taken).map((move) => [move.partition, move]));
    for (const { partition, seq } of taken) moves.get(partition)!.seq = seq;
    return [...moves.values()];
  }

  #standing(taken: readonly JournalFrame[]): CursorMove[] {
    const partitions = [...new Set(taken.map((frame) => frame.partition))].sort((a, b) => a - b);
    return partitions.map((partition) => {
      const { seq, revision } = this.#cursors.get(partition) as Cursor;
      return { partition, seq, revision, expectedSeq: seq };
    });
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

function reportsIn(frames: readonly ReadFrame[]): number {
  return frames.reduce((reports, { meaning }) => reports + (meaning.kind === "fixes" ? meaning.fixes.length : 0), 0);
}

function emptyBatch(storedAtMs: number): FoldBatch {
  return {
    moves: [],
    fixes: new FixCopy(),
    states: [],
    events: [],
    path: [],
    trips: [],
    quarantined: [],
    retried: [],
    storedAtMs,
  };
}

function retryResult(
  { quarantineId }: RetryFrame,
  failed: { reason: string; detail: string } | undefined,
): FoldBatch["retried"][number] {
  return { quarantineId, failure: failed === undefined ? null : { reason: failed.reason, detail: failed.detail } };
}
