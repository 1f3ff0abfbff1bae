import { afterAll, beforeAll, expect, test } from "vitest";
import { storeJudgedPod } from "./pod/test-forms.ts";
import { openTestApi, storeEvents, storePosition, TEST_NOW_MS, type TestApi } from "./testing.ts";
import { storeTrackedRoute, type TrackedRoute } from "./tracking/tracking-fixture.ts";

let api: TestApi;
let secret: string;
let fleetId: number;
let route: TrackedRoute;

beforeAll(async () => {
  api = await openTestApi();
  fleetId = await api.fleet();
  secret = await api.key({ fleetId });
  route = await storeTrackedRoute(api.database, TEST_NOW_MS, { fleetId });
  await api.database.pool.query("update route_state set started_at = $2 where route_id = $1", [
    ...[route.routeId, new Date(TEST_NOW_MS - 2_400_000)],
  ]);
});
afterAll(() => api?.close());

const get = async (path: string, key = secret) => (await api.call(key, "GET", path)).json();

test("the routes of a day come with where each stop stands, on that day alone", async () => {
  const { data } = await get("/v1/routes/progress");
  expect(data).toMatchObject([
    {
      id: String(route.routeId),
      status: "started",
      vehicle: { name: "AB-12-CD" },
      driver: { name: "Ana" },
      currentStopId: String(route.stopIds[0]),
      stops: route.stopIds.map((stopId, position) => ({
        ...{ id: String(stopId), position, status: "en_route", stopsBefore: position, atRisk: false, verdict: null },
        eta: { p50: new Date(TEST_NOW_MS + (9 + position * 10) * 60_000).toISOString(), basis: "live" },
      })),
    },
  ]);
  expect((await get("/v1/routes/progress?day=2026-11-22")).data).toHaveLength(1);
  expect((await get("/v1/routes/progress?day=2026-11-21")).data).toEqual([]);
});

test("the pages of a day hold every route once", async () => {
  const other = await storeTrackedRoute(api.database, TEST_NOW_MS, { fleetId, stops: 1 });
  await api.database.pool.query("update route_state set started_at = $1", [new Date(TEST_NOW_MS)]);
  const first = await get("/v1/routes/progress?limit=1");
  const second = await get(`/v1/routes/progress?limit=1&after=${first.next_cursor}`);
  const ids = [...first.data, ...second.data].map(({ id }) => id);
  expect([first.has_more, second.has_more, ids]).toEqual([true, false, [String(route.routeId), String(other.routeId)]]);
});

test("a stop's timeline has its events and what was told, in order, without what was replaced", async () => {
  const stopId = String(route.stopIds[1]);
  await storeEvents(api.database, fleetId, [
    { id: "arrived", type: "stop.arrived", data: { stopId } },
    { id: "arrived again", type: "stop.arrived", data: { stopId, revised: true } },
    { id: "elsewhere", type: "stop.arrived", data: { stopId: String(route.stopIds[0]) } },
  ]);
  await api.database.pool.query("update event set supersedes = 'arrived' where event_id = 'arrived again'");
  const at = new Date(TEST_NOW_MS);
  for (const told of [true, false]) {
    await api.database.pool.query(
      `insert into eta (commit_xid, fleet_id, route_id, stop_id, computed_at, p10, p50, p90, basis, reason, told, model_version)
       values (1, $1, $2, $3, $4, $4, $4, $4, 'live', 'position', $5, 1)`,
      [fleetId, route.routeId, stopId, at, told],
    );
  }
  const { data } = await get(`/v1/stops/${stopId}/timeline`);
  expect(data.map(({ type }: { type: string }) => type).sort()).toEqual(["eta.told", "stop.arrived"]);
  expect(data.find(({ type }: { type: string }) => type === "stop.arrived").data.revised).toBe(true);
});

test("the newest verdict stands in the day, and what a person said of it", async () => {
  const podId = await storeJudgedPod(api, secret, String(route.stopIds[0]));
  await api.call(secret, "POST", `/v1/pods/${podId}/override`, { verdict: "accepted", note: "seen on camera" });
  const [first] = (await get("/v1/routes/progress")).data;
  expect(first.stops[0]).toMatchObject({ status: "delivered", verdict: expect.any(String), override: "accepted" });
});

test("what needs attention is listed by kind, and nothing that is well", async () => {
  const [quiet, well, torn] = [
    await api.device(fleetId, "quiet"),
    await api.device(fleetId, "well"),
    await api.device(fleetId, "torn"),
  ];
  await storePosition(api.database, { deviceId: quiet, fixId: 1, timeMs: TEST_NOW_MS - 3_600_000 });
  await storePosition(api.database, { deviceId: well, fixId: 2, timeMs: TEST_NOW_MS });
  await storePosition(api.database, { deviceId: torn, fixId: 3, timeMs: TEST_NOW_MS });
  await storeEvents(api.database, fleetId, [{ id: "torn", deviceId: torn, type: "device.identity_conflict" }]);
  await api.database.pool.query("update event set occurred_at = $1 where event_id = 'torn'", [new Date(TEST_NOW_MS)]);
  const hook = (await api.call(secret, "POST", "/v1/webhooks", { url: "https://example.com/" })).json();
  await api.database.pool.query("update webhook_endpoint set failing_since = now()");
  const { data } = await get("/v1/attention");
  const seen = data.map((row: Record<string, unknown>) => [row.kind, row.deviceUid ?? row.webhookId]);
  expect(seen).toContainEqual(["silent", "quiet"]);
  expect(seen).toContainEqual(["identity_conflict", "torn"]);
  expect(seen).toContainEqual(["webhook_failing", hook.id]);
  expect(seen.flat()).not.toContain("well");
  const narrow = await api.key({ fleetId, scopes: ["devices:read"] });
  const kinds = (await get("/v1/attention", narrow)).data.map(({ kind }: { kind: string }) => kind);
  expect(kinds).not.toContain("webhook_failing");
});
