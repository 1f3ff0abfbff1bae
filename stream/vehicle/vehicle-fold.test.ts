import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectionSettings } from "#store/database.ts";
import { partitionOf } from "#store/journal.ts";
import { at, openStreamFixture, START_MS, type StreamFixture } from "../stream-fixture.ts";
import { foldVehicles, openVehicleFold } from "./vehicle-fold.ts";

/** First key of the locks by which streams claim partitions. */
const CLAIM_LOCK = 0x666f6c64;

let fixture: StreamFixture;
let client: pg.Client;
let tracker: number;
let phone: number;
let vehicleId: number;

beforeEach(async () => {
  fixture = await openStreamFixture();
  client = new pg.Client(connectionSettings(fixture.url, "vehicle test"));
  await client.connect();
  [tracker, phone] = fixture.deviceIds as [number, number];
  const [vehicle] = await fixture.rows<{ id: number }>(
    "insert into vehicle (fleet_id, kind) values (1, 'van') returning vehicle_id as id",
  );
  vehicleId = vehicle!.id;
  await bind(tracker, 1);
  await bind(phone, 2);
});

afterEach(async () => {
  await client?.end();
  await fixture?.close();
});

async function bind(deviceId: number, priority: number, fromMs = START_MS): Promise<void> {
  await fixture.rows(
    "insert into vehicle_device (vehicle_id, device_id, priority, bound_from) values ($1, $2, $3, $4)",
    [vehicleId, deviceId, priority, new Date(fromMs)],
  );
}

/** A frame of one fix that is received at once. */
async function report(deviceId: number, second: number): Promise<void> {
  await fixture.append(deviceId, [at(second, { latDeg: 41 })], { receivedAtMs: START_MS + second * 1000 });
}

type State = { deviceId: number; reason: string; second: number };

async function state(): Promise<State | undefined> {
  const [row] = await fixture.rows<State>(
    `select device_id as "deviceId", reason, (extract(epoch from fix_time) - $1)::float8 as second from vehicle_state`,
    [START_MS / 1000],
  );
  return row;
}

const whole = () => fixture.rows("select * from vehicle_state order by vehicle_id");

/** A tracker that falls silent, a phone that takes over, and the tracker that comes back. */
function history(): [deviceId: number, second: number][] {
  const reports: [number, number][] = [];
  for (let second = 0; second < 900; second += 5) {
    if (second % 10 === 0 && (second <= 100 || second >= 600)) reports.push([tracker, second]);
    if (second % 15 === 5) reports.push([phone, second]);
  }
  return reports;
}

test("the devices are in different partitions, and one speaks for the vehicle", async () => {
  expect(partitionOf(tracker)).not.toBe(partitionOf(phone));
  for (const [deviceId, second] of history().filter(([, second]) => second < 300)) await report(deviceId, second);
  await fixture.foldAll();
  await foldVehicles(client);
  expect(await state()).toEqual({ deviceId: phone, reason: "stale", second: 290 });
});

test("folding often, seldom or again from nothing gives the same state", async () => {
  let n = 0;
  for (const [deviceId, second] of history()) {
    await report(deviceId, second);
    if (++n % 13 > 0) continue;
    await fixture.foldAll();
    await foldVehicles(client);
  }
  await fixture.foldAll();
  await foldVehicles(client);
  expect(await state()).toEqual({ deviceId: tracker, reason: "preferred", second: 890 });
  const often = await whole();
  await fixture.rows("truncate vehicle_state");
  await foldVehicles(client);
  expect(await whole()).toEqual(often);
});

test("a vehicle waits for the partition that is behind, so that the order of partitions does not matter", async () => {
  for (const [deviceId, second] of history()) await report(deviceId, second);
  const holder = new pg.Client(connectionSettings(fixture.url, "vehicle test"));
  await holder.connect();
  await holder.query("select pg_advisory_lock($1, $2)", [CLAIM_LOCK, partitionOf(tracker)]);
  const stream = await fixture.start();
  await fixture.until(async () => {
    const rows = await fixture.rows("select from fix where device_id = $1", [phone]);
    return rows.length === 60;
  });
  await foldVehicles(client);
  expect(await state()).toEqual({ deviceId: null, reason: null, second: null });
  await fixture.stop(stream);
  await holder.end();
  await fixture.foldAll();
  await foldVehicles(client);
  expect(await state()).toEqual({ deviceId: tracker, reason: "preferred", second: 890 });
});

test("histories longer than one read are merged in order", async () => {
  const reports = Array.from({ length: 1_300 }, (_, second) => at(second, { latDeg: 41 }));
  await fixture.append(tracker, reports.slice(0, 600), { receivedAtMs: START_MS + 600_000 });
  await fixture.append(phone, reports.slice(0, 1_000), { receivedAtMs: START_MS + 1_000_000 });
  await fixture.append(tracker, reports.slice(600), { receivedAtMs: START_MS + 1_300_000 });
  await fixture.foldAll();
  await foldVehicles(client);
  expect(await state()).toEqual({ deviceId: tracker, reason: "stale", second: 1_299 });
});

test("another binding or a replay folds the vehicle anew, and what was before a binding is not the vehicle's", async () => {
  for (const [deviceId, second] of history()) await report(deviceId, second);
  await fixture.foldAll();
  await foldVehicles(client);
  await fixture.rows("update vehicle_device set bound_to = now() where device_id = $1", [tracker]);
  await foldVehicles(client);
  expect(await state()).toEqual({ deviceId: phone, reason: "first", second: 890 });
  await bind(tracker, 1, START_MS + 895_000);
  await foldVehicles(client);
  expect(await state()).toMatchObject({ deviceId: phone, reason: "first" });
  await fixture.rows("update fix set lat_deg = 42");
  await fixture.rows("update stream_cursor set revision = revision + 1");
  await foldVehicles(client);
  const [row] = await fixture.rows("select lat_deg from vehicle_state");
  expect(row).toEqual({ lat_deg: 42 });
});

test("old history is left alone: a new state begins with the last position before it", async () => {
  const DAY_S = 86_400;
  await report(tracker, 0);
  await report(phone, 100);
  await report(phone, DAY_S + 1_000);
  await fixture.foldAll();
  await foldVehicles(client);
  const [row] = await fixture.rows("select fold->'sources' as sources from vehicle_state");
  expect(Object.keys((row as { sources: object }).sources)).toEqual([String(tracker), String(phone)]);
  expect(await state()).toMatchObject({ deviceId: phone, second: DAY_S + 1_000 });
});

test("the loop follows notifications, and only one of two loops works", async () => {
  const heard = new Set<(channel: string) => void>();
  const listen = (_channels: readonly string[], hear: (channel: string) => void) => {
    heard.add(hear);
    return Promise.resolve({ close: () => Promise.resolve() });
  };
  const log = { warn: () => undefined } as never;
  const loops = [1, 2].map(() => openVehicleFold({ databaseUrl: fixture.url, listen, log }));
  try {
    await report(tracker, 1);
    await fixture.foldAll();
    for (const hear of heard) hear("fixes");
    await fixture.until(async () => (await state())?.second === 1);
    await report(tracker, 2);
    await fixture.foldAll();
    for (const hear of heard) hear("fixes");
    await fixture.until(async () => (await state())?.second === 2);
  } finally {
    for (const loop of loops) await (await loop).close();
  }
});
