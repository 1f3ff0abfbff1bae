import { expect, test } from "vitest";
import { driveRoute, orderRoute } from "./route-order.ts";
import { sequence } from "./sequence.ts";
import { LATE_WEIGHT, type SequencingProblem, type StopToPlace } from "./sequencing-problem.ts";
import { SequencingThread } from "./sequencing-thread.ts";
import { travelTimes } from "./travel-times.ts";

function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

const anyTime = { windowStartS: 0, windowEndS: Number.POSITIVE_INFINITY, serviceS: 60, deliver: 0, pickUp: 0 };

/** Places on a square of ten minutes, the start and the end in its middle; `windows` of the stops are around a random order. */
function problemOf(seed: number, count: number, windowS: number): SequencingProblem {
  const random = seededRandom(seed);
  const places = Array.from({ length: count }, () => [random() * 600, random() * 600] as const);
  const nodes = [...places, [300, 300] as const, [300, 300] as const];
  const travelS = Float64Array.from(nodes.flatMap((a) => nodes.map((b) => Math.hypot(a[0] - b[0], a[1] - b[1]))));
  let timeS = 0;
  const stops = places.map((place, node): StopToPlace => {
    const from = nodes[node === 0 ? count : node - 1]!;
    timeS += Math.hypot(place[0] - from[0], place[1] - from[1]);
    const windowStartS = Math.max(0, timeS - random() * windowS);
    timeS += 60;
    return { ...anyTime, windowStartS, windowEndS: windowStartS + windowS };
  });
  return {
    ...{ stops, vehicles: 1, capacity: Number.POSITIVE_INFINITY },
    ...{ startS: 0, endS: Number.POSITIVE_INFINITY, travelS, waitWeight: 0 },
  };
}

/** The least driving that meets all windows, by looking at every order that can be the best (Held, Karp 1962). */
function optimumS({ stops, travelS }: SequencingProblem): number {
  const count = stops.length;
  const nodes = count + 2;
  // By set and last stop: pairs of driving and time of which none is worse in both than another.
  let layer = new Map<number, [travelS: number, timeS: number][]>([[count, [[0, 0]]]]);
  for (let placed = 0; placed < count; placed++) {
    const next = new Map<number, [number, number][]>();
    for (const [key, states] of layer) {
      const [set, last] = [Math.floor(key / 64), key % 64];
      for (let node = 0; node < count; node++) {
        if (set & (1 << node)) continue;
        const legS = travelS[last * nodes + node]!;
        const { windowStartS, windowEndS, serviceS } = stops[node]!;
        const nextKey = (set | (1 << node)) * 64 + node;
        const kept = next.get(nextKey) ?? [];
        for (const [drivenS, timeS] of states) {
          const arrivalS = Math.max(timeS + legS, windowStartS);
          if (arrivalS <= windowEndS) kept.push([drivenS + legS, arrivalS + serviceS]);
        }
        next.set(nextKey, undominated(kept));
      }
    }
    layer = next;
  }
  const home = [...layer].flatMap(([key, states]) =>
    states.map(([drivenS]) => drivenS + travelS[(key % 64) * nodes + count + 1]!),
  );
  return Math.min(...home);
}

function undominated(states: [number, number][]): [number, number][] {
  const sorted = states.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return sorted.filter(([, timeS], index) => sorted.slice(0, index).every(([, earlier]) => timeS < earlier));
}

test("routes of nine stops with windows are put in the best order there is", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const problem = problemOf(seed, 9, [150, 900, 4_000][seed % 3]!);
    const optimum = optimumS(problem);
    expect(optimum).toBeLessThan(Number.POSITIVE_INFINITY);
    expect([seed, sequence(problem, { seed: 1, iterations: 1_000 }).cost]).toEqual([seed, expect.closeTo(optimum, 6)]);
  }
});

test("the same seed gives the same order", () => {
  const problem = problemOf(7, 30, 2_000);
  const orders = [1, 2].map(() => sequence(problem, { seed: 5, iterations: 500 }));
  expect(orders[0]).toEqual(orders[1]);
});

