import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestApi, TEST_NOW_MS, type TestApi } from "./testing.ts";

let api: TestApi;
let admin: string;

beforeAll(async () => {
  api = await openTestApi();
  admin = await api.key();
});

afterAll(() => api?.close());

const at = (minutes: number) => new Date(TEST_NOW_MS + minutes * 60_000).toISOString();
/** Along a street to the north, a kilometre apart. */
const stop = (notes: string, km: number, more: object = {}) => ({
  ...{ notes, lat: 41 + km / 111.195, lon: -8.6, serviceSeconds: 60, ...more },
});
const names = (route: { stops: { notes: string }[] }) => route.stops.map(({ notes }) => notes).join("");

async function plan(body: object) {
  const made = await api.call(admin, "POST", "/v1/routes", { start: { lat: 41, lon: -8.6 }, ...body });
  expect(made.statusCode, made.body).toBe(201);
  return made.json();
}

const optimise = (id: string, query = "") => api.call(admin, "POST", `/v1/routes/${id}/optimise${query}`);

test("stops come in the best order, as a version with its reason and its event; again nothing changes", async () => {
  const route = await plan({ stops: [stop("d", 4), stop("a", 1), stop("c", 3), stop("b", 2)] });
  const rehearsed = (await optimise(route.id, "?dryRun=true")).json();
  expect([rehearsed.changed, names(rehearsed.route), rehearsed.route.version]).toEqual([true, "dacb", 1]);
  const answer = (await optimise(route.id)).json();
  expect([answer.changed, answer.basis, names(answer.route)]).toEqual([true, "straight_line", "abcd"]);
  expect(answer.after.travelSeconds).toBeLessThan(answer.before.travelSeconds);
  const { rows } = await api.database.pool.query(
    `select v.version, v.reason, e.type, e.data ->> 'reason' as told from route_version v
     join event e on e.data ->> 'routeId' = v.route_id::text where v.route_id = $1 and v.version = 2`,
    [route.id],
  );
  expect(rows).toEqual([{ version: 2, reason: "optimised", type: "route.resequenced", told: "optimised" }]);
  const again = (await optimise(route.id)).json();
  expect([again.changed, again.route.version]).toEqual([false, 2]);
});

test("windows are met, by driving past and coming back if need be", async () => {
  const route = await plan({
    stops: [stop("a", 1), stop("b", 2), stop("c", 3, { windowEnd: at(8) }), stop("d", 1.5, { windowStart: at(60) })],
  });
  const { route: ordered, before, after } = (await optimise(route.id)).json();
  expect(after.lateSeconds).toBe(0);
  expect(names(ordered).indexOf("c")).toBeLessThan(2);
  expect(before.lateSeconds).toBeGreaterThan(0);
});

test("what was served keeps its place, and depots at the ends do", async () => {
  const depot = { kind: "depot" };
  const route = await plan({
    stops: [stop("S", 0, depot), stop("x", 9), stop("c", 3), stop("a", 1), stop("b", 2), stop("E", 0, depot)],
  });
  await api.database.pool.query(
    "insert into stop_state (stop_id, route_id, status) values ($1, $3, 'departed'), ($2, $3, 'departed')",
    [route.stops[0].id, route.stops[1].id, route.id],
  );
  const { route: ordered } = (await optimise(route.id)).json();
  expect(names(ordered)).toMatch(/^Sx(abc|cba)E$/);
});

test("a stop with a proof of delivery was served, whether or not it was seen to be", async () => {
  const route = await plan({ stops: [stop("x", 9), stop("c", 3), stop("a", 1), stop("b", 2)] });
  await api.database.pool.query(
    `insert into pod (fleet_id, stop_id, content_hash, outcome, device_time, received_at, sealed, commit_xid)
     values (1, $1, '', 'failed', now(), now(), '', 1)`,
    [route.stops[0].id],
  );
  const { route: ordered } = (await optimise(route.id)).json();
  expect(names(ordered)).toMatch(/^x(abc|cba)$/);
});

test("a route of one stop, a cancelled one and one of another version are answered, not ordered", async () => {
  const single = await plan({ stops: [stop("o", 1)] });
  expect((await optimise(single.id)).json()).toMatchObject({ changed: false, route: { version: 1 } });
  const headers = { authorization: `Bearer ${admin}`, "if-match": '"7"' };
  const url = `/v1/routes/${single.id}/optimise`;
  const conflict = await api.app.inject({ method: "POST", url, headers });
  expect([conflict.statusCode, conflict.json().version]).toEqual([409, 1]);
  await api.call(admin, "DELETE", `/v1/routes/${single.id}`);
  expect((await optimise(single.id)).json().code).toBe("route_cancelled");
});
