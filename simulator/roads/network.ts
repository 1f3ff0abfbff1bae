import { readFileSync } from "node:fs";
import { distanceM } from "./geometry.ts";
import type { NetworkFile, RoadClass } from "./network-file.ts";

/** A stretch of one way between two junctions, in the direction of driving. */
export type RoadEdge = {
  from: number;
  to: number;
  /** OpenStreetMap way id, and whether the edge runs along the way's node order. */
  wayId: number;
  forward: boolean;
  name: string;
  roadClass: RoadClass;
  /** Node numbers driven, junctions included. */
  nodes: readonly number[];
  lengthM: number;
  limitMps: number;
  /** Time at the speed that traffic drives here, in seconds. */
  travelS: number;
};

export type RoadNetwork = {
  attribution: string;
  latDeg: Float64Array;
  lonDeg: Float64Array;
  edges: readonly RoadEdge[];
  /** Edges that leave a node; empty for the shape points between junctions. */
  leaving: readonly (readonly RoadEdge[])[];
  /** Node numbers where edges meet. */
  junctions: readonly number[];
};

/** Limit where the map names none, and the share of the limit that free-flowing traffic drives, by class. */
const DRIVING: Record<RoadClass, { limitKmh: number; flow: number }> = {
  motorway: { limitKmh: 90, flow: 0.95 },
  motorway_link: { limitKmh: 70, flow: 0.8 },
  trunk: { limitKmh: 70, flow: 0.95 },
  trunk_link: { limitKmh: 60, flow: 0.8 },
  primary: { limitKmh: 50, flow: 0.9 },
  primary_link: { limitKmh: 50, flow: 0.75 },
  secondary: { limitKmh: 50, flow: 0.85 },
  secondary_link: { limitKmh: 50, flow: 0.75 },
  tertiary: { limitKmh: 50, flow: 0.8 },
  tertiary_link: { limitKmh: 40, flow: 0.75 },
  unclassified: { limitKmh: 50, flow: 0.7 },
  residential: { limitKmh: 40, flow: 0.7 },
  living_street: { limitKmh: 20, flow: 0.6 },
};

/** The speed that free-flowing traffic drives on `edge`, metres per second; never above the limit. */
export function flowMps(edge: RoadEdge): number {
  return edge.limitMps * DRIVING[edge.roadClass].flow;
}

/** The Gothenburg network that the repository carries (OpenStreetMap contributors, ODbL). */
export function loadGothenburg(): RoadNetwork {
  gothenburg ??= readNetwork(
    JSON.parse(readFileSync(new URL("gothenburg.json", import.meta.url), "utf8")) as NetworkFile,
  );
  return gothenburg;
}

/** Nothing changes a network, so a process reads it once. */
let gothenburg: RoadNetwork | undefined;

export function readNetwork(file: NetworkFile): RoadNetwork {
  const { latDeg, lonDeg } = readPlaces(file);
  const ways = file.ways.map((packed) => ({ packed, nodes: readNodes(packed) }));
  const isJunction = findJunctions(latDeg.length, ways);
  const edges: RoadEdge[] = [];
  const leaving: RoadEdge[][] = Array.from({ length: latDeg.length }, () => []);
  for (const { packed, nodes } of ways) {
    const [wayId, classIndex, oneWay, limitKmh, nameIndex] = packed as [number, number, number, number, number];
    const roadClass = file.classes[classIndex] as RoadClass;
    const limitMps = (limitKmh || DRIVING[roadClass].limitKmh) / 3.6;
    for (const stretch of splitAtJunctions(nodes, isJunction)) {
      const lengthM = stretch.reduce((sum, node, index) => sum + (index ? legM(stretch[index - 1]!, node) : 0), 0);
      const travelS = lengthM / (limitMps * DRIVING[roadClass].flow);
      const shared = { wayId, name: file.names[nameIndex] ?? "", roadClass, lengthM, limitMps, travelS };
      add({ ...shared, forward: true, nodes: stretch, from: stretch[0]!, to: stretch.at(-1)! });
      if (oneWay) continue;
      const back = stretch.toReversed();
      add({ ...shared, forward: false, nodes: back, from: back[0]!, to: back.at(-1)! });
    }
  }
  const junctions = leaving.flatMap((out, node) => (out.length > 0 ? [node] : []));
  return { attribution: file.attribution, latDeg, lonDeg, edges, leaving, junctions };

  function legM(from: number, to: number): number {
    return distanceM(latDeg[from]!, lonDeg[from]!, latDeg[to]!, lonDeg[to]!);
  }
  function add(edge: RoadEdge): void {
    edges.push(edge);
    leaving[edge.from]!.push(edge);
  }
}

/** Places of the nodes, degrees. */
export function readPlaces(file: NetworkFile): { latDeg: Float64Array; lonDeg: Float64Array } {
  const count = file.nodes.length / 2;
  const latDeg = new Float64Array(count);
  const lonDeg = new Float64Array(count);
  let lat = 0;
  let lon = 0;
  for (let node = 0; node < count; node++) {
    lat += file.nodes[node * 2]!;
    lon += file.nodes[node * 2 + 1]!;
    latDeg[node] = lat / file.coordinateScale;
    lonDeg[node] = lon / file.coordinateScale;
  }
  return { latDeg, lonDeg };
}

const WAY_HEADER_LENGTH = 5;

/** Node numbers of a packed way. */
export function readNodes(packed: readonly number[]): number[] {
  let node = 0;
  return packed.slice(WAY_HEADER_LENGTH).map((delta) => {
    node += delta;
    return node;
  });
}

function findJunctions(nodeCount: number, ways: readonly { nodes: readonly number[] }[]): Uint8Array {
  const uses = new Uint8Array(nodeCount);
  for (const { nodes } of ways) {
    nodes.forEach((node, index) => {
      const isEnd = index === 0 || index === nodes.length - 1;
      uses[node] = Math.min(2, uses[node]! + (isEnd ? 2 : 1));
    });
  }
  return uses.map((count) => (count > 1 ? 1 : 0));
}

function splitAtJunctions(nodes: readonly number[], isJunction: Uint8Array): number[][] {
  const stretches: number[][] = [];
  let start = 0;
  for (let index = 1; index < nodes.length; index++) {
    if (!isJunction[nodes[index]!]) continue;
    stretches.push(nodes.slice(start, index + 1));
    start = index;
  }
  return stretches;
}