test("a window that cannot be met is missed by as little as can be", () => {
  const problem = problemOf(3, 6, 5_000);
  const late = { ...anyTime, windowEndS: 1 };
  const { order, after } = orderRoute({ ...problem, stops: [late, ...problem.stops.slice(1)] }, 1);
  const straightS = problem.travelS[6 * 8]!;
  expect([order[0], after.lateS]).toEqual([0, expect.closeTo(straightS - 1, 6)]);
});

test("the cost of a tour is what driving it comes to", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const problem = { ...problemOf(seed, 12, 600), waitWeight: 0 };
    const given = [problem.stops.map((_, node) => node).sort((a, b) => ((a * 7) % 12) - ((b * 7) % 12))];
    const { cost } = sequence(problem, { seed: 1, iterations: 0, initial: given });
    const before = driveRoute(problem, given[0]!);
    // Once late, time warp turns back to the end of the window; lateness goes on: never is the one more than the other.
    expect((cost - before.travelS) / LATE_WEIGHT).toBeLessThanOrEqual(before.lateS + 1e-6);
    if (before.lateS === 0) expect(cost).toBeCloseTo(before.travelS, 6);
    else expect(cost).toBeGreaterThan(before.travelS);
  }
});

function inOrder({ travelS, stops }: SequencingProblem, order: readonly number[]): Float64Array {
  const count = stops.length + 2;
  const nodes = [...order, count - 2, count - 1];
  return Float64Array.from(nodes.flatMap((a) => nodes.map((b) => travelS[a * count + b]!)));
}

test("what is picked up has room only once enough is delivered", () => {
  const problem = problemOf(11, 8, 50_000);
  const stops = problem.stops.map((stop, node) => ({ ...stop, ...(node < 4 ? { deliver: 2 } : { pickUp: 2 }) }));
  const { order, after } = orderRoute({ ...problem, stops, capacity: 8 }, 1);
  expect(after.overloaded).toBe(false);
  let [aboard, most] = [8, 8];
  for (const node of order) {
    aboard += stops[node]!.pickUp - stops[node]!.deliver;
    most = Math.max(most, aboard);
  }
  expect(most).toBe(8);
  const unlimited = orderRoute({ ...problem, stops }, 1);
  expect(unlimited.after.travelS).toBeLessThanOrEqual(after.travelS);
});

test("loads divide the stops among vehicles", () => {
  const problem = problemOf(5, 10, 50_000);
  const stops = problem.stops.map((stop) => ({ ...stop, deliver: 3 }));
  const { tours } = sequence({ ...problem, stops, vehicles: 5, capacity: 9 }, { seed: 1, iterations: 1_000 });
  expect(tours.flat().sort((a, b) => a - b)).toEqual(stops.map((_, node) => node));
  expect(Math.max(...tours.map((tour) => tour.length))).toBeLessThanOrEqual(3);
});

test("an order that cannot be bettered is left as it is", () => {
  const problem = problemOf(9, 8, 100_000);
  const best = orderRoute(problem, 1).order;
  const again = orderRoute(
    { ...problem, stops: best.map((node) => problem.stops[node]!), travelS: inOrder(problem, best) },
    2,
  );
  expect(again.order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test("the thread answers as the function does, several tasks at a time, and starts again after it was closed", async () => {
  const places = Array.from({ length: 8 }, (_, index) => ({ latDeg: 41 + ((index * 5) % 8) / 100, lonDeg: -8.6 }));
  const { travelS } = travelTimes(places, undefined);
  const rest = { capacity: 10, startS: 0, endS: 1e6, waitWeight: 0.3, stops: places.slice(2).map(() => anyTime) };
  const task = { ...rest, places, seed: 1, openStart: false, openEnd: false };
  const thread = new SequencingThread(undefined);
  const answers = await Promise.all([thread.order(task), thread.order({ ...task, openEnd: true })]);
  await thread.close();
  const { order, after } = orderRoute({ ...rest, travelS }, 1);
  expect(answers[0]).toMatchObject({ order, after, basis: "straight_line", offRoad: [] });
  expect(answers[1]!.after.travelS).toBeLessThan(answers[0]!.after.travelS);
});
