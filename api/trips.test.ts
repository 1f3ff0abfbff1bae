import polyline from "@mapbox/polyline";
import { latLngToCell } from "h3-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { insertPath, upsertTrips } from "#store/fold-track.ts";
import type { PathSegmentRow, TripRow } from "#store/track-rows.ts";
import { openTestApi, storeFixes, TEST_NOW_MS, type TestApi } from "./testing.ts";

const START_MS = TEST_NOW_MS - 3_600_000;

let api: TestApi;
let secret: string;
let fleetId: number;
let deviceId: number;

const trip = (given: Partial<TripRow> = {}): TripRow => ({
  ...{ tripId: "trip-1", version: 1, deviceId, frameSeq: 5, startedMs: START_MS, endedMs: null },
  ...{ startLatDeg: 57.7, startLonDeg: 12, endLatDeg: null, endLonDeg: null, startReason: "ignition", endReason: null },
  ...{ distanceM: null, odometerM: null, idleS: null, stops: null, maxSpeedMps: null, fixes: null },
  ...{ replayed: false, withdrawn: false },
  ...given,
});
const end = {
  endedMs: START_MS + 600_000,
  endLatDeg: 57.71,
  endLonDeg: 12,
  endReason: "motion",
  distanceM: 1_100,
} as const;
const segment = (number: number, wayId: number, line: [number, number][]): PathSegmentRow => ({
  ...{ deviceId, frameSeq: 5, number, wayId, forward: number === 0 },
  ...{ enteredMs: START_MS + number * 60_000, leftMs: START_MS + (number + 1) * 60_000, lengthM: 550 },
  ...{ line: polyline.encode(line, 6), revisedFromMs: null, revisedToMs: null },
});
const get = (path: string) => api.call(secret, "GET", `/v1/devices/van-1/${path}`);

beforeAll(async () => {
  api = await openTestApi();
  fleetId = await api.fleet();
  secret = await api.key({ fleetId, scopes: ["fixes:read"] });
  deviceId = await api.device(fleetId, "van-1");
  await upsertTrips(api.database.pool, [
    { ...trip(), fleetId },
    {
      ...trip({ ...end, idleS: 30, stops: [{ fromMs: START_MS, toMs: START_MS + 5_000, latDeg: 57.7, lonDeg: 12 }] }),
      fleetId,
    },
    { ...trip({ tripId: "trip-2", startedMs: START_MS + 1_000_000 }), fleetId },
    { ...trip({ tripId: "trip-2", version: 2, startedMs: START_MS + 900_000, replayed: true }), fleetId },
    { ...trip({ tripId: "trip-3", startedMs: START_MS + 2_000_000 }), fleetId },
    { ...trip({ tripId: "trip-3", version: 2, startedMs: START_MS + 2_000_000, withdrawn: true }), fleetId },
  ]);
  await insertPath(api.database.pool, [
    segment(0, 10, [
      [57.7, 12],
      [57.702, 12],
      [57.705, 12],
    ]),
    segment(1, 20, [
      [57.705, 12],
      [57.71, 12],
    ]),
    segment(30, 30, [
      [57.75, 12],
      [57.76, 12],
    ]),
  ]);
});

afterAll(() => api?.close());

test("trips are listed newest first, each as its newest version, without those that never were", async () => {
  const all = (await get("trips")).json();
  expect(all.data).toMatchObject([
    { id: "trip-2", version: 2, state: "open", endedAt: null, replayed: true },
    {
      id: "trip-1",
      version: 1,
      state: "ended",
      distanceM: 1_100,
      durationS: 600,
      idleS: 30,
      end: { lat: 57.71, lon: 12 },
    },
  ]);
  const first = (await get("trips?limit=1")).json();
  expect([first.data.length, first.has_more]).toEqual([1, true]);
  expect((await get(`trips?after=${first.next_cursor}`)).json().data).toMatchObject([{ id: "trip-1" }]);
  expect((await get("trips?after=nonsense")).json().code).toBe("cursor_malformed");
  const to = new Date(START_MS + 1_000).toISOString();
  expect((await get(`trips?to=${to}`)).json().data).toMatchObject([{ id: "trip-1" }]);
  expect((await get("trips/trip-1")).json()).toMatchObject({ id: "trip-1", stops: [{ lat: 57.7 }] });
  expect((await get("trips/trip-3")).statusCode).toBe(404);
});

