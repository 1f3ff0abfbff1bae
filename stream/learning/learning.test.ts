import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectionSettings } from "#store/database.ts";
import { readLegs } from "#store/eta-observations.ts";
import { readLearnedRows } from "#store/eta-sums.ts";
import { insertEtas } from "#store/eta-writes.ts";
import { openTestDatabase, type TestDatabase } from "#store/testing.ts";
import type { StopKind } from "../eta/eta.ts";
import type { EtaModel } from "../eta/eta-model.ts";
import { fitModel } from "../eta/learn-model.ts";
import { drawRoads, placeOf } from "../roads/sample-roads.ts";
import { learnDays } from "./learning-loop.ts";

/** A street of 3 km driven at a third of its free-flow speed, a stop served for six minutes, and an ETA that was early. */

const DAY_MS = Date.UTC(2026, 10, 2);
const HOUR_MS = 3_600_000;
const ARRIVED_MS = DAY_MS + 9 * HOUR_MS;
const EXPECTED_MS = ARRIVED_MS - 600_000;
const WAY_ID = 77;

let server: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  server = await openTestDatabase();
  client = new pg.Client(connectionSettings(server.url, "learning test"));
  await client.connect();
  const idOf = async (text: string, values: unknown[] = []): Promise<number> =>
    (await client.query(text, values)).rows[0].id;
  const deviceId = await idOf("insert into device (fleet_id, uid) values (1, 'van') returning device_id as id");
  const vehicleId = await idOf("insert into vehicle (fleet_id, kind) values (1, 'van') returning vehicle_id as id");
  await client.query(
    "insert into vehicle_device (vehicle_id, device_id, priority, bound_from) values ($1, $2, 1, $3)",
    [vehicleId, deviceId, new Date(DAY_MS)],
  );
  const routeId = await idOf(
    "insert into route (fleet_id, version, vehicle_id) values (1, 1, $1) returning route_id as id",
    [vehicleId],
  );
  const stopId = await idOf(
    "insert into stop (fleet_id, route_id, lat_deg, lon_deg, service_s) values (1, $1, 41.15, -8.6, 120) returning stop_id as id",
    [routeId],
  );
  await client.query(
    "insert into stop_state (stop_id, route_id, status, arrived_at, departed_at) values ($1, $2, 'departed', $3, $4)",
    [stopId, routeId, new Date(ARRIVED_MS), new Date(ARRIVED_MS + 360_000)],
  );
  await client.query(
    `insert into route_state (route_id, version, status, started_at, completed_at, fold)
     values ($1, 1, 'completed', $2, $3, $4)`,
    [
      ...[routeId, new Date(DAY_MS + 7 * HOUR_MS), new Date(DAY_MS + 15 * HOUR_MS)],
      { progress: { rest: { fromMs: DAY_MS + 11 * HOUR_MS, toMs: DAY_MS + 11.5 * HOUR_MS } } },
    ],
  );
  await insertEtas(client, [
    {
      ...{ fleetId: 1, routeId: String(routeId), stopId: String(stopId), computedMs: EXPECTED_MS - HOUR_MS },
      ...{ p10Ms: EXPECTED_MS, p50Ms: EXPECTED_MS, p90Ms: EXPECTED_MS, basis: "live", reason: "position", told: false },
      ...{ expectedMs: EXPECTED_MS, spreadS: 300, restShare: 0, restS: 0, bucket: "live/before/3/morning", traffic: 1 },
      modelVersion: 0,
    },
  ]);
  for (let n = 0; n < 60; n++) {
    const { lat, lon } = placeOf(n * 23.6, 0);
    const time = new Date(DAY_MS + 8 * HOUR_MS + n * 10_000);
    await client.query(
      `insert into fix (fix_id, device_id, fix_time, fingerprint, received_at, stored_at, commit_xid, kind, protocol, valid,
         late, buffered, lat_deg, lon_deg, attributes, matched_lat_deg, matched_lon_deg, matched_way_id, matched_forward,
         matched_confidence)
       values ($1, $2, $3, 1, $3, $3, 1, 'fix', 'osmand', true, false, false, $4, $5, '{}', $4, $5, $6, true, 0.9)`,
      [n + 1, deviceId, time, lat, lon, WAY_ID],
    );
  }
});

