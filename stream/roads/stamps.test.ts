import { expect, test } from "vitest";
import { nextStamp } from "./stamps.ts";

test("A stamp is new to all entries, also after the last that 32 bits hold.", () => {
  const stamps = Uint32Array.of(3, 2, 1);
  let stamp = 2 ** 32 - 3;
  for (let search = 0; search < 6; search++) {
    stamp = nextStamp(stamps, stamp);
    expect([...stamps]).not.toContain(stamp);
    stamps[search % 3] = stamp;
    expect(stamps[search % 3]).toBe(stamp);
  }
  expect(stamp).toBe(4);
});
