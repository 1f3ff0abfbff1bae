import fc from "fast-check";
import { expect, test } from "vitest";
import { countOriginals, originalOf } from "../roads/edge-copies.ts";
import type { RoadNetwork } from "../roads/network-file.ts";
import { DrivenRestrictions, sampleTown, searchDriven } from "../roads/sample-restrictions.ts";
import { drawRoads } from "../roads/sample-roads.ts";
import { Reach } from "./reach.ts";
import { CAR, edgeCost, FORBIDDEN_TURN_COST, mayDrive, turnCost } from "./transition.ts";

/** The least cost to the start of every edge; of an edge and its copies the least. */
function reachAll(roads: RoadNetwork, start: number): Map<number, number> {
  const reach = new Reach(roads, CAR, 1, false);
  const costs = new Map<number, number>();
  reach.begin(start, 0);
  for (let label = reach.next(); label >= 0; label = reach.next()) {
    const directed = originalOf(roads, reach.edge[label]!);
    costs.set(directed, Math.min(reach.cost[label]!, costs.get(directed) ?? Number.POSITIVE_INFINITY));
    reach.expand(label);
  }
  return costs;
}

test("A search pays for every forbidden turn, also for one that is only forbidden to those who came over certain ways.", async () => {
  let paid = 0;
  await fc.assert(
    fc.asyncProperty(sampleTown, fc.nat(), async (town, from) => {
      const roads = await drawRoads(town.ways, town.restrictions);
      const rules = new DrivenRestrictions(roads, town.restrictions);
      const start = from % (countOriginals(roads) * 2);
      fc.pre(mayDrive(roads, CAR, start));
      const found = reachAll(roads, start);
      const expected = searchDriven(roads, rules, start, (at, exit, isForbidden) => {
        if (!mayDrive(roads, CAR, exit)) return Number.POSITIVE_INFINITY;
        if (isForbidden) paid++;
        return edgeCost(roads, at >> 1) + turnCost(roads, at, exit) + (isForbidden ? FORBIDDEN_TURN_COST : 0);
      });
      // A search is at its first edge already.
      for (const costs of [found, expected]) costs.delete(start);
      expect(found.size).toBe(expected.size);
      for (const [directed, cost] of expected)
        expect(found.get(directed), `${start} to ${directed}`).toBeCloseTo(cost, 6);
    }),
    { numRuns: 60 },
  );
  expect(paid).toBeGreaterThan(0);
});
