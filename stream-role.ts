import { setPriority } from "node:os";
import { findDecoder } from "#decoders";
import { listen, openDatabase, openJournalReader, openMaintenance } from "#store";
import { openStream } from "#stream";
import { openDeliveryFold } from "#stream/delivery/delivery-fold.ts";
import { Estimators } from "#stream/delivery/estimators.ts";
import { openPodJudge } from "#stream/judge/pod-judge.ts";
import { openEtaLearning } from "#stream/learning/learning-loop.ts";
import { openStreamRoads } from "#stream/match/stream-roads.ts";
import { openRoads } from "#stream/roads/open.ts";
import { openSinkThread } from "#stream/sink/sink-thread.ts";
import { openVehicleFold } from "#stream/vehicle/vehicle-fold.ts";
import { influxTarget, type Listener, openOwnMetrics, type Parts } from "./role.ts";

/** Weaker than the gateway's: where both share cores, an ack does not wait for a fold. */
const STREAM_NICENESS = 10;

/** Derives everything from the journal, and keeps the store within its retention. */
export async function startStream(parts: Parts): Promise<Listener[]> {
  const { config, links, log, registry, closers } = parts;
  if (!links.apart) setPriority(STREAM_NICENESS);
  const url = links.databaseUrl;
  const database = closers.add(await openDatabase({ url, applicationName: "telematics stream", connectionsMax: 4 }));
  closers.add(
    openMaintenance(database, {
      frameRetentionDays: config.FRAME_RETENTION_DAYS,
      fixRetentionDays: config.FIX_RETENTION_DAYS,
      eventRetentionDays: config.EVENT_RETENTION_DAYS,
      proofRetentionDays: config.PROOF_RETENTION_DAYS,
      contactRetentionDays: config.CONTACT_RETENTION_DAYS,
      now: Date.now,
      log: (line) => log.warn(line),
    }),
  );
  const roads = config.ROADS === undefined ? undefined : openStreamRoads(config.ROADS);
  const hear = (channels: readonly string[], heard: (channel: string) => void) =>
    listen(url, Object.fromEntries(channels.map((channel) => [channel, () => heard(channel)])));
  const stream = closers.add(
    await openStream({
      database,
      journal: openJournalReader(database),
      findDecoder,
      log,
      registry,
      listen: hear,
      silentS: config.FRESH_OFFLINE_S,
      roads,
    }),
  );
  closers.add(await openVehicleFold({ databaseUrl: url, listen: hear, log }));
  closers.add(await openPodJudge({ databaseUrl: url, listen: hear, log, now: Date.now }));
  const network = config.ROADS === undefined ? null : openRoads(config.ROADS);
  closers.add(openEtaLearning({ databaseUrl: url, roads: network, now: Date.now, log }));
  const estimators = new Estimators(network);
  closers.add(await openDeliveryFold({ databaseUrl: url, listen: hear, log, now: Date.now, estimators }));
  const target = influxTarget(config);
  if (target !== undefined) {
    const settings = { databaseUrl: url, target, retentionDays: config.FIX_RETENTION_DAYS, logLevel: config.LOG_LEVEL };
    closers.add(openSinkThread(settings, { log, registry }));
  }
  return openOwnMetrics(parts, () => Promise.resolve(stream.ready));
}