afterAll(async () => {
  await client.end();
  await server.close();
});

const street = () =>
  drawRoads([
    {
      id: WAY_ID,
      line: [
        [0, 0],
        [3_000, 0],
      ],
    },
  ]);

async function newestModel(): Promise<{ version: number; model: EtaModel }> {
  const { rows } = await client.query("select version, model from eta_model order by version desc limit 1");
  return rows[0];
}

test("a day teaches speeds, services, rests and errors once, after it is over", async () => {
  const roads = await street();
  expect(await learnDays(client, roads, DAY_MS + 25 * HOUR_MS)).toBe(0);
  expect(await learnDays(client, roads, DAY_MS + 27 * HOUR_MS)).toBe(1);
  expect(await learnDays(client, roads, DAY_MS + 48 * HOUR_MS)).toBe(0);
  const { version, model } = await newestModel();
  expect(version).toBe(1);
  const learned = await readLearnedRows<StopKind>(client, 1);
  expect(fitModel(learned, 1, "UTC")).toEqual(model);
  const [speed] = learned.speeds;
  expect(speed).toMatchObject({ wayId: WAY_ID, forward: true, slot: 8, drivenS: expect.closeTo(590, 0) });
  // Residential streets flow at 30 km/h × 0.85 = 7.08 m/s; 2.36 m/s were driven.
  expect(speed!.drivenS / speed!.freeS).toBeCloseTo(3, 1);
  expect(learned.services).toMatchObject([
    { kind: "delivery", visits: 1, sumShare: 3, sumLog: expect.closeTo(Math.log(3)) },
  ]);
  expect(learned.rests[8]).toMatchObject({ exposed: 1, rests: 1, restS: 1800 });
  expect(learned.errors).toMatchObject([{ bucket: "live/before/3/morning" }]);
  expect(learned.errors[0]!.counts.reduce((sum, count) => sum + count, 0)).toBe(1);
});

test("a day without observations makes no model, and the next one fades what was learned", async () => {
  const roads = await street();
  await client.query(
    "update stop_state set arrived_at = arrived_at + interval '4 days', departed_at = departed_at + interval '4 days'",
  );
  expect(await learnDays(client, roads, DAY_MS + 5.5 * 24 * HOUR_MS)).toBe(1);
  expect((await newestModel()).version).toBe(2);
  const learned = await readLearnedRows<StopKind>(client, 1);
  // Four days are the half life of errors: half of the first and the new one.
  expect(learned.errors.flatMap(({ counts }) => counts).reduce((sum, count) => sum + count, 0)).toBeCloseTo(1.5);
});

test("a leg is observed from the departure before to the arrival, without the halts on it", async () => {
  const { rows } = await client.query("select stop_id, route_id, arrived_at from stop_state");
  const [{ route_id: routeId, arrived_at: arrivedAt }] = rows;
  const arrivedMs = (arrivedAt as Date).getTime();
  const before = (minutes: number): number => arrivedMs - minutes * 60_000;
  const added = await client.query(
    "insert into stop (fleet_id, route_id, lat_deg, lon_deg) values (1, $1, 41.16, -8.61) returning stop_id",
    [routeId],
  );
  await client.query(
    "insert into stop_state (stop_id, route_id, status, arrived_at, departed_at) values ($1, $2, 'departed', $3, $4)",
    [added.rows[0].stop_id, routeId, new Date(before(30)), new Date(before(20))],
  );
  const pauses = [{ fromMs: before(15), toMs: before(10) }];
  await client.query("update route_state set fold = jsonb_set(fold, '{progress,pauses}', $1)", [
    JSON.stringify(pauses),
  ]);
  const time = { fleetId: 1, fromMs: before(60), toMs: arrivedMs + 1 };
  expect(await readLegs(client, time)).toEqual([
    {
      ...{ fromLatDeg: 41.16, fromLonDeg: -8.61, latDeg: 41.15, lonDeg: -8.6, driverId: null },
      ...{ vehicleId: expect.any(Number), leftMs: before(20), arrivedMs, haltedS: 300 },
    },
  ]);
  expect(await readLegs(client, { ...time, toMs: before(1) })).toEqual([]);
});
