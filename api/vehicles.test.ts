import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openTestApi, storePosition, storeVehicle, TEST_NOW_MS, type TestApi } from "./testing.ts";

let api: TestApi;
let fleetId: number;
let secret: string;

beforeAll(async () => {
  api = await openTestApi();
});

afterAll(() => api?.close());

beforeEach(async () => {
  fleetId = await api.fleet();
  secret = await api.key({ fleetId, scopes: ["vehicles:read", "vehicles:write", "fixes:read"] });
});

async function add(body: object = { kind: "van" }): Promise<string> {
  const answer = await api.call(secret, "POST", "/v1/vehicles", body);
  expect([answer.statusCode, typeof answer.json().id]).toEqual([201, "string"]);
  return answer.json().id;
}

const code = (answer: { statusCode: number; json(): { code: string } }) => [answer.statusCode, answer.json().code];

test("a vehicle is added, read, changed, listed, found by its external id and removed", async () => {
  const body = { kind: "van", externalId: "VAN 7", name: "Blue van" };
  const added = await api.call(secret, "POST", "/v1/vehicles", body);
  const { id } = added.json();
  expect(added.headers.location).toBe(`/v1/vehicles/${id}`);
  expect(added.json()).toMatchObject({ ...body, fleetId, devices: [] });
  const changed = await api.call(secret, "PATCH", `/v1/vehicles/${id}`, { name: null, kind: "truck" });
  expect(changed.json()).toMatchObject({ kind: "truck", name: null, externalId: "VAN 7" });
  await add({ kind: "bicycle" });
  const all = (await api.call(secret, "GET", "/v1/vehicles?limit=1")).json();
  expect([all.data.length, all.has_more]).toEqual([1, true]);
  const rest = (await api.call(secret, "GET", `/v1/vehicles?after=${all.next_cursor}`)).json();
  expect(rest.data).toMatchObject([{ kind: "bicycle" }]);
  const found = (await api.call(secret, "GET", "/v1/vehicles?externalId=VAN%207")).json();
  expect(found.data).toMatchObject([{ id }]);
  expect((await api.call(secret, "DELETE", `/v1/vehicles/${id}`)).statusCode).toBe(204);
  expect(code(await api.call(secret, "GET", `/v1/vehicles/${id}`))).toEqual([404, "not_found"]);
});

test("an external id is one vehicle's in its fleet; other fleets may use it too", async () => {
  const body = { kind: "car", externalId: "A" };
  await add(body);
  const other = await add({ kind: "car" });
  expect(code(await api.call(secret, "POST", "/v1/vehicles", body))).toEqual([409, "external_id_taken"]);
  const renamed = await api.call(secret, "PATCH", `/v1/vehicles/${other}`, { externalId: "A" });
  expect(code(renamed)).toEqual([409, "external_id_taken"]);
  const elsewhere = await api.key({ fleetId: await api.fleet() });
  expect((await api.call(elsewhere, "POST", "/v1/vehicles", body)).statusCode).toBe(201);
});

test("devices are put into a vehicle and taken out; putting again changes the priority", async () => {
  const id = await add();
  await api.device(fleetId, `tracker ${id}`);
  await api.device(fleetId, `driver/phone ${id}`);
  const tracker = `/v1/vehicles/${id}/devices/${encodeURIComponent(`tracker ${id}`)}`;
  const phone = `/v1/vehicles/${id}/devices/${encodeURIComponent(`driver/phone ${id}`)}`;
  const boundFrom = "2026-11-01T08:00:00.000Z";
  expect((await api.call(secret, "PUT", tracker, { boundFrom })).statusCode).toBe(200);
  expect((await api.call(secret, "PUT", phone, { priority: 50 })).statusCode).toBe(200);
  const again = await api.call(secret, "PUT", tracker, { priority: 1 });
  expect(again.json().devices).toMatchObject([
    { uid: `tracker ${id}`, protocol: "teltonika", priority: 1, boundFrom },
    { uid: `driver/phone ${id}`, priority: 50 },
  ]);
  expect((await api.call(secret, "DELETE", phone)).statusCode).toBe(204);
  expect(code(await api.call(secret, "DELETE", phone))).toEqual([404, "not_found"]);
  expect((await api.call(secret, "GET", `/v1/vehicles/${id}`)).json().devices).toHaveLength(1);
  const { rows } = await api.database.pool.query("select bound_to from vehicle_device where vehicle_id = $1", [id]);
  expect(rows.filter((row) => row.bound_to !== null)).toHaveLength(1);
});

