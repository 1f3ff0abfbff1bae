import { type Landmarks, measureLandmarks } from "./landmarks.ts";
import type { RoadNetwork } from "./network-file.ts";
import { isBanned } from "./turn-restrictions.ts";
import { ACCESS } from "./way-tags.ts";

/** A place on a directed edge. */
export interface RoadPlace {
  directed: number;
  offsetM: number;
}

export interface Route {
  timeS: number;
  lengthM: number;
  /** Directed edges from the first place's to the second's. */
  edges: number[];
}

/** Seconds that a turn costs, by 1/256 turns: nothing when straight on, 4 s at 90°, 8 s at 180°. */
const TURN_S = Float32Array.from({ length: 256 }, (_, i) => {
  const angleDeg = ((i > 128 ? 256 - i : i) * 360) / 256;
  return angleDeg < 25 ? 0 : ((angleDeg - 25) / 155) * 8;
});
const U_TURN_S = 45;
const DEAD_END_TURN_S = 10;
const MPS_PER_KMH = 1 / 3.6;
/** Free-flow speed in town is below the limit. */
const SPEED_SHARE = 0.85;
/** Landmarks that a search uses: those that bound this pair best. */
const ACTIVE_LANDMARKS = 3;

/**
 * Fastest ways for cars by A* with landmarks over directed edges, with turn costs and turn restrictions. One instance
 * per thread: its arrays are reused, a search makes no garbage but its answer.
 */
export class Router {
  readonly #roads: RoadNetwork;
  readonly #edgeS: Float32Array;
  readonly #landmarks: Landmarks;
  readonly #time: Float64Array;
  readonly #key: Float64Array;
  readonly #parent: Int32Array;
  readonly #stamp: Uint32Array;
  readonly #position: Int32Array;
  readonly #heap: Int32Array;
  readonly #active = new Int32Array(ACTIVE_LANDMARKS);
  #activeCount = 0;
  #generation = 0;
  #heapSize = 0;

  constructor(roads: RoadNetwork) {
    const directed = roads.edgeFrom.length * 2;
    this.#roads = roads;
    this.#edgeS = new Float32Array(directed);
    for (let d = 0; d < directed; d++) {
      const bit = d & 1 ? ACCESS.carBackward : ACCESS.carForward;
      const speedMps = roads.edgeSpeedKmh[d >> 1]! * MPS_PER_KMH * SPEED_SHARE;
      this.#edgeS[d] =
        (roads.edgeAccess[d >> 1]! & bit) === 0 ? Number.POSITIVE_INFINITY : roads.edgeLengthM[d >> 1]! / speedMps;
    }
    this.#landmarks = measureLandmarks(roads, (d) => this.#edgeS[d]!);
    this.#time = new Float64Array(directed);
    this.#key = new Float64Array(directed);
    this.#parent = new Int32Array(directed);
    this.#stamp = new Uint32Array(directed);
    this.#position = new Int32Array(directed);
    this.#heap = new Int32Array(directed);
  }

  /** Driving time over a directed edge without stops; Infinity where cars may not go. */
  edgeTimeS(directed: number): number {
    return this.#edgeS[directed]!;
  }

  /** The fastest way between two places, or undefined when there is none. */
  findRoute(from: RoadPlace, to: RoadPlace): Route | undefined {
    const direct = this.#alongOneEdge(from, to);
    if (direct !== undefined) return direct;
    const target = this.#entryVertex(to.directed);
    this.#chooseLandmarks(this.#exitVertex(from.directed), target);
    this.#begin();
    this.#expandFrom(from.directed, this.#remainingS(from), -1, target);
    for (let d = this.#pop(); d >= 0; d = this.#pop()) {
      if (d === to.directed) return this.#describe(from, to);
      this.#expandFrom(d, this.#time[d]! + this.#edgeS[d]!, d, target);
    }
    return undefined;
  }

  /** Driving times (s) from one place to many; Infinity where there is no way. */
  findTimes(from: RoadPlace, targets: readonly RoadPlace[]): Float64Array {
    const times = new Float64Array(targets.length).fill(Number.POSITIVE_INFINITY);
    const wanted = new Map<number, number[]>();
    let open = 0;
    targets.forEach((to, i) => {
      const direct = this.#alongOneEdge(from, to);
      if (direct !== undefined) {
        times[i] = direct.timeS;
        return;
      }
      wanted.set(to.directed, [...(wanted.get(to.directed) ?? []), i]);
    });
    open = wanted.size;
    this.#activeCount = 0;
    this.#begin();
    this.#expandFrom(from.directed, this.#remainingS(from), -1, 0);
    for (let d = this.#pop(); d >= 0 && open > 0; d = this.#pop()) {
      const reached = wanted.get(d);
      if (reached !== undefined) {
        open--;
        for (const i of reached) times[i] = this.#time[d]! + this.#shareS(targets[i]!);
      }
      this.#expandFrom(d, this.#time[d]! + this.#edgeS[d]!, d, 0);
    }
    return times;
  }

  #alongOneEdge(from: RoadPlace, to: RoadPlace): Route | undefined {
    if (from.directed !== to.directed || to.offsetM < from.offsetM) return undefined;
    const lengthM = to.offsetM - from.offsetM;
    return { timeS: this.#shareS(to) - this.#shareS(from), lengthM, edges: [from.directed] };
  }

