import { expect, test } from "vitest";
import { orderWays } from "./order-ways.ts";

const SIDE = 16;
const STEP_E7 = 10_000;

/** Ways of one node each, on a square of places, listed in an order that has nothing to do with where they are. */
const places = Array.from({ length: SIDE * SIDE }, (_, n) => (n * 97) % (SIDE * SIDE));
const nodes = {
  ids: Float64Array.from(places, (_, n) => n),
  refNode: Uint32Array.from(places, (_, n) => n),
  latE7: Int32Array.from(places, (place) => 411_000_000 + Math.floor(place / SIDE) * STEP_E7),
  lonE7: Int32Array.from(places, (place) => -86_000_000 + (place % SIDE) * STEP_E7),
  known: new Uint8Array(places.length).fill(1),
};
const ways = { count: places.length, refEnd: Uint32Array.from(places, (_, n) => n + 1) };

test("Ways are put in an order in which each lies beside the one before.", () => {
  const ordered = orderWays(ways, nodes);
  expect(new Set(ordered).size).toBe(ways.count);
  for (let i = 1; i < ordered.length; i++) {
    const [a, b] = [ordered[i - 1]!, ordered[i]!];
    const steps = Math.abs(nodes.latE7[a]! - nodes.latE7[b]!) + Math.abs(nodes.lonE7[a]! - nodes.lonE7[b]!);
    expect(steps).toBe(STEP_E7);
  }
});

test("A way of which no node is known keeps its place in the list.", () => {
  const unknown = { ...nodes, known: new Uint8Array(places.length) };
  expect(orderWays(ways, unknown)).toEqual(Uint32Array.from(ways.refEnd.keys()));
});
