import { sequence } from "./sequence.ts";
import { endNode, type SequencingProblem, startNode } from "./sequencing-problem.ts";

/** The order of the stops of one vehicle, and how it compares with the one that there was. */

export type RouteDrive = {
  travelS: number;
  waitS: number;
  /** Over all stops, after the end of their windows, and after the end of the shift. */
  lateS: number;
  /** When each stop is reached, in the order driven; seconds as in the problem. */
  arrivalsS: number[];
  endS: number;
  /** Whether there is ever more on board than the vehicle can carry. */
  overloaded: boolean;
};

export type RouteOrder = { order: number[]; before: RouteDrive; after: RouteDrive };

/** Few stops need few iterations; with many an iteration takes time in proportion to them. */
const ITERATIONS_PER_STOP = 200;
const ITERATION_STOPS_MAX = 1_000_000;

/** Stops 0, 1, 2 … are in the order that there is; a better one is looked for. */
export function orderRoute(problem: Omit<SequencingProblem, "vehicles">, seed: number): RouteOrder {
  const single = { ...problem, vehicles: 1 };
  const given = problem.stops.map((_, node) => node);
  const iterations = Math.min(ITERATIONS_PER_STOP * given.length, ITERATION_STOPS_MAX / (given.length + 1));
  const fresh = sequence(single, { seed, iterations });
  const kept = sequence(single, { seed, iterations: 0, initial: [given] });
  const order = fresh.cost < kept.cost ? (fresh.tours[0] ?? given) : given;
  return { order, before: driveRoute(single, given), after: driveRoute(single, order) };
}

/** What driving the stops in this order comes to: each as soon as it can be. */
export function driveRoute(problem: SequencingProblem, order: readonly number[]): RouteDrive {
  const { stops, travelS, startS, capacity } = problem;
  const nodes = stops.length + 2;
  const drive: RouteDrive = { travelS: 0, waitS: 0, lateS: 0, arrivalsS: [], endS: startS, overloaded: false };
  let aboard = order.reduce((sum, node) => sum + stops[node]!.deliver, 0);
  let timeS = startS;
  let from = startNode(problem);
  drive.overloaded = aboard > capacity;
  for (const node of order) {
    const stop = stops[node]!;
    const legS = travelS[from * nodes + node]!;
    const arrivalS = timeS + legS;
    drive.travelS += legS;
    drive.arrivalsS.push(arrivalS);
    drive.waitS += Math.max(0, stop.windowStartS - arrivalS);
    drive.lateS += Math.max(0, arrivalS - stop.windowEndS);
    timeS = Math.max(arrivalS, stop.windowStartS) + stop.serviceS;
    aboard += stop.pickUp - stop.deliver;
    drive.overloaded ||= aboard > capacity;
    from = node;
  }
  const homeS = travelS[from * nodes + endNode(problem)]!;
  drive.travelS += homeS;
  drive.endS = timeS + homeS;
  drive.lateS += Math.max(0, drive.endS - problem.endS);
  return drive;
}
