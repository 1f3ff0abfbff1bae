import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { placesInCommit } from "./commit-order.ts";
import { COPY_HEAD_BYTES, COPY_TAIL_BYTES, CopyQuery, sealCopy } from "./copy-query.ts";
import { connectionSettings, type Database } from "./database.ts";
import { COPY_FRAMES, FrameCopy } from "./frame-copy.ts";
import { type NewFrame, partitionOf } from "./journal.ts";
import { openJournalReader } from "./journal-reader.ts";
import { type MigrationTarget, migrateWith } from "./migrate.ts";
import { openTestDatabase, openTimescaleTestDatabase } from "./testing.ts";

/** The store's SQL on both engines: native PostgreSQL with plain tables, and TimescaleDB with hypertables. */

type Row = Record<string, unknown>;
type Engine = MigrationTarget & {
  copyFrames(frames: readonly NewFrame[], firstSeq: number): Promise<unknown>;
  close(): Promise<void>;
};

const BASE_MS = Date.UTC(2026, 0, 5);
const MINUTE_MS = 60_000;
const FRAMES = 1_000;
const FRAMES_PER_COMMIT = 10;
const ENGINES = ["plain", "timescale"] as const;

/** A frame a minute, two of a partition after one another: five rows a commit. The bytes say which it is. */
const JOURNAL = Array.from({ length: FRAMES }, (_, index): NewFrame => {
  const minute = index + 1;
  return {
    deviceId: (((minute + 1) >> 1) % 16) + (minute % 3) * 16,
    kind: "frame",
    protocol: minute % 50 === 0 ? "queclink" : "teltonika",
    transport: minute > 500 && minute % 4 === 0 ? "udp" : "tcp",
    receivedAtMs: BASE_MS + minute * MINUTE_MS,
    remoteAddress: minute % 20 < 4 ? null : `10.1.${minute % 2}.3`,
    bytes: Uint8Array.of(minute >> 8, minute & 0xff),
  };
});

/** The same in the order of their seq, from 1 on. */
const STORED = JOURNAL.map((_, index) => {
  const first = index - (index % FRAMES_PER_COMMIT);
  const commit = JOURNAL.slice(first, first + FRAMES_PER_COMMIT);
  return commit[placesInCommit(commit).indexOf(index - first)]!;
});

async function openEngine(kind: (typeof ENGINES)[number]): Promise<Engine> {
  const rows = new FrameCopy();
  if (kind === "timescale") {
    const timescale = await openTimescaleTestDatabase();
    const copyFrames = (frames: readonly NewFrame[], firstSeq: number) =>
      timescale.copy(COPY_FRAMES, Uint8Array.from(rows.write(frames, placesInCommit(frames), firstSeq, 0, 0)));
    return { ...timescale, copyFrames };
  }
  const database = await openTestDatabase();
  const client = new pg.Client(connectionSettings(database.url, "test"));
  await client.connect();
  return {
    query: (sql, parameters) => client.query(sql, parameters),
    run: (script) => client.query(script),
    copyFrames: (frames, firstSeq) =>
      new Promise<void>((resolve, reject) => {
        const message = sealCopy(
          rows.write(frames, placesInCommit(frames), firstSeq, COPY_HEAD_BYTES, COPY_TAIL_BYTES),
        );
        client.query(new CopyQuery(COPY_FRAMES, message, 10_000, (error) => (error ? reject(error) : resolve())));
      }),
    close: async () => {
      await client.end();
      await database.close();
    },
  };
}

const insertFix = (
  select: string,
) => `insert into fix (fix_id, device_id, fix_time, fingerprint, received_at, stored_at,
  commit_xid, kind, protocol, valid, late, buffered, speed_mps, attributes)
  select i, i % 3 + 1, to_timestamp(${BASE_MS / 1000} + i * 60), i, now(), now(), 1, 'fix', 'teltonika', i % 10 > 0, i % 7 = 0,
    false, i % 30, '{}' ${select}`;

