import type { LocatedNodes } from "./collect-ways.ts";
import { bearing256, haversineM, lonMetresPerE7, METRES_PER_E7 } from "./geometry.ts";

/** A junction's direction is taken over this distance, so that a kink of a metre at the mouth does not count as a turn. */
const BEARING_REACH_M = 8;

/** Edges, their shapes and their ends while they are cut. Runs are ranges of the ways' node lists. */
export class EdgeColumns {
  readonly vertexOfNode: Int32Array;
  count = 0;
  readonly #nodes: LocatedNodes;
  readonly #edgeFrom: Uint32Array;
  readonly #edgeTo: Uint32Array;
  readonly #edgeShape: Uint32Array;
  readonly #edgeLengthM: Float32Array;
  readonly #edgeWay: Uint32Array;
  readonly #bearingStart: Uint8Array;
  readonly #bearingEnd: Uint8Array;
  readonly #shapeLatE7: Int32Array;
  readonly #shapeLonE7: Int32Array;
  readonly #shapeAlongM: Float32Array;
  #points = 0;
  #vertices = 0;

  constructor(nodes: LocatedNodes, { edges, points }: { edges: number; points: number }) {
    this.#nodes = nodes;
    this.vertexOfNode = new Int32Array(nodes.ids.length).fill(-1);
    this.#edgeFrom = new Uint32Array(edges);
    this.#edgeTo = new Uint32Array(edges);
    this.#edgeShape = new Uint32Array(edges + 1);
    this.#edgeLengthM = new Float32Array(edges);
    this.#edgeWay = new Uint32Array(edges);
    this.#bearingStart = new Uint8Array(edges);
    this.#bearingEnd = new Uint8Array(edges);
    this.#shapeLatE7 = new Int32Array(points);
    this.#shapeLonE7 = new Int32Array(points);
    this.#shapeAlongM = new Float32Array(points);
  }

  /** Adds the edge of a run; false for one without length. */
  add(from: number, to: number, way: number): boolean {
    const { refNode, latE7, lonE7 } = this.#nodes;
    let metres = 0;
    for (let i = from; i < to; i++) {
      const node = refNode[i]!;
      const point = this.#points + i - from;
      if (i > from) metres += nodeDistanceM(this.#nodes, refNode[i - 1]!, node);
      this.#shapeLatE7[point] = latE7[node]!;
      this.#shapeLonE7[point] = lonE7[node]!;
      this.#shapeAlongM[point] = metres;
    }
    if (!(metres > 0)) return false;
    const edge = this.count++;
    const [first, last] = [refNode[from]!, refNode[to - 1]!];
    this.#edgeFrom[edge] = this.#vertex(first);
    this.#edgeTo[edge] = this.#vertex(last);
    this.#edgeLengthM[edge] = metres;
    this.#edgeWay[edge] = way;
    this.#bearingStart[edge] = nodeBearing(this.#nodes, first, this.#reached(from, to - 1, 1));
    this.#bearingEnd[edge] = nodeBearing(this.#nodes, this.#reached(to - 1, from, -1), last);
    this.#points += to - from;
    this.#edgeShape[this.count] = this.#points;
    return true;
  }

  take() {
    const vertexLatE7 = new Int32Array(this.#vertices);
    const vertexLonE7 = new Int32Array(this.#vertices);
    this.vertexOfNode.forEach((vertex, node) => {
      if (vertex < 0) return;
      vertexLatE7[vertex] = this.#nodes.latE7[node]!;
      vertexLonE7[vertex] = this.#nodes.lonE7[node]!;
    });
    return {
      vertexLatE7,
      vertexLonE7,
      edgeFrom: this.#edgeFrom.subarray(0, this.count),
      edgeTo: this.#edgeTo.subarray(0, this.count),
      edgeShape: this.#edgeShape.subarray(0, this.count + 1),
      edgeLengthM: this.#edgeLengthM.subarray(0, this.count),
      edgeWay: this.#edgeWay.subarray(0, this.count),
      edgeBearingStart: this.#bearingStart.subarray(0, this.count),
      edgeBearingEnd: this.#bearingEnd.subarray(0, this.count),
      shapeLatE7: this.#shapeLatE7.subarray(0, this.#points),
      shapeLonE7: this.#shapeLonE7.subarray(0, this.#points),
      shapeAlongM: this.#shapeAlongM.subarray(0, this.#points),
    };
  }

  #vertex(node: number): number {
    if (this.vertexOfNode[node]! < 0) this.vertexOfNode[node] = this.#vertices++;
    return this.vertexOfNode[node]!;
  }

  /** The first node from `at` towards `end` that is beyond the reach of a bearing, or the one at `end`. */
  #reached(at: number, end: number, step: 1 | -1): number {
    const { refNode } = this.#nodes;
    for (let i = at; i !== end; i += step)
      if (nodeDistanceM(this.#nodes, refNode[i]!, refNode[at]!) > BEARING_REACH_M) return refNode[i]!;
    return refNode[end]!;
  }
}

function nodeDistanceM(nodes: LocatedNodes, a: number, b: number): number {
  return haversineM(nodes.latE7[a]! / 1e7, nodes.lonE7[a]! / 1e7, nodes.latE7[b]! / 1e7, nodes.lonE7[b]! / 1e7);
}

function nodeBearing(nodes: LocatedNodes, a: number, b: number): number {
  const eastM = (nodes.lonE7[b]! - nodes.lonE7[a]!) * lonMetresPerE7(nodes.latE7[a]! / 1e7);
  return bearing256(eastM, (nodes.latE7[b]! - nodes.latE7[a]!) * METRES_PER_E7);
}
