import { afterAll, beforeAll, expect, test } from "vitest";
import { storeJudgedPod } from "./pod/test-forms.ts";
import {
  openTestApi,
  settleFeeds,
  storeEvents,
  storeFixes,
  storePosition,
  storeQuarantined,
  storeTrip,
  storeVehicle,
  TEST_NOW_MS,
  type TestApi,
} from "./testing.ts";

/**
 * Walks the OpenAPI document: each operation with an id in its path is called with the id of a thing of another fleet and
 * must answer 404; each list must answer nothing of another fleet. An operation that this test cannot call fails it.
 */

type Operation = { method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"; path: string };

let api: TestApi;
let theirFleet: number;
let mine: string;
let theirs: string;
/** For what stands before an id in a path, the id of such a thing of the other fleet. */
const theirIds = new Map<string, string>();
const yard = {
  type: "Feature",
  geometry: { type: "Point", coordinates: [151.2, -33.1] },
  properties: { radius_m: 80 },
};
/** Bodies that would be right if the thing were ours. */
const bodies: Record<string, object> = {
  "PATCH /v1/devices/{id}": { name: "mine now" },
  "PATCH /v1/vehicles/{id}": { name: "mine now" },
  "PUT /v1/vehicles/{id}/devices/{uid}": { priority: 1 },
  "PUT /v1/geofences/{id}": yard,
  "PATCH /v1/geofences/{id}": { properties: { name: "mine now" } },
  "PATCH /v1/routes/{id}": { name: "mine now" },
  "POST /v1/routes/{id}/stops": { lat: -33.1, lon: 151.2 },
  "PUT /v1/routes/{id}/stops/order": { stops: [] },
  "PATCH /v1/stops/{id}": { notes: "mine now" },
  "POST /v1/stops/{id}/links": {},
  "PATCH /v1/drivers/{id}": { givenName: "Mine" },
  "POST /v1/drivers/{id}/links": {},
  "PATCH /v1/webhooks/{id}": { enabled: false },
  "POST /v1/webhooks/{id}/rotate-secret": {},
  "POST /v1/webhooks/{id}/resend": { from: "2026-01-01T00:00:00Z", to: "2027-01-01T00:00:00Z" },
  "PATCH /v1/brands/{id}": { name: "mine now" },
  "POST /v1/pods/{id}/override": { verdict: "accepted", note: "mine now" },
};
/** Operations that make something new and name nothing that exists. */
const creations = new Set([
  ...["POST /v1/devices", "POST /v1/vehicles", "POST /v1/keys", "POST /v1/commands", "POST /v1/geofences"],
  "POST /v1/webhooks",
  ...["POST /v1/routes", "POST /v1/stops", "POST /v1/drivers", "POST /v1/brands", "POST /v1/imports"],
]);
/** Name a thing of their own fleet by what it is called there: another fleet's is never meant. */
const upserts = new Set(["PUT /v1/routes/external/{externalId}", "PUT /v1/stops/external/{externalId}"]);
/** Answered to keys of all fleets only: what they list belongs to no fleet. */
const fleetless = new Set(["GET /v1/devices/unknown"]);
/** Not lists of JSON; their tenancy is tested with the streams and with the proofs of delivery. */
const streams = new Set(["GET /v1/events/stream", "GET /v1/deliveries.csv", "GET /v1/key"]);

beforeAll(async () => {
  api = await openTestApi();
  const myFleet = await api.fleet();
  theirFleet = await api.fleet();
  mine = await api.key({ fleetId: myFleet });
  theirs = await api.key({ fleetId: theirFleet });
  const deviceId = await api.device(theirFleet, "their/device");
  await storeFixes(api.database, [{ deviceId, fixId: 2048, timeMs: TEST_NOW_MS }]);
  await api.database.pool.query("update fix set cell = $1", [BigInt("0x89392c8a6c3ffff").toString()]);
  await storeTrip(api.database, theirFleet, deviceId, "their-trip");
  theirIds.set("trips", "their-trip");
  await storePosition(api.database, { deviceId, fixId: 2048, timeMs: TEST_NOW_MS });
  await storeEvents(api.database, theirFleet, [{ id: "their-event", deviceId }]);
  theirIds.set("devices", encodeURIComponent("their/device"));
  theirIds.set("quarantine", await storeQuarantined(api.database, { deviceId, fleetId: theirFleet }));
  const command = { device: "their/device", text: "getver" };
  theirIds.set("commands", (await api.call(theirs, "POST", "/v1/commands", command)).json().id);
  theirIds.set("vehicles", String(await storeVehicle(api.database, theirFleet, [{ deviceId, priority: 1 }])));
  theirIds.set("geofences", (await api.call(theirs, "POST", "/v1/geofences", yard)).json().id);
  const startsAt = new Date(TEST_NOW_MS).toISOString();
  const plan = { externalId: "R-1", startsAt, stops: [{ externalId: "S-1", lat: -33.1, lon: 151.2 }] };
  const route = (await api.call(theirs, "POST", "/v1/routes", plan)).json();
  theirIds.set("routes", route.id);
  theirIds.set("stops", route.stops[0].id);
  const { id: routeId, stops } = route;
  await api.database.pool.query(
    `with reached as (
      insert into stop_state (stop_id, route_id, status, arrived_at) values ($3, $2, 'arrived', $4)
      on conflict (stop_id) do update set status = 'arrived', arrived_at = $4 returning stop_id
    )
    insert into eta (commit_xid, fleet_id, route_id, stop_id, computed_at, p10, p50, p90, basis, reason, model_version)
    select pg_current_xact_id()::text::bigint, $1, $2, stop_id, $4::timestamptz - interval '1 h', $4, $4, $4, 'live',
      'position', 1 from reached`,
    [theirFleet, routeId, stops[0].id, new Date(TEST_NOW_MS)],
  );
  theirIds.set("pods", await storeJudgedPod(api, theirs, route.stops[0].id));
  const link = (await api.call(theirs, "POST", `/v1/stops/${route.stops[0].id}/links`, {})).json();
  theirIds.set("links", link.id);
  theirIds.set("drivers", (await api.call(theirs, "POST", "/v1/drivers", { givenName: "Ana" })).json().id);
  theirIds.set("brands", (await api.call(theirs, "POST", "/v1/brands", { name: "theirs" })).json().id);
  const hook = (await api.call(theirs, "POST", "/v1/webhooks", { url: "https://example.com/" })).json();
  theirIds.set("webhooks", hook.id);
  await api.call(theirs, "POST", `/v1/webhooks/${hook.id}/resend`, {
    from: "2000-01-01T00:00:00Z",
    to: "2100-01-01T00:00:00Z",
  });
  theirIds.set("deliveries", (await api.call(theirs, "GET", `/v1/webhooks/${hook.id}/deliveries`)).json().data[0].id);
  const keys = (await api.call(theirs, "GET", "/v1/keys")).json();
  theirIds.set("keys", String(keys.data[0].id));
  await settleFeeds(api.database);
});

afterAll(() => api?.close());

/** Of a page, or of GeoJSON. */
function listOf(answer: { data?: unknown[]; features?: unknown[] }): unknown[] {
  return answer.data ?? answer.features ?? [];
}

function operations(): Operation[] {
  const document = api.app.swagger() as { paths: Record<string, Record<string, unknown>> };
  return (
    Object.entries(document.paths)
      // A token of a link belongs to no key: whoever has it may use it.
      .filter(([path]) => path.startsWith("/v1/") && !/^\/v1\/(track|driver)\//.test(path))
      .flatMap(([path, item]) =>
        Object.keys(item).map((method) => ({ method: method.toUpperCase() as Operation["method"], path })),
      )
  );
}

function urlOf(path: string): string {
  return path.replace(/(\w+)\/\{\w+\}/g, (_, family: string) => {
    const id = theirIds.get(family);
    if (id === undefined) throw new Error(`no id of another fleet to call ${path} with`);
    return `${family}/${id}`;
  });
}

test("an id of another fleet answers 404 on every endpoint of the document", async () => {
  const withIds = operations().filter(({ method, path }) => path.includes("{") && !upserts.has(`${method} ${path}`));
  expect(withIds.length).toBeGreaterThan(8);
  for (const { method, path } of withIds) {
    const answer = await api.call(mine, method, urlOf(path), bodies[`${method} ${path}`]);
    expect([method, path, answer.statusCode, answer.json().code]).toEqual([method, path, 404, "not_found"]);
  }
});

test("the same ids answer to the fleet that they belong to", async () => {
  const reads = operations().filter(({ method, path }) => method === "GET" && path.includes("{"));
  for (const { method, path } of reads) {
    const answer = await api.call(theirs, method, urlOf(path));
    expect([path, answer.statusCode]).toEqual([path, 200]);
  }
});

test("no list shows anything of another fleet, and every list is covered", async () => {
  for (const { method, path } of operations()) {
    const name = `${method} ${path}`;
    if (path.includes("{") || creations.has(name) || streams.has(name)) continue;
    const answer = await api.call(mine, method, path);
    if (fleetless.has(name)) {
      expect([path, answer.statusCode, answer.json().code]).toEqual([path, 403, "all_fleets_only"]);
      continue;
    }
    expect([path, answer.statusCode]).toEqual([path, 200]);
    const own = path === "/v1/keys" ? 1 : 0;
    expect([path, listOf(answer.json()).length]).toEqual([path, own]);
    const shown = listOf((await api.call(theirs, method, path)).json()).length;
    expect([path, shown > 0]).toEqual([path, true]);
  }
});

test("a key cannot send commands to a device of another fleet", async () => {
  const answer = await api.call(mine, "POST", "/v1/commands", { deviceUid: "their/device", text: "getver" });
  expect([answer.statusCode, answer.json().code]).toEqual([404, "not_found"]);
});

test("a device and a vehicle of different fleets are never bound, whoever asks", async () => {
  const myVehicle = (await api.call(mine, "POST", "/v1/vehicles", { kind: "van" })).json().id;
  const url = `/v1/vehicles/${myVehicle}/devices/${theirIds.get("devices")}`;
  for (const secret of [mine, theirs, await api.key()]) {
    const answers = [await api.call(secret, "PUT", url, {}), await api.call(secret, "DELETE", url)];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([404, 404]);
  }
  expect((await api.call(mine, "DELETE", `/v1/vehicles/${myVehicle}`)).statusCode).toBe(204);
  const elsewhere = await api.call(mine, "POST", "/v1/vehicles", { kind: "van", fleetId: theirFleet });
  expect(elsewhere.statusCode).toBe(404);
});

test("what is put by external id is the own fleet's, whatever others call theirs", async () => {
  const stop = { lat: -33.2, lon: 151.3 };
  const put = [
    await api.call(mine, "PUT", "/v1/stops/external/S-1", stop),
    await api.call(mine, "PUT", "/v1/routes/external/R-1", { stops: [{ externalId: "S-1", ...stop }] }),
  ];
  expect(put.map(({ statusCode }) => statusCode)).toEqual([201, 201]);
  expect(put[1]!.json().stops).toMatchObject([{ id: put[0]!.json().id }]);
  const theirStop = (await api.call(theirs, "GET", `/v1/stops/${theirIds.get("stops")}`)).json();
  expect(theirStop).toMatchObject({ lat: -33.1, routeId: theirIds.get("routes") });
  const myRoute = put[1]!.json().id;
  const moved = await api.call(mine, "POST", `/v1/routes/${myRoute}/stops`, { id: theirIds.get("stops") });
  const driven = await api.call(mine, "PATCH", `/v1/routes/${myRoute}`, { driver: theirIds.get("drivers") });
  const carried = await api.call(mine, "PATCH", `/v1/routes/${myRoute}`, { vehicle: theirIds.get("vehicles") });
  const branded = await api.call(mine, "POST", "/v1/routes", { brand: theirIds.get("brands") });
  const joined = await api.call(mine, "POST", "/v1/stops", { ...stop, route: theirIds.get("routes") });
  expect([moved, driven, carried, branded, joined].map(({ statusCode }) => statusCode)).toEqual([
    404, 422, 422, 422, 422,
  ]);
});

test("a key cannot make geofences in another fleet", async () => {
  const answer = await api.call(mine, "POST", "/v1/geofences", { ...yard, fleetId: theirFleet });
  expect([answer.statusCode, answer.json().code]).toEqual([404, "not_found"]);
});

test("a key cannot make devices or keys in another fleet", async () => {
  const device = await api.call(mine, "POST", "/v1/devices", { uid: "new", fleetId: theirFleet });
  const key = await api.call(mine, "POST", "/v1/keys", { name: "n", scopes: ["admin"], fleetId: theirFleet });
  const everywhere = await api.call(mine, "POST", "/v1/keys", { name: "n", scopes: ["admin"], fleetId: null });
  expect([device.statusCode, key.statusCode, everywhere.statusCode]).toEqual([404, 404, 404]);
});
