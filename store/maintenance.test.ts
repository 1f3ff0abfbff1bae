import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import { maintain, openMaintenance } from "./maintenance.ts";
import { openTestDatabase, type TestDatabase } from "./testing.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 10, 22);
const DAYS = {
  frameRetentionDays: 30,
  fixRetentionDays: 60,
  eventRetentionDays: 365,
  proofRetentionDays: 365,
  contactRetentionDays: 90,
};
const OPTIONS = { ...DAYS, now: () => NOW_MS };
const PATIENCE = { timeout: 50_000, interval: 20 };

let test_: TestDatabase;
let database: Database;
beforeEach(async () => {
  test_ = await openTestDatabase();
  database = await openDatabase({ url: test_.url, applicationName: "test", connectionsMax: 2 });
  // A frame and a fix for every tenth of a day, the newest now; all folded.
  await database.pool.query(
    `insert into frame_batch (seq, last_seq, partition, received_from, received_to, device_id, received_at, kind, protocol,
      transport, remote_address, bytes)
    select 10000 - i, 10000 - i, 1, at, at, '{1}', array[at], '{frame}', '{teltonika}', '{tcp}', '{null}', array[''::bytea]
    from generate_series(0, 8000) i, lateral (select $1::timestamptz - i * interval '2.4 hours' as at)`,
    [new Date(NOW_MS)],
  );
  await database.pool.query(
    `insert into fix (fix_id, device_id, fix_time, fingerprint, received_at, stored_at, commit_xid, kind, protocol, valid,
      late, buffered, attributes)
    select 10000 - i, 1, $1::timestamptz - i * interval '2.4 hours', i, now(), now(), 1, 'fix', 'teltonika', true, false, false, '{}'
    from generate_series(0, 8000) i`,
    [new Date(NOW_MS)],
  );
  await database.pool.query("update stream_cursor set seq = 10000");
});
afterEach(async () => {
  await database.close();
  await test_.close();
});

async function daysKept(table: "frame" | "fix", column: string): Promise<number> {
  const found = await database.pool.query<{ oldest: Date }>(`select min(${column}) as oldest from ${table}`);
  return (NOW_MS - found.rows[0]!.oldest.getTime()) / DAY_MS;
}

test("a round drops what is past its retention, in batches", async () => {
  expect(await maintain(database, OPTIONS)).toEqual({ frames: 7_700, fixes: 7_400, events: 0 });
  expect(await daysKept("frame", "received_at")).toBeCloseTo(30);
  expect(await daysKept("fix", "fix_time")).toBeCloseTo(60);
  expect(await maintain(database, OPTIONS)).toEqual({ frames: 0, fixes: 0, events: 0 });
});

test("events are dropped in batches by the time of their detection, and never before the frames they come from", async () => {
  await database.pool.query(
    `insert into event (event_id, fleet_id, type, occurred_at, detected_at, commit_xid)
    select i::text, 1, 'x', $1::timestamptz - interval '999 days', $1::timestamptz - i * interval '1 hour', 20000 - i
    from generate_series(0, 15000) i`,
    [new Date(NOW_MS)],
  );
  const oldest = async () => {
    const found = await database.pool.query<{ at: Date }>("select min(detected_at) as at from event");
    return (NOW_MS - found.rows[0]!.at.getTime()) / DAY_MS;
  };
  expect(await maintain(database, OPTIONS)).toMatchObject({ events: 15_000 - 365 * 24 });
  expect(await oldest()).toBeCloseTo(365);
  await maintain(database, { ...OPTIONS, eventRetentionDays: 8 });
  expect(await oldest()).toBeCloseTo(30);
});

