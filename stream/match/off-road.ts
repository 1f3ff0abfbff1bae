import { INNOVATION, tailFactor } from "./along-road.ts";
import type { Heading } from "./emission.ts";
import { logBelow } from "./log-below.ts";
import type { FixStep } from "./match-fix.ts";
import type { Noise } from "./noise.ts";

/** A trace that starts this unlikely close to every road (half its squared distance in sigmas) starts off the network. */
export const START_OFF_ROAD_COST = 2.6;
const LEAVE_COST = 6.2;
const LEAVE_COST_PER_MPS = 0.5;
/** Cost of coming back to the network. */
export const JOIN_COST = 1.5;
/** Yards are driven slowly: staying off the network costs by the second and, above walking pace, by the metre. */
const COST_PER_S = 0.02;
const COST_PER_M = 0.08;
const FREE_SPEED_MPS = 4;
/** How fast a vehicle off the network is thought to move when it does not say. */
const UNKNOWN_SPEED_MPS = 2.5;
/** Where the device gives no speed, leaving the road is judged as if it drove at this one. */
const UNKNOWN_SPEED_ASSUMED_MPS = 9;
/** What a measured speed and heading cost a hypothesis on the road on average, which one off it must pay as well. */
const SPEED_COST = 0.45;
const HEADING_COST = 0.7;

/** Cost of leaving the road for a yard or car park at a speed (m/s). */
export function leaveCost(speedMps: number): number {
  return LEAVE_COST + LEAVE_COST_PER_MPS * Math.max(0, speedMps - 3);
}

/**
 * Log-likelihood of a displacement (m, `dtS` seconds) of a vehicle that is free to move, given its own speed and heading
 * where known, less the cost of being off the network for so long and so far; −∞ where that is less than `floor`.
 */
export function offRoadStep(
  { fix, dtS, eastM, northM }: FixStep,
  heading: Heading,
  noise: Noise,
  floor: number,
): number {
  const hasSpeed = fix.speedMps >= 0;
  const speed = hasSpeed ? fix.speedMps : Math.sqrt(eastM ** 2 + northM ** 2) / dtS;
  let expectedE = 0;
  let expectedN = 0;
  let spreadM = (hasSpeed ? Math.sqrt(0.5 * speed * speed + 0.2) : UNKNOWN_SPEED_MPS) * dtS;
  if (hasSpeed && heading.known) {
    expectedE = speed * dtS * heading.east;
    expectedN = speed * dtS * heading.north;
    spreadM = (0.25 * speed + 0.5) * dtS;
  }
  const variance = 2 * noise.varianceM2 * (1 - noise.memoryAfter(dtS)) + spreadM * spreadM + 1;
  const missedM2 = (eastM - expectedE) ** 2 + (northM - expectedN) ** 2;
  INNOVATION.distanceM2 = missedM2;
  INNOVATION.squared = missedM2 / variance;
  const prior =
    COST_PER_S * dtS +
    COST_PER_M * Math.max(0, speed - FREE_SPEED_MPS) * dtS +
    speedCost(hasSpeed ? speed : UNKNOWN_SPEED_ASSUMED_MPS) +
    (heading.known ? HEADING_COST : 0);
  const factor = variance * variance * tailFactor(INNOVATION.squared);
  if (-0.5 * logBelow(factor) - prior < floor) return Number.NEGATIVE_INFINITY;
  return -0.5 * Math.log(factor) - prior;
}

function speedCost(speedMps: number): number {
  return SPEED_COST + Math.min(1.5, 0.35 * Math.max(0, speedMps - 3.5));
}
