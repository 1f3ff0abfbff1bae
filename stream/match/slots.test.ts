import { expect, test } from "vitest";
import { FIELD, STRIDE } from "./hypothesis.ts";
import { Slots } from "./slots.ts";

const SURPRISE = { squared: 1, distanceM2: 1 };

function take(slots: Slots, edge: number, score: number): number {
  slots.floats[slots.workAt + FIELD.edge] = edge;
  slots.floats[slots.workAt + FIELD.score] = score;
  return slots.take(0, SURPRISE);
}

function held({ floats, count }: Slots): number[] {
  return Array.from({ length: count }, (_, slot) => floats[slot * STRIDE + FIELD.edge]!);
}

test("The best candidates are kept, in whatever order they come.", () => {
  const slots = new Slots();
  slots.clear();
  for (let edge = 0; edge < 200; edge++) take(slots, edge, (edge * 61) % 200);
  const scores = held(slots).map((edge) => (edge * 61) % 200);
  expect(scores.sort((a, b) => a - b)).toEqual(Array.from({ length: slots.count }, (_, i) => 200 - slots.count + i));
  expect(slots.best).toBe(199);
  expect((held(slots)[slots.bestSlot]! * 61) % 200).toBe(199);
});

test("Of an edge the better candidate is kept, without the path of the other.", () => {
  const slots = new Slots();
  slots.clear();
  slots.reservePath(take(slots, 7, -3), 4);
  expect(take(slots, 7, -5)).toBe(-1);
  expect(slots.pathLength[take(slots, 7, -1)]).toBe(0);
  expect([slots.count, slots.best]).toEqual([1, -1]);
});

test("A candidate whose path does not fit is gone, and the others stay as they are.", () => {
  const slots = new Slots();
  slots.clear();
  const first = slots.reservePath(take(slots, 1, -2), 10_000);
  slots.pool[first] = 77;
  const rejected = take(slots, 2, -1);
  take(slots, 3, -4);
  slots.enterM[2] = 12;
  expect(slots.reservePath(rejected, 10_000)).toBe(-1);
  expect(held(slots)).toEqual([1, 3]);
  expect([slots.best, slots.bestSlot, slots.enterM[1], slots.pool[slots.pathStart[0]!]]).toEqual([-2, 0, 12, 77]);
  expect(slots.reservePath(take(slots, 4, 0), 6_000)).toBe(10_000);
});
