import { expect, test } from "vitest";
import type { RoadNetwork } from "../roads/network-file.ts";
import { drawRoads, lineOf, way } from "../roads/sample-roads.ts";
import { FinalMatcher } from "./final.ts";
import { drivenWays } from "./legs.ts";
import type { MatchFix } from "./match-fix.ts";
import { drive, normalNoise, positionsOnly } from "./sample-drives.ts";
import { BICYCLE, CAR, TRUCK, type VehicleKind } from "./transition.ts";

function pathOf(roads: RoadNetwork, fixes: readonly MatchFix[]): number[] {
  return drivenWays(roads, new FinalMatcher(roads).match(fixes).stretches).map(({ wayId, forward }) =>
    forward ? wayId : -wayId,
  );
}

const cross = [way(1, "-400,0 0,0"), way(2, "0,0 400,0"), way(3, "0,0 0,400")] as const;

test("A drive that turns at a crossing has both ways as its path, with their lengths.", async () => {
  const roads = await drawRoads(cross);
  const { stretches, placed } = new FinalMatcher(roads).match(drive(lineOf("-300,0 0,0 0,300"), 12));
  const ways = drivenWays(roads, stretches);
  expect(ways.map(({ wayId, forward }) => [wayId, forward])).toEqual([
    [1, true],
    [3, true],
  ]);
  expect(ways[0]!.lengthM).toBeCloseTo(300, -1);
  expect(ways[1]!.lengthM).toBeCloseTo(300, -1);
  expect(placed.every((at) => at !== undefined)).toBe(true);
});

test("White noise of 10 m every second does not make the path zigzag between parallel roads.", async () => {
  const roads = await drawRoads([way(1, "-1000,0 0,0 1000,0"), way(2, "-1000,18 0,18 1000,18"), way(3, "0,0 0,18")]);
  const normal = normalNoise(7);
  const fixes = drive(lineOf("-900,0 900,0"), 12, 1, () => [10 * normal(), 10 * normal()]);
  expect(pathOf(roads, fixes)).toEqual([1]);
});

test("A one-way street is never driven against its direction.", async () => {
  const roads = await drawRoads([
    way(1, "-400,0 400,0", { oneway: "yes" }),
    way(2, "400,25 -400,25", { oneway: "yes" }),
  ]);
  const westward = drive(lineOf("380,10 -380,10"), 12);
  expect(pathOf(roads, westward)).toEqual([2]);
  expect(pathOf(roads, positionsOnly(westward))).toEqual([2]);
});

test("Of two carriageways the one in the direction of travel is taken although the other is nearer.", async () => {
  const roads = await drawRoads([
    way(1, "-400,0 400,0", { highway: "primary", oneway: "yes" }),
    way(2, "400,12 -400,12", { highway: "primary", oneway: "yes" }),
  ]);
  expect(pathOf(roads, drive(lineOf("-380,9 380,9"), 15, 5))).toEqual([1]);
});

test("A ramp that leaves a motorway and comes back to it is not driven because fixes lie a little nearer to it.", async () => {
  const motorway = { highway: "motorway" };
  const roads = await drawRoads([
    way(1, "-2000,0 -250,0", motorway),
    way(2, "-250,0 250,0", motorway),
    way(3, "250,0 2000,0", motorway),
    way(4, "-250,0 -200,12 200,12 250,0", { highway: "motorway_link", oneway: "yes" }),
  ]);
  const offBy = (sideM: number): MatchFix[] =>
    drive(lineOf("-1900,0 1900,0"), 17, 10, (i) => [0, i >= 10 && i <= 12 ? sideM : 0]);
  expect(pathOf(roads, offBy(7))).toEqual([1, 2, 3]);
  expect(pathOf(roads, offBy(12))).toEqual([1, 4, 3]);
});

test("A vehicle that turns round in the street goes back along the same way.", async () => {
  const roads = await drawRoads([way(1, "-400,0 400,0")]);
  const there = drive(lineOf("-300,2 100,2"), 8);
  const back = drive(lineOf("100,-2 -300,-2"), 8).map((fix, i) => ({
    ...fix,
    timeMs: there.at(-1)!.timeMs + 5000 + i * 1000,
  }));
  expect(pathOf(roads, [...there, ...back])).toEqual([1, -1]);
});

test("A forbidden turn is avoided where the fixes allow another way.", async () => {
  const ways = [way(1, "-400,0 0,0"), way(2, "0,0 0,60"), way(3, "0,60 20,60 400,60"), way(4, "0,0 20,-40 20,60")];
  const sparse = drive(lineOf("-300,0 0,0 0,60 300,60"), 10, 20);
  const free = await drawRoads(ways);
  const banned = await drawRoads(ways, [{ from: 1, via: [0, 0], to: 2, restriction: "no_left_turn" }]);
  expect(pathOf(free, positionsOnly(sparse))).toContain(2);
  expect(pathOf(banned, positionsOnly(sparse))).not.toContain(2);
});

