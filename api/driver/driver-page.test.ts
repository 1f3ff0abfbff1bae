import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { deliveryParts, type FormPart, multipartBody } from "../pod/test-forms.ts";
import { openTestApi, TEST_NOW_MS, type TestApi } from "../testing.ts";
import { type DriverDayFixture, storeDriverDay } from "./driver-fixture.ts";
import type { Handed, PhoneLocation } from "./phone-listener.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

let api: TestApi;
let secret: string;
let day: DriverDayFixture;
/** What the listener for phones was given, and what it says to the next requests; then that all is stored. */
const handed: { uid: string; password: string; locations: readonly PhoneLocation[] }[] = [];
const answers: Handed[] = [];

beforeAll(async () => {
  api = await openTestApi({
    handPositions: async (device, locations) => {
      handed.push({ ...device, locations });
      return answers.shift() ?? { kind: "stored" };
    },
  });
  secret = await api.key();
});

afterAll(() => api?.close());

beforeEach(async () => {
  handed.length = 0;
  answers.length = 0;
  api.clock.nowMs = TEST_NOW_MS;
  day = await storeDriverDay(api, secret, {
    policy: { proof: { requires: ["photo", "pin"], lacking: "refuse", pin: "4711" } },
  });
});

const get = (url: string) => api.app.inject({ url });
const post = (url: string, body: object) => api.app.inject({ method: "POST", url, body });
const positions = (times: readonly number[], sentAtMs = api.clock.nowMs) => ({
  sentAt: new Date(sentAtMs).toISOString(),
  positions: times.map((timeMs) => ({ time: new Date(timeMs).toISOString(), lat: 57.7, lon: 11.97, accuracyM: 8 })),
});
const sendPod = (stopId: string, parts: readonly FormPart[], token = day.token) => {
  const { body, type } = multipartBody(parts);
  const url = `/v1/driver/${token}/stops/${stopId}/pod`;
  return api.app.inject({ method: "POST", url, headers: { "content-type": type }, body });
};

test("a link shows the stops of the day in order, with what it takes to serve them and nothing more", async () => {
  const answer = await get(`/v1/driver/${day.token}`);
  expect(answer.headers["cache-control"]).toBe("private, no-store");
  const shown = answer.json();
  expect(shown.driver).toEqual({ id: day.driverId, givenName: "Ana" });
  expect(shown.routes).toHaveLength(1);
  const [route] = shown.routes;
  expect(route).toMatchObject({ name: "Morning", vehicle: "Van 1", status: "planned" });
  expect(route.stops.map(({ id }: { id: string }) => id)).toEqual(day.stopIds);
  expect(route.stops[0]).toMatchObject({
    ...{ address: "Kungsgatan 1", notes: "Ring twice", status: "planned", timeZone: "Europe/Stockholm" },
    contact: { name: "M. Berg", phone: "+46 31 123 45" },
    proof: { requires: ["photo", "pin"], pin: true, scans: [], refusesLacking: true },
  });
  expect(answer.body).not.toMatch(/4711|berg@example|Sousa/);
});

test("a link ends with the next day of the fleet's time zone, after a week at the latest, and when it is revoked", async () => {
  const links = `/v1/drivers/${day.driverId}/links`;
  const [usual] = (await api.call(secret, "GET", links)).json().data;
  expect(usual.expiresAt).toBe("2026-11-24T00:00:00.000Z");
  expect(JSON.stringify(usual)).not.toContain(day.token);
  await api.database.pool.query("update fleet set time_zone = 'America/New_York' where fleet_id = 1");
  const abroad = (await api.call(secret, "POST", links, {})).json();
  expect(abroad.expiresAt).toBe("2026-11-24T05:00:00.000Z");
  await api.database.pool.query("update fleet set time_zone = 'UTC' where fleet_id = 1");
  const far = (await api.call(secret, "POST", links, { expiresAt: "2027-01-01T00:00:00Z" })).json();
  expect(Date.parse(far.expiresAt)).toBe(TEST_NOW_MS + 7 * DAY_MS);
  const past = await api.call(secret, "POST", links, { expiresAt: "2020-01-01T00:00:00Z" });
  expect(past.json().code).toBe("link_never_open");

  expect((await get(`/v1/driver/${far.token}`)).statusCode).toBe(200);
  expect((await api.call(secret, "DELETE", `${links}/${far.id}`)).statusCode).toBe(204);
  const [revoked, unknown] = [await get(`/v1/driver/${far.token}`), await get("/v1/driver/AAAAAAAAAAAAAAAAAAAAAA")];
  api.clock.nowMs = Date.parse(usual.expiresAt);
  const expired = await get(`/v1/driver/${day.token}`);
  const told = [revoked, unknown, expired].map((answer) => [
    answer.statusCode,
    answer.json().detail,
    answer.json().code,
  ]);
  expect(told).toEqual(Array(3).fill([404, undefined, "not_found"]));
  const { rows } = await api.database.pool.query("select token_hash from driver_link where link_id = $1", [far.id]);
  expect(rows[0].token_hash.toString("base64url")).not.toContain(far.token);
});

