import { ArcPool, NO_ARC } from "./arc-pool.ts";
import { driveTimeS, exitVertex } from "./drive-times.ts";
import type { RoadArrays } from "./network-file.ts";
import { NodeQueue } from "./node-queue.ts";
import { nextStamp } from "./stamps.ts";
import { turnInto } from "./turn-restrictions.ts";

type Graph = Omit<RoadArrays, `hierarchy${string}` | `grid${string}`>;
export type HierarchyArrays = Pick<
  RoadArrays,
  "hierarchyUp" | "hierarchyDown" | "hierarchyNode" | "hierarchyS" | "hierarchyFirst" | "hierarchySecond"
>;

/** A witness search looks at so many nodes before it gives up; giving up costs a needless shortcut, never a wrong way. */
const WITNESS_SETTLED_MAX = 40;

/**
 * A contraction hierarchy (Geisberger, Sanders, Schultes and Delling 2008) over the vertices, for driving times of cars.
 * A vertex where a turn is restricted has a second node for each edge or copy that arrives with one: node `V + k` for the k-th
 * distinct edge of `banFrom`. What leaves that node is what may be turned into, so restrictions hold without turns in the graph.
 */
export function buildHierarchy(graph: Graph): HierarchyArrays {
  const arrivals = bannedArrivals(graph);
  const nodes = graph.vertexLatE7.length + arrivals.length;
  const arcs = new ArcPool(nodes, graph.outEdge.length);
  addRoads(graph, arrivals, arcs);
  const rank = new Contraction(arcs, nodes).run();
  return packArcs(arcs, rank, nodes);
}

/** The distinct edges with a restricted turn at their end, in the order of their nodes. */
export function bannedArrivals(graph: Pick<RoadArrays, "banFrom">): number[] {
  return [...new Set(graph.banFrom)];
}

function addRoads(graph: Graph, arrivals: readonly number[], arcs: ArcPool): void {
  const vertices = graph.vertexLatE7.length;
  const nodeOfArrival = new Map(arrivals.map((directed, k) => [directed, vertices + k]));
  const headOf = (directed: number): number => nodeOfArrival.get(directed) ?? exitVertex(graph, directed);
  const addExits = (node: number, vertex: number, enter: (exit: number) => number): void => {
    for (let i = graph.outStart[vertex]!; i < graph.outStart[vertex + 1]!; i++) {
      const directed = enter(graph.outEdge[i]!);
      if (directed < 0) continue;
      const timeS = driveTimeS(graph, directed);
      if (timeS === Number.POSITIVE_INFINITY) continue;
      arcs.offer(node, headOf(directed), timeS, ~directed, 0);
    }
  };
  for (let vertex = 0; vertex < vertices; vertex++) addExits(vertex, vertex, (exit) => exit);
  arrivals.forEach((arrival, k) => {
    addExits(vertices + k, exitVertex(graph, arrival), (exit) => turnInto(graph, arrival, exit));
  });
}

/** Contracts nodes from the least to the most important; arcs to contracted nodes leave the lists but stay in the pool. */
class Contraction {
  readonly #arcs: ArcPool;
  readonly #nodes: number;
  readonly #depth: Uint16Array;
  readonly #time: Float64Array;
  readonly #stamp: Uint32Array;
  readonly #queue: NodeQueue;
  #generation = 0;

  constructor(arcs: ArcPool, nodes: number) {
    this.#arcs = arcs;
    this.#nodes = nodes;
    this.#depth = new Uint16Array(nodes);
    this.#time = new Float64Array(nodes);
    this.#stamp = new Uint32Array(nodes);
    this.#queue = new NodeQueue();
  }

  run(): Uint32Array {
    const rank = new Uint32Array(this.#nodes);
    const order = new NodeQueue();
    for (let node = 0; node < this.#nodes; node++) order.push(node, this.#importance(node));
    for (let next = 0; order.size > 0; ) {
      const node = order.pop();
      // Priorities change while neighbours go: the node is contracted only if it still comes first.
      const importance = this.#importance(node);
      if (order.size > 0 && importance > order.minimum) {
        order.push(node, importance);
        continue;
      }
      rank[node] = next++;
      this.#contract(node);
    }
    return rank;
  }

  #importance(node: number): number {
    const { out, nextOut, into, nextInto } = this.#arcs;
    let removed = 0;
    for (let arc = out[node]!; arc !== NO_ARC; arc = nextOut[arc]!) removed++;
    for (let arc = into[node]!; arc !== NO_ARC; arc = nextInto[arc]!) removed++;
    return 2 * this.#shortcuts(node, false) - removed + this.#depth[node]!;
  }

  #contract(node: number): void {
    this.#shortcuts(node, true);
    const arcs = this.#arcs;
    const depth = this.#depth[node]! + 1;
    for (let arc = arcs.into[node]!; arc !== NO_ARC; arc = arcs.nextInto[arc]!) {
      arcs.dropOut(arc);
      this.#deepen(arcs.tail[arc]!, depth);
    }
    for (let arc = arcs.out[node]!; arc !== NO_ARC; arc = arcs.nextOut[arc]!) {
      arcs.dropInto(arc);
      this.#deepen(arcs.head[arc]!, depth);
    }
  }

