import fc from "fast-check";
import { expect, test } from "vitest";
import { driveTimeS, exitVertex, turnTimeS } from "./drive-times.ts";
import { countOriginals } from "./edge-copies.ts";
import type { RoadNetwork } from "./network-file.ts";
import { Router } from "./router.ts";
import { DrivenRestrictions, isOriginal, sampleTown, searchDriven } from "./sample-restrictions.ts";
import { alongWay, drawRoads, relationOf, type SampleRestriction, way } from "./sample-roads.ts";
import { openTileSource } from "./tile.ts";
import { readRestrictions, turnInto } from "./turn-restrictions.ts";

/** Two carriageways, eastward 1 and 2, westward 3 and 4, with links 5 and 6 between them and a side street 7 into link 5. */
const CARRIAGEWAYS = [
  way(1, "0,0 300,0", { highway: "primary", oneway: "yes" }),
  way(2, "300,0 900,0", { highway: "primary", oneway: "yes" }),
  way(3, "900,30 300,30", { highway: "primary", oneway: "yes" }),
  way(4, "300,30 0,30", { highway: "primary", oneway: "yes" }),
  way(5, "300,0 304,10 300,30"),
  way(6, "900,0 900,30"),
  way(7, "300,-200 300,0", { oneway: "yes" }),
];
const NO_U_TURN: SampleRestriction = { from: 1, via: { ways: [5] }, to: 4, restriction: "no_u_turn" };

/** Signed ids of the ways driven between the middles of two ways; negative is against their nodes. */
function waysBetween(roads: RoadNetwork, from: number, to: number): number[] | undefined {
  const place = (signed: number) => {
    const directed = alongWay(roads, Math.abs(signed)) + (signed < 0 ? 1 : 0);
    return { directed, offsetM: roads.edgeLengthM[directed >> 1]! / 2 };
  };
  const ids = new Router(roads).findRoute(place(from), place(to))?.edges.map((directed) => {
    expect(isOriginal(roads, directed)).toBe(true);
    const id = roads.wayId[roads.edgeWay[directed >> 1]!]!;
    return directed & 1 ? -id : id;
  });
  return ids?.filter((id, i) => id !== ids[i - 1]);
}

test("Who may not turn round over a link goes on to the next; who comes from elsewhere turns there.", async () => {
  const free = await drawRoads(CARRIAGEWAYS);
  expect(waysBetween(free, 1, 4)).toEqual([1, 5, 4]);
  for (const backToFront of [false, true]) {
    const roads = await drawRoads(CARRIAGEWAYS, [{ ...NO_U_TURN, backToFront }]);
    expect(waysBetween(roads, 1, 4)).toEqual([1, 2, 6, 3, 4]);
    expect(waysBetween(roads, 7, 4)).toEqual([7, 5, 4]);
    expect(waysBetween(roads, 1, 5)).toEqual([1, 5]);
    expect(waysBetween(roads, 5, 4)).toEqual([5, 4]);
  }
});

test("A left turn over a link is forbidden, straight on is not.", async () => {
  const ways = [...CARRIAGEWAYS, way(8, "300,30 300,300"), way(9, "900,30 900,300 300,300")];
  const roads = await drawRoads(ways, [{ from: 1, via: { ways: [5] }, to: 8, restriction: "no_left_turn" }]);
  expect(waysBetween(await drawRoads(ways), 1, 8)).toEqual([1, 5, 8]);
  expect(waysBetween(roads, 1, 8)).not.toEqual([1, 5, 8]);
  expect(waysBetween(roads, 1, 4)).toEqual([1, 5, 4]);
  expect(waysBetween(roads, 7, 8)).toEqual([7, 5, 8]);
});

test("Where only one exit is allowed behind a link, all others are closed to those who came over it.", async () => {
  const ways = [...CARRIAGEWAYS, way(8, "300,30 300,300")];
  const roads = await drawRoads(ways, [{ from: 1, via: { ways: [5] }, to: 8, restriction: "only_straight_on" }]);
  expect(waysBetween(roads, 1, 8)).toEqual([1, 5, 8]);
  expect(waysBetween(roads, 1, 4)).toEqual([1, 2, 6, 3, 4]);
  expect(waysBetween(roads, 7, 4)).toEqual([7, 5, 4]);
});