test("trips and paths leave with the fixes that they were made of", async () => {
  await database.pool.query(
    `insert into trip (trip_id, version, fleet_id, device_id, frame_seq, commit_xid, started_at, ended_at, start_lat_deg,
      start_lon_deg, start_reason, replayed, withdrawn)
    select i::text, 1, 1, 1, i, 1, at - interval '1 hour', case when i % 2 = 0 then at end, 0, 0, 'motion', false, false
    from generate_series(0, 99) i, lateral (select $1::timestamptz - i * interval '1 day' as at)`,
    [new Date(NOW_MS)],
  );
  await database.pool.query(
    `insert into path (device_id, frame_seq, number, way_id, forward, entered_at, left_at, length_m, line)
    select 1, i, 0, 7, true, at, at + interval '1 minute', 100, ''
    from generate_series(0, 20000) i, lateral (select $1::timestamptz - i * interval '0.005 day' as at)`,
    [new Date(NOW_MS)],
  );
  await maintain(database, OPTIONS);
  const trips = await database.pool.query("select max(trip_id::integer) as oldest, count(*)::integer from trip");
  expect(trips.rows).toEqual([{ oldest: 60, count: 61 }]);
  const paths = await database.pool.query("select count(*)::integer as left from path");
  expect(paths.rows).toEqual([{ left: 12_001 }]);
});

test("frames that the stream has not folded outlive their retention", async () => {
  await database.pool.query("update stream_cursor set seq = 5000 where partition = 1");
  await maintain(database, OPTIONS);
  const found = await database.pool.query<{ first: number }>("select min(seq) as first from frame");
  expect(found.rows[0]!.first).toBe(5_001);
});

test("strangers are forgotten a month after their last knock", async () => {
  await database.pool.query(
    `insert into unknown_device values ('old', 'teltonika', $1, $1, 1, null), ('new', 'teltonika', $1, $2, 2, null)`,
    [new Date(NOW_MS - 31 * DAY_MS), new Date(NOW_MS - 29 * DAY_MS)],
  );
  await maintain(database, OPTIONS);
  const found = await database.pool.query<{ uid: string }>("select uid from unknown_device");
  expect(found.rows).toEqual([{ uid: "new" }]);
});

test("refused and resolved frames leave the quarantine with their time; what waits to be understood stays", async () => {
  await database.pool.query(
    `insert into quarantine (source, protocol, transport, received_at, reason, bytes, resolved_at)
    select source, 'teltonika', 'tcp', at, source || extract(day from $1::timestamptz - at), '', resolved
    from unnest(array['gateway', 'gateway', 'stream', 'stream', 'stream'], array[31, 29, 31, 31, 29],
      array[null, null, $1::timestamptz, null, $1]) as q (source, age, resolved), lateral (select $1 - age * interval '1 day' as at)`,
    [new Date(NOW_MS)],
  );
  await maintain(database, OPTIONS);
  const found = await database.pool.query<{ reason: string }>("select reason from quarantine order by quarantine_id");
  expect(found.rows.map((row) => row.reason)).toEqual(["gateway29", "stream31", "stream29"]);
});

test("of refused frames only the newest are kept, however many there were", async () => {
  await database.pool.query(
    `insert into quarantine (source, protocol, transport, received_at, reason, bytes)
    select 'gateway', 'teltonika', 'tcp', $1, 'checksum', '' from generate_series(1, 50010)`,
    [new Date(NOW_MS)],
  );
  await maintain(database, OPTIONS);
  const found = await database.pool.query("select count(*)::integer as rows, max(quarantine_id) from quarantine");
  expect(found.rows).toEqual([{ rows: 50_000, max: 50_010 }]);
});

