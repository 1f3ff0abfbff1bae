import { ACCESS, EDGE_FLAGS, ROAD_CLASSES } from "../roads/way-tags.ts";
import type { RoadNetwork } from "../roads/network-file.ts";

/** What a vehicle may use: bits of `edgeAccess` along and against the way's nodes. */
export interface VehicleKind {
  forward: number;
  backward: number;
}
export const CAR: VehicleKind = { forward: ACCESS.carForward, backward: ACCESS.carBackward };
export const TRUCK: VehicleKind = { forward: ACCESS.truckForward, backward: ACCESS.truckBackward };
export const BICYCLE: VehicleKind = { forward: ACCESS.bicycleForward, backward: ACCESS.bicycleBackward };

/** Prior cost (negative log probability) of a metre of road: drivers prefer short ways on larger roads. */
const COST_PER_METRE = 1 / 90;
const CLASS_FACTOR: Record<(typeof ROAD_CLASSES)[number], number> = {
  motorway: 0.7,
  trunk: 0.8,
  primary: 0.9,
  secondary: 0.95,
  tertiary: 1,
  unclassified: 1.1,
  residential: 1.2,
  living_street: 1.5,
  service: 2,
  road: 1.2,
  track: 2.5,
  cycleway: 2,
  path: 2.5,
};
const PRIVATE_FACTOR = 1.5;
const METRE_COST = Float64Array.from(ROAD_CLASSES, (name) => CLASS_FACTOR[name] * COST_PER_METRE);

/** Turning round where the road goes on, and where it ends. */
export const U_TURN_COST = 7;
const DEAD_END_TURN_COST = 2.5;
/** Driving a turn that is forbidden: it happens, and restrictions are sometimes mapped wrongly. */
const FORBIDDEN_TURN_COST = 6;

/** Cost of a change of direction, by 1/256 turns: nothing up to 25°, 1 at 90°, 2.5 at 180°. */
const TURN_COST = Float64Array.from({ length: 256 }, (_, i) => {
  const angleDeg = ((i > 128 ? 256 - i : i) * 360) / 256;
  return angleDeg < 25 ? 0 : angleDeg < 90 ? (angleDeg - 25) / 65 : 1 + (angleDeg - 90) / 60;
});

/** Prior cost of driving the whole of an edge. */
export function edgeCost(roads: RoadNetwork, edge: number): number {
  const factor = (roads.edgeFlags[edge]! & EDGE_FLAGS.private) === 0 ? 1 : PRIVATE_FACTOR;
  return METRE_COST[roads.edgeClass[edge]!]! * factor * roads.edgeLengthM[edge]!;
}

/** Whether a vehicle of this kind may drive a directed edge. */
export function mayDrive(roads: RoadNetwork, vehicle: VehicleKind, directed: number): boolean {
  return (roads.edgeAccess[directed >> 1]! & (directed & 1 ? vehicle.backward : vehicle.forward)) !== 0;
}

/** Cost of passing from one directed edge into the next. */
export function turnCost(roads: RoadNetwork, from: number, to: number, banned: boolean): number {
  if ((from ^ to) === 1) {
    const vertex = from & 1 ? roads.edgeFrom[from >> 1]! : roads.edgeTo[from >> 1]!;
    return roads.outStart[vertex + 1]! - roads.outStart[vertex]! === 1 ? DEAD_END_TURN_COST : U_TURN_COST;
  }
  const arriving = from & 1 ? roads.edgeBearingStart[from >> 1]! + 128 : roads.edgeBearingEnd[from >> 1]!;
  const leaving = to & 1 ? roads.edgeBearingEnd[to >> 1]! + 128 : roads.edgeBearingStart[to >> 1]!;
  return TURN_COST[(leaving - arriving) & 255]! + (banned ? FORBIDDEN_TURN_COST : 0);
}
