import { between, type Random } from "./random.ts";
import { distanceM, headingDeg, turnDeg } from "./roads/geometry.ts";
import { flowMps, type RoadEdge, type RoadNetwork } from "./roads/network.ts";

/** One journey along a route: where each metre of it lies and how fast one may be there. */
export type Drive = {
  lengthM: number;
  placeAt(alongM: number): { latDeg: number; lonDeg: number; headingDeg: number; wayId: number; forward: boolean };
  /** The speed for the next `seconds` from `alongM`: at most `wantedMps`, the limits touched, and what braking allows. */
  speedFrom(alongM: number, wantedMps: number, seconds: number): number;
  /** Seconds to wait at a red light reached at `alongM`, 0 where there is none; each light stops the drive once. */
  redLightAt(alongM: number): number;
};

const BRAKING_MPS2 = 2.2;
/** Slowest speed near a stop, so that the last metre is driven at all. */
const CRAWL_MPS = 0.8;
const STOP_REACHED_M = 0.5;
const RED_LIGHT_CHANCE = 0.06;
const RED_LIGHT_MIN_S = 4;
const RED_LIGHT_MAX_S = 35;
/** No traffic light stands on these. */
const FREE_FLOWING = /^(motorway|trunk)/;

/** Speeds along `edges`: each vertex gets the highest speed from which every later limit, turn and stop is still met. */
export function planDrive(
  network: RoadNetwork,
  edges: readonly RoadEdge[],
  driverFactor: number,
  random: Random,
): Drive {
  const { latDeg, lonDeg } = network;
  const nodes = [edges[0]!.from];
  const legEdge: RoadEdge[] = [];
  const redAtNode = new Map<number, number>();
  for (const edge of edges) {
    for (const node of edge.nodes.slice(1)) {
      nodes.push(node);
      legEdge.push(edge);
    }
    if (edge !== edges.at(-1) && !FREE_FLOWING.test(edge.roadClass) && random() < RED_LIGHT_CHANCE) {
      redAtNode.set(nodes.length - 1, between(random, RED_LIGHT_MIN_S, RED_LIGHT_MAX_S));
    }
  }
  const alongAtM = new Float64Array(nodes.length);
  const heading = new Float64Array(legEdge.length);
  legEdge.forEach((_, leg) => {
    const [latA, lonA, latB, lonB] = legEnds(leg);
    alongAtM[leg + 1] = alongAtM[leg]! + distanceM(latA, lonA, latB, lonB);
    heading[leg] = headingDeg(latA, lonA, latB, lonB);
  });
  const lengthM = alongAtM.at(-1)!;
  const vertexMps = planVertexSpeeds();
  let leg = 0;

  function legEnds(of: number): [number, number, number, number] {
    const from = nodes[of]!;
    const to = nodes[of + 1]!;
    return [latDeg[from]!, lonDeg[from]!, latDeg[to]!, lonDeg[to]!];
  }

  function planVertexSpeeds(): Float64Array {
    const speeds = new Float64Array(nodes.length);
    for (let vertex = nodes.length - 2; vertex > 0; vertex--) {
      const legM = alongAtM[vertex + 1]! - alongAtM[vertex]!;
      const braking = Math.sqrt(speeds[vertex + 1]! ** 2 + 2 * BRAKING_MPS2 * legM);
      const turning = turnMps(turnDeg(heading[vertex - 1]!, heading[vertex]!));
      speeds[vertex] = redAtNode.has(vertex) ? 0 : Math.min(braking, turning, flowMps(legEdge[vertex]!) * driverFactor);
    }
    return speeds;
  }

  /** Legs are looked up in driving order; only a look back (a shorter `alongM` than before) starts from the front. */
  function legAt(alongM: number): number {
    if (alongM < alongAtM[leg]!) leg = 0;
    while (leg < legEdge.length - 1 && alongAtM[leg + 1]! <= alongM) leg++;
    return leg;
  }

  function speedFrom(alongM: number, wantedMps: number, seconds: number): number {
    let speed = wantedMps;
    for (let at = legAt(alongM); at < legEdge.length && alongAtM[at]! <= alongM + speed * seconds; at++) {
      speed = Math.min(speed, flowMps(legEdge[at]!) * driverFactor);
      const toVertexM = Math.max(0, alongAtM[at + 1]! - alongM);
      speed = Math.min(speed, brakingMps(toVertexM, vertexMps[at + 1]!, seconds));
      if (vertexMps[at + 1] === 0) speed = Math.min(Math.max(speed, CRAWL_MPS), toVertexM / seconds + 1e-6);
    }
    return speed;
  }

  function redLightAt(alongM: number): number {
    const at = legAt(alongM);
    for (const vertex of [at, at + 1]) {
      const seconds = redAtNode.get(vertex);
      if (seconds === undefined || Math.abs(alongAtM[vertex]! - alongM) > STOP_REACHED_M) continue;
      redAtNode.delete(vertex);
      vertexMps[vertex] = turnMps(90);
      return seconds;
    }
    return 0;
  }

  function placeAt(alongM: number): ReturnType<Drive["placeAt"]> {
    const at = legAt(alongM);
    const [latA, lonA, latB, lonB] = legEnds(at);
    const legM = alongAtM[at + 1]! - alongAtM[at]!;
    const share = legM > 0 ? Math.min(1, (alongM - alongAtM[at]!) / legM) : 1;
    const { wayId, forward } = legEdge[at]!;
    return {
      latDeg: latA + (latB - latA) * share,
      lonDeg: lonA + (lonB - lonA) * share,
      headingDeg: heading[at]!,
      wayId,
      forward,
    };
  }

  return { lengthM, placeAt, speedFrom, redLightAt };
}

/** The speed that, held for `seconds`, still leaves room to brake to `endMps` within `lengthM`. */
function brakingMps(lengthM: number, endMps: number, seconds: number): number {
  const lost = BRAKING_MPS2 * seconds;
  return Math.sqrt(lost ** 2 + endMps ** 2 + 2 * BRAKING_MPS2 * lengthM) - lost;
}

/** Comfortable speed through a bend or turn of so many degrees. */
function turnMps(degrees: number): number {
  if (degrees < 12) return Number.POSITIVE_INFINITY;
  if (degrees < 30) return 14;
  if (degrees < 60) return 8;
  if (degrees < 110) return 5.5;
  return 3;
}
