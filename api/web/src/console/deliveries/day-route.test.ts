import { expect, test } from "vitest";
import { type DayRoute, type DayStop, lateFirst, routeStanding, searchRoutes, standingOf } from "./day-route.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12);
const at = (minutes: number): string => new Date(NOW_MS + minutes * 60_000).toISOString();

function stopOf(more: Partial<DayStop> = {}): DayStop {
  return {
    ...{ id: "1", externalId: null, position: 0, kind: "delivery", lat: 0, lon: 0, address: null, windowStart: null },
    ...{ windowEnd: at(60), promisedBy: null, status: "planned", arrivedAt: null, departedAt: null, stopsBefore: 0 },
    ...{ atRisk: false, eta: null, etaReason: null, verdict: null, override: null },
    ...more,
  };
}

function routeOf(id: string, stops: DayStop[], more: Partial<DayRoute> = {}): DayRoute {
  return {
    ...{ id, externalId: null, name: id, status: "started", vehicle: null, driver: null, startsAt: null },
    ...{ startedAt: null, completedAt: null, currentStopId: null, stops },
    ...more,
  };
}

test.each([
  [{}, "todo"],
  [{ status: "approaching" }, "underway"],
  [{ atRisk: true }, "risk"],
  [{ windowEnd: at(-1) }, "late"],
  [{ windowEnd: at(-1), promisedBy: at(1) }, "todo"],
  [{ windowEnd: at(-1), status: "arrived" }, "underway"],
  [{ windowEnd: at(-1), status: "delivered" }, "done"],
  [{ windowEnd: at(-1), status: "missed" }, "failed"],
  [{ windowEnd: at(-1), status: "cancelled" }, "cancelled"],
] as const)("A stop with %j stands as %s.", (more, standing) => {
  expect(standingOf(stopOf(more), NOW_MS)).toBe(standing);
});

test("Late routes come before those at risk, those before disputed ones, and what has not set off after what has.", () => {
  const routes = [
    routeOf("over", [stopOf({ status: "delivered" })], { status: "completed" }),
    routeOf("fine", [stopOf()]),
    routeOf("disputed", [stopOf({ status: "delivered", verdict: "contradicted" })]),
    routeOf("settled", [stopOf({ status: "delivered", verdict: "contradicted", override: "accepted" })]),
    routeOf("waiting", [stopOf()], { status: "planned" }),
    routeOf("risky", [stopOf({ atRisk: true })]),
    routeOf("late", [stopOf({ windowEnd: at(-1) })]),
  ];
  const order = ["late", "risky", "disputed", "fine", "settled", "waiting", "over"];
  expect(lateFirst(routes, NOW_MS).map(({ id }) => id)).toEqual(order);
  expect(routeStanding(routes[2]!, NOW_MS)).toMatchObject({ over: 1, disputed: 1, late: 0 });
});

test("A route is found by any of its words: name, driver, an address, an order.", () => {
  const stop = stopOf({ address: "Rua Nova 7", externalId: "A-12" });
  const driver = { id: "3", externalId: null, name: "Ana" };
  const routes = [routeOf("North", [stop], { driver }), routeOf("South", [])];
  for (const text of ["nova", "ana north", "a-12"]) expect(searchRoutes(routes, text)).toEqual([routes[0]]);
  expect(searchRoutes(routes, "ana south")).toEqual([]);
});
