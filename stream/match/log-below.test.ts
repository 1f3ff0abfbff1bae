import fc from "fast-check";
import { expect, test } from "vitest";
import { logBelow } from "./log-below.ts";

test("The quick logarithm is never above the true one and at most 0.06 below it.", () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (x) => {
      expect(logBelow(x)).toBeLessThanOrEqual(Math.log(x) + 1e-9);
      expect(logBelow(x)).toBeGreaterThan(Math.log(x) - 0.06);
    }),
  );
  expect(logBelow(1)).toBe(0);
  expect(logBelow(Number.POSITIVE_INFINITY)).toBeGreaterThan(700);
});
