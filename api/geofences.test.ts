import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestApi, type TestApi } from "./testing.ts";

let api: TestApi;
let admin: string;

beforeAll(async () => {
  api = await openTestApi();
  admin = await api.key();
});

afterAll(() => api?.close());

const depot = {
  type: "Feature",
  geometry: { type: "Point", coordinates: [-8.61, 41.15] },
  properties: { name: "depot", radius_m: 120, colour: "#00f" },
};

test("a geofence is made of a Feature, found, changed, replaced, listed and taken away", async () => {
  const made = await api.call(admin, "POST", "/v1/geofences", { ...depot, id: "ignored" });
  expect(made.statusCode).toBe(201);
  const { id, createdAt, effectiveAt } = made.json();
  expect(made.headers.location).toBe(`/v1/geofences/${id}`);
  expect(made.json()).toMatchObject({ ...depot, fleetId: 1, version: 1 });
  expect(Date.parse(effectiveAt)).toBeGreaterThan(Date.parse(createdAt));
  expect((await api.call(admin, "GET", `/v1/geofences/${id}`)).json()).toEqual(made.json());

  const change = { properties: { name: "the depot", dwell_s: 600, colour: null } };
  const changed = (await api.call(admin, "PATCH", `/v1/geofences/${id}`, change)).json();
  expect(changed).toMatchObject({ version: 2, geometry: depot.geometry, createdAt });
  expect(changed.properties).toEqual({ name: "the depot", radius_m: 120, dwell_s: 600 });

  const line = {
    type: "LineString",
    coordinates: [
      [-8.61, 41.15],
      [-8.6, 41.16],
    ],
  };
  const replacement = { type: "Feature", geometry: line, properties: { width_m: 40 } };
  const replaced = (await api.call(admin, "PUT", `/v1/geofences/${id}`, replacement)).json();
  expect(replaced).toMatchObject({ ...replacement, version: 3 });
  expect((await api.call(admin, "GET", "/v1/geofences")).json().data).toEqual([replaced]);

  expect((await api.call(admin, "DELETE", `/v1/geofences/${id}`)).statusCode).toBe(204);
  expect((await api.call(admin, "DELETE", `/v1/geofences/${id}`)).statusCode).toBe(404);
  expect((await api.call(admin, "PATCH", `/v1/geofences/${id}`, change)).statusCode).toBe(404);
  const { rows } = await api.database.pool.query(
    "select version, valid_to = lead(valid_from, 1, valid_to) over (order by version) as seamless from geofence_version",
  );
  expect(rows).toEqual([1, 2, 3].map((version) => ({ version, seamless: true })));
});

test.each([
  ["a circle without a radius", { ...depot, properties: {} }, 422, "/properties/radius_m"],
  [
    "latitude first",
    { ...depot, geometry: { type: "Point", coordinates: [41.15, -98.61] } },
    422,
    "/geometry/coordinates",
  ],
  [
    "an open ring",
    {
      ...depot,
      geometry: {
        type: "Polygon",
        coordinates: [
          [
            [0, 0],
            [1, 0],
            [1, 1],
            [0, 1],
          ],
        ],
      },
    },
    422,
    "/geometry/coordinates/0",
  ],
])("%s is refused with the place of the mistake", async (_title, body, status, pointer) => {
  const answer = await api.call(admin, "POST", "/v1/geofences", body);
  expect([answer.statusCode, answer.json().code]).toEqual([status, "geofence_unfit"]);
  expect(answer.json().errors).toMatchObject([{ in: "body", pointer, detail: expect.any(String) }]);
});

test("what is no Feature of a known geometry is refused by the schema", async () => {
  const { geometry, properties } = depot;
  for (const body of [
    { geometry, properties },
    { ...depot, type: "FeatureCollection" },
    { ...depot, geometry: { type: "GeometryCollection", geometries: [] } },
    { ...depot, geometry: { type: "Point", coordinates: ["1", "2"] } },
    { ...depot, surprise: 1 },
  ]) {
    const answer = await api.call(admin, "POST", "/v1/geofences", body);
    expect([answer.statusCode, answer.json().code]).toEqual([400, "validation"]);
  }
});

test("a change that would leave no geofence is refused and changes nothing", async () => {
  const { id } = (await api.call(admin, "POST", "/v1/geofences", depot)).json();
  const answer = await api.call(admin, "PATCH", `/v1/geofences/${id}`, { properties: { radius_m: null } });
  expect([answer.statusCode, answer.json().code]).toEqual([422, "geofence_unfit"]);
  expect((await api.call(admin, "GET", `/v1/geofences/${id}`)).json()).toMatchObject({ version: 1, ...depot });
});

test("a fleet has as many geofences as it may have", async () => {
  const fleetId = await api.fleet();
  const secret = await api.key({ fleetId });
  expect((await api.call(secret, "POST", "/v1/geofences", depot)).statusCode).toBe(201);
  await api.database.pool.query("update geofence_revision set geofences = 100000 where fleet_id = $1", [fleetId]);
  const answer = await api.call(secret, "POST", "/v1/geofences", depot);
  expect([answer.statusCode, answer.json().code]).toEqual([409, "geofences_full"]);
  const { rows } = await api.database.pool.query("select geofences from geofence_revision where fleet_id = $1", [
    fleetId,
  ]);
  expect(rows).toEqual([{ geofences: 100_000 }]);
});

test("geofences need scopes of their own", async () => {
  const reader = await api.key({ fleetId: 1, scopes: ["geofences:read"] });
  expect((await api.call(reader, "GET", "/v1/geofences")).statusCode).toBe(200);
  expect((await api.call(reader, "POST", "/v1/geofences", depot)).json()).toMatchObject({ scope: "geofences:write" });
  const other = await api.key({ fleetId: 1, scopes: ["devices:read"] });
  expect((await api.call(other, "GET", "/v1/geofences")).statusCode).toBe(403);
});

test("a device tells the geofences that it is inside of", async () => {
  const deviceId = await api.device(1, "inside");
  const { id } = (await api.call(admin, "POST", "/v1/geofences", depot)).json();
  const none = (await api.call(admin, "GET", "/v1/devices/inside/geofences")).json();
  expect(none).toEqual({ data: [], next_cursor: null, has_more: false });
  const enteredAtMs = Date.UTC(2026, 10, 22, 8);
  const fences = {
    [id]: { inside: true, enteredAtMs, dwelled: false, pending: null },
    999999: { inside: true, enteredAtMs, dwelled: false, pending: null },
    [Number(id) - 1]: { inside: false, enteredAtMs: null, dwelled: false, pending: {} },
  };
  const state = { stages: { geofence: { version: 1, state: { history: { now: { fences } } } } } };
  await api.database.pool.query(
    "insert into device_state (device_id, partition, last_seq, stage_state) values ($1, 0, 1, $2)",
    [deviceId, JSON.stringify(state)],
  );
  const { data } = (await api.call(admin, "GET", "/v1/devices/inside/geofences")).json();
  expect(data).toEqual([{ geofenceId: id, name: "depot", enteredAt: "2026-11-22T08:00:00.000Z", dwelled: false }]);
});
