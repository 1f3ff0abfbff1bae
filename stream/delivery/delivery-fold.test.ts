import { afterEach, beforeEach, expect, test } from "vitest";
import { findRoute, insertStop, updateRoute } from "#store/routes.ts";
import { START_MS } from "../stream-fixture.ts";
import { type DeliveryFixture, dayOf, driven, openDeliveryFixture } from "./delivery-fixture.ts";
import { openDeliveryFold } from "./delivery-fold.ts";
import { plainEstimators, up } from "./route-fixture.ts";

let fixture: DeliveryFixture;
const PLACES = [2_000, 3_500, 5_000, 7_000, 8_500];

beforeEach(async () => {
  fixture = await openDeliveryFixture();
});

afterEach(async () => {
  await fixture?.close();
});

test("a device that drives a route of five stops makes each event once, in order, and its progress can be read", async () => {
  const routeId = await fixture.addRoute("day", PLACES);
  const day = dayOf(PLACES);
  const half = day.findIndex(({ timeMs }) => timeMs! > START_MS + 630_000);
  await fixture.fold({ second: -1_800 });
  expect((await findRoute(fixture.database, 1, Number(routeId)))?.stops[4]?.progress).toMatchObject({
    etaBasis: "planned",
  });
  await fixture.send(fixture.tracker, day.slice(0, half));
  await fixture.foldAll();
  await fixture.fold({ second: 630 });
  const midway = await findRoute(fixture.database, 1, Number(routeId));
  expect(midway).toMatchObject({ progressStatus: "started", currentStopId: midway!.stops[1]!.stopId });
  expect(midway!.stops.map(({ progress }) => progress!.etaBasis)).toEqual([null, null, "live", "live", "live"]);
  await fixture.send(fixture.tracker, day.slice(half));
  await fixture.foldAll();
  await fixture.fold({ second: 1_700 });
  const each = PLACES.flatMap((_, n) =>
    ["stop.en_route", "stop.approaching", "stop.arrived", "stop.departed"].map((type) => `${type} day-${n + 1}`),
  );
  expect(await fixture.told()).toEqual(["route.started", ...each, "route.completed"]);
  const done = await findRoute(fixture.database, 1, Number(routeId));
  expect(done).toMatchObject({ progressStatus: "completed", currentStopId: null });
  expect(done!.stops.every(({ progress }) => progress!.arrivedAt !== null && progress!.departedAt !== null)).toBe(true);
});

test("folding often, at once, or again from nothing gives the same, late data and changes of plan included", async () => {
  const routeId = await fixture.addRoute("day", PLACES);
  const day = dayOf(PLACES);
  const between = (fromS: number, toS: number) =>
    day.filter(({ timeMs }) => timeMs! >= START_MS + fromS * 1000 && timeMs! < START_MS + toS * 1000);
  await fixture.send(fixture.tracker, between(0, 230));
  await fixture.foldAll();
  await fixture.fold({ second: 230 });
  // The tracker keeps what it measures at the second stop and sends it after newer fixes.
  await fixture.send(fixture.tracker, between(760, 900));
  await fixture.foldAll();
  await fixture.fold({ second: 900 });
  await fixture.send(fixture.tracker, between(230, 760), 905);
  await fixture.send(fixture.tracker, between(900, 1_000));
  await fixture.foldAll();
  await fixture.fold({ second: 1_000 });
  for (const second of [1_100, 1_200, 1_300, 1_400]) await fixture.fold({ second });
  const content = (await findRoute(fixture.database, 1, Number(routeId)))!.stops[4]!;
  const inserted = { ...content, externalId: "extra", ...up(6_000) };
  const made = await insertStop(
    fixture.database,
    1,
    Number(routeId),
    { content: inserted },
    { expectedVersion: null, position: 3 },
  );
  expect(made.kind).toBe("done");
  await fixture.backdate(routeId, 1_410);
  await fixture.send(
    fixture.tracker,
    between(1_000, 2_000).map((report) => ({ ...report, timeMs: report.timeMs! + 420_000 })),
  );
  await fixture.foldAll();
  await fixture.fold({ second: 2_500 });
  const told = await fixture.told();
  expect(told.filter((line) => line.startsWith("stop.arrived"))).toContain("stop.arrived day-2 late");
  const etas = "select stop_id, computed_at, p50, told from eta order by eta_id";
  const issued = await fixture.rows(etas);
  expect(issued.length).toBeGreaterThan(20);
  const ticks = await fixture.rows("select * from route_tick");
  expect(ticks).toHaveLength(5);
  const often = await fixture.outcome();
  expect(often.events.length).toBeGreaterThan(15);
  expect(often.events.some(({ frame_seq }) => frame_seq === null)).toBe(true);
  await fixture.forget();
  await fixture.fold({ second: 2_500 });
  expect(await fixture.outcome()).toEqual(often);
  expect(await fixture.rows(etas)).toEqual(issued);
});

