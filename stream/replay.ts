import pg from "pg";
import type { Logger } from "pino";
import { connectionSettings, type Database } from "#store/database.ts";
import { copyFixes } from "#store/fold-commit.ts";
import { findDeviceId, readDeviceStates, readFoldDevices } from "#store/fold-devices.ts";
import {
  addUnusable,
  beginReplay,
  findReplayedFixes,
  pairReplayed,
  type ReplayWindow,
  readReplayFrames,
  readTimesBefore,
} from "#store/fold-replay.ts";
import { applyReplay } from "#store/fold-replay-apply.ts";
import { countReplayed, type ReplayCounts } from "#store/fold-replay-differences.ts";
import { addReplayedEvents, compareTracks, type TrackCounts } from "#store/fold-replay-track.ts";
import { insertPath, upsertTrips } from "#store/fold-track.ts";
import type { JournalFrame } from "#store/journal.ts";
import { type FindDecoder, readFrame } from "./decode-frames.ts";
import { foldOfRow } from "./device-state.ts";
import { FenceDirectory } from "./fence-directory.ts";
import { type DeviceFold, foldInitial } from "./fold.ts";
import { FixIdentities, foldFrames, type ReadFrame } from "./fold-frames.ts";
import type { StreamRoads } from "./match/stream-roads.ts";
import { reportReplay } from "./replay-report.ts";
import type { DeviceStage } from "./stage.ts";
import { stages as allStages } from "./stages.ts";

/** Frames folded at a time. */
const REPLAY_FRAMES_MAX = 1_000;

export type ReplayOptions = {
  database: Database;
  /** Half-open interval of the time of receipt, Unix milliseconds. */
  fromMs: number;
  toMs: number;
  /** Uid of the one device to replay; without it all are. */
  deviceUid?: string;
  /** True writes the differences; false only reports them. */
  apply: boolean;
  findDecoder: FindDecoder;
  log: Logger;
  /** Takes the report, line by line. */
  write: (line: string) => void;
  stages?: readonly DeviceStage[];
  /** The road network that the stream uses; without it nothing is matched. */
  roads?: StreamRoads | undefined;
};

export type ReplayResult = AllCounts & { frames: number; applied: boolean };

type AllCounts = ReplayCounts & { events: TrackCounts; trips: TrackCounts };

function differs({ same: _same, events, trips, ...fixes }: AllCounts): boolean {
  const tracks = [events, trips].map(({ changed, missing, extra }) => changed + missing + extra);
  return [...Object.values(fixes), ...tracks].some((count) => count > 0);
}

