import type { RoadNetwork } from "../roads/network-file.ts";
import { turnInto } from "../roads/turn-restrictions.ts";
import { edgeCost, FORBIDDEN_TURN_COST, mayDrive, rampCost, turnCost, type VehicleKind } from "./transition.ts";

/** Most labels one search may make; beyond it the search ends and what was found counts. */
export const LABELS_MAX = 1 << 14;
const TABLE_SIZE = LABELS_MAX * 2;
/** Beyond it the labels of all searches together are counted from 1 again. */
const FIRST_MAX = 2 ** 31 - 2 * LABELS_MAX;
/** Most searches are short: their table stays within the nearest cache. */
const TABLE_SIZE_MIN = 256;

/**
 * Bounded one-to-many search over directed edges from one of them, cheapest first. A label is a directed edge with the
 * length and prior cost from the start of the first edge to the start of this one. All arrays are reused: a search makes
 * no garbage.
 */
export class Reach {
  readonly edge = new Int32Array(LABELS_MAX);
  readonly lengthM = new Float64Array(LABELS_MAX);
  readonly cost = new Float64Array(LABELS_MAX);
  readonly parent = new Int32Array(LABELS_MAX);
  /** How far the end of a label's edge is from where the caller measures, at the label's number + 1. For the caller to fill in. */
  readonly awayM = new Float64Array(LABELS_MAX + 1);
  costMax = Number.POSITIVE_INFINITY;
  readonly #closed = new Uint8Array(LABELS_MAX);
  readonly #heap = new Int32Array(LABELS_MAX);
  /** Labels by the hash of their edge; empty below `#firstOfSearch`, which all labels of earlier searches are. */
  readonly #table = new Int32Array(TABLE_SIZE);
  #tableMask = TABLE_SIZE_MIN - 1;
  #firstOfSearch = 1;
  readonly #roads: RoadNetwork;
  readonly #vehicle: VehicleKind;
  readonly #wayCostFactor: number;
  readonly #heedsRamps: boolean;
  #heapSize = 0;
  #labels = 0;

  constructor(roads: RoadNetwork, vehicle: VehicleKind, wayCostFactor: number, heedsRamps: boolean) {
    this.#roads = roads;
    this.#vehicle = vehicle;
    this.#wayCostFactor = wayCostFactor;
    this.#heedsRamps = heedsRamps;
  }

  /** Starts with one edge, whose start is `startAwayM` away. */
  begin(directed: number, startAwayM: number): void {
    this.#firstOfSearch += this.#labels;
    if (this.#firstOfSearch > FIRST_MAX) {
      this.#table.fill(0);
      this.#firstOfSearch = 1;
    }
    this.#tableMask = TABLE_SIZE_MIN - 1;
    this.#heapSize = 0;
    this.#labels = 0;
    this.awayM[0] = startAwayM;
    this.lengthM[0] = 0;
    this.cost[0] = 0;
    this.#offer(directed, -1);
  }

  /** The next cheapest label, or −1. */
  next(): number {
    while (this.#heapSize > 0) {
      const label = this.#pop();
      if (this.#closed[label] === 1) continue;
      this.#closed[label] = 1;
      return label;
    }
    return -1;
  }

  /** Offers every edge that can follow a label's and costs no more than `costMax` to come to. */
  expand(label: number): void {
    const roads = this.#roads;
    const { costMax } = this;
    const from = this.edge[label]!;
    const edge = from >> 1;
    const cost = this.cost[label]! + this.#wayCostFactor * edgeCost(roads, edge);
    if (cost > costMax) return;
    const lengthM = this.lengthM[label]! + roads.edgeLengthM[edge]!;
    const vertex = from & 1 ? roads.edgeFrom[edge]! : roads.edgeTo[edge]!;
    const end = roads.outStart[vertex + 1]!;
    for (let i = roads.outStart[vertex]!; i < end; i++) {
      const exit = roads.outEdge[i]!;
      if (!mayDrive(roads, this.#vehicle, exit)) continue;
      const entered = turnInto(roads, from, exit);
      const to = entered < 0 ? ~entered : entered;
      let costThere = cost + turnCost(roads, from, to);
      if (costThere > costMax) continue;
      if (entered < 0) costThere += FORBIDDEN_TURN_COST;
      if (this.#heedsRamps) costThere += rampCost(roads, from, to);
      if (costThere > costMax || this.#labels === LABELS_MAX) continue;
      this.lengthM[this.#labels] = lengthM;
      this.cost[this.#labels] = costThere;
      this.#offer(to, label);
    }
  }

  /** Takes the label whose length and cost stand after the last one, unless its edge has a cheaper one. */
  #offer(directed: number, parent: number): void {
    const first = this.#firstOfSearch;
    const label = this.#labels;
    let at = this.#hash(directed);
    for (let known = this.#table[at]! - first; known >= 0; known = this.#table[at]! - first) {
      if (this.edge[known] === directed) {
        if (this.#closed[known] === 1 || this.cost[known]! <= this.cost[label]!) return;
        this.#closed[known] = 1;
        break;
      }
      at = (at + 1) & this.#tableMask;
    }
    this.#labels++;
    this.#table[at] = first + label;
    this.edge[label] = directed;
    this.parent[label] = parent;
    this.#closed[label] = 0;
    this.#push(label);
    if (this.#labels * 2 > this.#tableMask + 1) this.#growTable();
  }

  #hash(directed: number): number {
    return (Math.imul(directed, 0x9e3779b1) >>> 8) & this.#tableMask;
  }

  #growTable(): void {
    const first = this.#firstOfSearch;
    this.#tableMask = this.#tableMask * 2 + 1;
    this.#table.fill(0, 0, this.#tableMask + 1);
    // The newest label of an edge is the one that stands.
    for (let label = this.#labels - 1; label >= 0; label--) {
      const directed = this.edge[label]!;
      let at = this.#hash(directed);
      while (this.#table[at]! >= first && this.edge[this.#table[at]! - first] !== directed)
        at = (at + 1) & this.#tableMask;
      if (this.#table[at]! < first) this.#table[at] = first + label;
    }
  }

  #push(label: number): void {
    const heap = this.#heap;
    const cost = this.cost[label]!;
    let at = this.#heapSize++;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (this.cost[heap[up]!]! <= cost) break;
      heap[at] = heap[up]!;
      at = up;
    }
    heap[at] = label;
  }

  #pop(): number {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap[--this.#heapSize]!;
    const cost = this.cost[last]!;
    let at = 0;
    for (;;) {
      let down = at * 2 + 1;
      if (down >= this.#heapSize) break;
      if (down + 1 < this.#heapSize && this.cost[heap[down + 1]!]! < this.cost[heap[down]!]!) down++;
      if (this.cost[heap[down]!]! >= cost) break;
      heap[at] = heap[down]!;
      at = down;
    }
    heap[at] = last;
    return top;
  }
}
