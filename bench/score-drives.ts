import { rmSync } from "node:fs";
import { join } from "node:path";
import { findDecoder } from "#decoders";
import type { SimulatedRecord } from "#simulator/device.ts";
import { tcpDialect, teltonikaTcp } from "#simulator/devices/teltonika.ts";
import { pick, type Random, seededRandom } from "#simulator/random.ts";
import { loadGothenburg, type RoadNetwork } from "#simulator/roads/network.ts";
import { ensureGothenburgRoads } from "#simulator/roads/road-file.ts";
import { createRouter } from "#simulator/roads/router.ts";
import { type DeviceClock, faultyClock, pickClockFault, rightClock } from "#simulator/score/device-clocks.ts";
import { createReceiver, type NoiseModel } from "#simulator/score/receivers.ts";
import type { NamedScore } from "#simulator/score/report.ts";
import { type SaidFix, type SaidTrip, type ScoredDrive, scoreDrives } from "#simulator/score/score.ts";
import { type ScoredFence, TrueTrack } from "#simulator/score/true-track.ts";
import { type Upload, uploadsOf } from "#simulator/score/uploads.ts";
import { createVehicle, type Vehicle } from "#simulator/vehicle.ts";
import type { JournalFrame } from "#store/journal.ts";
import type { PathSegmentRow } from "#store/track-rows.ts";
import { readFrame } from "#stream/decode-frames.ts";
import { type DeviceFold, foldFixes, foldInitial } from "#stream/fold.ts";
import { FenceSet } from "#stream/geofence/fence-set.ts";
import { visitsOf } from "#stream/geofence/score-visits.ts";
import { decodeLine } from "#stream/match/line.ts";
import { revisedPath } from "#stream/match/revised-path.ts";
import { openStreamRoads, type StreamRoads } from "#stream/match/stream-roads.ts";
import type { Fix, StageContext, StreamEvent } from "#stream/stage.ts";
import { stages } from "#stream/stages.ts";
import { makeFolder } from "./trace-sets.ts";

/** Drives of simulated vehicles with one kind of receiver. `late`: uploads are interrupted; `clocks`: every device's is wrong. */
export type DriveCase = { model: NoiseModel; everyS: number; late?: boolean; clocks?: boolean };

const CASES: readonly DriveCase[] = [
  { model: "white", everyS: 1 },
  { model: "white", everyS: 5 },
  ...[1, 5, 10, 30, 60].map((everyS): DriveCase => ({ model: "correlated", everyS })),
  ...(["canyon", "tunnel", "outliers", "standstill"] as const).flatMap((model): DriveCase[] => [
    { model, everyS: 1 },
    { model, everyS: 5 },
  ]),
  { model: "correlated", everyS: 5, late: true },
  { model: "canyon", everyS: 10, late: true },
  { model: "correlated", everyS: 5, clocks: true },
];

const START_MS = Date.UTC(2026, 10, 2, 6);
const STEP_MS = 500;
/** Fences stand where vehicles stop, and elsewhere for them to pass. */
const FENCED_STOP_SHARE = 0.7;
const STOP_MS_MIN = 60_000;
const PASSED_FENCES = 40;
const FENCE_RADIUS_M = [60, 75, 90, 120] as const;
const RUN = 1;

type Town = { network: RoadNetwork; router: ReturnType<typeof createRouter>; roads: StreamRoads };
type Report = { timeMs: number; record: SimulatedRecord };

