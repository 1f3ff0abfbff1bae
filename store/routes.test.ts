import { afterAll, beforeAll, expect, test } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import { changeGeofence, findGeofence, listGeofences, removeGeofence } from "./geofences.ts";
import { listen } from "./listen.ts";
import { endOverStopFences } from "./over-stops.ts";
import type { Plan, RouteContent, StopContent } from "./plan-rows.ts";
import {
  cancelRoute,
  createRoute,
  findRoute,
  insertStop,
  putRoute,
  type RouteResult,
  type RouteView,
  reorderStops,
  takeStopOff,
  updateRoute,
} from "./routes.ts";
import { cancelStop, createStop, findStop, listStops, putStop, updateStop } from "./stops.ts";
import { openTestDatabase, type TestDatabase } from "./testing.ts";

let server: TestDatabase;
let database: Database;
const any = { expectedVersion: null };

beforeAll(async () => {
  server = await openTestDatabase();
  database = await openDatabase({ url: server.url, applicationName: "routes test" });
});

afterAll(async () => {
  await database?.close();
  await server?.close();
});

function routeContent(externalId: string | null, more: Partial<RouteContent> = {}): RouteContent {
  return {
    ...{ externalId, name: null, vehicleId: null, driverId: null, brandId: null, start: null, end: null },
    ...{ startsAtMs: null, endsAtMs: null, capacity: null, policy: {}, ...more },
  };
}

function stopContent(externalId: string, more: Partial<StopContent> = {}): StopContent & { externalId: string } {
  return {
    ...{ externalId, kind: "delivery", latDeg: 41.15, lonDeg: -8.61, radiusM: 75, address: null, contact: {} },
    ...{ notes: null, windowStartMs: null, windowEndMs: null, serviceS: 120, demand: 0, promisedByMs: null },
    ...{ timeZone: null, policy: {}, ...more },
    externalId,
  };
}

function done(result: RouteResult): RouteView {
  if (result.kind !== "done") throw new Error(`refused: ${JSON.stringify(result)}`);
  return result.route;
}

const names = (route: RouteView) => route.stops.map(({ externalId }) => externalId);
const idOf = (route: RouteView, name: string) => route.stops.find(({ externalId }) => externalId === name)!.stopId;

async function newest(routeId: number): Promise<{ version: number; reason: string; revision: number; plan: Plan }> {
  const { rows } = await database.pool.query(
    "select version, reason, revision, plan from route_version where route_id = $1 order by version desc limit 1",
    [routeId],
  );
  return rows[0];
}

test("a route is made with its stops, their geofences, a whole plan and its announcement", async () => {
  const heard: string[] = [];
  const ears = await listen(server.url, { plans: () => heard.push("plans") });
  const windowEndMs = Date.UTC(2126, 10, 23, 10, 30, 0, 250);
  const stops = [stopContent("made-1", { windowEndMs }), stopContent("made-2", { latDeg: 41.2, radiusM: 40 })];
  const route = done(await createRoute(database, 1, routeContent("made", { start: [41.1, -8.6] }), stops));
  await expect.poll(() => heard.length).toBeGreaterThan(0);
  await ears.close();
  expect(names(route)).toEqual(["made-1", "made-2"]);
  const { version, reason, plan } = await newest(route.routeId);
  expect([version, reason]).toEqual([1, "created"]);
  expect(plan).toMatchObject({ vehicleId: null, status: "planned", start: [41.1, -8.6], end: null });
  expect(plan.stops.map((stop) => [stop.stopId, stop.windowEndMs, stop.geofenceId])).toEqual(
    route.stops.map((stop) => [stop.stopId, stop.windowEndMs, stop.geofenceId]),
  );
  expect(plan.stops[0]!.windowEndMs).toBe(windowEndMs);
  const fence = await findGeofence(database, 1, route.stops[1]!.geofenceId!);
  expect(fence).toMatchObject({
    geometry: { type: "Point", coordinates: [-8.61, 41.2] },
    properties: { kind: "stop", radius_m: 40 },
  });
});

test("a plan counts a moment after it was made, and revisions count on", async () => {
  const first = done(await createRoute(database, 1, routeContent(null), []));
  const second = done(await createRoute(database, 1, routeContent(null), []));
  expect((await newest(second.routeId)).revision).toBe((await newest(first.routeId)).revision + 1);
  const { rows } = await database.pool.query(
    "select extract(epoch from effective_at - made_at)::float8 as delay from route_version where route_id = $1",
    [second.routeId],
  );
  expect(rows[0].delay).toBeGreaterThan(1.9);
});

test("putting the same route again changes nothing, a changed stop alone is written", async () => {
  const stops = [stopContent("put-1"), stopContent("put-2")];
  const content = { ...routeContent("put"), externalId: "put" };
  const first = await putRoute(database, 1, content, stops, any);
  const again = await putRoute(database, 1, content, stops, any);
  expect([first, again].map((result) => result.kind === "done" && [result.created, result.changed])).toEqual([
    [true, true],
    [false, false],
  ]);
  expect(done(again).version).toBe(1);
  const moved = done(
    await putRoute(database, 1, content, [stopContent("put-1"), stopContent("put-2", { latDeg: 41.3 })], any),
  );
  expect([moved.version, ...moved.stops.map(({ version }) => version)]).toEqual([2, 1, 2]);
  expect(await findGeofence(database, 1, moved.stops[1]!.geofenceId!)).toMatchObject({
    version: 2,
    geometry: { coordinates: [-8.61, 41.3] },
  });
});

