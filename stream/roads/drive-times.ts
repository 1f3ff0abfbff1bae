import type { RoadNetwork } from "./network-file.ts";
import { ACCESS } from "./way-tags.ts";

type Graph = Pick<
  RoadNetwork,
  | "outStart"
  | "outEdge"
  | "edgeFrom"
  | "edgeTo"
  | "edgeAccess"
  | "edgeSpeedKmh"
  | "edgeLengthM"
  | "edgeBearingStart"
  | "edgeBearingEnd"
>;

const MPS_PER_KMH = 1 / 3.6;
/** Free-flow speed in town is below the limit. */
const SPEED_SHARE = 0.85;
/** What a junction of three or more roads costs on average. */
const JUNCTION_S = 2;
/** Seconds that a turn costs, by 1/256 turns: nothing when straight on, 4 s at 90°, 8 s at 180°. */
const TURN_S = Float32Array.from({ length: 256 }, (_, i) => {
  const angleDeg = ((i > 128 ? 256 - i : i) * 360) / 256;
  return angleDeg < 25 ? 0 : ((angleDeg - 25) / 155) * 8;
});
const U_TURN_S = 45;
const DEAD_END_TURN_S = 10;

/** The vertex that a directed edge leads to. */
export function exitVertex(graph: Pick<Graph, "edgeFrom" | "edgeTo">, directed: number): number {
  return directed & 1 ? graph.edgeFrom[directed >> 1]! : graph.edgeTo[directed >> 1]!;
}

/** Driving time (s) of a car over a directed edge and through the junction at its end; Infinity where cars may not go. */
export function driveTimeS(graph: Graph, directed: number): number {
  const bit = directed & 1 ? ACCESS.carBackward : ACCESS.carForward;
  if ((graph.edgeAccess[directed >> 1]! & bit) === 0) return Number.POSITIVE_INFINITY;
  const speedMps = graph.edgeSpeedKmh[directed >> 1]! * MPS_PER_KMH * SPEED_SHARE;
  const vertex = exitVertex(graph, directed);
  const roads = graph.outStart[vertex + 1]! - graph.outStart[vertex]!;
  return graph.edgeLengthM[directed >> 1]! / speedMps + (roads > 2 ? JUNCTION_S : 0);
}

/** Extra time (s) of turning from one directed edge into the next. */
export function turnTimeS(graph: Graph, from: number, to: number): number {
  if ((from ^ to) === 1) {
    const vertex = exitVertex(graph, from);
    return graph.outStart[vertex + 1]! - graph.outStart[vertex]! === 1 ? DEAD_END_TURN_S : U_TURN_S;
  }
  const arriving = from & 1 ? graph.edgeBearingStart[from >> 1]! + 128 : graph.edgeBearingEnd[from >> 1]!;
  const leaving = to & 1 ? graph.edgeBearingEnd[to >> 1]! + 128 : graph.edgeBearingStart[to >> 1]!;
  return TURN_S[(leaving - arriving) & 255]!;
}