describe.each(ENGINES)("on %s", (kind) => {
  let engine: Engine;
  const rows = async (sql: string, parameters?: unknown[]): Promise<Row[]> =>
    (await engine.query(sql, parameters)).rows;
  const one = async (sql: string, parameters?: unknown[]): Promise<number> =>
    Number(Object.values((await rows(sql, parameters))[0]!)[0]);

  beforeAll(async () => {
    engine = await openEngine(kind);
    if (kind === "timescale") await engine.run("select set_chunk_time_interval('frame_batch', 100)");
  });
  afterAll(() => engine.close());

  test("migrating again applies nothing", async () => {
    expect(await migrateWith(engine)).toEqual({ applied: [], engine: kind });
  });

  test("frames are appended as the journal copies them, a row for each partition of a commit", async () => {
    for (let first = 1; first <= FRAMES; first += FRAMES_PER_COMMIT) {
      await engine.copyFrames(JOURNAL.slice(first - 1, first - 1 + FRAMES_PER_COMMIT), first);
    }
    await engine.query(`select setval('frame_seq', ${FRAMES})`);
    expect(await one("select count(*) from frame")).toBe(FRAMES);
    expect(await one("select count(*) from frame_batch")).toBe(FRAMES / 2);
    await expect(
      engine.query("insert into frame_batch select * from frame_batch where last_seq = 6"),
    ).rejects.toMatchObject({ code: "23505" });
    await expect(engine.query("update frame_batch set last_seq = 1001 where last_seq = 1000")).rejects.toMatchObject({
      code: "23514",
    });
  });

  test("the journal is read in order across chunks, compressed ones too", async () => {
    if (kind === "timescale") {
      expect(await one("select count(*) from show_chunks('frame_batch')")).toBe(11);
      expect(await one("select count(compress_chunk(c)) from show_chunks('frame_batch', older_than => 300) c")).toBe(3);
    }
    const pool = {
      query: async ({ text, values }: { text: string; values: unknown[] }) => ({
        rows: (await engine.query(text, values)).rows.map(({ packed }) => ({ packed: Buffer.from(packed as Buffer) })),
      }),
    };
    const reader = openJournalReader({ pool } as unknown as Database);
    // In the middle of a row.
    const cursor = STORED.findLastIndex((frame, index) => index < 900 && partitionOf(frame.deviceId) === 3);
    const cursors = new Map([...Array(16).keys()].map((partition) => [partition, partition === 3 ? cursor : 0]));
    const read: number[] = [];
    for (;;) {
      const frames = await reader.read(cursors, 63);
      if (frames.length === 0) break;
      for (const frame of frames) {
        cursors.set(frame.partition, frame.seq);
        expect({ ...frame, bytes: Uint8Array.from(frame.bytes) }).toEqual({
          ...STORED[frame.seq - 1]!,
          ...{ seq: frame.seq, partition: partitionOf(frame.deviceId) },
        });
        read.push(frame.seq);
      }
    }
    const expected = STORED.map((_, index) => index + 1).filter(
      (seq) => partitionOf(STORED[seq - 1]!.deviceId) !== 3 || seq > cursor,
    );
    expect(read).toEqual(expected);
  });

  test("single frames are found by their place, those that are not there are not", async () => {
    const seqs = [1000, 2, 255, 256, 1, 0, 1001, 640];
    const found = await rows(
      `select seq::integer, partition, device_id, kind, protocol, transport, extract(epoch from received_at)::float8 as at_s,
        remote_address, bytes, batch::integer from frames_at($1::bigint[]) order by seq`,
      [seqs],
    );
    expect(found.map((row) => ({ ...row, bytes: Uint8Array.from(row.bytes as Uint8Array) }))).toEqual(
      [1, 2, 255, 256, 640, 1000].map((seq) => {
        const { deviceId, protocol, transport, receivedAtMs, remoteAddress, bytes } = STORED[seq - 1]!;
        return {
          ...{ seq, partition: partitionOf(deviceId), device_id: deviceId, kind: "frame", protocol, transport },
          ...{ at_s: receivedAtMs / 1000, remote_address: remoteAddress, bytes, batch: seq + (seq % 2) },
        };
      }),
    );
  });

  test("the journal's place at a time is found: the begin of the commit with the first frame since then", async () => {
    const at = (minutes: number) => new Date(BASE_MS + minutes * MINUTE_MS).toISOString();
    for (const [minutes, seq] of [
      [-5, 1],
      [1, 1],
      [10, 1],
      [10.5, 11],
      [437, 431],
      [999.01, 991],
      [1_000, 991],
      [5_000, 1_001],
    ] as const) {
      expect(await one("select frame_seq_at($1::timestamptz)", [at(minutes)])).toBe(seq);
    }
  });

  test("old frames are dropped, but never one that the stream has not folded", async () => {
    const keepSince = new Date(BASE_MS + 650 * MINUTE_MS).toISOString();
    const drop = async () => {
      while ((await one("select drop_old_frames($1::timestamptz, 200)", [keepSince])) > 0);
      return one("select min(seq) from frame");
    };
    expect(await drop()).toBe(1);
    await engine.query("update stream_cursor set seq = case partition when 8 then 399 else 1000 end");
    // The row of 399 and 400, across the bounds of two chunks, has one frame above its cursor.
    expect(await one("select seq from unfolded_frame where partition = 8")).toBe(400);
    expect(await drop()).toBe(399);
    expect(await one("select count(*) from frame")).toBe(602);
    await engine.query("update stream_cursor set seq = 1000");
    // A chunk goes when all of it may go.
    expect(await drop()).toBe(kind === "plain" ? 641 : 599);
    expect(await one("select count(*) from frame where seq >= 641")).toBe(360);
  });

  test("a clock that was set back, or ran ahead for a while, drops no frame before its time and keeps none for ever", async () => {
    const setClock = (from: number, to: number, at: string) =>
      engine.query(
        "update frame_batch set received_from = $3::timestamptz, received_to = $3 where last_seq between $1 and $2",
        [from, to, at],
      );
    const drop = async (minutes: number) => {
      const keepSince = new Date(BASE_MS + minutes * MINUTE_MS).toISOString();
      while ((await one("select drop_old_frames($1::timestamptz, 50)", [keepSince])) > 0);
      return one("select min(seq) from frame");
    };
    const first = await one("select min(seq) from frame");
    await setClock(752, 900, "1970-01-01T00:00:00Z");
    expect(await drop(650)).toBe(first);
    await setClock(first, 700, "2200-01-01T00:00:00Z");
    expect(await drop(990)).toBeGreaterThan(890);
  });

  test("a fix is stored once, in a compressed chunk too, and its hours add up", async () => {
    await engine.query(insertFix("from generate_series(1, 5000) i"));
    if (kind === "timescale") {
      const before = await one("select hypertable_size('fix')");
      expect(await one("select count(compress_chunk(c)) from show_chunks('fix') c")).toBe(4);
      expect(await one("select hypertable_size('fix')")).toBeLessThan(before);
    }
    await engine.query(insertFix("from generate_series(4900, 5100) i on conflict do nothing"));
    expect(await one("select count(*) from fix")).toBe(5_100);
    if (kind === "timescale") {
      await engine.run("call refresh_continuous_aggregate('fix_hour', null, null)");
      const materialised = "select count(*) from _timescaledb_internal._materialized_hypertable_";
      const [view] = await rows(
        "select materialization_hypertable_name as name from timescaledb_information.continuous_aggregates where view_name = 'fix_hour'",
      );
      expect(String(view?.name)).toMatch(/^_materialized_hypertable_\d+$/);
      expect(await one(`${materialised}${String(view?.name).split("_").at(-1)}`)).toBeGreaterThan(250);
    }
    const hours = await rows(
      `select device_id, extract(epoch from hour)::integer as hour_s, fixes::integer, valid_fixes::integer, late_fixes::integer,
        speed_mps_max from fix_hour where device_id = 2 order by hour limit 2`,
    );
    const hour = { device_id: 2, hour_s: BASE_MS / 1000, fixes: 20, valid_fixes: 18, late_fixes: 3, speed_mps_max: 28 };
    expect(hours[0]).toEqual(hour);
    expect(await one("select sum(fixes) from fix_hour")).toBe(5_100);
  });

  test("time_bucket is the same function on both engines", async () => {
    const buckets = await rows(
      `select extract(epoch from time_bucket(w::interval, t::timestamptz))::integer as bucket_s from (values
        ('1 hour', '2026-03-29T01:59:59.999Z'), ('15 minutes', '1999-12-31T23:59:00Z'), ('1 day', '2026-01-05T00:00:00Z'),
        ('7 days', '2026-01-07T12:00:00Z'), ('5 minutes', '2026-01-07T12:04:59Z')) v (w, t)`,
    );
    const expected = [
      "2026-03-29T01:00Z",
      "1999-12-31T23:45Z",
      "2026-01-05T00:00Z",
      "2026-01-05T00:00Z",
      "2026-01-07T12:00Z",
    ];
    expect(buckets.map((row) => row.bucket_s)).toEqual(expected.map((text) => Date.parse(text) / 1000));
  });

  test("old fixes are dropped, on TimescaleDB by whole days", async () => {
    const keepSince = new Date(BASE_MS + 2.5 * 1440 * MINUTE_MS).toISOString();
    while ((await one("select drop_old_fixes($1::timestamptz, 2000)", [keepSince])) > 0);
    const oldestDay = kind === "plain" ? 2.5 : 2;
    expect(await one("select extract(epoch from min(fix_time)) from fix")).toBe(BASE_MS / 1000 + oldestDay * 86_400);
  });

  test.runIf(kind === "timescale")("the policies compress and refresh when their jobs run", async () => {
    const jobs = await rows(
      "select job_id, proc_name from timescaledb_information.jobs where hypertable_name is not null",
    );
    expect(jobs.map((job) => job.proc_name).sort()).toEqual([
      "policy_compression",
      "policy_refresh_continuous_aggregate",
      "policy_refresh_continuous_aggregate",
    ]);
    await engine.query(insertFix("from generate_series(20000, 20100) i"));
    const open =
      "select count(*) from timescaledb_information.chunks where hypertable_name = 'fix' and not is_compressed";
    expect(await one(open)).toBe(1);
    for (const job of jobs) await engine.run(`call run_job(${job.job_id})`);
    expect(await one(open)).toBe(0);
  });
});