test("A turn that is forbidden over a link is avoided, also after a fix on the link.", async () => {
  const oneway = { oneway: "yes" };
  const ways = [
    way(1, "-300,0 0,0", oneway),
    way(2, "0,0 0,40"),
    way(3, "0,40 -400,40", oneway),
    way(4, "0,40 0,60 -400,60", oneway),
    way(5, "0,-100 0,0", oneway),
  ];
  const over = { via: { ways: [2] }, to: 3, restriction: "no_u_turn" };
  const free = await drawRoads(ways);
  const banned = await drawRoads(ways, [{ ...over, from: 1 }]);
  const elsewhere = await drawRoads(ways, [{ ...over, from: 5 }]);
  // The second of the drives has a fix in the middle of the link.
  for (const start of [-280, -260]) {
    const fixes = positionsOnly(drive(lineOf(`${start},0 0,0 0,49 -380,49`), 10, 4));
    expect([free, banned, elsewhere].map((roads) => pathOf(roads, fixes).at(-1))).toEqual([3, 4, 3]);
  }
});

test("A tunnel without fixes is part of the path.", async () => {
  const roads = await drawRoads([
    way(1, "-500,0 0,0"),
    way(2, "0,0 900,0", { tunnel: "yes", layer: "-1" }),
    way(3, "900,0 1400,0"),
    way(4, "0,0 0,300 900,300 900,0"),
  ]);
  const fixes = drive(lineOf("-400,0 1300,0"), 15).filter((_, i) => i < 26 || i > 88);
  expect(pathOf(roads, fixes)).toEqual([1, 2, 3]);
});

test("A yard away from the street is off the network, and the street is found again afterwards.", async () => {
  const roads = await drawRoads([way(1, "-600,0 600,0")]);
  const normal = normalNoise(3);
  const noise = (): readonly [number, number] => [normal(), normal()];
  const legs = [
    drive(lineOf("-300,0 0,0"), 10, 1, noise),
    drive(lineOf("0,-5 0,-80 30,-80 30,-60 5,-60 5,-5"), 2, 1, noise),
    drive(lineOf("5,0 300,0"), 10, 1, noise),
  ];
  const fixes = legs.flat().map((fix, i) => ({ ...fix, timeMs: i * 1000 }));
  const { placed, stretches } = new FinalMatcher(roads).match(fixes);
  const yard = placed.slice(legs[0]!.length + 12, legs[0]!.length + legs[1]!.length - 12);
  expect(yard.filter((at) => at === undefined).length / yard.length).toBeGreaterThan(0.9);
  expect(stretches).toHaveLength(2);
  expect(placed.at(-1)).toBeDefined();
});

test("One gross error in a drive changes neither the path nor the places around it.", async () => {
  const roads = await drawRoads([...cross, way(4, "-400,150 400,150")]);
  const fixes = drive(lineOf("-300,0 300,0"), 12, 5, (i) => (i === 5 ? [30, 150] : [0, 0]));
  expect(pathOf(roads, fixes)).toEqual([1, 2]);
});

test("A drive whose last fix is a gross error ends at the fix before.", async () => {
  const roads = await drawRoads([way(1, "-400,0 600,0")]);
  const fixes = drive(lineOf("-300,0 300,0"), 10, 5, (fix) => (fix === 12 ? [0, 900] : [0, 0]));
  const { stretches } = new FinalMatcher(roads).match(fixes);
  const lengthM = drivenWays(roads, stretches).reduce((sum, { lengthM }) => sum + lengthM, 0);
  expect(fixes).toHaveLength(13);
  expect(Math.abs(lengthM - 550)).toBeLessThan(5);
});

test("An empty trace, a single fix and a trace far from every road are matched to nothing or to what is there.", async () => {
  const roads = await drawRoads(cross);
  expect(pathOf(roads, [])).toEqual([]);
  expect(new FinalMatcher(roads).match(drive(lineOf("-100,3 -100,3.1"), 0.05, 10).slice(0, 1)).placed[0]).toBeDefined();
  expect(pathOf(roads, drive(lineOf("5000,5000 5600,5000"), 12))).toEqual([]);
});

test("A bicycle is matched to a cycleway, which cars and trucks never use.", async () => {
  const roads = await drawRoads([
    way(1, "-400,0 400,0", { highway: "cycleway" }),
    way(2, "-400,30 400,30", { hgv: "no" }),
    way(3, "-400,45 400,45"),
  ]);
  const fixes = drive(lineOf("-300,12 300,12"), 6);
  const wayFor = (vehicle: VehicleKind): number[] =>
    drivenWays(roads, new FinalMatcher(roads, { vehicle }).match(fixes).stretches).map(({ wayId }) => wayId);
  expect(wayFor(BICYCLE)).toEqual([1]);
  expect(wayFor(CAR)).toEqual([2]);
  expect(wayFor(TRUCK)).not.toContain(2);
});
