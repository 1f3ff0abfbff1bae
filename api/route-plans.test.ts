import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestApi, type TestApi } from "./testing.ts";

let api: TestApi;
let admin: string;

beforeAll(async () => {
  api = await openTestApi();
  admin = await api.key();
  await api.call(admin, "POST", "/v1/vehicles", { kind: "van", externalId: "VAN-1", name: "white one" });
  await api.call(admin, "POST", "/v1/drivers", { givenName: "Ana", familyName: "Sousa", externalId: "ANA" });
  await api.call(admin, "POST", "/v1/brands", { name: "Padaria", externalId: "PAD" });
});

afterAll(() => api?.close());

const place = { lat: 41.15, lon: -8.61 };
const stop = (externalId: string, more: object = {}) => ({ externalId, ...place, ...more });
const call = (...[method, url, body]: Parameters<TestApi["call"]> extends [string, ...infer Rest] ? Rest : never) =>
  api.call(admin, method, url, body);
const withVersion = (method: "PATCH" | "DELETE", url: string, version: string, body?: object) =>
  api.app.inject({
    ...{ method, url, headers: { authorization: `Bearer ${admin}`, "if-match": version } },
    ...(body === undefined ? {} : { body }),
  });

test("a route is planned as documented, and found again with its stops", async () => {
  const made = await call("POST", "/v1/routes", {
    externalId: "R-1",
    vehicle: "VAN-1",
    driver: "ANA",
    brand: "PAD",
    startsAt: "2026-11-23T08:00:00Z",
    stops: [
      {
        ...stop("S-1", { serviceSeconds: 120, address: "Rua A 1", contact: { name: "Rui", phone: "+351 910" } }),
        ...{ windowStart: "2026-11-23T09:00:00+01:00", windowEnd: "2026-11-23T10:00:00.500Z", kind: "pickup" },
      },
      stop("S-2"),
    ],
  });
  expect(made.statusCode, made.body).toBe(201);
  const route = made.json();
  expect(route).toMatchObject({
    externalId: "R-1",
    version: 1,
    status: "planned",
    vehicle: { externalId: "VAN-1", name: "white one" },
    driver: { externalId: "ANA", name: "Ana" },
    brand: { externalId: "PAD", name: "Padaria" },
    startsAt: "2026-11-23T08:00:00.000Z",
    stopsCount: 2,
  });
  expect(route.stops[0]).toMatchObject({
    ...{ externalId: "S-1", kind: "pickup", ...place, serviceSeconds: 120, position: 0, radiusM: 75, eta: null },
    ...{ windowStart: "2026-11-23T08:00:00.000Z", windowEnd: "2026-11-23T10:00:00.500Z", status: "planned" },
    ...{ arrivedAt: null, departedAt: null, contact: { name: "Rui", phone: "+351 910" }, routeExternalId: "R-1" },
  });
  expect(made.headers.location).toBe(`/v1/routes/${route.id}`);
  const found = await call("GET", `/v1/routes/${route.id}`);
  expect([found.json(), found.headers.etag]).toEqual([route, '"1"']);
  expect((await call("GET", `/v1/stops/${route.stops[1].id}`)).json()).toEqual(route.stops[1]);
  const listed = (await call("GET", "/v1/routes?vehicle=VAN-1&externalId=R-1")).json();
  const { stops: _stops, remainingPath: _path, ...summary } = route;
  expect(listed.data).toEqual([summary]);
  expect((await call("GET", "/v1/stops?route=R-1")).json().data).toEqual(route.stops);
});

test("putting by external id makes, then changes only what differs", async () => {
  const url = "/v1/routes/external/R-2";
  const body = { vehicle: "VAN-1", stops: [stop("P-1"), stop("P-2")] };
  const answers = [await call("PUT", url, body), await call("PUT", url, body)];
  expect(answers.map((answer) => [answer.statusCode, answer.json().version])).toEqual([
    [201, 1],
    [200, 1],
  ]);
  const fewer = (await call("PUT", url, { ...body, stops: [stop("P-2")] })).json();
  expect([fewer.version, fewer.stops.map((one: { externalId: string }) => one.externalId)]).toEqual([2, ["P-2"]]);
  const waiting = (await call("GET", "/v1/stops?externalId=P-1&unassigned=true")).json().data;
  expect(waiting).toMatchObject([{ routeId: null, position: null, status: "planned" }]);
  const order = await call("PUT", "/v1/stops/external/P-1", { ...place, notes: "gate", route: "R-2" });
  expect([order.statusCode, order.json().position, order.json().routeExternalId]).toEqual([200, 1, "R-2"]);
  expect((await call("PUT", "/v1/stops/external/P-9", place)).statusCode).toBe(201);
});