test("Several via ways in any order, and one that side streets cut into edges, are followed from end to end.", async () => {
  const oneway = { oneway: "yes" };
  const street = [
    way(1, "-300,0 0,0"),
    way(5, "400,0 600,0"),
    way(6, "0,0 0,-100 400,-100 400,0"),
    way(4, "200,-50 200,0", oneway),
  ];
  const two = [...street, way(2, "0,0 200,0"), way(3, "200,0 400,0")];
  const one = [...street, way(2, "0,0 100,0 200,0 400,0"), way(7, "100,0 100,50", oneway)];
  for (const [ways, vias] of [
    [two, [2, 3]],
    [two, [3, 2]],
    [one, [2]],
  ] as const) {
    const between = vias.toSorted();
    const roads = await drawRoads(ways, [{ from: 1, via: { ways: vias }, to: 5, restriction: "no_straight_on" }]);
    expect(waysBetween(await drawRoads(ways), 1, 5)).toEqual([1, ...between, 5]);
    expect(waysBetween(roads, 1, 5)).toEqual([1, 6, 5]);
    expect(waysBetween(roads, 4, 5)).toEqual([4, between.at(-1), 5]);
    expect(roads.copiedEdge.length).toBe(ways === two ? 2 : 3);
  }
});

test("Restrictions over ways that do not concern cars or lead nowhere are left out, each for its reason.", async () => {
  const free = await drawRoads(CARRIAGEWAYS);
  const reasons = (restriction: SampleRestriction, tags?: Record<string, string>): string[] => {
    const skipped: string[] = [];
    const findWay = (id: number): number | undefined => {
      const index = free.wayId.indexOf(id);
      return index < 0 ? undefined : index;
    };
    const noNodes = (): never => {
      throw new Error("no via node is named");
    };
    const relation = { ...relationOf(restriction, noNodes), ...(tags && { tags }) };
    const { paths, viaWayRestrictions } = readRestrictions([relation], free, noNodes, findWay, (reason) =>
      skipped.push(reason),
    );
    expect(viaWayRestrictions).toBe(1 - skipped.length);
    expect(paths.length).toBe(1 - skipped.length);
    return skipped;
  };
  expect(reasons(NO_U_TURN)).toEqual([]);
  expect(reasons({ ...NO_U_TURN, tags: { except: "psv" } })).toEqual([]);
  expect(reasons({ ...NO_U_TURN, tags: { except: "psv;motorcar" } })).toEqual(["restrictionNotForCars"]);
  expect(reasons(NO_U_TURN, { "restriction:hgv": "no_u_turn" })).toEqual(["restrictionNotForCars"]);
  expect(reasons(NO_U_TURN, { "restriction:conditional": "no_u_turn @ (07:00-09:00)" })).toEqual([
    "restrictionAtTimes",
  ]);
  expect(reasons({ ...NO_U_TURN, restriction: "maybe" })).toEqual(["restrictionKindUnknown"]);
  expect(reasons({ ...NO_U_TURN, via: { ways: [5, 99] } })).toEqual(["restrictionIncomplete"]);
  expect(reasons({ ...NO_U_TURN, via: { ways: [6] } })).toEqual(["restrictionViaWaysUnclear"]);
  expect(reasons({ ...NO_U_TURN, via: { ways: [5, 6] } })).toEqual(["restrictionViaWaysUnclear"]);
  expect(reasons({ ...NO_U_TURN, from: 4, to: 1 })).toEqual(["restrictionViaWaysUnclear"]);
});

test("Via ways that can be passed in too many ways are given up.", async () => {
  const size = 7;
  const points = Array.from({ length: size }, (_, k) => k * 100);
  const block = points.flatMap((at, i) => [
    { id: 10 + i, line: points.map((x) => [x, at] as const) },
    { id: 30 + i, line: points.map((y) => [at, y] as const) },
  ]);
  const ends = [way(1, "-100,0 0,0"), way(2, "600,600 700,600")];
  const vias = { ways: block.map(({ id }) => id) };
  const roads = await drawRoads([...block, ...ends], [{ from: 1, via: vias, to: 2, restriction: "no_straight_on" }]);
  expect(roads.copiedEdge.length).toBe(0);
});