test("a commit that fails anywhere is made good by the next start: nothing is lost or told twice", async () => {
  await fixture.addRoute("day", PLACES);
  await fixture.send(fixture.tracker, dayOf(PLACES));
  await fixture.foldAll();
  await fixture.fold({ second: 1_700 });
  const expected = await fixture.hash();
  await fixture.forget();
  const client = await fixture.connect();
  const query = client.query.bind(client) as (...parts: unknown[]) => unknown;
  client.query = ((...parts: unknown[]) => {
    if (parts[0] === "commit") throw new Error("the server is gone");
    return query(...parts);
  }) as never;
  await expect(fixture.fold({ second: 1_700, client })).rejects.toThrow("the server is gone");
  await client.end();
  expect((await fixture.outcome()).events).toEqual([]);
  await fixture.fold({ second: 1_700 });
  expect(await fixture.hash()).toBe(expected);
  await fixture.fold({ second: 1_700 });
  expect(await fixture.hash()).toBe(expected);
});

test("a vehicle that stood at a stop before the route was taken up is seen to leave it", async () => {
  await fixture.send(fixture.tracker, driven(-4_200, -4_000, 0, 0));
  await fixture.addRoute("day", [0, 2_000]);
  await fixture.foldAll();
  await fixture.fold({ second: -1_800 });
  await fixture.send(fixture.tracker, dayOf([2_000]));
  await fixture.foldAll();
  await fixture.fold({ second: 500 });
  const told = await fixture.told();
  expect(told.filter((line) => line.endsWith("day-1") || line.endsWith("day-1 late"))).toEqual([
    "stop.arrived day-1 late",
    "stop.departed day-1",
  ]);
  expect(told).toContain("stop.arrived day-2");
});

test("another vehicle takes the route over, and its devices are followed from then on", async () => {
  const routeId = await fixture.addRoute("day", PLACES);
  await fixture.send(fixture.tracker, dayOf(PLACES.slice(0, 1)));
  await fixture.foldAll();
  await fixture.fold({ second: 500 });
  const [other] = await fixture.rows<{ id: number }>(
    "insert into vehicle (fleet_id, kind) values (1, 'van') returning vehicle_id as id",
  );
  const third = fixture.deviceIds[2]!;
  await fixture.rows(
    "insert into vehicle_device (vehicle_id, device_id, priority, bound_from) values ($1, $2, 1, $3)",
    [...[other!.id, third, new Date(START_MS - 86_400_000)]],
  );
  await updateRoute(fixture.database, 1, Number(routeId), { vehicleId: other!.id }, { expectedVersion: null });
  await fixture.backdate(routeId, 600);
  await fixture.send(fixture.tracker, driven(610, 900, 2_600, 3_500));
  await fixture.send(third, [
    ...driven(700, 800, 2_500, 3_500),
    ...driven(805, 950, 3_500, 3_500),
    ...driven(955, 1_000, 3_500, 4_000),
  ]);
  await fixture.foldAll();
  await fixture.fold({ second: 1_001 });
  const arrived = await fixture.rows("select device_id from event where type = 'stop.arrived' order by event_seq");
  expect(arrived).toEqual([{ device_id: fixture.tracker }, { device_id: third }]);
});

test("the loop follows notifications, and only one of two loops works", async () => {
  await fixture.addRoute("day", PLACES);
  const heard = new Set<(channel: string) => void>();
  const listen = (_channels: readonly string[], hear: (channel: string) => void) => {
    heard.add(hear);
    return Promise.resolve({ close: () => Promise.resolve() });
  };
  const log = { warn: () => undefined } as never;
  const now = () => START_MS + 300_000;
  const deps = { databaseUrl: fixture.url, listen, log, now, estimators: plainEstimators };
  const loops = await Promise.all([openDeliveryFold(deps), openDeliveryFold(deps)]);
  try {
    await fixture.send(fixture.tracker, dayOf(PLACES).slice(0, 40));
    await fixture.foldAll();
    for (const hear of heard) hear("fixes");
    await fixture.until(async () => (await fixture.told()).includes("route.started"));
    expect((await fixture.told()).filter((line) => line === "route.started")).toHaveLength(1);
  } finally {
    for (const loop of loops) await loop.close();
  }
});