/** A replay that can't be done: no such device, or our own fault on a frame. Nothing was written. */
export class ReplayError extends Error {
  readonly code: "device" | "fault";
  constructor(code: "device" | "fault", message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Decodes and folds the kept frames of a time again, from a fresh state, and compares with what is stored. What depends
 * on the order of arrival before the window (`late`) is not compared and stays as stored. Throws `ReplayError`.
 */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const window = await windowOf(options);
  const client = new pg.Client(connectionSettings(options.database.url, "replay"));
  let lost: Error | undefined;
  client.on("error", (error) => {
    lost = error;
  });
  await client.connect();
  try {
    await beginReplay(client, window);
    const { frames, faults, folds } = await foldAgain(client, window, options);
    await pairReplayed(client, window);
    const tracks = await compareTracks(client);
    const counts = { ...(await countReplayed(client, window)), ...tracks };
    await reportReplay(client, { ...counts, frames, faults }, options.write);
    if (!options.apply || !differs(counts)) return { ...counts, frames, applied: false };
    if (faults > 0) throw new ReplayError("fault", `the fold fails on ${faults} frames: nothing is applied`);
    await applyReplay(client, window, new Map([...folds].map(([id, fold]) => [id, fold.live.attributes])));
    options.write("applied");
    return { ...counts, frames, applied: true };
  } catch (error) {
    throw lost ?? error;
  } finally {
    // The temporary tables go with the connection.
    await client.end();
  }
}

async function windowOf({ database, fromMs, toMs, deviceUid }: ReplayOptions): Promise<ReplayWindow> {
  if (deviceUid === undefined) return { fromMs, toMs, deviceId: null };
  const deviceId = await findDeviceId(database.pool, deviceUid);
  if (deviceId === undefined) throw new ReplayError("device", `no device has the uid ${deviceUid}`);
  return { fromMs, toMs, deviceId };
}

type FoldedAgain = { frames: number; faults: number; folds: Map<number, DeviceFold> };

async function foldAgain(client: pg.Client, window: ReplayWindow, options: ReplayOptions): Promise<FoldedAgain> {
  const folds = new Map<number, DeviceFold>();
  const fences = new FenceDirectory(options.database.pool, options.fromMs);
  await fences.load(Date.now());
  let frames = 0;
  let faults = 0;
  for (let afterSeq = 0; ; ) {
    const next = await readReplayFrames(client, window, afterSeq, REPLAY_FRAMES_MAX);
    if (next.length === 0) return { frames, faults, folds };
    await beginFolds(client, window, next, folds);
    const read = await readAgain(client, next, folds, options.findDecoder);
    const folded = foldFrames(read, {
      stages: options.stages ?? allStages,
      foldBefore: (deviceId) => folds.get(deviceId) as DeviceFold,
      known: [await knownBefore(client, window, read)],
      fencesOf: (fleetId) => fences.fencesOf(fleetId),
      roads: options.roads,
      log: options.log,
    });
    for (const [deviceId, fold] of folded.folds) folds.set(deviceId, fold);
    if (folded.fixes.rows > 0) await copyFixes(client, folded.fixes.finish(0n, 0), "replayed");
    if (folded.events.length > 0) await addReplayedEvents(client, folded.events);
    if (folded.trips.length > 0) await upsertTrips(client, folded.trips, "replayed_trip");
    if (folded.path.length > 0) await insertPath(client, folded.path, "replayed_path");
    await addUnusable(client, folded.quarantined);
    frames += next.length;
    faults += folded.tally.unusable.get("fault") ?? 0;
    afterSeq = (next.at(-1) as JournalFrame).seq;
  }
}

/**
 * A device's fold begins afresh, but for what its times rest on: what its decoder remembers (the login with the time zone
 * may lie before the window), and how far its clock had come.
 */
async function beginFolds(
  client: pg.Client,
  window: ReplayWindow,
  frames: readonly JournalFrame[],
  folds: Map<number, DeviceFold>,
): Promise<void> {
  const fresh = [...new Set(frames.map((frame) => frame.deviceId))].filter((deviceId) => !folds.has(deviceId));
  if (fresh.length === 0) return;
  const stateById = new Map((await readDeviceStates(client, fresh)).map((state) => [state.deviceId, state]));
  const timesBefore = await readTimesBefore(client, window, fresh);
  for (const deviceId of fresh) {
    const order = { ...foldInitial.order, watermarkMs: timesBefore.get(deviceId) ?? null };
    folds.set(deviceId, { ...foldInitial, order, memory: foldOfRow(stateById.get(deviceId)).memory });
  }
}

async function readAgain(
  client: pg.Client,
  frames: readonly JournalFrame[],
  folds: ReadonlyMap<number, DeviceFold>,
  findDecoder: FindDecoder,
): Promise<ReadFrame[]> {
  const devices = await readFoldDevices(client, [...new Set(frames.map((frame) => frame.deviceId))]);
  const deviceById = new Map(devices.map((device) => [device.deviceId, device]));
  const memories = new Map<number, DeviceFold["memory"]>();
  return frames.map((frame) => {
    const device = deviceById.get(frame.deviceId);
    const memory = memories.get(frame.deviceId) ?? (folds.get(frame.deviceId) as DeviceFold).memory;
    const meaning = readFrame(frame, device, memory, findDecoder);
    if (meaning.kind === "fixes" && meaning.memory !== undefined) {
      memories.set(frame.deviceId, { ...memory, ...meaning.memory });
    }
    return { frame, meaning, device };
  });
}

/** A fresh state does not know what came before the window: every fix is looked up. */
async function knownBefore(
  client: pg.Client,
  window: ReplayWindow,
  read: readonly ReadFrame[],
): Promise<FixIdentities> {
  const fixes = read.flatMap(({ meaning }) => (meaning.kind === "fixes" ? meaning.fixes : []));
  const known = new FixIdentities();
  for (const place of await findReplayedFixes(client, window, fixes)) {
    const fix = fixes[place];
    if (fix !== undefined) known.add(fix.deviceId, fix.fixTimeMs, fix.fingerprint);
  }
  return known;
}
