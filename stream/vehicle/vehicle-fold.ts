import type pg from "pg";
import { partitionOf } from "#store/journal.ts";
import {
  type ChangedVehicle,
  claimVehicleFold,
  readChangedVehicles,
  readFoldedBelow,
  readSourceFixes,
  readSourceFixesBefore,
  type SourceFixRow,
  type SourceRange,
  saveVehicleStates,
  type VehicleStateRow,
} from "#store/vehicle-fold.ts";
import { type ClaimedRounds, openClaimedRounds } from "../claimed-work.ts";
import { REPORTS_PER_FRAME_MAX } from "../fold.ts";
import { afterSourceFix, type LiveSourceState, liveSourceInitial } from "./live-source.ts";

/**
 * The fold of vehicles: the fixes of all devices bound to a vehicle, merged in the order of the journal. Devices of one
 * vehicle are in different partitions, so a vehicle is folded only up to where all of their partitions are: below that no
 * fix can appear any more, and the result does not depend on which partition was folded first.
 */

const VEHICLES_PER_BATCH = 500;
const FIXES_PER_SOURCE = 500;
/** A new state is folded from the bindings' start, but over no more than this of the vehicle's newest history. */
export const HISTORY_MS_MAX = 86_400_000;

export type VehicleFoldDeps = Pick<ClaimedRounds, "databaseUrl" | "log" | "listen">;

export type VehicleFold = { close(): Promise<void> };

/** Keeps `vehicle_state` up to date in whichever process claims it first. */
export function openVehicleFold(deps: VehicleFoldDeps): Promise<VehicleFold> {
  return openClaimedRounds({
    ...{ ...deps, applicationName: "vehicles", startsAgain: "the fold of vehicles starts again" },
    channels: ["fixes", "vehicles"],
    claim: claimVehicleFold,
    begin: (client) => () => foldVehicles(client),
  });
}

/** One round over every vehicle with news. */
export async function foldVehicles(client: pg.Client): Promise<void> {
  for (let afterVehicleId = 0; ; ) {
    const changed = await readChangedVehicles(client, { afterVehicleId, limit: VEHICLES_PER_BATCH });
    if (changed.length === 0) return;
    const below = await readFoldedBelow(client);
    await saveVehicleStates(client, await foldBatch(client, changed, below));
    if (changed.length < VEHICLES_PER_BATCH) return;
    afterVehicleId = changed.at(-1)!.vehicleId;
  }
}

/** A vehicle while it is folded. `pending`: what of its sources is not read yet. */
type Folding = { vehicle: ChangedVehicle; state: LiveSourceState; untilFixId: number; pending: SourceRange[] };

async function foldBatch(
  client: pg.Client,
  vehicles: readonly ChangedVehicle[],
  below: ReadonlyMap<number, number>,
): Promise<VehicleStateRow[]> {
  const foldings = vehicles.map((vehicle) => begin(vehicle, below));
  const fresh = foldings.filter(({ vehicle }) => vehicle.fold === null);
  const seeds = await readSourceFixesBefore(
    client,
    fresh.flatMap(({ vehicle, pending }) =>
      pending.map((range, n) => ({ ...range, sinceMs: vehicle.sources[n]!.boundFromMs })),
    ),
  );
  for (const folding of fresh) advance(folding, seeds.filter(isOf(folding)));
  for (let open = foldings; open.length > 0; open = open.filter(({ pending }) => pending.length > 0)) {
    const ranges = open.flatMap(({ pending }) => pending);
    const fixes = await readSourceFixes(client, ranges, FIXES_PER_SOURCE);
    const byDevice = Map.groupBy(fixes, (fix) => fix.deviceId);
    for (const folding of open) foldPage(folding, byDevice);
  }
  return foldings.map(rowOf);
}

function begin(vehicle: ChangedVehicle, below: ReadonlyMap<number, number>): Folding {
  const state = vehicle.fold === null ? liveSourceInitial : (vehicle.fold as LiveSourceState);
  const belowSeq = Math.min(...vehicle.sources.map(({ deviceId }) => below.get(partitionOf(deviceId)) ?? 0));
  const untilFixId = belowSeq * REPORTS_PER_FRAME_MAX;
  const newestMs = Math.max(...vehicle.sources.map((source) => source.newestMs ?? 0));
  const pending = vehicle.sources.map(({ deviceId, boundFromMs }) => {
    const known = state.sources[deviceId]?.fix;
    return {
      ...{ deviceId, untilFixId },
      fromMs: known?.fixTimeMs ?? Math.max(boundFromMs, newestMs - HISTORY_MS_MAX),
      afterFixId: known?.fixId ?? 0,
    };
  });
  return { vehicle, state, untilFixId, pending };
}

/** Folds what has been read of all sources, up to where the one with the most left has been read. */
function foldPage(folding: Folding, byDevice: ReadonlyMap<number, SourceFixRow[]>): void {
  const pages = folding.pending.map((range) => ({ range, fixes: byDevice.get(range.deviceId) ?? [] }));
  const cut = pages.filter(({ fixes }) => fixes.length === FIXES_PER_SOURCE).map(({ fixes }) => fixes.at(-1)!.fixId);
  const upTo = Math.min(folding.untilFixId, ...cut);
  advance(
    folding,
    pages.flatMap(({ fixes }) => fixes.filter((fix) => fix.fixId <= upTo)),
  );
  folding.pending = cut.length === 0 ? [] : folding.pending.map((range) => ({ ...range, afterFixId: upTo }));
}

function advance(folding: Folding, fixes: readonly SourceFixRow[]): void {
  const priorities = new Map(folding.vehicle.sources.map(({ deviceId, priority }) => [deviceId, priority]));
  const priorityOf = (deviceId: number) => priorities.get(deviceId) ?? Number.MAX_SAFE_INTEGER;
  for (const fix of fixes.toSorted((a, b) => a.fixId - b.fixId)) {
    folding.state = afterSourceFix(folding.state, fix, priorityOf);
  }
}

function isOf({ vehicle }: Folding): (fix: SourceFixRow) => boolean {
  return (fix) => vehicle.sources.some(({ deviceId }) => deviceId === fix.deviceId);
}

function rowOf({ vehicle, state, untilFixId }: Folding): VehicleStateRow {
  const newest = vehicle.sources.map(({ deviceId, newestFixId }) => {
    // A fix beyond is folded later: the vehicle must still look changed.
    const isSeen = newestFixId === null || newestFixId < untilFixId;
    return [deviceId, isSeen ? newestFixId : -1];
  });
  return {
    ...{ vehicleId: vehicle.vehicleId, basis: vehicle.basis, newest: Object.fromEntries(newest), fold: state },
    reason: state.live?.reason ?? null,
    sinceMs: state.live?.sinceMs ?? null,
    shown: state.shown,
  };
}
