import type { RoadNetwork } from "../roads/network-file.ts";
import { ACCESS, EDGE_FLAGS, ROAD_CLASSES } from "../roads/way-tags.ts";

/** What a vehicle may use: bits of `edgeAccess` along and against the way's nodes. */
export interface VehicleKind {
  forward: number;
  backward: number;
}
export const CAR: VehicleKind = { forward: ACCESS.carForward, backward: ACCESS.carBackward };
export const TRUCK: VehicleKind = { forward: ACCESS.truckForward, backward: ACCESS.truckBackward };
export const BICYCLE: VehicleKind = { forward: ACCESS.bicycleForward, backward: ACCESS.bicycleBackward };

/** Prior cost (negative log probability) of a metre of road at the reference speed: drivers prefer what is short and fast. */
export const COST_PER_METRE = 1 / 90;
const REFERENCE_SPEED_KMH = 50;
/** Share of the cost that goes by distance; the rest goes by time. */
const DISTANCE_SHARE = 0.3;
const PRIVATE_FACTOR = 1.5;
const METRE_COST = Float64Array.from(
  { length: 256 },
  (_, speedKmh) =>
    COST_PER_METRE * (DISTANCE_SHARE + ((1 - DISTANCE_SHARE) * REFERENCE_SPEED_KMH) / Math.max(5, speedKmh)),
);

/** No way costs less than this. */
export const COST_PER_METRE_MIN = METRE_COST[255]!;

/** Turning round where the road goes on, and where it ends. */
export const U_TURN_COST = 7;
const DEAD_END_TURN_COST = 2.5;
/** Driving a turn that is forbidden: it happens, and restrictions are sometimes mapped wrongly. */
export const FORBIDDEN_TURN_COST = 6;

/**
 * Turning off into a ramp or slip road, by what share of the traffic does: about one in eight leaves a motorway at an exit. A
 * ramp that runs beside the road and comes back to it would otherwise cost no more than the road.
 */
const RAMP_COST = 2;
const SLIP_ROAD_COST = 1;
const RAMP_CLASS_MAX = ROAD_CLASSES.indexOf("trunk");

/** Cost of a change of direction, by 1/256 turns: nothing up to 25°, 1.3 at 90°, 3.2 at 180°. */
const TURN_COST = Float64Array.from({ length: 256 }, (_, i) => {
  const angleDeg = ((i > 128 ? 256 - i : i) * 360) / 256;
  return angleDeg < 25 ? 0 : angleDeg < 90 ? (angleDeg - 25) / 50 : 1.3 + (angleDeg - 90) / 47;
});

/** Prior cost of driving the whole of an edge. */
export function edgeCost(roads: RoadNetwork, edge: number): number {
  const factor = (roads.edgeFlags[edge]! & EDGE_FLAGS.private) === 0 ? 1 : PRIVATE_FACTOR;
  return METRE_COST[roads.edgeSpeedKmh[edge]!]! * factor * roads.edgeLengthM[edge]!;
}

/** Speeds (m/s) that happen at each limit (km/h); of what is beyond, this much costs half a nat, and no more than so much. */
const TOLERATED_MPS = Float64Array.from({ length: 256 }, (_, limitKmh) => (limitKmh / 3.6) * 1.2 + 1);
const SPEEDING_SIGMA_MPS = 2;
const SPEEDING_COST_MAX = 5;

/** Cost of a speed on an edge: nobody drives a ramp or a service road as fast as the motorway beside it. */
export function speedingCost(roads: RoadNetwork, edge: number, speedMps: number): number {
  const over = (speedMps - TOLERATED_MPS[roads.edgeSpeedKmh[edge]!]!) / SPEEDING_SIGMA_MPS;
  return over > 0 ? Math.min(SPEEDING_COST_MAX, 0.5 * over * over) : 0;
}

/** Whether a vehicle of this kind may drive a directed edge. */
export function mayDrive(roads: RoadNetwork, vehicle: VehicleKind, directed: number): boolean {
  return (roads.edgeAccess[directed >> 1]! & (directed & 1 ? vehicle.backward : vehicle.forward)) !== 0;
}

/** Cost of passing from one directed edge into the next where that is not forbidden. */
export function turnCost(roads: RoadNetwork, from: number, to: number): number {
  if ((from ^ to) === 1) return turnRoundCost(roads, from);
  const arriving = from & 1 ? roads.edgeBearingStart[from >> 1]! + 128 : roads.edgeBearingEnd[from >> 1]!;
  const leaving = to & 1 ? roads.edgeBearingEnd[to >> 1]! + 128 : roads.edgeBearingStart[to >> 1]!;
  return TURN_COST[(leaving - arriving) & 255]!;
}

function turnRoundCost(roads: RoadNetwork, from: number): number {
  const vertex = from & 1 ? roads.edgeFrom[from >> 1]! : roads.edgeTo[from >> 1]!;
  return roads.outStart[vertex + 1]! - roads.outStart[vertex]! === 1 ? DEAD_END_TURN_COST : U_TURN_COST;
}

/** Cost of turning off a road that is no ramp into one that is. */
export function rampCost(roads: RoadNetwork, from: number, to: number): number {
  const flags = roads.edgeFlags;
  if ((flags[to >> 1]! & EDGE_FLAGS.link) === 0 || (flags[from >> 1]! & EDGE_FLAGS.link) !== 0) return 0;
  return roads.edgeClass[to >> 1]! <= RAMP_CLASS_MAX ? RAMP_COST : SLIP_ROAD_COST;
}