  #shareS(place: RoadPlace): number {
    const lengthM = this.#roads.edgeLengthM[place.directed >> 1]!;
    return (this.#edgeS[place.directed]! * Math.min(lengthM, Math.max(0, place.offsetM))) / lengthM;
  }

  #remainingS(place: RoadPlace): number {
    return this.#edgeS[place.directed]! - this.#shareS(place);
  }

  #exitVertex(directed: number): number {
    return directed & 1 ? this.#roads.edgeFrom[directed >> 1]! : this.#roads.edgeTo[directed >> 1]!;
  }

  #entryVertex(directed: number): number {
    return this.#exitVertex(directed ^ 1);
  }

  #describe(from: RoadPlace, to: RoadPlace): Route {
    const edges: number[] = [];
    for (let d = to.directed; d >= 0; d = this.#parent[d]!) edges.push(d);
    edges.push(from.directed);
    edges.reverse();
    let lengthM = this.#roads.edgeLengthM[from.directed >> 1]! - from.offsetM + to.offsetM;
    for (let i = 1; i < edges.length - 1; i++) lengthM += this.#roads.edgeLengthM[edges[i]! >> 1]!;
    return { timeS: this.#time[to.directed]! + this.#shareS(to), lengthM, edges };
  }

  #expandFrom(from: number, timeS: number, parent: number, target: number): void {
    const roads = this.#roads;
    const vertex = this.#exitVertex(from);
    const start = roads.outStart[vertex]!;
    const end = roads.outStart[vertex + 1]!;
    const arriving = from & 1 ? roads.edgeBearingStart[from >> 1]! + 128 : roads.edgeBearingEnd[from >> 1]!;
    for (let i = start; i < end; i++) {
      const d = roads.outEdge[i]!;
      if (this.#edgeS[d] === Number.POSITIVE_INFINITY || isBanned(roads, from, d)) continue;
      const leaving = d & 1 ? roads.edgeBearingEnd[d >> 1]! + 128 : roads.edgeBearingStart[d >> 1]!;
      const turnS =
        (from ^ d) === 1 ? (end - start === 1 ? DEAD_END_TURN_S : U_TURN_S) : TURN_S[(leaving - arriving) & 255]!;
      this.#offer(d, timeS + turnS, vertex, parent, target);
    }
  }

  #offer(d: number, timeS: number, vertex: number, parent: number, target: number): void {
    const known = this.#stamp[d] === this.#generation;
    if (known && this.#time[d]! <= timeS) return;
    this.#time[d] = timeS;
    this.#key[d] = timeS + this.#boundS(vertex, target);
    this.#parent[d] = parent;
    if (!known) {
      this.#stamp[d] = this.#generation;
      this.#position[d] = this.#heapSize;
      this.#heap[this.#heapSize++] = d;
    } else if (this.#position[d]! < 0) return;
    this.#siftUp(this.#position[d]!);
  }

  /** What the rest of the way takes at least (triangle inequality over the landmarks). */
  #boundS(vertex: number, target: number): number {
    const { from, to } = this.#landmarks;
    const vertices = this.#roads.vertexLatE7.length;
    let bound = 0;
    for (let k = 0; k < this.#activeCount; k++) {
      const base = this.#active[k]! * vertices;
      const ahead = to[base + vertex]! - to[base + target]!;
      const behind = from[base + target]! - from[base + vertex]!;
      if (ahead > bound) bound = ahead;
      if (behind > bound) bound = behind;
    }
    return bound;
  }

  #chooseLandmarks(start: number, target: number): void {
    const { from, to, count } = this.#landmarks;
    const vertices = this.#roads.vertexLatE7.length;
    const bounds: [number, number][] = [];
    for (let l = 0; l < count; l++) {
      const base = l * vertices;
      const bound = Math.max(to[base + start]! - to[base + target]!, from[base + target]! - from[base + start]!);
      if (Number.isFinite(bound)) bounds.push([bound, l]);
    }
    bounds.sort((a, b) => b[0] - a[0]);
    this.#activeCount = Math.min(ACTIVE_LANDMARKS, bounds.length);
    for (let k = 0; k < this.#activeCount; k++) this.#active[k] = bounds[k]![1];
  }

  #begin(): void {
    this.#generation++;
    this.#heapSize = 0;
  }

  #pop(): number {
    if (this.#heapSize === 0) return -1;
    const top = this.#heap[0]!;
    this.#position[top] = -1;
    const last = this.#heap[--this.#heapSize]!;
    if (this.#heapSize > 0) this.#siftDown(last);
    return top;
  }

  #siftUp(from: number): void {
    const heap = this.#heap;
    let at = from;
    const d = heap[at]!;
    const key = this.#key[d]!;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const above = heap[up]!;
      if (this.#key[above]! <= key) break;
      heap[at] = above;
      this.#position[above] = at;
      at = up;
    }
    heap[at] = d;
    this.#position[d] = at;
  }

  #siftDown(d: number): void {
    const heap = this.#heap;
    const key = this.#key[d]!;
    let at = 0;
    for (;;) {
      let down = at * 2 + 1;
      if (down >= this.#heapSize) break;
      if (down + 1 < this.#heapSize && this.#key[heap[down + 1]!]! < this.#key[heap[down]!]!) down++;
      const below = heap[down]!;
      if (this.#key[below]! >= key) break;
      heap[at] = below;
      this.#position[below] = at;
      at = down;
    }
    heap[at] = d;
    this.#position[d] = at;
  }
}
