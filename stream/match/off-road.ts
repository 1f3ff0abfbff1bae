import { INNOVATION } from "./along-road.ts";
import type { Noise } from "./noise.ts";
import type { MatchFix } from "./viterbi.ts";

/** A trace that starts this unlikely close to every road (half its squared distance in sigmas) starts off the network. */
export const START_OFF_ROAD_COST = 3.2;
const LEAVE_COST = 7.5;
const LEAVE_COST_PER_MPS = 0.5;
const JOIN_COST = 1.5;
/** Yards are driven slowly: staying off the network costs by the second and, above walking pace, by the metre. */
const COST_PER_S = 0.02;
const COST_PER_M = 0.02;
const FREE_SPEED_MPS = 4;
/** How fast a vehicle off the network is thought to move when it does not say. */
const UNKNOWN_SPEED_MPS = 2.5;
/** Where the device gives no speed, leaving the road is judged as if it drove at this one. */
const UNKNOWN_SPEED_ASSUMED_MPS = 6;
/** What a measured speed and heading cost a hypothesis on the road on average, which one off it must pay as well. */
const SPEED_COST = 0.5;
const HEADING_COST = 0.7;

/** Cost of leaving the road for a yard or car park at a speed (m/s). */
export function leaveCost(speedMps: number): number {
  return LEAVE_COST + LEAVE_COST_PER_MPS * Math.max(0, speedMps - 3);
}

/** Cost of coming back to the network. */
export function joinCost(dtS: number): number {
  return JOIN_COST + 0 * dtS;
}

/**
 * Log-likelihood of a displacement (m, `dtS` seconds) of a vehicle that is free to move, given its own speed and heading
 * where known, less the cost of being off the network for so long and so far.
 */
export function offRoadStep(eastM: number, northM: number, dtS: number, fix: MatchFix, noise: Noise): number {
  const hasSpeed = fix.speedMps >= 0;
  const speed = hasSpeed ? fix.speedMps : Math.sqrt(eastM ** 2 + northM ** 2) / dtS;
  let [expectedE, expectedN] = [0, 0];
  let spreadM = (hasSpeed ? Math.sqrt(0.5 * speed * speed + 0.2) : UNKNOWN_SPEED_MPS) * dtS;
  if (hasSpeed && fix.headingDeg >= 0) {
    expectedE = speed * dtS * Math.sin((fix.headingDeg * Math.PI) / 180);
    expectedN = speed * dtS * Math.cos((fix.headingDeg * Math.PI) / 180);
    spreadM = (0.25 * speed + 0.5) * dtS;
  }
  const variance = 2 * noise.varianceM2 * (1 - noise.memoryAfter(dtS)) + spreadM * spreadM + 1;
  INNOVATION.distanceM = Math.sqrt((eastM - expectedE) ** 2 + (northM - expectedN) ** 2);
  const squared = INNOVATION.distanceM ** 2 / variance;
  INNOVATION.squared = squared;
  const prior =
    COST_PER_S * dtS +
    (speed > FREE_SPEED_MPS ? COST_PER_M * (speed - FREE_SPEED_MPS) * dtS * 4 : 0) +
    speedCost(hasSpeed ? speed : UNKNOWN_SPEED_ASSUMED_MPS) +
    (fix.headingDeg >= 0 ? HEADING_COST : 0);
  return -Math.log(variance) - 4.5 * Math.log1p(squared / 7) - prior;
}

function speedCost(speedMps: number): number {
  return SPEED_COST + Math.min(1.5, 0.35 * Math.max(0, speedMps - 3.5));
}
