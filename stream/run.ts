import pg from "pg";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { connectionSettings, type Database } from "#store/database.ts";
import { StaleCursorError } from "#store/fold-commit.ts";
import type { JournalReader } from "#store/journal.ts";
import { Alarm } from "./alarm.ts";
import { Caution } from "./caution.ts";
import type { FindDecoder } from "./decode-frames.ts";
import { FoldWriter } from "./fold-writer.ts";
import type { StreamRoads } from "./match/stream-roads.ts";
import { openStreamMetrics } from "./metrics.ts";
import type { DeviceStage } from "./stage.ts";
import { stages as allStages } from "./stages.ts";

/** How soon frames are seen when no notification comes. */
const POLL_MS = 250;
/** How often free partitions are claimed and requests for a retry looked for. */
const ATTEND_MS = 1_000;
const SILENCE_SWEEP_MS = 30_000;
const RESTART_MS_MIN = 100;
const RESTART_MS_MAX = 5_000;

export type StreamDeps = {
  database: Database;
  journal: JournalReader;
  findDecoder: FindDecoder;
  log: Logger;
  registry: Registry;
  /** Calls `heard` for every notification on these channels of the database. */
  listen: (channels: readonly string[], heard: (channel: string) => void) => Promise<{ close(): Promise<void> }>;
  /** Silence after which `device.silent` is written, in seconds. */
  silentS: number;
  /** Unix milliseconds. */
  now?: () => number;
  stages?: readonly DeviceStage[];
  /** The road network; without it nothing is matched. */
  roads?: StreamRoads | undefined;
  /** Opens the connection that claims partitions and commits; tests open faulty ones. */
  connect?: () => Promise<pg.Client>;
};

export type Stream = {
  /** Partitions that this process writes at the moment. */
  readonly partitions: readonly number[];
  /** True while the stream holds a connection and has claimed what was free, if only nothing. */
  readonly ready: boolean;
  /** Finishes the batch in flight and lets the partitions go. */
  close(): Promise<void>;
};

/**
 * Starts the stream: journal → decode → fold → one transaction a batch, for every partition that no other stream holds.
 * Whatever goes wrong (a lost connection, another writer, a refused batch) it starts again from the cursor in the store.
 */
export async function openStream(deps: StreamDeps): Promise<Stream> {
  const { log } = deps;
  const alarm = new Alarm();
  const stopping = new Alarm();
  let retryAsked = false;
  const metrics = openStreamMetrics(deps.registry);
  const caution = new Caution();
  const now = deps.now ?? Date.now;
  const connect = deps.connect ?? (() => connectWriter(deps.database.url));
  const listener = await deps.listen(["frames", "quarantine", "geofences"], hear);
  let closing = false;
  let writer: FoldWriter | undefined;

  function hear(channel: string): void {
    if (channel === "quarantine") retryAsked = true;
    if (channel === "geofences") writer?.fencesChanged();
    alarm.ring();
  }

  function takeRetryAsked(): boolean {
    const asked = retryAsked;
    retryAsked = false;
    return asked;
  }

  async function runOnce(): Promise<void> {
    const client = await connect();
    // A lost connection fails the query in progress, or else the next one: nothing is left to do here.
    client.on("error", () => alarm.ring());
    try {
      const next = new FoldWriter({
        ...deps,
        ...{ client, metrics, caution, now },
        silentMs: deps.silentS * 1000,
        pool: deps.database.pool,
        stages: deps.stages ?? allStages,
      });
      await next.claim();
      writer = next;
      await drive(next, { alarm, now, silentMs: deps.silentS * 1000, takeRetryAsked, isClosing: () => closing });
    } finally {
      writer = undefined;
      metrics.partitions.set(0);
      await client.end();
    }
  }

  async function runForever(): Promise<void> {
    for (let restartMs = RESTART_MS_MIN; !closing; restartMs = Math.min(restartMs * 2, RESTART_MS_MAX)) {
      const startedAtMs = now();
      try {
        await runOnce();
      } catch (error) {
        metrics.restarts.inc();
        const expected = error instanceof StaleCursorError || caution.active;
        log[expected ? "warn" : "error"]({ err: error }, "stream starts again from its cursors");
        if (now() - startedAtMs > RESTART_MS_MAX || expected) restartMs = RESTART_MS_MIN;
        await stopping.wait(restartMs);
      }
    }
  }

  const running = runForever();
  return {
    get partitions() {
      return writer?.partitions ?? [];
    },
    get ready() {
      return writer !== undefined;
    },
    async close() {
      closing = true;
      stopping.ring();
      alarm.ring();
      await running;
      await listener.close();
    },
  };
}

type Drive = {
  alarm: Alarm;
  now: () => number;
  silentMs: number;
  takeRetryAsked: () => boolean;
  isClosing: () => boolean;
};

/** Works until closing; rejects when anything fails. */
async function drive(writer: FoldWriter, { alarm, now, silentMs, takeRetryAsked, isClosing }: Drive): Promise<void> {
  let attendAtMs = now();
  let sweepAtMs = now() + SILENCE_SWEEP_MS;
  while (!isClosing()) {
    const isTime = now() >= attendAtMs;
    if (isTime) {
      await writer.claim();
      attendAtMs = now() + ATTEND_MS;
    }
    if (takeRetryAsked() || isTime) await writer.retryQuarantined();
    alarm.reset();
    if (await writer.step()) continue;
    await writer.settle();
    if (now() >= sweepAtMs) {
      await writer.reportSilent(silentMs);
      sweepAtMs = now() + SILENCE_SWEEP_MS;
    }
    await alarm.wait(POLL_MS);
  }
  await writer.settle();
}

async function connectWriter(url: string): Promise<pg.Client> {
  const client = new pg.Client(connectionSettings(url, "stream"));
  // A server that shuts down says so to whoever has just come in: nobody else listens yet, and the first query fails.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}
