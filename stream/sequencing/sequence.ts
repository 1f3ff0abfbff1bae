import { endNode, type SequencingProblem, startNode } from "./sequencing-problem.ts";
import { Tour, TourContext } from "./tour.ts";

/**
 * Ruin and recreate (Christiaens, Vanden Berghe 2020, "Slack induction by string removals for vehicle routing problems"):
 * some stops near each other are taken out, in strings or one by one, and put back where they cost least, passing over a
 * place now and then; simulated annealing decides what to keep. Windows and loads that can't be met cost so much that
 * they are missed by as little as possible.
 */

export type SequencingOptions = {
  /** Equal seeds give equal orders. */
  seed: number;
  iterations: number;
  /** Tours to begin with; by insertion unless given. */
  initial?: readonly (readonly number[])[];
};

export type Sequenced = { tours: number[][]; cost: number };

/** Stops taken out at a time, at most; on average half of it. */
const REMOVED_MAX = 20;
const STRING_MAX = 10;
const STRINGS_SHARE = 0.5;
/** A place is passed over with this probability, so that the search does not repeat itself. */
const BLINK = 0.01;
/** Of the mean leg: what a change for the worse may cost at the begin and at the end. */
const HOT = 3;
const COLD = 0.03;

/** Puts stops in a good order. Pure: the same problem and options give the same tours. */
export function sequence(problem: SequencingProblem, { seed, iterations, initial }: SequencingOptions): Sequenced {
  const random = randomOf(seed);
  const context = new TourContext(problem);
  const nearest = nearestOf(problem);
  const all = problem.stops.map((_, node) => node);
  let current =
    initial === undefined
      ? recreate(context, [], inOrder(problem, all, random), () => 1)
      : initial.map((stops) => new Tour(context, stops));
  let currentCost = costOf(current);
  let best = current;
  let bestCost = currentCost;
  const meanLegS = Math.max(1e-9, legsOf(problem, current) / (all.length + current.length));
  const cooling = (COLD / HOT) ** (1 / Math.max(1, iterations));
  let heat = HOT * meanLegS;
  for (let n = 0; n < iterations && all.length > 1; n++, heat *= cooling) {
    const removed = ruin(problem, current, nearest, random);
    const kept = current.map((tour) => (tour.stops.some((stop) => removed.has(stop)) ? tour.without(removed) : tour));
    const next = recreate(
      context,
      kept.filter(({ stops }) => stops.length > 0),
      inOrder(problem, [...removed], random),
      random,
    );
    const cost = costOf(next);
    if (cost >= currentCost - heat * Math.log(random() || Number.MIN_VALUE)) continue;
    current = next;
    currentCost = cost;
    if (cost >= bestCost) continue;
    best = next;
    bestCost = cost;
  }
  return { tours: best.map(({ stops }) => [...stops]), cost: bestCost };
}

function costOf(tours: readonly Tour[]): number {
  return tours.reduce((sum, { cost }) => sum + cost, 0);
}

function legsOf(problem: SequencingProblem, tours: readonly Tour[]): number {
  const nodes = problem.stops.length + 2;
  let sum = 0;
  for (const { stops } of tours) {
    const way = [startNode(problem), ...stops, endNode(problem)];
    for (let k = 1; k < way.length; k++) sum += problem.travelS[way[k - 1]! * nodes + way[k]!]!;
  }
  return sum;
}

/** Stops around one that is drawn: strings of the tours that pass there, or the nearest ones. */
function ruin(
  problem: SequencingProblem,
  tours: readonly Tour[],
  nearest: readonly (readonly number[])[],
  random: () => number,
): Set<number> {
  const count = problem.stops.length;
  const centre = Math.floor(random() * count);
  const goal = 1 + Math.floor(random() * Math.min(REMOVED_MAX, count - 1));
  const around = [centre, ...nearest[centre]!];
  const removed = new Set<number>();
  if (random() >= STRINGS_SHARE) {
    for (const stop of around.slice(0, goal)) removed.add(stop);
    return removed;
  }
  const cut = new Set<Tour>();
  for (const stop of around) {
    if (removed.size >= goal) break;
    const tour = tours.find(({ stops }) => stops.includes(stop));
    if (tour === undefined || cut.has(tour)) continue;
    cut.add(tour);
    const length = Math.min(tour.stops.length, 1 + Math.floor(random() * STRING_MAX), goal);
    const at = tour.stops.indexOf(stop);
    const first = Math.max(0, Math.min(tour.stops.length - length, at - Math.floor(random() * length)));
    for (const taken of tour.stops.slice(first, first + length)) removed.add(taken);
  }
  return removed;
}

/** Puts each stop where it costs least. */
function recreate(context: TourContext, kept: readonly Tour[], stops: readonly number[], random: () => number): Tour[] {
  const tours = [...kept];
  const { vehicles } = context.problem;
  const empty = new Tour(context, []);
  for (const stop of stops) {
    let [bestTour, bestPosition, bestCost] = [-1, -1, Number.POSITIVE_INFINITY];
    const candidates = tours.length < vehicles ? tours.length + 1 : tours.length;
    for (let t = 0; t < candidates; t++) {
      const tour = tours[t] ?? empty;
      for (let position = 0; position <= tour.stops.length; position++) {
        if (random() < BLINK && bestTour >= 0) continue;
        const cost = tour.insertionCost(stop, position);
        if (cost < bestCost) [bestTour, bestPosition, bestCost] = [t, position, cost];
      }
    }
    tours[bestTour] = (tours[bestTour] ?? empty).with(stop, bestPosition);
  }
  return tours;
}

/** In which order stops are put back: by chance, the heaviest first, the farthest, the nearest, the soonest due, the narrowest. */
function inOrder({ stops, travelS }: SequencingProblem, nodes: number[], random: () => number): number[] {
  const start = stops.length * (stops.length + 2);
  const draw = random() * 13;
  const by = (value: (node: number) => number) => {
    const keyed = nodes.map((node) => ({ node, key: value(node) }));
    return keyed.sort((a, b) => a.key - b.key).map(({ node }) => node);
  };
  if (draw < 4) return by(() => random());
  if (draw < 6) return by((node) => -stops[node]!.deliver - stops[node]!.pickUp);
  if (draw < 8) return by((node) => -travelS[start + node]!);
  if (draw < 9) return by((node) => travelS[start + node]!);
  if (draw < 11) return by((node) => stops[node]!.windowEndS);
  return by((node) => stops[node]!.windowEndS - stops[node]!.windowStartS);
}

/** For each stop the others, the nearest first, there and back. */
function nearestOf({ stops, travelS }: SequencingProblem): number[][] {
  const nodes = stops.length + 2;
  return stops.map((_, from) =>
    stops
      .map((_stop, to) => to)
      .filter((to) => to !== from)
      .sort((a, b) => bothWays(from, a) - bothWays(from, b)),
  );
  function bothWays(a: number, b: number): number {
    return travelS[a * nodes + b]! + travelS[b * nodes + a]!;
  }
}

/** Numbers in [0, 1), by mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