test("stops are inserted, driven in another order and taken off while the route is driven", async () => {
  const made = done(
    await createRoute(
      database,
      1,
      routeContent("edit"),
      ["a", "b", "c"].map((name) => stopContent(name)),
    ),
  );
  const { routeId } = made;
  const inserted = done(await insertStop(database, 1, routeId, { content: stopContent("d") }, { ...any, position: 1 }));
  expect(names(inserted)).toEqual(["a", "d", "b", "c"]);
  const order = ["c", "a", "d", "b"].map((name) => idOf(inserted, name));
  const reordered = done(await reorderStops(database, 1, routeId, order, { ...any, reason: "resequenced" }));
  expect(names(reordered)).toEqual(["c", "a", "d", "b"]);
  expect((await newest(routeId)).reason).toBe("resequenced");
  const events = await database.pool.query("select type, data from event where data ->> 'routeId' = $1", [routeId]);
  expect(events.rows).toEqual([
    {
      type: "route.resequenced",
      data: { routeId: String(routeId), version: 3, reason: "resequenced", stopIds: order.map(String) },
    },
  ]);
  const without = done(await takeStopOff(database, 1, routeId, idOf(made, "a"), any));
  expect([names(without), without.version]).toEqual([["c", "d", "b"], 4]);
  expect(without.stops.map(({ position }) => position)).toEqual([0, 1, 2]);
  const waiting = await findStop(database, 1, idOf(made, "a"));
  expect([waiting?.routeId, waiting?.position, waiting?.status]).toEqual([null, null, "planned"]);
  expect((await newest(routeId)).plan.stops.map(({ stopId }) => stopId)).toEqual(
    without.stops.map((one) => one.stopId),
  );
});

test("an order that is not all of the stops, each once, is refused", async () => {
  const route = done(await createRoute(database, 1, routeContent(null), [stopContent("m1"), stopContent("m2")]));
  const [one, two] = route.stops.map(({ stopId }) => stopId);
  for (const order of [[one!], [one!, one!], [one!, two!, two!], [one!, 999_999]]) {
    const result = await reorderStops(database, 1, route.routeId, order, { ...any, reason: "resequenced" });
    expect(result.kind).toBe("mismatch");
  }
});

test("a stop is on one route at a time: it is not taken from another unless moved on purpose", async () => {
  const from = done(await createRoute(database, 1, routeContent("from"), [stopContent("wanted")]));
  const to = done(await createRoute(database, 1, routeContent("to"), []));
  const stopId = idOf(from, "wanted");
  const refused = await putRoute(
    database,
    1,
    { ...routeContent("to"), externalId: "to" },
    [stopContent("wanted")],
    any,
  );
  expect(refused).toEqual({ kind: "elsewhere", stopId, externalId: "wanted", routeId: from.routeId });
  const moved = done(await insertStop(database, 1, to.routeId, { stopId }, any));
  expect(names(moved)).toEqual(["wanted"]);
  const left = (await findRoute(database, 1, from.routeId))!;
  expect([left.stops, left.version]).toEqual([[], 2]);
});

test("a waiting order is taken along by the route that names it", async () => {
  const made = await createStop(database, 1, stopContent("waiting"));
  const route = done(await createRoute(database, 1, routeContent(null), [stopContent("waiting", { notes: "ring" })]));
  expect(made.kind === "done" && made.stop.stopId).toBe(route.stops[0]!.stopId);
  expect(route.stops[0]).toMatchObject({ notes: "ring", version: 2, routeId: route.routeId });
});

test("another version than the expected one is a conflict, and nothing is written", async () => {
  const route = done(await createRoute(database, 1, routeContent("versions"), [stopContent("v1")]));
  const expected = { expectedVersion: 1 };
  done(await updateRoute(database, 1, route.routeId, { name: "first" }, expected));
  const late = await updateRoute(database, 1, route.routeId, { name: "second" }, expected);
  expect(late).toEqual({ kind: "conflict", version: 2 });
  const stop = await updateStop(database, 1, idOf(route, "v1"), { notes: "n" }, { expectedVersion: 7 });
  expect(stop).toEqual({ kind: "conflict", version: 1 });
  expect((await findRoute(database, 1, route.routeId))?.name).toBe("first");
});

