import { expect, test } from "vitest";
import type { CollectedWay } from "./collect-ways.ts";
import { orderWays } from "./order-ways.ts";
import { readWayTags } from "./way-tags.ts";

const SIDE = 16;
const STEP_E7 = 10_000;
const attributes = readWayTags({ highway: "residential" });
if (typeof attributes === "string") throw new Error("a residential road is a road");

/** Ways of one node each, on a square of places, listed in an order that has nothing to do with where they are. */
const places = Array.from({ length: SIDE * SIDE }, (_, n) => (n * 97) % (SIDE * SIDE));
const nodes = {
  ids: Float64Array.from(places, (_, n) => n),
  refNode: Uint32Array.from(places, (_, n) => n),
  latE7: Int32Array.from(places, (place) => 411_000_000 + Math.floor(place / SIDE) * STEP_E7),
  lonE7: Int32Array.from(places, (place) => -86_000_000 + (place % SIDE) * STEP_E7),
  known: new Uint8Array(places.length).fill(1),
};
const ways = places.map((_, n): CollectedWay => ({ id: n, attributes, refStart: n, refEnd: n + 1 }));

test("Ways are put in an order in which each lies beside the one before.", () => {
  const ordered = orderWays(ways, nodes);
  expect(new Set(ordered).size).toBe(ways.length);
  for (let i = 1; i < ordered.length; i++) {
    const [a, b] = [ordered[i - 1]!.id, ordered[i]!.id];
    const steps = Math.abs(nodes.latE7[a]! - nodes.latE7[b]!) + Math.abs(nodes.lonE7[a]! - nodes.lonE7[b]!);
    expect(steps).toBe(STEP_E7);
  }
});

test("A way of which no node is known keeps its place in the list.", () => {
  const unknown = { ...nodes, known: new Uint8Array(places.length) };
  expect(orderWays(ways, unknown)).toEqual(ways);
});