/** Drives `vehicles` through the real decoder and stages for `minutes` in every case whose name has `only` in it. */
export async function scoreSimulatedDrives(
  vehicles: number,
  minutes: number,
  seed: number,
  only: string,
  onScore: (score: NamedScore) => void,
): Promise<void> {
  const folder = makeFolder();
  try {
    const file = join(folder, "gothenburg.roads");
    await ensureGothenburgRoads(file);
    const network = loadGothenburg();
    const town: Town = { network, router: createRouter(network), roads: openStreamRoads(file) };
    for (const drive of CASES.filter((each) => nameOf(each).includes(only))) {
      const drives = Array.from({ length: vehicles }, (_, n) => driveOne(town, drive, seed, n, minutes));
      onScore({ name: nameOf(drive), score: scoreDrives(drives) });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function nameOf({ model, everyS, late, clocks }: DriveCase): string {
  return `${model} ${everyS} s${late === true ? ", late and reordered" : ""}${clocks === true ? ", clock faults" : ""}`;
}

function driveOne(town: Town, drive: DriveCase, seed: number, number: number, minutes: number): ScoredDrive {
  const random = seededRandom(seed, `${nameOf(drive)} ${number}`);
  const { network, router } = town;
  const vehicle = createVehicle({ network, router, seed, name: `score ${number}`, startMs: START_MS });
  const clock = drive.clocks === true ? faultyClock(pickClockFault(random), START_MS) : rightClock;
  const { track, reports } = record(vehicle, drive, clock, random, minutes);
  const fences = placeFences(track, network, random);
  const uploads: Upload<Report>[] =
    drive.late === true
      ? uploadsOf(reports, random)
      : reports.map((report) => ({ receivedAtMs: report.timeMs + 1_000, reports: [report] }));
  return { track, fences, ...fold(town.roads, fences, uploads) };
}

/** The truth, and what the device makes of it. */
function record(
  vehicle: Vehicle,
  { model, everyS }: DriveCase,
  clock: DeviceClock,
  random: Random,
  minutes: number,
): { track: TrueTrack; reports: Report[] } {
  const track = new TrueTrack();
  const reports: Report[] = [];
  const receive = createReceiver(model, random);
  for (let timeMs = START_MS; timeMs <= START_MS + minutes * 60_000; timeMs += STEP_MS) {
    const state = vehicle.stepTo(timeMs);
    track.add(state);
    if ((timeMs - START_MS) % (everyS * 1000) !== 0) continue;
    const seen = receive(state);
    if (seen === undefined) continue;
    const { ignition, odometerM } = state;
    const made: SimulatedRecord = {
      ...{ ...seen, timeMs: clock(timeMs), altitudeM: 12, satellites: 9, hdop: 1, ignition, odometerM },
      ...{ event: null, run: RUN, marker: reports.length },
    };
    reports.push({ timeMs, record: made });
  }
  return { track, reports };
}

function placeFences(track: TrueTrack, { junctions, latDeg, lonDeg }: RoadNetwork, random: Random): ScoredFence[] {
  const places: { latDeg: number; lonDeg: number }[] = [];
  for (const stop of track.stopsOf(STOP_MS_MIN)) if (random() < FENCED_STOP_SHARE) places.push(stop);
  for (let n = 0; n < PASSED_FENCES; n++) {
    const junction = junctions[pick(random, junctions.length)]!;
    places.push({ latDeg: latDeg[junction]!, lonDeg: lonDeg[junction]! });
  }
  return places.map((place, index) => ({
    ...place,
    fenceId: String(index + 1),
    radiusM: FENCE_RADIUS_M[pick(random, FENCE_RADIUS_M.length)]!,
  }));
}

type Said = Pick<ScoredDrive, "fixes" | "path" | "visits" | "trips">;

/** Everything that the decoder and the stages say of a device's uploads. */
function fold(roads: StreamRoads, fences: readonly ScoredFence[], uploads: readonly Upload<Report>[]): Said {
  const trueMs = new Map(
    uploads.flatMap(({ reports }) => reports.map(({ timeMs, record: { marker } }) => [marker, timeMs])),
  );
  const context: StageContext = { roads, fences: fenceSet(fences) };
  const device = { deviceId: 1, fleetId: 1, uid: "352093081234567", model: teltonikaTcp.model, settings: {} };
  const events: StreamEvent[] = [];
  const trips = new Map<string, SaidTrip & { version: number; withdrawn: boolean }>();
  const said: Said & { fixes: SaidFix[]; path: ScoredDrive["path"][number][] } = {
    fixes: [],
    path: [],
    visits: [],
    trips: [],
  };
  const path: PathSegmentRow[] = [];
  let state: DeviceFold = foldInitial;
  for (const [index, { receivedAtMs, reports }] of uploads.entries()) {
    const frame: JournalFrame = {
      ...{ seq: index + 1, partition: 0, deviceId: 1, kind: "frame", protocol: "teltonika", transport: "tcp" },
      ...{ receivedAtMs, remoteAddress: null },
      bytes: tcpDialect.encode(
        device.uid,
        reports.map(({ record: made }) => made),
      ),
    };
    const meaning = readFrame(frame, device, state.memory, findDecoder);
    if (meaning.kind !== "fixes") throw new Error("a frame of the simulator is not understood");
    const result = foldFixes(state, { frame, fixes: meaning.fixes, isKnown: () => false }, stages, context);
    state = result.fold;
    events.push(...result.events);
    said.fixes.push(...result.fixes.flatMap((fix) => saidFix(fix, trueMs)));
    path.push(...result.path);
    for (const { tripId, version, startedMs, endedMs, distanceM, withdrawn } of result.trips)
      if ((trips.get(tripId)?.version ?? 0) <= version)
        trips.set(tripId, { version, startedMs, endedMs: endedMs ?? Number.NaN, distanceM: distanceM ?? 0, withdrawn });
  }
  for (const { enteredMs, leftMs, line } of revisedPath(path))
    said.path.push({ enteredMs, leftMs, line: decodeLine(line) });
  const visits = visitsOf(events.filter(({ type }) => type.startsWith("geofence."))).map((visit) => ({
    ...visit,
    fenceId: String(visit.fenceId),
  }));
  return { ...said, visits, trips: [...trips.values()].filter(({ endedMs, withdrawn }) => endedMs >= 0 && !withdrawn) };
}

function saidFix(fix: Fix, trueMs: ReadonlyMap<number | undefined, number>): SaidFix[] {
  const madeMs = trueMs.get(teltonikaTcp.readMarker(fix.attributes, RUN));
  if (madeMs === undefined || fix.latDeg === null || fix.lonDeg === null) return [];
  const { fixTimeMs, late, latDeg, lonDeg, smoothed, matched } = fix;
  return [{ trueMs: madeMs, storedMs: fixTimeMs, late, raw: { latDeg, lonDeg }, smoothed, matched }];
}

function fenceSet(fences: readonly ScoredFence[]): FenceSet {
  return new FenceSet(
    fences.map(({ fenceId, latDeg, lonDeg, radiusM }) => ({
      ...{ fenceId: Number(fenceId), version: 1, validFromMs: 0, validToMs: Number.POSITIVE_INFINITY },
      rule: {
        shape: { kind: "circle", latDeg, lonDeg, radiusM },
        ...{ name: `fence ${fenceId}`, dwellMs: null, minInsideMs: 10_000, minOutsideMs: 30_000, maxGapMs: 300_000 },
      },
    })),
  );
}
