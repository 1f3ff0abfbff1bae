import { tmpdir } from "node:os";
import { join } from "node:path";
import { findDecoder } from "#decoders";
import { encodePacket } from "#decoders/teltonika/encode.ts";
import { seededRandom } from "#simulator/random.ts";
import { ensureGothenburgRoads } from "#simulator/roads/road-file.ts";
import { FixCopy } from "#store/fold-copy.ts";
import type { JournalFrame } from "#store/journal.ts";
import { readFrame } from "#stream/decode-frames.ts";
import { rowOfFold } from "#stream/device-state.ts";
import { type DeviceFold, foldFixes, foldInitial } from "#stream/fold.ts";
import { FenceSet, type FenceVersion } from "#stream/geofence/fence-set.ts";
import { openStreamRoads } from "#stream/match/stream-roads.ts";
import { VERSION } from "#stream/roads/network-file.ts";
import type { DeviceStage, Fix, FrameStep, ItemSteps } from "#stream/stage.ts";
import { stages } from "#stream/stages.ts";
import { drivenVehicles } from "./driven-records.ts";
import { median, printGoal, printTable } from "./measure.ts";

/**
 * What the stream costs this side of the database: µs of CPU a fix for decoding, ordering, every stage, the encoding of the
 * row, and the device's state as JSON. Vehicles drive Gothenburg's streets with 5 m of noise, one fix every 5 s.
 */

const VEHICLES = 20;
const REPORTS = 500;
const INTERVAL_S = 5;
const FENCES = 10_000;
const START_MS = 1_750_000_000_000;
const ROUNDS = 3;
const GOAL_FIXES_PER_S = 5_000;

const roadsPath = join(tmpdir(), `telematics-bench-gothenburg-v${VERSION}.roads`);
await ensureGothenburgRoads(roadsPath);
const roads = openStreamRoads(roadsPath);
const decoder = findDecoder("teltonika")!;
const context = { roads, fences: fences() };
const device = { deviceId: 1, fleetId: 1, uid: "352093081234567", model: "FMB920", settings: {} };

type Cost = { name: string; usPerFix: number };

/** Frames of each vehicle, `perFrame` reports a frame, in the order in which they would come. */
function journal(perFrame: number): JournalFrame[] {
  const frames: JournalFrame[] = [];
  const vehicles = drivenVehicles(VEHICLES, START_MS);
  for (let at = 0; at < REPORTS; at += perFrame) {
    const times = Array.from({ length: perFrame }, (_, n) => START_MS + (at + n) * INTERVAL_S * 1000);
    for (const [n, reportAt] of vehicles.entries()) {
      const records = times.map(reportAt);
      frames.push({
        ...{ seq: frames.length + 1, partition: 0, deviceId: n + 1, kind: "frame", protocol: "teltonika" },
        ...{ transport: "tcp", receivedAtMs: times.at(-1)! + 1_000, remoteAddress: null },
        bytes: encodePacket({ kind: "records", codec: 0x8e, records }),
      });
    }
  }
  return frames;
}

function fences(): FenceSet {
  const random = seededRandom(7, "fences");
  const versions = Array.from(
    { length: FENCES },
    (_, n): FenceVersion => ({
      ...{ fenceId: n + 1, version: 1, validFromMs: 0, validToMs: Number.POSITIVE_INFINITY },
      rule: {
        shape: { kind: "circle", latDeg: 57.6 + random() * 0.2, lonDeg: 11.8 + random() * 0.4, radiusM: 60 },
        ...{ name: "stop", dwellMs: null, minInsideMs: 10_000, minOutsideMs: 30_000, maxGapMs: 300_000 },
      },
    }),
  );
  return new FenceSet(versions);
}

/** Runs all frames through decoding and the fold, and shares the time among its parts. */
function run(frames: readonly JournalFrame[]): Cost[] {
  const spentUs = new Map<string, number>();
  const timed = <T>(name: string, work: () => T): T => {
    const begin = process.threadCpuUsage();
    const result = work();
    const { user, system } = process.threadCpuUsage(begin);
    spentUs.set(name, (spentUs.get(name) ?? 0) + user + system);
    return result;
  };
  const measured = stages.map((stage) => measuredStage(stage, timed));
  const folds = new Map<number, DeviceFold>();
  const copy = new FixCopy();
  let fixes = 0;
  for (const frame of frames) {
    const meaning = timed("decode", () => readFrame(frame, device, {}, () => decoder));
    if (meaning.kind !== "fixes") throw new Error("a frame of the bench is not understood");
    const fold = folds.get(frame.deviceId) ?? foldInitial;
    const given = meaning.fixes.map((fix): Fix => ({ ...fix, deviceId: frame.deviceId }));
    const result = timed("fold in all", () =>
      foldFixes(fold, { frame, fixes: given, isKnown: () => false }, measured, context),
    );
    folds.set(frame.deviceId, result.fold);
    timed("row for COPY", () => copy.append(result.fixes));
    timed("state as JSON", () => JSON.stringify(rowOfFold(frame.deviceId, result.fold)));
    fixes += result.fixes.length;
  }
  const inStages = stages.reduce((sum, { name }) => sum + spentUs.get(name)!, 0);
  spentUs.set("order and live state", spentUs.get("fold in all")! - inStages);
  spentUs.delete("fold in all");
  return [...spentUs].map(([name, us]) => ({ name, usPerFix: us / fixes }));
}

/** The stage with its time taken. */
function measuredStage(stage: DeviceStage, timed: <T>(name: string, work: () => T) => T): DeviceStage {
  const { name, version, initial } = stage;
  if ("runFrame" in stage) {
    const runFrame: FrameStep<unknown>["runFrame"] = (...given) => timed(name, () => stage.runFrame(...given));
    return { name, version, initial, runFrame };
  }
  const run: ItemSteps<unknown>["run"] = (...given) => timed(name, () => stage.run(...given));
  const { settle } = stage;
  if (settle === undefined) return { name, version, initial, run };
  return { name, version, initial, run, settle: (...given) => timed(name, () => settle(...given)) };
}

for (const perFrame of [25, 1]) {
  const frames = journal(perFrame);
  run(frames);
  const rounds = Array.from({ length: ROUNDS }, () => run(frames));
  const costs = rounds[0]!.map(({ name }, index) => ({
    name,
    usPerFix: median(rounds.map((costs) => costs[index]!.usPerFix)),
  }));
  const totalUs = costs.reduce((sum, { usPerFix }) => sum + usPerFix, 0);
  printTable(
    `Cost of a fix before the database, ${perFrame} reports a frame, ${VEHICLES} vehicles, ${FENCES} fences (median of ${ROUNDS})`,
    [...costs, { name: "in all", usPerFix: totalUs }].map(({ name, usPerFix }) => ({
      step: name,
      "µs a fix": usPerFix,
    })),
  );
  printGoal(
    `fixes a second that one core can fold, ${perFrame} a frame, at least`,
    1e6 / totalUs,
    1e6 / totalUs >= GOAL_FIXES_PER_S,
  );
}