test("stops are put on, moved and taken off a route while it is driven", async () => {
  const made = (await call("POST", "/v1/routes", { stops: [stop("D-1"), stop("D-2")] })).json();
  const url = `/v1/routes/${made.id}/stops`;
  const put = (await call("POST", url, { ...stop("D-3"), position: 1 })).json();
  const names = (route: { stops: { externalId: string }[] }) => route.stops.map(({ externalId }) => externalId);
  expect(names(put)).toEqual(["D-1", "D-3", "D-2"]);
  const ids: string[] = put.stops.map((one: { id: string }) => one.id);
  const turned = (await call("PUT", `${url}/order`, { stops: [...ids].reverse() })).json();
  expect(names(turned)).toEqual(["D-2", "D-3", "D-1"]);
  const events = await api.database.pool.query("select type from event where data ->> 'routeId' = $1", [made.id]);
  expect(events.rows).toEqual([{ type: "route.resequenced" }]);
  const partial = await call("PUT", `${url}/order`, { stops: ids.slice(1) });
  expect([partial.statusCode, partial.json().code]).toEqual([422, "order_mismatch"]);
  const without = (await call("DELETE", `${url}/${ids[1]}`)).json();
  expect(names(without)).toEqual(["D-2", "D-1"]);
  const other = (await call("POST", "/v1/routes", {})).json();
  const moved = await call("POST", `/v1/routes/${other.id}/stops`, { id: ids[0] });
  expect(names(moved.json())).toEqual(["D-1"]);
  expect(names((await call("GET", `/v1/routes/${made.id}`)).json())).toEqual(["D-2"]);
  const cancelled = (await call("DELETE", `/v1/stops/${ids[2]}`)).json();
  expect([cancelled.status, cancelled.position]).toEqual(["cancelled", null]);
});

test("a change of another version than the one there is answers 409 with the version", async () => {
  const route = (await call("POST", "/v1/routes", { stops: [stop("V-1")] })).json();
  const url = `/v1/routes/${route.id}`;
  expect((await withVersion("PATCH", url, '"1"', { name: "early" })).json()).toMatchObject({ version: 2 });
  const late = await withVersion("PATCH", url, '"1"', { name: "late" });
  expect([late.statusCode, late.json()]).toMatchObject([409, { code: "version_conflict", version: 2 }]);
  const stopUrl = `/v1/stops/${route.stops[0].id}`;
  expect((await withVersion("PATCH", stopUrl, '"9"', { notes: "n" })).statusCode).toBe(409);
  expect((await withVersion("PATCH", stopUrl, "what", { notes: "n" })).json().code).toBe("validation");
  expect((await withVersion("DELETE", url, '"2"')).json()).toMatchObject({ status: "cancelled", version: 3 });
  const after = await call("PATCH", url, { name: "x" });
  expect([after.statusCode, after.json().code]).toEqual([409, "route_cancelled"]);
  expect((await call("GET", stopUrl)).json().status).toBe("cancelled");
});

test("what cannot be a stop or a route is refused with the place of what is wrong", async () => {
  const codes: [object, string, string][] = [
    [{ stops: [stop("X-1"), { externalId: "X-2", address: "Rua B 2" }] }, "coordinates_missing", "/stops/1/lat"],
    [{ stops: [{ externalId: "X-3" }] }, "stop_unfit", "/stops/0/lat"],
    [{ stops: [{ externalId: "X-4", lat: 1 }] }, "stop_unfit", "/stops/0/lat"],
    [
      { stops: [stop("X-5", { windowStart: "2026-11-23T10:00:00Z", windowEnd: "2026-11-23T09:00:00Z" })] },
      ...(["stop_unfit", "/stops/0/windowEnd"] as const),
    ],
    [{ stops: [stop("X-6", { timeZone: "Mars/Base" })] }, "stop_unfit", "/stops/0/timeZone"],
    [{ stops: [stop("X-7", { policy: { a: "x".repeat(20_000) } })] }, "stop_unfit", "/stops/0/policy"],
    [{ policy: { a: "x".repeat(20_000) } }, "route_unfit", "/policy"],
    [{ vehicle: "VAN-9" }, "reference_unknown", "/vehicle"],
    [{ startsAt: "2026-11-23T10:00:00Z", endsAt: "2026-11-23T09:00:00Z" }, "route_unfit", "/endsAt"],
  ];
  for (const [body, code, pointer] of codes) {
    const answer = await call("POST", "/v1/routes", body);
    expect([answer.statusCode, answer.json()]).toMatchObject([422, { code, errors: [{ pointer }] }]);
  }
  expect((await call("GET", "/v1/stops?externalId=X-1")).json().data).toEqual([]);
  const taken = [await call("POST", "/v1/stops", stop("T-1")), await call("POST", "/v1/stops", stop("T-1"))];
  expect(taken.map(({ statusCode }) => statusCode)).toEqual([201, 409]);
});

