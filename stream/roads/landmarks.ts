import type { RoadNetwork } from "./network-file.ts";

/** Landmarks at the rim of the network; more make searches narrower and memory larger (8 bytes each per vertex). */
const LANDMARKS = 12;

/** Driving times (s) from and to a few far vertices: `from[l · V + v]`, `to[l · V + v]`; Infinity where there is no way. */
export interface Landmarks {
  count: number;
  from: Float32Array;
  to: Float32Array;
}

type EdgeTime = (directed: number) => number;

/**
 * Picks landmarks one after another, each the farthest from those before (Goldberg and Harrelson 2005, "ALT"), and
 * measures all vertices from and to them without turn costs, so that differences bound every driving time from below.
 */
export function measureLandmarks(roads: RoadNetwork, timeOf: EdgeTime): Landmarks {
  const vertices = roads.vertexLatE7.length;
  const count = Math.min(LANDMARKS, vertices);
  const from = new Float32Array(count * vertices);
  const to = new Float32Array(count * vertices);
  const nearest = new Float32Array(vertices).fill(Number.POSITIVE_INFINITY);
  let landmark = farthest(spread(roads, 0, timeOf, false), new Float32Array(vertices).fill(Number.POSITIVE_INFINITY));
  for (let l = 0; l < count; l++) {
    const away = spread(roads, landmark, timeOf, false);
    from.set(away, l * vertices);
    to.set(spread(roads, landmark, timeOf, true), l * vertices);
    for (let v = 0; v < vertices; v++) nearest[v] = Math.min(nearest[v]!, away[v]!);
    landmark = farthest(away, nearest);
  }
  return { count, from, to };
}

/** The reachable vertex that is farthest from all landmarks so far. */
function farthest(reachable: Float32Array, nearest: Float32Array): number {
  let best = 0;
  let bestTime = -1;
  for (let v = 0; v < reachable.length; v++) {
    if (reachable[v] === Number.POSITIVE_INFINITY) continue;
    const time = Math.min(nearest[v]!, reachable[v]!);
    if (time > bestTime) {
      bestTime = time;
      best = v;
    }
  }
  return best;
}

/** Times from a vertex to all others (Dijkstra), or from all others to it when `backward`. */
function spread(roads: RoadNetwork, start: number, timeOf: EdgeTime, backward: boolean): Float32Array {
  const vertices = roads.vertexLatE7.length;
  const times = new Float32Array(vertices).fill(Number.POSITIVE_INFINITY);
  const heap = new Int32Array(vertices + 1);
  const position = new Int32Array(vertices).fill(-1);
  let size: number = 1;
  times[start] = 0;
  heap[0] = start;
  position[start] = 0;
  const siftUp = (from: number): void => {
    let at = from;
    const vertex = heap[at]!;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (times[heap[up]!]! <= times[vertex]!) break;
      heap[at] = heap[up]!;
      position[heap[at]!] = at;
      at = up;
    }
    heap[at] = vertex;
    position[vertex] = at;
  };
  const siftDown = (): void => {
    const vertex: number = heap[0]!;
    let at = 0;
    for (;;) {
      let down = at * 2 + 1;
      if (down >= size) break;
      if (down + 1 < size && times[heap[down + 1]!]! < times[heap[down]!]!) down++;
      if (times[heap[down]!]! >= times[vertex]!) break;
      heap[at] = heap[down]!;
      position[heap[at]!] = at;
      at = down;
    }
    heap[at] = vertex;
    position[vertex] = at;
  };
  while (size > 0) {
    const vertex: number = heap[0]!;
    size--;
    heap[0] = heap[size]!;
    if (size > 0) siftDown();
    const end = roads.outStart[vertex + 1]!;
    for (let i: number = roads.outStart[vertex]!; i < end; i++) {
      const directed: number = roads.outEdge[i]!;
      const driven = backward ? directed ^ 1 : directed;
      const next = directed & 1 ? roads.edgeFrom[directed >> 1]! : roads.edgeTo[directed >> 1]!;
      const time = times[vertex]! + timeOf(driven);
      if (!(time < times[next]!)) continue;
      times[next] = time;
      if (position[next] === -1) {
        position[next] = size;
        heap[size++] = next;
      }
      siftUp(position[next]!);
    }
  }
  return times;
}
