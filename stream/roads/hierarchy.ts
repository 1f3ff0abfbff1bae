import { driveTimeS, exitVertex } from "./drive-times.ts";
import type { RoadArrays } from "./network-file.ts";
import { NodeQueue } from "./node-queue.ts";

type Graph = Omit<RoadArrays, `hierarchy${string}` | `grid${string}` | "nameStart" | "nameBytes" | "wayName">;
export type HierarchyArrays = Pick<
  RoadArrays,
  "hierarchyUp" | "hierarchyDown" | "hierarchyNode" | "hierarchyS" | "hierarchyFirst" | "hierarchySecond"
>;

/** A witness search looks at so many nodes before it gives up; giving up costs a needless shortcut, never a wrong way. */
const WITNESS_SETTLED_MAX = 40;

/**
 * A contraction hierarchy (Geisberger, Sanders, Schultes and Delling 2008) over the vertices, for driving times of cars.
 * A vertex where a turn is forbidden has a second node for each edge that arrives with a ban: node `V + k` for the k-th
 * distinct edge of `banFrom`. What leaves that node is what may be turned into, so restrictions hold without turns in the graph.
 */
export function buildHierarchy(graph: Graph): HierarchyArrays {
  const arcs = new ArcPool();
  const nodes = addRoads(graph, arcs);
  const rank = new Contraction(arcs, nodes).run();
  return packArcs(arcs, rank, nodes);
}

/** The distinct edges with a forbidden turn at their end, in the order of their nodes. */
export function bannedArrivals(graph: Pick<RoadArrays, "banFrom">): number[] {
  return [...new Set(graph.banFrom)];
}

function addRoads(graph: Graph, arcs: ArcPool): number {
  const vertices = graph.vertexLatE7.length;
  const arrivals = bannedArrivals(graph);
  const nodeOfArrival = new Map(arrivals.map((directed, k) => [directed, vertices + k]));
  const banned = new Set(Array.from(graph.banFrom, (from, i) => `${from},${graph.banTo[i]}`));
  const headOf = (directed: number): number => nodeOfArrival.get(directed) ?? exitVertex(graph, directed);
  for (let vertex = 0; vertex < vertices; vertex++)
    for (let i = graph.outStart[vertex]!; i < graph.outStart[vertex + 1]!; i++) {
      const directed = graph.outEdge[i]!;
      const timeS = driveTimeS(graph, directed);
      if (timeS !== Number.POSITIVE_INFINITY) arcs.offer(vertex, headOf(directed), timeS, ~directed, 0);
    }
  arrivals.forEach((arrival, k) => {
    const vertex = exitVertex(graph, arrival);
    for (let i = graph.outStart[vertex]!; i < graph.outStart[vertex + 1]!; i++) {
      const directed = graph.outEdge[i]!;
      const timeS = driveTimeS(graph, directed);
      if (timeS === Number.POSITIVE_INFINITY || banned.has(`${arrival},${directed}`)) continue;
      arcs.offer(vertices + k, headOf(directed), timeS, ~directed, 0);
    }
  });
  return vertices + arrivals.length;
}

/** Arcs with their times; a shortcut names the two arcs that it stands for, an original arc its directed edge (`~d`). */
class ArcPool {
  readonly tail: number[] = [];
  readonly head: number[] = [];
  readonly timeS: number[] = [];
  readonly first: number[] = [];
  readonly second: number[] = [];
  readonly out: number[][] = [];
  readonly into: number[][] = [];

  /** Adds an arc, or makes the present one between the two nodes quicker. */
  offer(tail: number, head: number, timeS: number, first: number, second: number): void {
    if (tail === head) return;
    const out = listOf(this.out, tail);
    const into = listOf(this.into, head);
    let arc = out.find((known) => this.head[known] === head);
    if (arc !== undefined && this.timeS[arc]! <= timeS) return;
    if (arc === undefined || first >= 0) {
      // A shortcut may not overwrite an arc that another shortcut is made of.
      if (arc !== undefined) {
        removeFrom(out, arc);
        removeFrom(into, arc);
      }
      arc = this.tail.length;
      out.push(arc);
      into.push(arc);
    }
    this.tail[arc] = tail;
    this.head[arc] = head;
    this.timeS[arc] = timeS;
    this.first[arc] = first;
    this.second[arc] = second;
  }
}

function listOf(lists: number[][], node: number): number[] {
  const list = lists[node] ?? [];
  lists[node] = list;
  return list;
}

function removeFrom(list: number[], value: number): void {
  const at = list.indexOf(value);
  if (at < 0) return;
  list[at] = list.at(-1)!;
  list.pop();
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
    for (let node = 0; node < nodes; node++) {
      listOf(arcs.out, node);
      listOf(arcs.into, node);
    }
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
    const removed = this.#arcs.out[node]!.length + this.#arcs.into[node]!.length;
    return 2 * this.#shortcuts(node, false) - removed + this.#depth[node]!;
  }

  #contract(node: number): void {
    const { out, into, head, tail } = this.#arcs;
    this.#shortcuts(node, true);
    for (const arc of into[node]!) {
      removeFrom(out[tail[arc]!]!, arc);
      this.#depth[tail[arc]!] = Math.max(this.#depth[tail[arc]!]!, this.#depth[node]! + 1);
    }
    for (const arc of out[node]!) {
      removeFrom(into[head[arc]!]!, arc);
      this.#depth[head[arc]!] = Math.max(this.#depth[head[arc]!]!, this.#depth[node]! + 1);
    }
  }

  /** Shortcuts that contracting a node needs: ways through it that no other way equals. Adds them when `add`. */
  #shortcuts(node: number, add: boolean): number {
    const { out, into, head, tail, timeS } = this.#arcs;
    const leaving = out[node]!;
    let count = 0;
    let longest = 0;
    for (const arc of leaving) longest = Math.max(longest, timeS[arc]!);
    for (const arrival of into[node]!) {
      const from = tail[arrival]!;
      const arrivalS = timeS[arrival]!;
      this.#witness(from, node, arrivalS + longest);
      for (const departure of leaving) {
        const to = head[departure]!;
        const throughS = arrivalS + timeS[departure]!;
        if (to === from || (this.#stamp[to] === this.#generation && this.#time[to]! <= throughS)) continue;
        count++;
        if (add) this.#arcs.offer(from, to, throughS, arrival, departure);
      }
    }
    return count;
  }

  /** Times from a node to its surroundings without going through `avoid`. */
  #witness(from: number, avoid: number, limitS: number): void {
    const { out, head, timeS } = this.#arcs;
    const queue = this.#queue;
    this.#generation++;
    queue.clear();
    this.#time[from] = 0;
    this.#stamp[from] = this.#generation;
    queue.push(from, 0);
    for (let settled = 0; queue.size > 0 && settled < WITNESS_SETTLED_MAX; settled++) {
      const atS = queue.minimum;
      const node = queue.pop();
      if (atS > limitS) return;
      if (atS > this.#time[node]!) continue;
      for (const arc of out[node]!) {
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
  const count = arcs.tail.length;
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