test("A copy is what its edge is but in no cell of the grid, among no junction's exits and in no tile.", async () => {
  const roads = await drawRoads(CARRIAGEWAYS, [NO_U_TURN]);
  const [originals, all] = [countOriginals(roads), roads.edgeFrom.length];
  expect([originals, all]).toEqual([CARRIAGEWAYS.length, CARRIAGEWAYS.length + 1]);
  const [first, link] = [alongWay(roads, 1), alongWay(roads, 5)];
  expect(turnInto(roads, first, link)).toBe(originals * 2);
  for (const column of [
    "edgeFrom",
    "edgeTo",
    "edgeLengthM",
    "edgeWay",
    "edgeAccess",
    "edgeClass",
    "edgeSpeedKmh",
  ] as const)
    expect(roads[column][originals], column).toBe(roads[column][link >> 1]);
  const shapeOf = (edge: number) =>
    [roads.shapeLatE7, roads.shapeLonE7, roads.shapeAlongM].map((column) => [
      ...column.subarray(roads.edgeShape[edge], roads.edgeShape[edge + 1]),
    ]);
  expect(shapeOf(originals)).toEqual(shapeOf(link >> 1));
  expect(shapeOf(originals)[0]).toHaveLength(3);
  for (const listed of [roads.gridEdge, roads.outEdge.map((directed) => directed >> 1)])
    expect(Math.max(...listed)).toBe(originals - 1);
  const large = await drawRoads(
    CARRIAGEWAYS.map((one) => ({ ...one, tags: { ...one.tags, highway: "primary" } })),
    [NO_U_TURN],
  );
  expect([...openTileSource(large).largeRoads]).toEqual(CARRIAGEWAYS.map((_, edge) => edge));
});

/** Seconds to the start of every edge from the middle of one. */
function fastest(roads: RoadNetwork, rules: DrivenRestrictions, start: number): Map<number, number> {
  return searchDriven(roads, rules, start, (from, exit, isForbidden, isFirst) => {
    if (isForbidden || driveTimeS(roads, exit) === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    return isFirst ? driveTimeS(roads, from) / 2 + turnTimeS(roads, from, exit) : driveTimeS(roads, from);
  });
}

test("In towns with restrictions over nodes and ways, however they overlap, routes are the fastest that obey all of them.", async () => {
  let [towns, copying] = [0, 0];
  await fc.assert(
    fc.asyncProperty(sampleTown, fc.nat(), async (town, from) => {
      const roads = await drawRoads(town.ways, town.restrictions);
      const rules = new DrivenRestrictions(roads, town.restrictions);
      const router = new Router(roads);
      const originals = countOriginals(roads) * 2;
      towns++;
      if (roads.copiedEdge.length > 0) copying++;
      for (const start of [from % originals, (from * 7 + 3) % originals]) {
        if (driveTimeS(roads, start) === Number.POSITIVE_INFINITY) continue;
        const place = { directed: start, offsetM: roads.edgeLengthM[start >> 1]! / 2 };
        const times = fastest(roads, rules, start);
        for (let directed = 0; directed < originals; directed++) {
          if (directed === start) continue;
          const route = router.findRoute(place, { directed, offsetM: 0 });
          const expected = times.get(directed) ?? Number.POSITIVE_INFINITY;
          expect(route?.timeS ?? Number.POSITIVE_INFINITY, `${start} to ${directed}`).toBeCloseTo(expected, 3);
          if (route !== undefined) expectObeyed(roads, rules, route.edges);
        }
      }
    }),
    { numRuns: 60 },
  );
  expect(copying).toBeGreaterThan(towns / 2);
});

function expectObeyed(roads: RoadNetwork, rules: DrivenRestrictions, edges: readonly number[]): void {
  let driven: readonly number[] = edges.slice(0, 1);
  for (const edge of edges.slice(1)) {
    expect(isOriginal(roads, edge)).toBe(true);
    expect(exitVertex(roads, driven.at(-1)!)).toBe(exitVertex(roads, edge ^ 1));
    expect(rules.forbids(driven, edge), `${driven.join(" ")}, then ${edge}`).toBe(false);
    driven = rules.memoryOf(driven, edge);
  }
}
