import type { Fleet } from "../fleet.ts";
import type { Ledger } from "../ledger.ts";
import { pick, seededRandom } from "../random.ts";
import type { RoadNetwork } from "../roads/network.ts";
import type { VehicleState } from "../vehicle.ts";
import { openScoreApi } from "./read-said.ts";
import { type Score, type ScoredDrive, scoreDrives } from "./score.ts";
import { type ScoredFence, TrueTrack } from "./true-track.ts";

/** Scores a run against a running service, which it reads through the API. */
export type ScoreRun = {
  /** Makes the geofences that visits are counted at. */
  prepare(): Promise<void>;
  /** Keeps the truth: called with every state that a device's vehicle was seen in. */
  observe(uid: string, state: VehicleState): void;
  /** Reads what the service says of every device, and puts it beside the truth. */
  score(fleet: Fleet, ledger: Ledger): Promise<Score>;
  /** Takes the geofences away. */
  close(): Promise<void>;
};

export type ScoreRunOptions = {
  apiUrl: string;
  apiKey: string;
  network: RoadNetwork;
  seed: number;
  /** Unix milliseconds. */
  now(): number;
};

const FENCES = 100;
const FENCE_RADIUS_M = [60, 80, 100, 120] as const;
/** What the service decides a little later, such as the end of a trip, lies within this time after the run. */
const AFTER_MS = 60_000;

export function createScoreRun({ apiUrl, apiKey, network, seed, now }: ScoreRunOptions): ScoreRun {
  const api = openScoreApi(apiUrl, apiKey);
  const startMs = now();
  const tracks = new Map<string, TrueTrack>();
  let fences: readonly ScoredFence[] = [];

  async function prepare(): Promise<void> {
    const random = seededRandom(seed, "scored fences");
    const { junctions, latDeg, lonDeg } = network;
    fences = await api.createFences(
      Array.from({ length: FENCES }, () => {
        const junction = junctions[pick(random, junctions.length)]!;
        const radiusM = FENCE_RADIUS_M[pick(random, FENCE_RADIUS_M.length)]!;
        return { latDeg: latDeg[junction]!, lonDeg: lonDeg[junction]!, radiusM };
      }),
    );
  }

  function observe(uid: string, state: VehicleState): void {
    const track = tracks.get(uid) ?? new TrueTrack();
    tracks.set(uid, track);
    track.add(state);
  }

  async function score(fleet: Fleet, ledger: Ledger): Promise<Score> {
    const known = new Set(fences.map(({ fenceId }) => fenceId));
    const visits = await api.readVisits(startMs);
    const drives: ScoredDrive[] = [];
    for (const { uid, protocol } of fleet.devices) {
      const track = tracks.get(uid);
      if (track === undefined) continue;
      const madeMs = ledger.devices.get(uid)?.timesMs;
      const said = await api.readDrive(uid, startMs - AFTER_MS, now() + AFTER_MS, (attributes) => {
        const marker = protocol.readMarker(attributes, ledger.run);
        return marker === undefined ? undefined : madeMs?.[marker];
      });
      const itsVisits = (visits.get(uid) ?? []).filter(({ fenceId }) => known.has(fenceId));
      drives.push({ track, fences, visits: itsVisits, ...said });
    }
    return scoreDrives(drives);
  }

  return { prepare, observe, score, close: () => api.deleteFences(fences) };
}
