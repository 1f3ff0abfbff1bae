import { expect, test } from "vitest";
import { freshnessOf } from "./freshness.ts";

const thresholds = { delayedS: 60, staleS: 300, offlineS: 1_800 };
const NOW_MS = Date.UTC(2026, 10, 22);

test.each([
  [0, 0, "live"],
  [59.9, 59.9, "live"],
  [60, 1, "delayed"],
  [299, 299, "delayed"],
  [300, 1, "stale"],
  [1_800, 5, "offline"],
  [-3_600, 400, "stale"],
  [-5, -1, "live"],
] as const)("a fix of %s s ago, received %s s ago, is %s", (fixAgeS, receiveAgeS, state) => {
  const freshness = freshnessOf(NOW_MS - fixAgeS * 1000, NOW_MS - receiveAgeS * 1000, NOW_MS, thresholds);
  expect(freshness).toEqual({ fixAgeS: Math.max(0, fixAgeS), receiveAgeS: Math.max(0, receiveAgeS), state });
});