  #deepen(node: number, depth: number): void {
    this.#depth[node] = Math.max(this.#depth[node]!, depth);
  }

  /** Shortcuts that contracting a node needs: ways through it that no other way equals. Adds them when `add`. */
  #shortcuts(node: number, add: boolean): number {
    const arcs = this.#arcs;
    let count = 0;
    for (let arrival = arcs.into[node]!; arrival !== NO_ARC; arrival = arcs.nextInto[arrival]!) {
      const from = arcs.tail[arrival]!;
      const arrivalS = arcs.timeS[arrival]!;
      const longest = this.#longestOnward(node, from);
      if (longest < 0) continue;
      this.#witness(from, node, arrivalS + longest);
      for (let departure = arcs.out[node]!; departure !== NO_ARC; departure = arcs.nextOut[departure]!) {
        const to = arcs.head[departure]!;
        const throughS = arrivalS + arcs.timeS[departure]!;
        if (to === from || (this.#stamp[to] === this.#generation && this.#time[to]! <= throughS)) continue;
        count++;
        if (add) arcs.offer(from, to, throughS, arrival, departure);
      }
    }
    return count;
  }

  /** Time of the longest arc from a node that does not lead back to `from`; below 0 when all do, as at dead ends. */
  #longestOnward(node: number, from: number): number {
    const { out, nextOut, head, timeS } = this.#arcs;
    let longest = -1;
    for (let arc = out[node]!; arc !== NO_ARC; arc = nextOut[arc]!)
      if (head[arc] !== from) longest = Math.max(longest, timeS[arc]!);
    return longest;
  }

  /** Times from a node to its surroundings without going through `avoid`. */
  #witness(from: number, avoid: number, limitS: number): void {
    const { out, nextOut, head, timeS } = this.#arcs;
    const queue = this.#queue;
    this.#generation = nextStamp(this.#stamp, this.#generation);
    queue.clear();
    this.#time[from] = 0;
    this.#stamp[from] = this.#generation;
    queue.push(from, 0);
    for (let settled = 0; queue.size > 0 && settled < WITNESS_SETTLED_MAX; settled++) {
      const atS = queue.minimum;
      const node = queue.pop();
      if (atS > limitS) return;
      if (atS > this.#time[node]!) continue;
      for (let arc = out[node]!; arc !== NO_ARC; arc = nextOut[arc]!) {
        const next = head[arc]!;
        const reachedS = atS + timeS[arc]!;
        if (next === avoid || (this.#stamp[next] === this.#generation && this.#time[next]! <= reachedS)) continue;
        this.#time[next] = reachedS;
        this.#stamp[next] = this.#generation;
        queue.push(next, reachedS);
      }
    }
  }
}

/** Arcs upwards by their tail, then arcs downwards by their head, each with the node at the other, higher end. */
function packArcs(arcs: ArcPool, rank: Uint32Array, nodes: number): HierarchyArrays {
  const { count } = arcs;
  const isUp = (arc: number): boolean => rank[arcs.head[arc]!]! > rank[arcs.tail[arc]!]!;
  const hierarchyUp = new Uint32Array(nodes + 1);
  const hierarchyDown = new Uint32Array(nodes + 1);
  for (let arc = 0; arc < count; arc++)
    if (isUp(arc)) hierarchyUp[arcs.tail[arc]! + 1]!++;
    else hierarchyDown[arcs.head[arc]! + 1]!++;
  for (let node = 0; node < nodes; node++) hierarchyUp[node + 1]! += hierarchyUp[node]!;
  hierarchyDown[0] = hierarchyUp[nodes]!;
  for (let node = 0; node < nodes; node++) hierarchyDown[node + 1]! += hierarchyDown[node]!;
  const nextUp = hierarchyUp.slice();
  const nextDown = hierarchyDown.slice();
  const place = new Uint32Array(count);
  for (let arc = 0; arc < count; arc++)
    place[arc] = isUp(arc) ? nextUp[arcs.tail[arc]!]!++ : nextDown[arcs.head[arc]!]!++;
  const hierarchyNode = new Uint32Array(count);
  const hierarchyS = new Float32Array(count);
  const hierarchyFirst = new Int32Array(count);
  const hierarchySecond = new Int32Array(count);
  for (let arc = 0; arc < count; arc++) {
    const at = place[arc]!;
    hierarchyNode[at] = isUp(arc) ? arcs.head[arc]! : arcs.tail[arc]!;
    hierarchyS[at] = arcs.timeS[arc]!;
    hierarchyFirst[at] = arcs.first[arc]! < 0 ? arcs.first[arc]! : place[arcs.first[arc]!]!;
    hierarchySecond[at] = arcs.first[arc]! < 0 ? 0 : place[arcs.second[arc]!]!;
  }
  return { hierarchyUp, hierarchyDown, hierarchyNode, hierarchyS, hierarchyFirst, hierarchySecond };
}
