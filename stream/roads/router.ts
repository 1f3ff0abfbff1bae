import { driveTimeS, exitVertex, turnTimeS } from "./drive-times.ts";
import { originalOf } from "./edge-copies.ts";
import { bannedArrivals } from "./hierarchy.ts";
import type { RoadNetwork } from "./network-file.ts";
import { isBanned, turnInto } from "./turn-restrictions.ts";
import { UpwardSearch } from "./upward-search.ts";

/** A place on a directed edge, which is no copy. */
export interface RoadPlace {
  directed: number;
  offsetM: number;
}

export interface Route {
  timeS: number;
  lengthM: number;
  /** Directed edges from the first place's to the second's, none of them a copy. */
  edges: number[];
}

/**
 * Fastest ways for cars over the network's contraction hierarchy: two small searches upwards that meet. Turn restrictions
 * hold everywhere; the time of a turn is counted where the vehicle starts (so it does not turn round for nothing), elsewhere
 * a junction costs the same in every direction. One instance per thread: its memory is reused.
 */
export class Router {
  readonly #roads: RoadNetwork;
  readonly #forward: UpwardSearch;
  readonly #backward: UpwardSearch;
  /** Second nodes of vertices with restricted turns: [node, edge that arrives there]. */
  readonly #copies = new Map<number, [node: number, arrival: number][]>();
  readonly #nodeOfArrival = new Map<number, number>();

  constructor(roads: RoadNetwork) {
    this.#roads = roads;
    this.#forward = new UpwardSearch(roads, roads.hierarchyUp);
    this.#backward = new UpwardSearch(roads, roads.hierarchyDown);
    bannedArrivals(roads).forEach((arrival, k) => {
      const vertex = exitVertex(roads, arrival);
      const node = roads.vertexLatE7.length + k;
      this.#nodeOfArrival.set(arrival, node);
      this.#copies.set(vertex, [...(this.#copies.get(vertex) ?? []), [node, arrival]]);
    });
  }

  /** The fastest way between two places, or undefined when there is none. */
  findRoute(from: RoadPlace, to: RoadPlace): Route | undefined {
    const direct = this.#alongOneEdge(from, to) ?? this.#acrossOneJunction(from, to);
    this.#seedForward(from);
    this.#seedBackward(to);
    let bestS = direct?.timeS ?? Number.POSITIVE_INFINITY;
    let meeting = -1;
    const [forward, backward] = [this.#forward, this.#backward];
    while (Math.min(forward.nextS, backward.nextS) < bestS) {
      const ahead = forward.nextS <= backward.nextS;
      const node = ahead ? forward.settle() : backward.settle();
      const throughS = forward.timeOf(node) + backward.timeOf(node);
      if (throughS < bestS) {
        bestS = throughS;
        meeting = node;
      }
    }
    return meeting < 0 ? direct : this.#describe(from, to, meeting, bestS);
  }

  /** Driving times (s) from one place to many; Infinity where there is no way. */
  findTimes(from: RoadPlace, targets: readonly RoadPlace[]): Float64Array {
    const [forward, backward] = [this.#forward, this.#backward];
    this.#seedForward(from);
    while (forward.nextS < Number.POSITIVE_INFINITY) forward.settle();
    return Float64Array.from(targets, (to) => {
      let bestS =
        (this.#alongOneEdge(from, to) ?? this.#acrossOneJunction(from, to))?.timeS ?? Number.POSITIVE_INFINITY;
      this.#seedBackward(to);
      while (backward.nextS < bestS) {
        const node = backward.settle();
        bestS = Math.min(bestS, forward.timeOf(node) + backward.timeOf(node));
      }
      return bestS;
    });
  }

  /** Driving time over a whole directed edge; Infinity where cars may not go. */
  edgeTimeS(directed: number): number {
    return driveTimeS(this.#roads, directed);
  }

  #alongOneEdge(from: RoadPlace, to: RoadPlace): Route | undefined {
    if (from.directed !== to.directed || to.offsetM < from.offsetM) return undefined;
    const timeS = this.#shareS(to) - this.#shareS(from);
    return { timeS, lengthM: to.offsetM - from.offsetM, edges: [from.directed] };
  }

  #acrossOneJunction(from: RoadPlace, to: RoadPlace): Route | undefined {
    const roads = this.#roads;
    if (
      exitVertex(roads, from.directed) !== exitVertex(roads, to.directed ^ 1) ||
      isBanned(roads, from.directed, to.directed)
    )
      return undefined;
    const timeS = this.#remainingS(from) + turnTimeS(roads, from.directed, to.directed) + this.#shareS(to);
    return timeS < Number.POSITIVE_INFINITY
      ? { timeS, lengthM: this.#lengthM(from, to, []), edges: [from.directed, to.directed] }
      : undefined;
  }

  #seedForward(from: RoadPlace): void {
    const roads = this.#roads;
    const vertex = exitVertex(roads, from.directed);
    const remainingS = this.#remainingS(from);
    this.#forward.clear();
    for (let i = roads.outStart[vertex]!; i < roads.outStart[vertex + 1]!; i++) {
      const next = turnInto(roads, from.directed, roads.outEdge[i]!);
      if (next < 0) continue;
      const timeS = remainingS + turnTimeS(roads, from.directed, next) + driveTimeS(roads, next);
      if (timeS === Number.POSITIVE_INFINITY) continue;
      this.#forward.seed(this.#nodeOfArrival.get(next) ?? exitVertex(roads, next), timeS, next);
    }
  }

  #seedBackward(to: RoadPlace): void {
    const vertex = exitVertex(this.#roads, to.directed ^ 1);
    const shareS = this.#shareS(to);
    this.#backward.clear();
    if (shareS === Number.POSITIVE_INFINITY || Number.isNaN(shareS)) return;
    this.#backward.seed(vertex, shareS, to.directed);
    for (const [node, arrival] of this.#copies.get(vertex) ?? [])
      if (!isBanned(this.#roads, arrival, to.directed)) this.#backward.seed(node, shareS, to.directed);
  }

  #describe(from: RoadPlace, to: RoadPlace, meeting: number, timeS: number): Route {
    const between = [...this.#forward.edgesTo(meeting).reverse(), ...this.#backward.edgesTo(meeting)].map((directed) =>
      originalOf(this.#roads, directed),
    );
    // The last entry is the target's own edge.
    between.pop();
    return { timeS, lengthM: this.#lengthM(from, to, between), edges: [from.directed, ...between, to.directed] };
  }

  #lengthM(from: RoadPlace, to: RoadPlace, between: readonly number[]): number {
    let lengthM = this.#roads.edgeLengthM[from.directed >> 1]! - from.offsetM + to.offsetM;
    for (const directed of between) lengthM += this.#roads.edgeLengthM[directed >> 1]!;
    return lengthM;
  }

  #shareS(place: RoadPlace): number {
    const lengthM = this.#roads.edgeLengthM[place.directed >> 1]!;
    return (driveTimeS(this.#roads, place.directed) * Math.min(lengthM, Math.max(0, place.offsetM))) / lengthM;
  }

  #remainingS(place: RoadPlace): number {
    return driveTimeS(this.#roads, place.directed) - this.#shareS(place);
  }
}
