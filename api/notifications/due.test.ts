import { expect, it } from "vitest";
import type { StoredEvent } from "#store/events.ts";
import type { AwaitedStop } from "#store/notifications.ts";
import { dueNotifications } from "./due.ts";
import { isQuiet } from "./quiet-hours.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12);
const MINUTE_MS = 60_000;

function stopOf(part: Partial<AwaitedStop> = {}): AwaitedStop {
  return {
    ...{ stopId: 7, fleetId: 1, routeId: 3, status: "en_route", stopsBefore: 2, etaBasis: "live", attempt: "" },
    notifications: { triggers: { routeStarted: true, stopsAway: [5, 3, 1], minutesAway: [30, 10], arrived: true } },
    etaP50: new Date(NOW_MS + 25 * MINUTE_MS),
    etaComputedAt: new Date(NOW_MS),
    ...part,
  };
}

function eventOf(type: string, data: StoredEvent["data"], part: Partial<StoredEvent> = {}): StoredEvent {
  const at = new Date(NOW_MS - MINUTE_MS);
  const ids = { eventId: "e", eventSeq: "1", deviceUid: null, supersedes: null };
  return { ...ids, type, occurredAt: at, detectedAt: at, replayed: false, data, ...part };
}

const told = (due: ReturnType<typeof dueNotifications>) =>
  due.filter(({ passed }) => !passed).map(({ stop, trigger, threshold }) => [stop.stopId, trigger, threshold]);

it("tells the nearest of the thresholds that are reached together, and passes the others over", () => {
  const due = dueNotifications({ events: [], touched: [], ahead: [stopOf()] }, NOW_MS);
  expect(told(due)).toEqual([
    [7, "stopsAway", 3],
    [7, "minutesAway", 30],
  ]);
  expect(due.filter(({ passed }) => passed).map(({ threshold }) => threshold)).toEqual([5]);
});

it("tells nothing by an ETA that is old, or that there is none of", () => {
  const old = stopOf({ etaComputedAt: new Date(NOW_MS - 6 * MINUTE_MS) });
  const none = stopOf({ etaComputedAt: null, etaP50: null });
  expect(dueNotifications({ events: [], touched: [], ahead: [old, none] }, NOW_MS)).toEqual([]);
});

it("tells every stop of a route that it has started, where the brand asks for it", () => {
  const silent = stopOf({ stopId: 9, notifications: { triggers: { arrived: true } } });
  const elsewhere = stopOf({ stopId: 8, routeId: 4 });
  const events = [eventOf("route.started", { routeId: "3" })];
  const due = dueNotifications({ events, touched: [stopOf(), silent, elsewhere], ahead: [] }, NOW_MS);
  expect(told(due)).toEqual([[7, "routeStarted", 0]]);
});

it.each([
  ["late data", { replayed: true }],
  ["a revision", { supersedes: "before" }],
  ["what happened long ago", { occurredAt: new Date(NOW_MS - 16 * MINUTE_MS) }],
])("tells nothing because of %s", (_what, part) => {
  const news = (event: StoredEvent) => dueNotifications({ events: [event], touched: [stopOf()], ahead: [] }, NOW_MS);
  expect(told(news(eventOf("stop.arrived", { stopId: "7" })))).toEqual([[7, "arrived", 0]]);
  expect(news(eventOf("stop.arrived", { stopId: "7" }, part))).toEqual([]);
});

it.each([
  ["21:00", "07:00", "20:59", false],
  ["21:00", "07:00", "21:00", true],
  ["21:00", "07:00", "06:59", true],
  ["21:00", "07:00", "07:00", false],
  ["12:00", "13:00", "12:30", true],
  ["12:00", "13:00", "13:00", false],
  ["08:00", "08:00", "08:00", false],
])("quiet from %s to %s: at %s %s", (from, to, clock, quiet) => {
  // Stockholm is an hour ahead of UTC in November.
  const nowMs = Date.parse(`2026-11-22T${clock}:00+01:00`);
  expect(isQuiet({ from, to }, "Europe/Stockholm", nowMs)).toBe(quiet);
});
