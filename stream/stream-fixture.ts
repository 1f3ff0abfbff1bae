import pg from "pg";
import pino from "pino";
import { Registry } from "prom-client";
import { afterAll, beforeEach } from "vitest";
import { connectionSettings, openDatabase } from "#store/database.ts";
import { type FrameKind, partitionOf } from "#store/journal.ts";
import { openJournalReader } from "#store/journal-reader.ts";
import { openTestDatabase } from "#store/testing.ts";
import { Caution } from "./caution.ts";
import { FoldWriter } from "./fold-writer.ts";
import { type JsonReport, jsonDecoder, jsonFrame } from "./json-device.ts";
import { openStreamMetrics } from "./metrics.ts";
import { openStream, type Stream, type StreamDeps } from "./run.ts";

/** Test support: a database with devices, a journal to write by hand, and streams on it. */
export type StreamFixture = Awaited<ReturnType<typeof openStreamFixture>>;

/** 2026-11-01 00:00 UTC; reports are some seconds after it and received a day later. */
export const START_MS = Date.UTC(2026, 10, 1);
const RECEIVED_MS = START_MS + 86_400_000;
const SETTLE_MS_MAX = 50_000;

/** A fixture for the tests of a file, the first two of its devices beside it; each test begins with an empty journal. */
export async function useStreamFixture() {
  const fixture = await openStreamFixture();
  const [first, second] = fixture.deviceIds as [number, number];
  beforeEach(async () => {
    await fixture.rows("truncate frame_batch");
    await fixture.forget();
  });
  afterAll(() => fixture.close());
  return { fixture, first, second };
}

export async function openStreamFixture(devices = 3) {
  const test = await openTestDatabase();
  const database = await openDatabase({ url: test.url, applicationName: "stream-test" });
  const streams = new Set<Stream>();
  let seq = 0;

  async function rows<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return (await database.pool.query<Row>(sql, values)).rows;
  }

  const deviceIds = (
    await rows<{ id: number }>(
      "insert into device (fleet_id, uid) select 1, 'device-' || n from generate_series(1, $1) n returning device_id as id",
      [devices],
    )
  ).map(({ id }) => id);

  /** Appends to the journal; reports become a frame of the JSON device. Returns its `seq`. */
  async function append(
    deviceId: number,
    content: readonly JsonReport[] | string,
    { kind = "frame" as FrameKind, receivedAtMs = RECEIVED_MS + seq * 1000 } = {},
  ): Promise<number> {
    const bytes = typeof content === "string" ? Buffer.from(content) : jsonFrame(content);
    seq++;
    await rows(
      `insert into frame_batch (seq, last_seq, partition, received_from, received_to, device_id, received_at, kind, protocol,
         transport, remote_address, bytes)
       values ($1, $1, $2, $5, $5, array[$3::integer], array[$5::timestamptz], array[$4], array['osmand'], array['http'],
         array[null], array[$6::bytea])`,
      [seq, partitionOf(deviceId), deviceId, kind, new Date(receivedAtMs), bytes],
    );
    return seq;
  }

  const journal = openJournalReader(database);
  const openedAtMs = Date.now();

  /** Starts a stream on the day of the reports, so that no sweep finds their devices silent; `settings` replace what it is given. */
  async function start(settings: Partial<StreamDeps> = {}): Promise<Stream> {
    const stream = await openStream({
      database,
      journal,
      findDecoder: () => jsonDecoder(),
      log: pino({ level: "silent" }),
      registry: new Registry(),
      listen: () => Promise.resolve({ close: () => Promise.resolve() }),
      silentS: 1_800,
      now: () => START_MS + Date.now() - openedAtMs,
      ...settings,
    });
    streams.add(stream);
    return stream;
  }

  async function stop(stream: Stream): Promise<void> {
    streams.delete(stream);
    await stream.close();
  }

  /** Waits until `check` returns true. */
  async function until(check: () => Promise<boolean> | boolean): Promise<void> {
    const deadlineMs = Date.now() + SETTLE_MS_MAX;
    while (!(await check())) {
      if (Date.now() > deadlineMs) throw new Error("the stream did not get there");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Waits until every frame of the journal has been folded. */
  async function settled(): Promise<void> {
    await until(async () => {
      const behind = await rows("select from unfolded_frame limit 1");
      return behind.length === 0;
    });
  }

  /** Folds all there is with a stream of its own. */
  async function foldAll(settings: Partial<StreamDeps> = {}): Promise<void> {
    const stream = await start(settings);
    try {
      await settled();
    } finally {
      await stop(stream);
    }
  }

  /** A writer to be driven by hand. */
  async function openWriter(now: () => number): Promise<{ writer: FoldWriter; close(): Promise<void> }> {
    const client = new pg.Client(connectionSettings(test.url, "stream-test"));
    await client.connect();
    const writer = new FoldWriter({
      ...{ client, journal, now, stages: [] },
      pool: database.pool,
      findDecoder: () => jsonDecoder(),
      metrics: openStreamMetrics(new Registry()),
      caution: new Caution(),
      log: pino({ level: "silent" }),
    });
    return { writer, close: () => client.end() };
  }

  /** Everything the stream has made, but for what differs from run to run. */
  async function outcome(): Promise<Record<string, unknown[]>> {
    const tables = {
      fix: "select to_jsonb(f) - 'commit_xid' - 'stored_at' as row from fix f order by fix_id",
      device_state: "select to_jsonb(s) as row from device_state s order by device_id",
      event: "select to_jsonb(e) - 'commit_xid' - 'event_seq' as row from event e order by frame_seq, event_id",
      trip: "select to_jsonb(t) - 'commit_xid' as row from trip t order by trip_id, version",
      path: "select to_jsonb(p) as row from path p order by device_id, frame_seq, number",
      quarantine: "select to_jsonb(q) - 'quarantine_id' as row from quarantine q order by frame_seq",
      cursor: "select to_jsonb(c) - 'updated_at' as row from stream_cursor c order by partition",
    };
    const outcomes = Object.entries(tables).map(async ([name, sql]) => [name, await rows(sql)] as const);
    return Object.fromEntries(await Promise.all(outcomes));
  }

  /** Forgets what the stream has made; the journal stays. */
  async function forget(): Promise<void> {
    await rows("truncate fix, device_state, event, quarantine, trip, path");
    await rows("update stream_cursor set seq = 0, revision = 0");
  }

  async function close(): Promise<void> {
    for (const stream of streams) await stream.close();
    await database.close();
    await test.close();
  }

  return {
    url: test.url,
    openWriter,
    database,
    deviceIds,
    rows,
    append,
    journal,
    start,
    stop,
    until,
    settled,
    foldAll,
    outcome,
    forget,
    close,
  };
}

/** A report some seconds after `START_MS`. */
export function at(second: number, report: Partial<JsonReport> = {}): JsonReport {
  return { timeMs: START_MS + second * 1000, latDeg: 41 + second / 10_000, lonDeg: -8.6, ...report };
}