test("the path of a trip is GeoJSON unless GPX is asked for", async () => {
  const answer = await get("trips/trip-1/path");
  expect(answer.headers["content-type"]).toMatch("application/geo+json");
  expect(answer.json().features).toMatchObject([
    {
      geometry: {
        type: "LineString",
        coordinates: [
          [12, 57.7],
          [12, 57.702],
          [12, 57.705],
        ],
      },
      properties: { wayId: 10, forward: true, lengthM: 550, enteredAt: new Date(START_MS).toISOString() },
    },
    { properties: { wayId: 20, forward: false } },
  ]);
  const gpx = await get("trips/trip-1/path?format=gpx");
  expect(gpx.headers["content-type"]).toMatch("application/gpx+xml");
  expect(gpx.body).toContain("<gpx");
  expect(gpx.body.match(/<trkseg>/g)).toHaveLength(1);
  // Two fifths of the way in two fifths of the minute.
  expect(gpx.body).toContain(`<trkpt lat="57.702" lon="12">`);
  expect(gpx.body).toContain(`<time>${new Date(START_MS + 24_000).toISOString()}</time>`);
});

test("the path of a time has every drive, and GPX parts drives that do not join", async () => {
  expect((await get("path")).json().features).toHaveLength(3);
  const url = "/v1/devices/van-1/path";
  const gpx = await api.app.inject({
    url,
    headers: { authorization: `Bearer ${secret}`, accept: "application/gpx+xml" },
  });
  expect(gpx.body.match(/<trkseg>/g)).toHaveLength(2);
  const from = new Date(START_MS + 600_000).toISOString();
  expect((await get(`path?from=${from}`)).json().features).toMatchObject([{ properties: { wayId: 30 } }]);
});

test("a path of a device with an odd name is well-formed, and what is no line is left out", async () => {
  const oddId = await api.device(fleetId, `<van>&"'\uffff`);
  const touched = { ...segment(2, 50, [[57.72, 12]]), deviceId: oddId };
  const driven = {
    ...segment(0, 40, [
      [57.7, 12],
      [57.71, 12],
    ]),
    deviceId: oddId,
  };
  await insertPath(api.database.pool, [driven, touched]);
  const url = `/v1/devices/${encodeURIComponent(`<van>&"'\uffff`)}/path`;
  const { features } = (await api.call(secret, "GET", url)).json();
  expect(features).toMatchObject([{ properties: { wayId: 40 } }]);
  const gpx = (await api.call(secret, "GET", `${url}?format=gpx`)).body;
  expect(gpx).toContain(`<name>Path of &lt;van&gt;&amp;"'\ufffd</name>`);
  expect(gpx).not.toContain("\uffff");
});

test("what late fixes told of a path takes the place of what was said live", async () => {
  const vanId = await api.device(fleetId, "van-2");
  const on = (given: Partial<PathSegmentRow>): PathSegmentRow => ({
    ...segment(0, 10, [
      [57.7, 12],
      [57.71, 12],
    ]),
    ...given,
    deviceId: vanId,
  });
  const minute = (n: number): number => START_MS + n * 60_000;
  await insertPath(api.database.pool, [
    on({ enteredMs: minute(0), leftMs: minute(10) }),
    on({
      ...{ frameSeq: 9, wayId: 70, enteredMs: minute(4), leftMs: minute(6) },
      revisedFromMs: minute(3),
      revisedToMs: minute(8),
    }),
  ]);
  const url = "/v1/devices/van-2/path";
  const read = async (query = "") => (await api.call(secret, "GET", `${url}${query}`)).json().features;
  expect(
    (await read()).map(({ properties }: { properties: { wayId: number; enteredAt: string } }) => [
      properties.wayId,
      new Date(properties.enteredAt).getTime(),
    ]),
  ).toEqual([
    [10, minute(0)],
    [70, minute(4)],
    [10, minute(8)],
  ]);
  // The revision counts although nothing of it was driven in the time asked for.
  const query = `?from=${new Date(minute(7)).toISOString()}&to=${new Date(minute(7.5)).toISOString()}`;
  expect(await read(query)).toEqual([]);
});

