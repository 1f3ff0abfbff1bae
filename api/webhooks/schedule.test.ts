import { expect, test } from "vitest";
import { ATTEMPT_DELAYS_MS, JITTER_SHARE, nextAttemptAtMs, parseRetryAfterMs, RETRY_AFTER_MS_MAX } from "./schedule.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12);

test("ten attempts: at once, 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h", () => {
  expect(ATTEMPT_DELAYS_MS.map((delayMs) => delayMs / 1000)).toEqual([
    ...[0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
  ]);
  const next = (failures: number) =>
    nextAttemptAtMs(failures, null, { delaysMs: ATTEMPT_DELAYS_MS, nowMs: NOW_MS, random: () => 0.5 });
  expect([next(1), next(9), next(10)]).toEqual([NOW_MS + 5_000, NOW_MS + 86_400_000, null]);
});

test("jitter spreads a pause evenly around itself", () => {
  const at = (random: number) =>
    nextAttemptAtMs(2, null, { delaysMs: ATTEMPT_DELAYS_MS, nowMs: 0, random: () => random })! / 300_000;
  expect([at(0), at(0.5), at(0.999_999)]).toEqual([1 - JITTER_SHARE, 1, expect.closeTo(1 + JITTER_SHARE, 4)]);
});

test("Retry-After makes a pause longer, never shorter, and has a bound", () => {
  const at = (retryAfterMs: number) =>
    nextAttemptAtMs(1, retryAfterMs, { delaysMs: ATTEMPT_DELAYS_MS, nowMs: 0, random: () => 0.5 });
  expect([at(1), at(60_000), at(1e12)]).toEqual([5_000, 60_000, RETRY_AFTER_MS_MAX]);
});

test.each([
  ["120", 120_000],
  ["0", 0],
  ["Sun, 22 Nov 2026 12:00:30 GMT", 30_000],
  ["Sun, 22 Nov 2026 11:00:00 GMT", null],
  ["-5", null],
  ["1.5", null],
  ["soon", null],
  ["9".repeat(400), null],
])("Retry-After: %s is %s ms", (text, expected) => {
  expect(parseRetryAfterMs(text, NOW_MS)).toBe(expected);
});