test("positions are acknowledged only when the gateway says that they are stored, as those of a device with a password", async () => {
  const url = `/v1/driver/${day.token}/positions`;
  const times = [TEST_NOW_MS - 2 * MINUTE_MS, TEST_NOW_MS - MINUTE_MS];
  answers.push({ kind: "away", detail: "The gateway answers 503." });
  const away = await post(url, positions(times));
  expect([away.statusCode, away.json().code, away.headers["retry-after"]]).toEqual([503, "phones_away", "10"]);
  const stored = await post(url, positions(times));
  expect([stored.statusCode, stored.json()]).toEqual([200, { stored: 2, offDuty: 0 }]);
  expect(handed[0]).toEqual(handed[1]);
  expect(handed[0]!.uid).toBe(`driver/${day.driverId}`);
  expect(handed[0]!.locations[0]).toEqual({
    timestamp: new Date(times[0]!).toISOString(),
    coords: { latitude: 57.7, longitude: 11.97, accuracy: 8 },
  });
  const device = await api.database.pool.query("select settings from device where uid = $1", [handed[0]!.uid]);
  expect(device.rows[0].settings["auth.passwordHash"]).toMatch(/^scrypt\$/);
});

test("the phone sits in the vehicle of the route, behind its trackers", async () => {
  await post(`/v1/driver/${day.token}/positions`, positions([TEST_NOW_MS - MINUTE_MS]));
  const vehicle = (await api.call(secret, "GET", `/v1/vehicles/${day.vehicleId}`)).json();
  expect(vehicle.devices).toMatchObject([{ uid: `driver/${day.driverId}`, priority: 200 }]);
});

test("a device that lost its password gets it again; another device of the same name is left alone", async () => {
  const url = `/v1/driver/${day.token}/positions`;
  answers.push({ kind: "notProved" });
  expect((await post(url, positions([TEST_NOW_MS]))).statusCode).toBe(200);
  expect(handed).toHaveLength(2);
  const next = await storeDriverDay(api, secret);
  await api.device(await api.fleet(), `driver/${next.driverId}`);
  await post(`/v1/driver/${next.token}/positions`, positions([TEST_NOW_MS]));
  expect(handed.at(-1)!.uid).toMatch(new RegExp(`^driver/${next.driverId}/.{8}$`));
});

test("where a driver is off duty is not stored, and a wrong clock of the phone does not decide that", async () => {
  const url = `/v1/driver/${day.token}/positions`;
  const yesterday = TEST_NOW_MS - DAY_MS;
  const off = await post(url, positions([yesterday]));
  expect([off.json(), handed.length]).toEqual([{ stored: 0, offDuty: 1 }, 0]);
  const mixed = await post(url, positions([yesterday, TEST_NOW_MS]));
  expect([mixed.json(), handed[0]!.locations.length]).toEqual([{ stored: 1, offDuty: 1 }, 1]);
  const skewed = await post(url, positions([yesterday - MINUTE_MS], yesterday));
  expect(skewed.json()).toEqual({ stored: 1, offDuty: 0 });
});