test("ETAs, ticks, notifications and links go with their time", async () => {
  await database.pool.query(
    `with old as (select $1::timestamptz - d * interval '1 day' as at, d from unnest(array[10, 40, 400]) as d),
    r as (insert into route (fleet_id, version) values (1, 1) returning route_id),
    s as (insert into stop (fleet_id, lat_deg, lon_deg) values (1, 0, 0) returning stop_id),
    t as (insert into route_tick select route_id, d, at from old, r),
    e as (insert into eta (commit_xid, fleet_id, route_id, stop_id, computed_at, reason, model_version)
      select 1000 - d, 1, 1, 1, at, 'position', 1 from old),
    n as (insert into notification (fleet_id, stop_id, trigger, threshold, due_at)
      select 1, stop_id, 'stopsAway', d, at from old, s)
    insert into tracking_link (fleet_id, stop_id, token_hash, expires_at)
    select 1, stop_id, sha256(d::text::bytea), at from old, s`,
    [new Date(NOW_MS)],
  );
  await maintain(database, OPTIONS);
  const kept = await database.pool.query(
    `select (select count(*) from route_tick)::int as ticks, (select count(*) from eta)::int as etas,
      (select count(*) from notification)::int as notifications, (select count(*) from tracking_link)::int as links`,
  );
  expect(kept.rows).toEqual([{ ticks: 1, etas: 2, notifications: 2, links: 2 }]);
});

test("a recipient is forgotten when their newest proof is past its time, and the chain says so", async () => {
  await database.pool.query(
    `with s as (
      insert into stop (fleet_id, lat_deg, lon_deg, contact) select 1, 0, 0, '{"name": "Ada"}' from generate_series(1, 2)
      returning stop_id
    ), k as (insert into recipient_key select stop_id, '\\x00', $1::timestamptz - interval '400 days' from s)
    insert into pod (fleet_id, stop_id, content_hash, outcome, device_time, received_at, sealed, commit_xid)
    select 1, stop_id, '', 'delivered', now(), $1::timestamptz - d * interval '1 day', '', 1
    from s, unnest(array[399, 300]) as d where d > 350 or stop_id = (select max(stop_id) from s)`,
    [new Date(NOW_MS)],
  );
  await maintain(database, OPTIONS);
  const left = await database.pool.query(
    "select contact, key is null as forgotten from stop join recipient_key using (stop_id) order by stop_id",
  );
  expect(left.rows).toEqual([
    { contact: {}, forgotten: true },
    { contact: { name: "Ada" }, forgotten: false },
  ]);
  const told = await database.pool.query("select kind, content::json ->> 'who' as who from evidence");
  expect(told.rows).toEqual([{ kind: "erasure", who: "retention" }]);
});

test("the loop begins at once, goes on after a failed round and ends when closed", async () => {
  const lines: string[] = [];
  const failing = { ...database, pool: { connect: () => Promise.reject(new Error("away")) } } as unknown as Database;
  const unlucky = openMaintenance(failing, { ...OPTIONS, intervalMs: 5, log: (line) => lines.push(line) });
  await vi.waitFor(() => expect(lines.length).toBeGreaterThan(2), PATIENCE);
  await unlucky.close();
  const loop = openMaintenance(database, OPTIONS);
  await vi.waitFor(async () => expect(await daysKept("frame", "received_at")).toBeCloseTo(30), PATIENCE);
  await loop.close();
});

test("contacts of stops without a proof are forgotten a while after anybody was expected there", async () => {
  const daysAgo = (days: number) => new Date(NOW_MS - days * 86_400_000);
  const insert = async (externalId: string, changedDaysAgo: number, windowDaysAgo: number | null, contact = true) => {
    await database.pool.query(
      `insert into stop (fleet_id, external_id, lat_deg, lon_deg, address, contact, updated_at, window_end)
       values (1, $1, 41, -8, 'Rua A', $2, $3, $4)`,
      [
        externalId,
        contact ? { email: "a@example.org" } : {},
        daysAgo(changedDaysAgo),
        windowDaysAgo === null ? null : daysAgo(windowDaysAgo),
      ],
    );
  };
  await insert("old", 100, null);
  await insert("over", 100, 91);
  await insert("ahead", 100, -3);
  await insert("lately", 100, 89);
  await insert("changed", 10, 95);
  await insert("nobody", 100, 100, false);
  await maintain(database, { ...DAYS, now: () => NOW_MS });
  const { rows } = await database.pool.query(
    "select external_id as name from stop where contact = '{}' and address is null order by external_id",
  );
  expect(rows.map(({ name }) => name)).toEqual(["old", "over"]);
});
