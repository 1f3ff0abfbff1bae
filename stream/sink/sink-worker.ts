import { parentPort, workerData } from "node:worker_threads";
import { pino } from "pino";
import { openDatabase } from "#store/database.ts";
import { pause } from "../pause.ts";
import { openFixSink } from "./fix-sink.ts";
import { openInfluxWriter } from "./influx-writer.ts";
import { newSinkTally } from "./sink-metrics.ts";
import type { SinkThreadSettings } from "./sink-thread.ts";

/** The thread of the fix sink: ends when it is told to close. Reports its numbers every second. */

const TALLY_MS = 1_000;
const DATABASE_RETRY_MS = 1_000;
const READERS_MAX = 1;

const settings = workerData as SinkThreadSettings;
const log = pino({ level: settings.logLevel }, pino.destination(2)).child({ role: "stream", part: "sink" });
const tally = newSinkTally();
const closing = new AbortController();
parentPort?.once("message", () => closing.abort());

const report = setInterval(() => parentPort?.postMessage(tally), TALLY_MS);
const database = await openDatabaseWhenReachable();
if (database !== undefined) {
  const writer = openInfluxWriter(settings.target);
  const { retentionDays } = settings;
  const sink = openFixSink({ database, write: writer.write, log, tally, retentionDays, now: Date.now });
  await new Promise<void>((resolve) => {
    if (closing.signal.aborted) resolve();
    closing.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await sink.close();
  await writer.close();
  await database.close();
}
clearInterval(report);
parentPort?.postMessage(tally);
parentPort?.close();

async function openDatabaseWhenReachable() {
  while (!closing.signal.aborted) {
    try {
      const options = { url: settings.databaseUrl, applicationName: "telematics sink", connectionsMax: READERS_MAX };
      return await openDatabase(options);
    } catch (error) {
      log.warn({ err: error }, "the sink waits for the database");
      await pause(DATABASE_RETRY_MS, closing.signal);
    }
  }
  return undefined;
}
