import { EXCESS_WEIGHT, endNode, LATE_WEIGHT, type SequencingProblem, startNode } from "./sequencing-problem.ts";

/**
 * Segments of a tour, joined in constant time (Vidal, Crainic, Gendreau, Prins 2013, "A hybrid genetic algorithm with
 * adaptive diversity management for a large class of vehicle routing problems with time-windows"): duration, time warp
 * (how far time would have to be turned back for every window to be met), earliest and latest begin that cost nothing,
 * and what is delivered, picked up and at most on board.
 */
const [DURATION, WARP, EARLIEST, LATEST, DELIVER, PICK_UP, ABOARD, FIELDS] = [0, 1, 2, 3, 4, 5, 6, 7] as const;

type Segments = Float64Array;

function join(a: Segments, i: number, b: Segments, j: number, travelS: number, out: Segments, o: number): void {
  const shiftS = a[i + DURATION]! - a[i + WARP]! + travelS;
  const waitS = Math.max(b[j + EARLIEST]! - shiftS - a[i + LATEST]!, 0);
  const warpS = Math.max(a[i + EARLIEST]! + shiftS - b[j + LATEST]!, 0);
  const aboard = Math.max(a[i + ABOARD]! + b[j + DELIVER]!, a[i + PICK_UP]! + b[j + ABOARD]!);
  const earliestS = Math.max(b[j + EARLIEST]! - shiftS, a[i + EARLIEST]!) - waitS;
  const latestS = Math.min(b[j + LATEST]! - shiftS, a[i + LATEST]!) + warpS;
  out[o + DURATION] = a[i + DURATION]! + b[j + DURATION]! + travelS + waitS;
  out[o + WARP] = a[i + WARP]! + b[j + WARP]! + warpS;
  out[o + EARLIEST] = earliestS;
  out[o + LATEST] = latestS;
  out[o + DELIVER] = a[i + DELIVER]! + b[j + DELIVER]!;
  out[o + PICK_UP] = a[i + PICK_UP]! + b[j + PICK_UP]!;
  out[o + ABOARD] = aboard;
}

/** What the tours of one problem share. */
export class TourContext {
  readonly problem: SequencingProblem;
  readonly nodes: number;
  readonly singles: Segments;
  readonly scratch = new Float64Array(2 * FIELDS);

  constructor(problem: SequencingProblem) {
    this.problem = problem;
    this.nodes = problem.stops.length + 2;
    this.singles = new Float64Array(this.nodes * FIELDS);
    const put = (node: number, windowS: [number, number], serviceS: number, deliver: number, pickUp: number) =>
      this.singles.set([serviceS, 0, ...windowS, deliver, pickUp, Math.max(deliver, pickUp)], node * FIELDS);
    problem.stops.forEach((stop, node) => {
      put(node, [stop.windowStartS, stop.windowEndS], stop.serviceS, stop.deliver, stop.pickUp);
    });
    put(startNode(problem), [problem.startS, Number.POSITIVE_INFINITY], 0, 0, 0);
    put(endNode(problem), [problem.startS, problem.endS], 0, 0, 0);
  }

  travelS(from: number, to: number): number {
    return this.problem.travelS[from * this.nodes + to]!;
  }
}

/** The stops of one vehicle in their order; never changed, another order is another tour. */
export class Tour {
  readonly stops: readonly number[];
  readonly cost: number;
  readonly #context: TourContext;
  readonly #travelS: number;
  readonly #serviceS: number;
  /** The start and the first n stops; the stops from n on and the end. */
  readonly #ahead: Segments;
  readonly #behind: Segments;

  constructor(context: TourContext, stops: readonly number[]) {
    this.#context = context;
    this.stops = stops;
    const { singles, problem } = context;
    const count = stops.length;
    this.#ahead = new Float64Array((count + 1) * FIELDS);
    this.#behind = new Float64Array((count + 1) * FIELDS);
    const [start, end] = [startNode(problem), endNode(problem)];
    this.#ahead.set(singles.subarray(start * FIELDS, (start + 1) * FIELDS));
    this.#behind.set(singles.subarray(end * FIELDS, (end + 1) * FIELDS), count * FIELDS);
    let travelS = 0;
    let serviceS = 0;
    for (let k = 0, from = start; k < count; from = stops[k++]!) {
      const node = stops[k]!;
      const legS = context.travelS(from, node);
      join(this.#ahead, k * FIELDS, singles, node * FIELDS, legS, this.#ahead, (k + 1) * FIELDS);
      travelS += legS;
      serviceS += problem.stops[node]!.serviceS;
    }
    for (let k = count - 1, to = end; k >= 0; to = stops[k--]!) {
      const node = stops[k]!;
      const legS = context.travelS(node, to);
      join(singles, node * FIELDS, this.#behind, (k + 1) * FIELDS, legS, this.#behind, k * FIELDS);
      if (k === count - 1) travelS += legS;
    }
    this.#travelS = travelS;
    this.#serviceS = serviceS;
    this.cost = count === 0 ? 0 : this.#costOf(travelS, serviceS, this.#whole(), 0);
  }

  /** What the tour would cost more with this stop at this position. */
  insertionCost(node: number, position: number): number {
    const { singles, scratch, problem } = this.#context;
    const before = position === 0 ? startNode(problem) : this.stops[position - 1]!;
    const after = position === this.stops.length ? endNode(problem) : this.stops[position]!;
    const [inS, outS] = [this.#context.travelS(before, node), this.#context.travelS(node, after)];
    join(this.#ahead, position * FIELDS, singles, node * FIELDS, inS, scratch, 0);
    join(scratch, 0, this.#behind, position * FIELDS, outS, scratch, FIELDS);
    const saved = this.stops.length === 0 ? 0 : this.#context.travelS(before, after);
    const serviceS = this.#serviceS + problem.stops[node]!.serviceS;
    return this.#costOf(this.#travelS + inS + outS - saved, serviceS, scratch, FIELDS) - this.cost;
  }

  with(node: number, position: number): Tour {
    return new Tour(this.#context, this.stops.toSpliced(position, 0, node));
  }

  without(removed: ReadonlySet<number>): Tour {
    return new Tour(
      this.#context,
      this.stops.filter((stop) => !removed.has(stop)),
    );
  }

  #whole(): Segments {
    const last = this.stops.length;
    const { problem, scratch } = this.#context;
    const legS = this.#context.travelS(this.stops[last - 1]!, endNode(problem));
    join(this.#ahead, last * FIELDS, this.#behind, last * FIELDS, legS, scratch, 0);
    return scratch;
  }

  #costOf(travelS: number, serviceS: number, whole: Segments, at: number): number {
    const { capacity, waitWeight } = this.#context.problem;
    const excess = Math.max(0, whole[at + ABOARD]! - capacity);
    const waitS = whole[at + DURATION]! - travelS - serviceS;
    return travelS + waitWeight * waitS + LATE_WEIGHT * whole[at + WARP]! + EXCESS_WEIGHT * excess;
  }
}
