import { expect, test } from "vitest";
import { haversineM } from "#stream/roads/geometry.ts";
import { betweenFixes } from "./between-fixes.ts";
import type { Trace } from "./trace-sets.ts";

test("The truth of a trace is cut where its first and last fix are, ways and line alike.", () => {
  const truth = (alongM: number): Trace["fixes"][number] => [0, 57, 11, null, null, 57, 11, 1, 1, alongM];
  const trace: Trace = {
    ...{ id: "a", map: "m", fixes: [truth(150), truth(380)] },
    route: [
      [1, 1, 100],
      [2, -1, 200],
      [3, 1, 100],
    ],
    geom: [
      [57, 11],
      [57.002, 11],
      [57.004, 11],
    ],
  };
  const { route, geom } = betweenFixes(trace);
  expect(route).toEqual([
    [2, -1, 150],
    [3, 1, 80],
  ]);
  expect(geom).toHaveLength(3);
  const cutM = haversineM(...geom![0]!, ...geom!.at(-1)!);
  expect(cutM / haversineM(...trace.geom![0]!, ...trace.geom!.at(-1)!)).toBeCloseTo(230 / 400, 3);
  expect(betweenFixes({ ...trace, geom: undefined }).geom).toBeUndefined();
});
