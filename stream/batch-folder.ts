import { setImmediate as nextTurn } from "node:timers/promises";
import type { Logger } from "pino";
import type { Database } from "#store/database.ts";
import { findStoredFixes } from "#store/fold-devices.ts";
import type { JournalFrame } from "#store/journal.ts";
import type { Caution } from "./caution.ts";
import { type FindDecoder, faultOf, readFrame } from "./decode-frames.ts";
import { DeviceCache } from "./device-cache.ts";
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
import { needsLookup } from "./order/index.ts";
import type { DeviceStage, Fix } from "./stage.ts";

/** Reports of one transaction; the frames beyond wait for the next. */
const BATCH_REPORTS_MAX = 20_000;
/** Frames read and folded between two turns of the event loop. */
const FRAMES_PER_TURN = 64;

export type BatchFolderDeps = {
  /** Reads beside the commit in flight. */
  pool: Database["pool"];
  findDecoder: FindDecoder;
  stages: readonly DeviceStage[];
  /** The road network; undefined: nothing is matched. */
  roads?: StreamRoads | undefined;
  caution: Caution;
  log: Logger;
  /** Silence after which `device.silent` is written, milliseconds; undefined: by sweeps only. */
  silentMs?: number;
  /** Unix milliseconds. */
  now: () => number;
};

/** What came of the frames of a batch; `taken` are those that had room in it, the first of those given. */
export type FoldedBatch = { folded: FoldedFrames; taken: readonly JournalFrame[] };

export type FoldOptions = {
  /** Fixes of a batch whose commit is in flight. */
  onTheirWay?: FixIdentities | undefined;
  /** Looks every fix up that may be stored already, new as it may seem. */
  looksUpAll?: boolean;
};

/** Reads, decodes and folds the frames of a batch on what it remembers of their devices, and of geofences. */
export class BatchFolder {
  readonly #deps: BatchFolderDeps;
  readonly #devices: DeviceCache;
  readonly #fences: FenceDirectory;

  constructor(deps: BatchFolderDeps) {
    this.#deps = deps;
    this.#devices = new DeviceCache(deps.pool);
    this.#fences = new FenceDirectory(deps.pool);
  }

  /** Geofences have changed. */
  fencesChanged(): void {
    this.#fences.stale();
  }

  /** Takes the states after a batch: the next is folded on them. */
  keep(folded: FoldedFrames): void {
    this.#devices.keep(folded.folds);
  }

  /** These devices are another writer's from now on. */
  forget(isTheirs: (deviceId: number) => boolean): void {
    this.#devices.forget(isTheirs);
  }

  /**
   * Folds frames until the batch is full, some at a time: what was decoded is garbage soon, and between two turns the
   * commit in flight takes its answers and sends its statements.
   */
  async fold(
    frames: readonly JournalFrame[],
    { onTheirWay, looksUpAll = false }: FoldOptions = {},
  ): Promise<FoldedBatch> {
    await this.#devices.load([...new Set(frames.map((frame) => frame.deviceId))], this.#deps.now());
    await this.#fences.load(this.#deps.now());
    const context = this.#context();
    const memories = new Map<number, DeviceFold["memory"]>();
    const folded = nothingFolded();
    const taken: JournalFrame[] = [];
    let reports = 0;
    for (let at = 0; at < frames.length; at += FRAMES_PER_TURN) {
      const turn = this.#read(frames.slice(at, at + FRAMES_PER_TURN), memories, BATCH_REPORTS_MAX - reports);
      const stored = await this.#findStored(turn, looksUpAll || this.#deps.caution.active);
      const known = onTheirWay === undefined ? [stored] : [stored, onTheirWay];
      foldFrames(turn, { ...context, known }, folded);
      reports += reportsIn(turn);
      for (const read of turn) taken.push(read.frame);
      if (turn.length < FRAMES_PER_TURN || reports >= BATCH_REPORTS_MAX) break;
      await nextTurn();
    }
    return { folded, taken };
  }

  #context(): Omit<FoldContext, "known"> {
    const { stages, roads, silentMs, log } = this.#deps;
    return {
      ...{ stages, roads, silentMs, log },
      foldBefore: (deviceId) => this.#devices.fold(deviceId),
      fencesOf: (fleetId) => this.#fences.fencesOf(fleetId),
    };
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
}

function reportsIn(frames: readonly ReadFrame[]): number {
  return frames.reduce((reports, { meaning }) => reports + (meaning.kind === "fixes" ? meaning.fixes.length : 0), 0);
}