test("areas count the fixes of the fleet in hexagons of the resolution asked for", async () => {
  const places = [57.7, 57.7001, 57.75];
  await storeFixes(
    api.database,
    places.map((lat, n) => ({
      deviceId,
      fixId: 900 + n,
      timeMs: TEST_NOW_MS - n * 1_000,
      lat,
      lon: 12,
      late: n === 1,
    })),
  );
  for (const [n, lat] of places.entries()) {
    const cell = BigInt(`0x${latLngToCell(lat, 12, 9)}`).toString();
    await api.database.pool.query(
      "update fix set cell = $1, smoothed_speed_mps = $2 where fix_id = $3 and device_id = $4",
      [...[cell, n * 5, 900 + n, deviceId]],
    );
  }
  const fine = (await api.call(secret, "GET", "/v1/reports/areas?resolution=9")).json();
  const near = fine.features.find(({ id }: { id: string }) => id === latLngToCell(57.7, 12, 9));
  expect(fine.truncated).toBe(false);
  expect(near.properties).toEqual({ fixes: 2, delayedShare: 0.5, speedMps: 5, speedMpsMax: 5 });
  expect(near.geometry.coordinates[0][0]).toEqual(near.geometry.coordinates[0].at(-1));
  expect(near.geometry.coordinates[0][0][0]).toBeCloseTo(12, 1);
  const coarse = (await api.call(secret, "GET", "/v1/reports/areas?resolution=3")).json();
  expect(coarse.features).toHaveLength(1);
  expect(coarse.features[0].properties).toMatchObject({ fixes: 3, speedMps: 7.5, speedMpsMax: 10 });
  const stranger = await api.key({ fleetId: await api.fleet(), scopes: ["fixes:read"] });
  expect((await api.call(stranger, "GET", "/v1/reports/areas")).json().features).toEqual([]);
  expect((await api.call(secret, "GET", "/v1/reports/areas?resolution=12")).statusCode).toBe(400);
  for (const range of ["from=2026-11-22T12:00:00Z&to=2026-11-22T12:00:00Z", "from=2026-01-01T00:00:00Z"]) {
    const refused = await api.call(secret, "GET", `/v1/reports/areas?${range}`);
    expect([refused.statusCode, refused.json().errors[0].pointer]).toEqual([400, "/to"]);
  }
  const minutes = (from: number, to: number) =>
    `from=${new Date(TEST_NOW_MS + from * 60_000).toISOString()}&to=${new Date(TEST_NOW_MS + to * 60_000).toISOString()}`;
  const fixesIn = async (range: string): Promise<number> => {
    const { features } = (await api.call(secret, "GET", `/v1/reports/areas?resolution=3&${range}`)).json();
    return features[0]?.properties.fixes ?? 0;
  };
  expect([await fixesIn(minutes(10, 20)), await fixesIn(minutes(-50, 0)), await fixesIn(minutes(60, 90))]).toEqual([
    ...[1, 2, 0],
  ]);
});

test("areas know no top speed where none was measured, and hexagons lie whole across the antimeridian", async () => {
  const farFleet = await api.fleet();
  const key = await api.key({ fleetId: farFleet, scopes: ["fixes:read"] });
  const farId = await api.device(farFleet, "taveuni");
  const places = [-16.8, -16.802, -16.805];
  await storeFixes(
    api.database,
    places.map((lat, n) => ({ deviceId: farId, fixId: 950 + n, timeMs: TEST_NOW_MS - n * 1_000, lat, lon: 180 })),
  );
  for (const [n, lat] of places.entries()) {
    const cell = BigInt(`0x${latLngToCell(lat, 180, 9)}`).toString();
    await api.database.pool.query(
      "update fix set cell = $1, speed_mps = null, smoothed_speed_mps = null where fix_id = $2 and device_id = $3",
      [cell, 950 + n, farId],
    );
  }
  const { features } = (await api.call(key, "GET", "/v1/reports/areas?resolution=5")).json();
  expect(features).toHaveLength(1);
  expect(features[0].properties).toEqual({ fixes: 3, delayedShare: 0, speedMps: null, speedMpsMax: null });
  const lons: number[] = features[0].geometry.coordinates[0].map(([lon]: [number, number]) => lon);
  expect(Math.max(...lons) - Math.min(...lons)).toBeLessThan(1);
  expect(Math.max(...lons)).toBeGreaterThan(180);
});
