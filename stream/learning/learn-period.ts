import type { Client } from "pg";
import { findModelEnd, insertModel } from "#store/eta-models.ts";
import {
  type ObservedTime,
  readDrivingDevices,
  readErrors,
  readMatchedFixes,
  readRestDays,
  readStandings,
  readVisits,
} from "#store/eta-observations.ts";
import { readLearnedRows, replaceLearnedRows } from "#store/eta-sums.ts";
import type { StopKind } from "../eta/eta.ts";
import { type ErrorSample, fadeAndAdd, fitModel, type Learned, mergeErrors, sumErrors } from "../eta/learn-model.ts";
import { SpeedLearner } from "../eta/learn-speeds.ts";
import { restSumsOf } from "../eta/rests.ts";
import { driverKey, serviceSumOf } from "../eta/service-times.ts";
import { openTimeOfWeek } from "../eta/time-of-week.ts";
import type { RoadNetwork } from "../roads/network-file.ts";

/** Around a visit a vehicle parks and sets off. */
const PARKING_MS = 20_000;

export type LearningFleet = { fleetId: number; timeZone: string };

/**
 * Learns from what a fleet observed in a time and writes the next version of its model, in one transaction. The same rows
 * give the same model. Returns its version; undefined where nothing was observed, and nothing is written.
 * Rejects with the signal's reason where it is closed meanwhile: nothing is written then either.
 */
export async function learnPeriod(
  client: Client,
  { fleetId, timeZone }: LearningFleet,
  time: { fromMs: number; toMs: number },
  roads: RoadNetwork | null,
  closing?: AbortSignal,
): Promise<number | undefined> {
  const observed = await observe(client, { fleetId, ...time }, timeZone, roads, closing);
  if (Object.values(observed).every((rows) => rows.length === 0)) return undefined;
  const last = await findModelEnd(client, fleetId);
  const before = await readLearnedRows<StopKind>(client, fleetId);
  const learned = fadeAndAdd(before, observed, time.toMs - (last?.learnedUntilMs ?? time.toMs));
  const version = (last?.version ?? 0) + 1;
  await client.query("begin");
  try {
    await replaceLearnedRows(client, fleetId, learned);
    // What was just written, as it is read: a model made anew from the tables is the same.
    const kept = await readLearnedRows<StopKind>(client, fleetId);
    await insertModel(client, {
      fleetId,
      version,
      learnedUntilMs: time.toMs,
      model: fitModel(kept, version, timeZone),
    });
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
  return version;
}

async function observe(
  client: Client,
  time: ObservedTime,
  timeZone: string,
  roads: RoadNetwork | null,
  closing: AbortSignal | undefined,
): Promise<Learned> {
  const visits = await readVisits(client, time);
  let errors: Learned["errors"] = [];
  for await (const page of readErrors(client, time))
    errors = mergeErrors(errors, sumErrors(page satisfies ErrorSample[]));
  return {
    speeds: roads === null ? [] : await observeSpeeds(client, time, timeZone, roads, closing),
    services: visits.map(({ kind, driverId, vehicleId, arrivedMs, departedMs, windowStartMs, ...place }) =>
      serviceSumOf({
        ...place,
        kind: kind as StopKind,
        driver: driverKey(driverId, vehicleId),
        servedS: Math.max(0, departedMs - Math.max(arrivedMs, windowStartMs ?? arrivedMs)) / 1000,
      }),
    ),
    rests: (await readRestDays(client, time)).flatMap(restSumsOf),
    errors,
  };
}

async function observeSpeeds(
  client: Client,
  time: ObservedTime,
  timeZone: string,
  roads: RoadNetwork,
  closing: AbortSignal | undefined,
): Promise<Learned["speeds"]> {
  const learner = new SpeedLearner(roads, openTimeOfWeek(timeZone));
  for (const deviceId of await readDrivingDevices(client, time)) {
    closing?.throwIfAborted();
    const fixes = await readMatchedFixes(client, deviceId, time);
    const standings = await readStandings(client, deviceId, time);
    learner.take(
      fixes,
      standings.map(({ fromMs, toMs }) => ({ fromMs: fromMs - PARKING_MS, toMs })),
    );
  }
  return learner.drain();
}
