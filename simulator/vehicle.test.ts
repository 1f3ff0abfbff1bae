import { describe, expect, it } from "vitest";
import { distanceM } from "./roads/geometry.ts";
import { loadGothenburg } from "./roads/network.ts";
import { createRouter } from "./roads/router.ts";
import { createVehicle, type VehicleState } from "./vehicle.ts";

const network = loadGothenburg();
const router = createRouter(network);
const START_MS = Date.UTC(2026, 5, 1, 8);
const HOUR_S = 3_600;

function journey(seed: number, name: string, stepMs = 1_000, seconds = HOUR_S): VehicleState[] {
  const vehicle = createVehicle({ network, router, seed, name, startMs: START_MS });
  const states: VehicleState[] = [];
  for (let at = 0; at <= seconds * 1_000; at += stepMs) states.push(vehicle.stepTo(START_MS + at));
  return states;
}

describe("a simulated vehicle", () => {
  it("drives the same journey from the same seed, and another from another", () => {
    expect(journey(7, "a", 1_000, 600)).toEqual(journey(7, "a", 1_000, 600));
    expect(journey(8, "a", 1_000, 600)).not.toEqual(journey(7, "a", 1_000, 600));
    expect(journey(7, "b", 1_000, 600)).not.toEqual(journey(7, "a", 1_000, 600));
  });

  it("is at the same place at the same time however often it is asked", () => {
    const often = journey(3, "a", 700, 1_400);
    const seldom = createVehicle({ network, router, seed: 3, name: "a", startMs: START_MS });
    expect(seldom.stepTo(START_MS + 1_400_000)).toEqual(often.at(-1));
  });

  it("never exceeds the limit of the street it is on, and moves about as fast as a car in town", () => {
    const limitOf = new Map<number, number>();
    for (const edge of network.edges) limitOf.set(edge.wayId, edge.limitMps);
    for (const name of ["a", "b", "c", "d"]) {
      const states = journey(11, name);
      for (const state of states) expect(state.speedMps).toBeLessThanOrEqual(limitOf.get(state.wayId)!);
      const driven = states.at(-1)!.odometerM - states[0]!.odometerM;
      expect(driven).toBeGreaterThan(8_000);
      expect(driven).toBeLessThan(60_000);
    }
  });

  it("moves without jumps, and as far as its speed and odometer say", () => {
    const states = journey(5, "a", 500);
    for (let index = 1; index < states.length; index++) {
      const before = states[index - 1]!;
      const now = states[index]!;
      const movedM = distanceM(before.latDeg, before.lonDeg, now.latDeg, now.lonDeg);
      expect(movedM).toBeLessThanOrEqual(now.odometerM - before.odometerM + 0.01);
      expect(now.odometerM - before.odometerM).toBeLessThanOrEqual(before.speedMps * 0.5 + 0.01);
      expect(now.speedMps - before.speedMps).toBeLessThan(1.7 * 0.5);
      expect(before.speedMps - now.speedMps).toBeLessThan(2);
    }
  });

  it("stops, and turns the engine off for a longer stop", () => {
    const states = journey(2, "a");
    expect(states.some((state) => !state.ignition)).toBe(true);
    expect(states.every((state) => state.ignition || state.speedMps === 0)).toBe(true);
    expect(states.some((state) => state.ignition && state.speedMps > 10)).toBe(true);
  });
});

describe("the street network", () => {
  it("names its origin and licence", () => {
    expect(network.attribution).toContain("OpenStreetMap contributors");
  });

  it("leads from any junction to any other, along connected edges and never against a one-way street", () => {
    const { junctions } = network;
    const driven = new Set(network.edges);
    for (let index = 0; index < 40; index++) {
      const from = junctions[(index * 7_919) % junctions.length]!;
      const to = junctions[(index * 104_729 + 1) % junctions.length]!;
      const route = router.findRoute(from, to);
      expect(route[0]!.from).toBe(from);
      expect(route.at(-1)!.to).toBe(to);
      expect(route.slice(1).map((edge) => edge.from)).toEqual(route.slice(0, -1).map((edge) => edge.to));
      expect(route.every((edge) => driven.has(edge))).toBe(true);
    }
  });

  it("finds ways as quick as an exhaustive search does", () => {
    const from = network.junctions[100]!;
    const quickestS = searchAll(from);
    for (const to of network.junctions.filter((_, index) => index % 500 === 0 && network.junctions[index] !== from)) {
      const travelS = router.findRoute(from, to).reduce((sum, edge) => sum + edge.travelS, 0);
      expect(travelS).toBeCloseTo(quickestS.get(to)!, 6);
    }
  });
});

/** Bellman and Ford's relaxation until nothing changes: slow and plainly right. */
function searchAll(from: number): Map<number, number> {
  const times = new Map([[from, 0]]);
  for (let changed = true; changed; ) {
    changed = false;
    for (const edge of network.edges) {
      const arriveS = (times.get(edge.from) ?? Number.POSITIVE_INFINITY) + edge.travelS;
      if (arriveS >= (times.get(edge.to) ?? Number.POSITIVE_INFINITY)) continue;
      times.set(edge.to, arriveS);
      changed = true;
    }
  }
  return times;
}