test("a claim is kept once beside what was observed", async () => {
  const url = `/v1/driver/${day.token}/stops/${day.stopIds[0]}/claims`;
  const claim = {
    clientId: `c-${day.linkId}`,
    kind: "arrived",
    at: new Date(TEST_NOW_MS).toISOString(),
    lat: 57.7,
    lon: 11.97,
  };
  const said = [await post(url, claim), await post(url, { ...claim, at: "2026-01-01T00:00:00Z" })];
  expect(said.map(({ statusCode }) => statusCode)).toEqual([201, 200]);
  expect(said[0]!.json()).toEqual(said[1]!.json());
  const [stop] = (await get(`/v1/driver/${day.token}`)).json().routes[0].stops;
  expect(stop).toMatchObject({
    ...{ status: "planned", observed: { arrivedAt: null } },
    claimed: { arrivedAt: "2026-11-22T12:00:00.000Z", departedAt: null },
  });
  const listed = (await api.call(secret, "GET", `/v1/stops/${day.stopIds[0]}/claims`)).json().data;
  expect(listed).toMatchObject([{ kind: "arrived", driverId: day.driverId }]);
});

test("a proof is taken as everywhere: once, by the job's policy, with the link in its custody", async () => {
  const [stopId] = day.stopIds;
  const parts = deliveryParts([
    ["clientId", `p-${day.linkId}`],
    ["pin", "4711"],
  ]);
  const [first, again] = [await sendPod(stopId!, parts), await sendPod(stopId!, parts)];
  expect([first.statusCode, again.statusCode, again.json().id]).toEqual([201, 200, first.json().id]);
  const lacking = await sendPod(stopId!, deliveryParts([["clientId", "other"]]));
  expect(lacking.json()).toMatchObject({ code: "pod_incomplete", missing: ["pin"] });
  const custody = (await api.call(secret, "GET", `/v1/pods/${first.json().id}/custody`)).json().data;
  expect(custody[0]).toMatchObject({ who: `driver link:${day.linkId}`, action: "uploaded" });
  const [stop] = (await get(`/v1/driver/${day.token}`)).json().routes[0].stops;
  expect(stop.status).toBe("delivered");
});

test("a link opens the driver's own stops only, those that a colleague took over in the meantime included", async () => {
  const other = await storeDriverDay(api, secret);
  const claim = { clientId: `foreign-${day.linkId}`, kind: "arrived", at: new Date(TEST_NOW_MS).toISOString() };
  const urlOf = (stopId: string) => `/v1/driver/${day.token}/stops/${stopId}/claims`;
  expect((await post(urlOf(other.stopIds[0]!), claim)).statusCode).toBe(404);
  expect((await sendPod(other.stopIds[0]!, deliveryParts())).statusCode).toBe(404);
  await api.call(secret, "PATCH", `/v1/routes/${day.routeId}`, { driver: Number(other.driverId) });
  expect((await get(`/v1/driver/${day.token}`)).json().routes).toEqual([]);
  expect((await post(urlOf(day.stopIds[0]!), claim)).statusCode).toBe(201);
});

test("the app of the phone is limited to its own paths and keeps the page without anybody's token", async () => {
  const worker = await get("/d/service-worker.js");
  if (worker.json === undefined || worker.statusCode === 503) return;
  expect(worker.headers["content-type"]).toContain("text/javascript");
  expect(worker.body).not.toContain(day.token);
  const kept = JSON.parse(/^const KEPT = (.*);$/m.exec(worker.body)![1]!);
  expect(kept.paths.length).toBeGreaterThan(2);
  for (const path of kept.paths) expect([path, (await get(path)).statusCode]).toEqual([path, 200]);
  const manifest = (await get(`/d/${day.token}/manifest.webmanifest`)).json();
  expect(manifest).toMatchObject({ start_url: `/d/${day.token}`, scope: "/d/" });
  for (const { src } of manifest.icons) expect((await get(src)).headers["content-type"]).toBe("image/png");
  expect((await get("/d/AAAAAAAAAAAAAAAAAAAAAA/manifest.webmanifest")).statusCode).toBe(404);
});
