import { distanceM } from "./geometry.ts";
import type { RoadEdge, RoadNetwork } from "./network.ts";

export type Router = {
  /** The quickest way between two junctions as edges in driving order; empty when they are the same. */
  findRoute(from: number, to: number): RoadEdge[];
};

/** A* by travel time. The working arrays are kept between calls; a call costs what it explores, not the network's size. */
export function createRouter(network: RoadNetwork): Router {
  const { latDeg, lonDeg, leaving } = network;
  const fastestMps = network.edges.reduce((fastest, edge) => Math.max(fastest, edge.lengthM / edge.travelS), 1);
  const reachedS = new Float64Array(latDeg.length);
  const via: (RoadEdge | undefined)[] = new Array(latDeg.length);
  const search = new Uint32Array(latDeg.length);
  let searchNumber = 0;

  function findRoute(from: number, to: number): RoadEdge[] {
    searchNumber++;
    const queue = new TimeQueue();
    reachedS[from] = 0;
    search[from] = searchNumber;
    via[from] = undefined;
    queue.push(from, remainingS(from, to));
    for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
      if (node === to) return edgesTo(to);
      for (const edge of leaving[node]!) {
        const arriveS = reachedS[node]! + edge.travelS;
        if (search[edge.to] === searchNumber && reachedS[edge.to]! <= arriveS) continue;
        search[edge.to] = searchNumber;
        reachedS[edge.to] = arriveS;
        via[edge.to] = edge;
        queue.push(edge.to, arriveS + remainingS(edge.to, to));
      }
    }
    throw new Error(`no street leads from node ${from} to node ${to}: the network is not strongly connected`);
  }

  function remainingS(node: number, to: number): number {
    return distanceM(latDeg[node]!, lonDeg[node]!, latDeg[to]!, lonDeg[to]!) / fastestMps;
  }

  function edgesTo(to: number): RoadEdge[] {
    const route: RoadEdge[] = [];
    for (let edge = via[to]; edge; edge = via[edge.from]) route.push(edge);
    return route.reverse();
  }

  return { findRoute };
}

/** A binary heap of nodes by time; a node may be in it more than once. */
class TimeQueue {
  readonly #nodes: number[] = [];
  readonly #times: number[] = [];

  push(node: number, time: number): void {
    let at = this.#nodes.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#times[parent]! <= time) break;
      this.#place(at, this.#nodes[parent]!, this.#times[parent]!);
      at = parent;
    }
    this.#place(at, node, time);
  }

  pop(): number | undefined {
    const first = this.#nodes[0];
    const node = this.#nodes.pop();
    const time = this.#times.pop();
    if (first === undefined || node === undefined || time === undefined || this.#nodes.length === 0) return first;
    const size = this.#nodes.length;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#times[child + 1]! < this.#times[child]!) child++;
      if (this.#times[child]! >= time) break;
      this.#place(at, this.#nodes[child]!, this.#times[child]!);
      at = child;
    }
    this.#place(at, node, time);
    return first;
  }

  #place(at: number, node: number, time: number): void {
    this.#nodes[at] = node;
    this.#times[at] = time;
  }
}