test("cancelling a route ends the geofences of its stops, putting it again gives new ones", async () => {
  const content = { ...routeContent("cancelled"), externalId: "cancelled" };
  const made = done(await putRoute(database, 1, content, [stopContent("k1")], any));
  const cancelled = done(await cancelRoute(database, 1, made.routeId, any));
  expect([cancelled.status, cancelled.stops[0]!.geofenceId]).toEqual(["cancelled", null]);
  expect((await newest(made.routeId)).plan.status).toBe("cancelled");
  expect(await findGeofence(database, 1, made.stops[0]!.geofenceId!)).toBeUndefined();
  expect((await updateRoute(database, 1, made.routeId, { name: "x" }, any)).kind).toBe("cancelled");
  const again = done(await cancelRoute(database, 1, made.routeId, any));
  expect(again.version).toBe(cancelled.version);
  const revived = done(await putRoute(database, 1, content, undefined, any));
  expect([revived.status, revived.stops[0]!.geofenceId !== null]).toEqual(["planned", true]);
  const { plan } = await newest(made.routeId);
  expect(plan.stops[0]!.geofenceId).toBe(revived.stops[0]!.geofenceId);
});

test("a removed stop leaves its route and its geofence, and comes back when it is put again", async () => {
  const route = done(await createRoute(database, 1, routeContent(null), [stopContent("r1"), stopContent("r2")]));
  const stopId = idOf(route, "r1");
  const removed = await cancelStop(database, 1, stopId);
  expect(removed).toMatchObject({ kind: "done", stop: { status: "removed", position: null, geofenceId: null } });
  expect(names((await findRoute(database, 1, route.routeId))!)).toEqual(["r2"]);
  expect((await cancelStop(database, 1, stopId)).kind).toBe("missing");
  const again = await putStop(database, 1, stopContent("r1"));
  expect(again).toMatchObject({ kind: "done", created: false, stop: { stopId, status: "planned", routeId: null } });
});

test("an external id is one stop's and one route's", async () => {
  await createStop(database, 1, stopContent("twice"));
  expect(await createStop(database, 1, stopContent("twice"))).toEqual({ kind: "taken", externalId: "twice" });
  const other = await createStop(database, 1, stopContent("other"));
  const stopId = other.kind === "done" ? other.stop.stopId : 0;
  expect((await updateStop(database, 1, stopId, { externalId: "twice" })).kind).toBe("taken");
  await createRoute(database, 1, routeContent("route-twice"), []);
  expect((await createRoute(database, 1, routeContent("route-twice"), [])).kind).toBe("taken");
  const same = [stopContent("same"), stopContent("same")];
  expect(await createRoute(database, 1, routeContent(null), same)).toEqual({ kind: "taken", externalId: "same" });
  expect(
    await listStops(database, {
      ...{ fleetId: 1, afterStopId: 0, limit: 9, externalId: "same" },
      routeId: null,
      unassigned: false,
    }),
  ).toEqual([]);
});

test("the geofence of a stop is changed through its stop alone", async () => {
  const route = done(await createRoute(database, 1, routeContent(null), [stopContent("fenced")]));
  const { geofenceId } = route.stops[0]!;
  expect(await removeGeofence(database, 1, geofenceId!)).toBe(false);
  expect(await changeGeofence(database, 1, geofenceId!, (content) => content)).toBeUndefined();
  const listed = await listGeofences(database, { fleetId: 1, after: 0, limit: 1_000 });
  expect(listed.map((fence) => fence.geofenceId)).not.toContain(geofenceId);
});

test("geofences end once their stops are long over, and the same stops put again change nothing", async () => {
  const dayMs = 86_400_000;
  const content = { ...routeContent("over"), externalId: "over" };
  const stops = [stopContent("over-1", { windowEndMs: Date.now() - 8 * dayMs }), stopContent("over-2")];
  const made = done(await putRoute(database, 1, content, stops, any));
  expect(await endOverStopFences(database, Date.now())).toBe(1);
  const after = (await findRoute(database, 1, made.routeId))!;
  expect(after.stops.map(({ geofenceId }) => geofenceId === null)).toEqual([true, false]);
  expect(await findGeofence(database, 1, made.stops[0]!.geofenceId!)).toBeUndefined();
  const again = await putRoute(database, 1, content, stops, any);
  expect(again).toMatchObject({ changed: false, route: { version: 1 } });
  await database.pool.query(
    "insert into route_state (route_id, version, status, completed_at, fold) values ($1, 1, 'completed', now(), '{}')",
    [made.routeId],
  );
  expect(await endOverStopFences(database, Date.now())).toBe(0);
  expect(await endOverStopFences(database, Date.now() + 2 * dayMs)).toBe(1);
});

test("concurrent changes of one route are all there, in one row of versions", async () => {
  const { routeId } = done(await createRoute(database, 1, routeContent(null), []));
  const stops = Array.from({ length: 8 }, (_, index) => stopContent(`concurrent-${index}`));
  const results = await Promise.all(
    stops.map((content) => insertStop(database, 1, routeId, { content }, { ...any, position: 0 })),
  );
  expect(results.map(({ kind }) => kind)).toEqual(stops.map(() => "done"));
  const route = (await findRoute(database, 1, routeId))!;
  expect([route.version, route.stops.length]).toEqual([9, 8]);
  const { rows } = await database.pool.query(
    "select version from route_version where route_id = $1 order by revision",
    [routeId],
  );
  expect(rows.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
});
