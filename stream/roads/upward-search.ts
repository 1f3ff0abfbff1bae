import type { RoadNetwork } from "./network-file.ts";
import { nextStamp } from "./stamps.ts";

type Hierarchy = Pick<
  RoadNetwork,
  "hierarchyUp" | "hierarchyDown" | "hierarchyNode" | "hierarchyS" | "hierarchyFirst" | "hierarchySecond"
>;

const NONE = -1;

/**
 * Dijkstra's search towards higher nodes of a contraction hierarchy, forwards over the arcs that go up or backwards over
 * those that come down (`starts` tells which). All memory is reused.
 */
export class UpwardSearch {
  readonly #h: Hierarchy;
  readonly #starts: Uint32Array;
  readonly #backward: boolean;
  readonly #time: Float64Array;
  /** Arc by which a node was reached, or `~edge` of a seed. */
  readonly #arc: Int32Array;
  readonly #from: Int32Array;
  readonly #stamp: Uint32Array;
  readonly #position: Int32Array;
  readonly #heap: Int32Array;
  #size = 0;
  #generation = 0;

  constructor(hierarchy: Hierarchy, starts: Uint32Array) {
    const nodes = starts.length - 1;
    this.#h = hierarchy;
    this.#starts = starts;
    this.#backward = starts === hierarchy.hierarchyDown;
    this.#time = new Float64Array(nodes);
    this.#arc = new Int32Array(nodes);
    this.#from = new Int32Array(nodes);
    this.#stamp = new Uint32Array(nodes);
    this.#position = new Int32Array(nodes);
    this.#heap = new Int32Array(nodes);
  }

  clear(): void {
    this.#generation = nextStamp(this.#stamp, this.#generation);
    this.#size = 0;
  }

  /** A node to start from, reached over a directed edge. */
  seed(node: number, timeS: number, edge: number): void {
    this.#offer(node, timeS, ~edge, NONE);
  }

  /** Time of the next node to settle; Infinity at the end. */
  get nextS(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#time[this.#heap[0]!]!;
  }

  /** Time at which a node was reached so far; Infinity when it was not. */
  timeOf(node: number): number {
    return this.#stamp[node] === this.#generation ? this.#time[node]! : Number.POSITIVE_INFINITY;
  }

  /** Settles the next node and returns it. */
  settle(): number {
    const node = this.#pop();
    const { hierarchyNode, hierarchyS } = this.#h;
    const timeS = this.#time[node]!;
    const end = this.#starts[node + 1]!;
    for (let arc = this.#starts[node]!; arc < end; arc++)
      this.#offer(hierarchyNode[arc]!, timeS + hierarchyS[arc]!, arc, node);
    return node;
  }

  /** Directed edges from the node back to the seed, shortcuts unpacked; the seed's edge comes last. */
  edgesTo(node: number): number[] {
    const edges: number[] = [];
    for (let at = node; ; at = this.#from[at]!) {
      const arc = this.#arc[at]!;
      if (arc < 0) {
        edges.push(~arc);
        return edges;
      }
      this.#unpack(arc, edges);
    }
  }

  #unpack(arc: number, edges: number[]): void {
    const { hierarchyFirst, hierarchySecond } = this.#h;
    const stack = [arc];
    while (stack.length > 0) {
      const top = stack.pop()!;
      const first = hierarchyFirst[top]!;
      if (first < 0) edges.push(~first);
      // Walking back from the meeting point forwards means the last part comes first; backwards it is the other way round.
      else if (this.#backward) stack.push(hierarchySecond[top]!, first);
      else stack.push(first, hierarchySecond[top]!);
    }
  }

  #offer(node: number, timeS: number, arc: number, from: number): void {
    const isKnown = this.#stamp[node] === this.#generation;
    if (isKnown && this.#time[node]! <= timeS) return;
    this.#time[node] = timeS;
    this.#arc[node] = arc;
    this.#from[node] = from;
    if (!isKnown) {
      this.#stamp[node] = this.#generation;
      this.#position[node] = this.#size++;
    }
    this.#siftUp(node, this.#position[node]!);
  }

  #pop(): number {
    const top = this.#heap[0]!;
    const last = this.#heap[--this.#size]!;
    if (this.#size > 0) this.#siftDown(last);
    return top;
  }

  #siftUp(node: number, from: number): void {
    const key = this.#time[node]!;
    let at = from;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const above = this.#heap[up]!;
      if (this.#time[above]! <= key) break;
      this.#heap[at] = above;
      this.#position[above] = at;
      at = up;
    }
    this.#heap[at] = node;
    this.#position[node] = at;
  }

  #siftDown(node: number): void {
    const key = this.#time[node]!;
    let at = 0;
    for (;;) {
      let down = at * 2 + 1;
      if (down >= this.#size) break;
      if (down + 1 < this.#size && this.#time[this.#heap[down + 1]!]! < this.#time[this.#heap[down]!]!) down++;
      const below = this.#heap[down]!;
      if (this.#time[below]! >= key) break;
      this.#heap[at] = below;
      this.#position[below] = at;
      at = down;
    }
    this.#heap[at] = node;
    this.#position[node] = at;
  }
}