test("a device is in one vehicle at a time, a vehicle has so many devices, and nothing is bound from the future", async () => {
  const [one, two] = [await add(), await add()];
  for (let n = 0; n <= 10; n++) await api.device(fleetId, `d${n} of ${one}`);
  const url = (vehicle: string, n: number) =>
    `/v1/vehicles/${vehicle}/devices/${encodeURIComponent(`d${n} of ${one}`)}`;
  for (let n = 0; n < 10; n++) expect((await api.call(secret, "PUT", url(one, n), {})).statusCode).toBe(200);
  expect(code(await api.call(secret, "PUT", url(one, 10), {}))).toEqual([409, "vehicle_full"]);
  expect((await api.call(secret, "PUT", url(one, 9), { priority: 3 })).statusCode).toBe(200);
  const taken = await api.call(secret, "PUT", url(two, 0), {});
  expect([...code(taken), taken.json().vehicleId]).toEqual([409, "device_bound", one]);
  const boundFrom = new Date(TEST_NOW_MS + 1_000).toISOString();
  expect(code(await api.call(secret, "PUT", url(two, 10), { boundFrom }))).toEqual([400, "validation"]);
});

test("the position of a vehicle names the device that speaks for it, and why", async () => {
  const deviceId = await api.device(fleetId, `live ${fleetId}`);
  const other = await api.device(fleetId, `other ${fleetId}`);
  await storePosition(api.database, { deviceId, fixId: 4096, timeMs: TEST_NOW_MS, lat: 10 });
  const devices = [deviceId, other].map((id) => ({ deviceId: id, priority: 1 }));
  const vehicleId = await storeVehicle(api.database, fleetId, devices, TEST_NOW_MS - 61_000);
  const at = new Date(TEST_NOW_MS - 61_000).toISOString();
  const expected = {
    vehicleId: String(vehicleId),
    ...{ id: "2048", deviceUid: `live ${fleetId}`, protocol: "teltonika", lat: -33.1, time: at },
    attributes: { ignition: true },
    freshness: { state: "delayed" },
    source: { deviceUid: `live ${fleetId}`, protocol: "teltonika", reason: "stale", since: at },
  };
  const position = await api.call(secret, "GET", `/v1/vehicles/${vehicleId}/position`);
  expect(position.json()).toMatchObject(expected);
  const silent = await add();
  expect(code(await api.call(secret, "GET", `/v1/vehicles/${silent}/position`))).toEqual([404, "no_position"]);
  const list = (await api.call(secret, "GET", "/v1/vehicles/positions")).json();
  expect(list.data).toMatchObject([expected]);
  const url = `/v1/vehicles/${vehicleId}/devices/${encodeURIComponent(`live ${fleetId}`)}`;
  expect((await api.call(secret, "DELETE", url)).statusCode).toBe(204);
  expect(code(await api.call(secret, "GET", `/v1/vehicles/${vehicleId}/position`))).toEqual([404, "no_position"]);
});

test("reading and writing vehicles and reading positions are scopes of their own", async () => {
  const id = await add();
  const reader = await api.key({ fleetId, scopes: ["vehicles:read"] });
  expect((await api.call(reader, "GET", `/v1/vehicles/${id}`)).statusCode).toBe(200);
  for (const [method, url] of [
    ["POST", "/v1/vehicles"],
    ["DELETE", `/v1/vehicles/${id}`],
    ["GET", `/v1/vehicles/${id}/position`],
    ["GET", "/v1/vehicles/positions"],
  ] as const) {
    const answer = await api.call(reader, method, url, method === "POST" ? { kind: "van" } : undefined);
    expect([url, ...code(answer)]).toEqual([url, 403, "scope_missing"]);
  }
});
