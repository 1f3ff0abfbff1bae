import { expect, test } from "vitest";
import { formatFeedCursor } from "./cursor.ts";
import { type FeedItem, feedStart, matchesFilter } from "./feed-sources.ts";
import { Problem } from "./problems.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 10, 22, 12);

const arrived: FeedItem = {
  ...{ cursor: "", type: "stop.arrived", data: {} },
  about: { stopId: "7", routeId: "3", deviceUid: "a" },
};

test.each([
  [{}, true],
  [{ types: ["stop.arrived"] }, true],
  [{ types: ["stop.*"] }, true],
  [{ types: ["stop.departed", "eta.*"] }, false],
  [{ types: ["stop"] }, false],
  [{ stopId: "7" }, true],
  [{ stopId: "8" }, false],
  [{ routeId: "3", deviceUid: "a", types: ["stop.*"] }, true],
  [{ routeId: "3", deviceUid: "b" }, false],
])("a reader that asks for %j of a stop's arrival gets it: %s", (filter, expected) => {
  expect(matchesFilter(arrived, filter)).toBe(expected);
});

test.each([
  ["events", 30, 365, true],
  ["events", 30.01, 365, false],
  ["events", 7, 7, true],
  ["events", 7.01, 7, false],
  ["pods", 29, 7, true],
] as const)(
  "a cursor of %s, %d days old, where rows are kept %d days, is honoured: %s",
  (feed, age, keptDays, honoured) => {
    const cursor = formatFeedCursor(feed, { xid: "5", id: "6" }, NOW_MS - age * DAY_MS);
    const retention = { fixDays: keptDays, eventDays: keptDays };
    const start = () => feedStart({ now: () => NOW_MS, retention }, feed, cursor);
    if (honoured) {
      expect(start()).toEqual({ xid: "5", id: "6" });
      return;
    }
    expect(start).toThrow(Problem);
    expect(start).toThrow(expect.objectContaining({ code: "cursor_expired", status: 410 }));
  },
);
