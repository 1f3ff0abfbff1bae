import { expect, test } from "vitest";
import { ROLLOVER_BACKLOG_MS_MAX, ROLLOVER_MS, readClock } from "./clock.ts";

const received = Date.UTC(2026, 10, 22, 12);
const minute = 60_000;
const day = 86_400_000;

test.each([
  ["a minute ago", received - minute, received - minute, null],
  ["an hour ahead", received + 60 * minute, received + 60 * minute, null],
  ["24 hours ahead", received + day, received + day, null],
  ["a backlog of three years", received - 1095 * day, received - 1095 * day, null],
  ["more than 24 hours ahead", received + day + 1, received, "future"],
  ["the year 2106", Date.UTC(2106, 1, 7), received, "future"],
  ["1 January 1970", 0, received, "unsynchronised"],
  ["before 1970", -5, received, "unsynchronised"],
  ["some hours after the start of 1970", 5 * 60 * minute, received, "unsynchronised"],
  ["the start of GPS time", Date.UTC(1980, 0, 6, 0, 3), received, "unsynchronised"],
  ["1 January 2000", Date.UTC(2000, 0, 1, 0, 7), received, "unsynchronised"],
  ["one rollover behind", received - ROLLOVER_MS - minute, received - minute, "rollover"],
  ["one rollover behind, an hour ahead", received - ROLLOVER_MS + 60 * minute, received + 60 * minute, "rollover"],
  ["two rollovers behind", received - 2 * ROLLOVER_MS, received, "rollover"],
  ["a rollover and a backlog behind", received - ROLLOVER_MS - 5 * day, received - 5 * day, "rollover"],
  [
    "a rollover and more than any backlog behind",
    received - ROLLOVER_MS - ROLLOVER_BACKLOG_MS_MAX - 1,
    received - ROLLOVER_MS - ROLLOVER_BACKLOG_MS_MAX - 1,
    null,
  ],
])("a device time of %s is placed and named", (_title, deviceTimeMs, fixTimeMs, clockFault) => {
  const reading = readClock(deviceTimeMs, received);
  expect(reading.fixTimeMs).toBe(fixTimeMs);
  expect(reading.clockFault).toBe(clockFault);
  expect(reading.deviceTimeMs).toBe(clockFault === null ? null : deviceTimeMs);
  expect(reading.dated).toBe(clockFault === null || clockFault === "rollover");
});

test("a report without time happened when it was received", () => {
  expect(readClock(null, received)).toEqual({
    fixTimeMs: received,
    dated: false,
    clockFault: null,
    deviceTimeMs: null,
  });
});

test("a rollover is corrected to the same time whenever the copy is received", () => {
  const first = readClock(received - ROLLOVER_MS, received);
  expect(readClock(received - ROLLOVER_MS, received + 3 * day)).toEqual(first);
});

test("1970 is never taken for rollovers, even when whole rollovers would land in the present", () => {
  expect(readClock(0, 3 * ROLLOVER_MS).clockFault).toBe("unsynchronised");
});
