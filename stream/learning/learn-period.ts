import type { Client } from "pg";
import { findModelEnd, insertModel } from "#store/eta-models.ts";
import {
  type ObservedTime,
  readDrivingDevices,
  readErrors,
  readLegs,
  readMatchedFixes,
  readRestDays,
  readStandings,
  readVisits,
} from "#store/eta-observations.ts";
import { readLearnedRows, replaceLearnedRows } from "#store/eta-sums.ts";
import { approachSumOf } from "../eta/approaches.ts";
import type { StopKind } from "../eta/eta.ts";
import { type ErrorSample, fadeAndAdd, fitModel, type Learned, mergeErrors, sumErrors } from "../eta/learn-model.ts";
import { PARKING_MS, SpeedLearner } from "../eta/learn-speeds.ts";
import { Legs } from "../eta/leg.ts";
import { LegTimes } from "../eta/leg-times.ts";
import { restSumsOf } from "../eta/rests.ts";
import { driverKey, serviceSumOf } from "../eta/service-times.ts";
import { fitSpeeds, type SpeedModel } from "../eta/speeds.ts";
import { openTimeOfWeek } from "../eta/time-of-week.ts";
import type { RoadNetwork } from "../roads/network-file.ts";

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
  const before = await readLearnedRows<StopKind>(client, fleetId);
  const observed = await observe(client, { fleetId, ...time }, timeZone, roads, fitSpeeds(before.speeds), closing);
  if (Object.values(observed).every((rows) => rows.length === 0)) return undefined;
  const last = await findModelEnd(client, fleetId);
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
  speeds: SpeedModel,
  closing: AbortSignal | undefined,
): Promise<Learned> {
  const visits = await readVisits(client, time);
  let errors: Learned["errors"] = [];
  for await (const page of readErrors(client, time))
    errors = mergeErrors(errors, sumErrors(page satisfies ErrorSample[]));
  return {
    speeds: roads === null ? [] : await observeSpeeds(client, time, timeZone, roads, closing),
    approaches: roads === null ? [] : await observeApproaches(client, time, timeZone, roads, speeds),
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

/** Legs against what was expected of them by the speeds known until then. */
async function observeApproaches(
  client: Client,
  time: ObservedTime,
  timeZone: string,
  roads: RoadNetwork,
  speeds: SpeedModel,
): Promise<Learned["approaches"]> {
  const legs = new Legs(roads);
  const times = new LegTimes(legs, speeds);
  const clock = openTimeOfWeek(timeZone);
  return (await readLegs(client, time)).flatMap(({ fromLatDeg, fromLonDeg, driverId, vehicleId, ...leg }) => {
    const found = legs.find({ latDeg: fromLatDeg, lonDeg: fromLonDeg }, leg);
    if (!found.onRoads) return [];
    const drivenS = (leg.arrivedMs - leg.leftMs) / 1000 - leg.haltedS;
    const expectedS = times.totalS(found, clock.slotOf(leg.leftMs));
    return approachSumOf({ to: leg, driver: driverKey(driverId, vehicleId), drivenS, expectedS });
  });
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