test("what was observed of a stop is shown, with its ETA", async () => {
  const route = (await call("POST", "/v1/routes", { stops: [stop("O-1")] })).json();
  const { id } = route.stops[0];
  await api.database.pool.query(
    `insert into stop_state (stop_id, route_id, status, stops_before, eta_p10, eta_p50, eta_p90, eta_computed_at, eta_basis,
       eta_reason, at_risk) values ($1, $2, 'en_route', 0, '2026-11-23 10:00Z', '2026-11-23 10:05Z', '2026-11-23 10:12Z',
       '2026-11-23 09:30Z', 'live', 'traffic', true)`,
    [id, route.id],
  );
  expect((await call("GET", `/v1/stops/${id}`)).json()).toMatchObject({
    status: "en_route",
    stopsBefore: 0,
    atRisk: true,
    etaReason: null,
    eta: {
      ...{ p10: "2026-11-23T10:00:00.000Z", p50: "2026-11-23T10:05:00.000Z", p90: "2026-11-23T10:12:00.000Z" },
      ...{ computedAt: "2026-11-23T09:30:00.000Z", basis: "live", changeReason: "traffic" },
    },
  });
  await api.database.pool.query(
    "update stop_state set eta_p10 = null, eta_p50 = null, eta_p90 = null, eta_reason = 'no_vehicle' where stop_id = $1",
    [id],
  );
  expect((await call("GET", `/v1/stops/${id}`)).json()).toMatchObject({ eta: null, etaReason: "no_vehicle" });
  await call("DELETE", `/v1/routes/${route.id}/stops/${id}`);
  expect((await call("GET", `/v1/stops/${id}`)).json()).toMatchObject({
    status: "planned",
    eta: null,
    stopsBefore: null,
  });
});

test("drivers and brands are kept, one default brand a fleet", async () => {
  const brand = {
    name: "Correio",
    appearance: { colour: "#aa0033", logo: "data:image/png;base64,iVBORw0KGgo=" },
    support: { phone: "+351 22 000", email: "ajuda@example.com", url: "https://example.com/ajuda" },
    visibility: { position: { withinStops: 3 }, driver: "never" },
    notifications: {
      channels: ["email", "sms"],
      quietHours: { from: "21:00", to: "07:30" },
      triggers: { routeStarted: true, stopsAway: [2], minutesAway: [15], delayed: true },
    },
    isDefault: true,
  };
  const first = (await call("POST", "/v1/brands", brand)).json();
  expect(first).toMatchObject(brand);
  const second = (await call("POST", "/v1/brands", { name: "Outra", isDefault: true })).json();
  expect((await call("GET", `/v1/brands/${first.id}`)).json().isDefault).toBe(false);
  expect((await call("PATCH", `/v1/brands/${first.id}`, { support: {}, isDefault: true })).json()).toMatchObject({
    ...{ support: {}, appearance: brand.appearance, isDefault: true },
  });
  expect((await call("GET", `/v1/brands/${second.id}`)).json().isDefault).toBe(false);
  const wrong = { name: "x", notifications: { quietHours: { from: "25:00", to: "07:00" } } };
  expect((await call("POST", "/v1/brands", wrong)).statusCode).toBe(400);
  expect((await call("POST", "/v1/drivers", { givenName: "Zé", externalId: "ANA" })).statusCode).toBe(409);
  const driver = (await call("GET", "/v1/drivers?externalId=ANA")).json().data[0];
  const changed = (await call("PATCH", `/v1/drivers/${driver.id}`, { phone: "+351 911" })).json();
  expect(changed).toMatchObject({ givenName: "Ana", familyName: "Sousa", phone: "+351 911" });
  const temporary = (await call("POST", "/v1/drivers", { givenName: "Tó" })).json();
  const route = (await call("POST", "/v1/routes", { driver: temporary.id })).json();
  expect((await call("DELETE", `/v1/drivers/${temporary.id}`)).statusCode).toBe(204);
  expect((await call("GET", `/v1/routes/${route.id}`)).json().driver).toBeNull();
});
