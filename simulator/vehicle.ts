import { type Drive, planDrive } from "./drive.ts";
import { between, pick, type Random, seededRandom } from "./random.ts";
import { distanceM } from "./roads/geometry.ts";
import type { RoadNetwork } from "./roads/network.ts";
import type { Router } from "./roads/router.ts";

/** Where a vehicle really is; the ground truth that devices report and scorers compare with. */
export type VehicleState = {
  timeMs: number;
  latDeg: number;
  lonDeg: number;
  speedMps: number;
  headingDeg: number;
  ignition: boolean;
  odometerM: number;
  /** OpenStreetMap way driven, and whether along its node order. */
  wayId: number;
  forward: boolean;
};

export type Vehicle = {
  /** Unix milliseconds; a time before the last step counts as that step. Moves on to `timeMs` and says where the vehicle is then. */
  stepTo(timeMs: number): VehicleState;
};

/** Places that a vehicle drives to before it drives at random, each with the time that it stands there. */
export type Errands = {
  /** Junction that it sets off from. */
  from: number;
  visits: readonly { node: number; dwellS: number }[];
  /** Called when it stands at a visit. Unix milliseconds. */
  onArrival(visit: number, arrivedMs: number): void;
};

export type VehicleOptions = {
  network: RoadNetwork;
  router: Router;
  seed: number;
  name: string;
  startMs: number;
  errands?: Errands | undefined;
};

const STEP_MS = 500;
const ACCELERATION_MPS2 = 1.6;
const TRIP_MIN_M = 700;
const TRIP_MAX_M = 5_000;
const DESTINATION_TRIES = 12;
const DWELL_MIN_S = 40;
const DWELL_MAX_S = 240;
/** A short halt keeps the engine running; the driver turns it off when the stop is longer. */
const ENGINE_OFF_FROM_S = 75;
const START_DELAY_MAX_S = 15;
const ODOMETER_START_MAX_M = 200_000_000;

/**
 * Runs its errands, if it has any, then drives from one random place to the next, for ever.
 *
 *     parked ──engine on──▶ driving ──destination──▶ parked
 *                            │   ▲
 *                     red light  └── green
 *
 * Time advances inside in fixed steps, so the same seed gives the same journey however often `stepTo` is called. Within
 * a step the speed is constant; it is chosen never to exceed the limit of any edge that the step touches.
 */
export function createVehicle({ network, router, seed, name, startMs, errands }: VehicleOptions): Vehicle {
  const random = seededRandom(seed, `vehicle ${name}`);
  const driverFactor = between(random, 0.85, 1);
  let place = errands?.from ?? network.junctions[pick(random, network.junctions.length)]!;
  let visit = 0;
  let drive = planNext();
  let stepMs = startMs;
  let alongM = 0;
  let speedMps = 0;
  let odometerM = between(random, 1_000_000, ODOMETER_START_MAX_M);
  let ignition = true;
  let parked = true;
  let haltUntilMs = startMs + between(random, 0, START_DELAY_MAX_S) * 1_000;

  function stepTo(timeMs: number): VehicleState {
    while (stepMs + STEP_MS <= timeMs) step();
    const aheadM = Math.min(drive.lengthM - alongM, (speedMps * Math.max(0, timeMs - stepMs)) / 1_000);
    return { timeMs, speedMps, ignition, odometerM: odometerM + aheadM, ...drive.placeAt(alongM + aheadM) };
  }

  function step(): void {
    const movedM = Math.min(drive.lengthM - alongM, (speedMps * STEP_MS) / 1_000);
    alongM += movedM;
    odometerM += movedM;
    stepMs += STEP_MS;
    if (stepMs < haltUntilMs) {
      if (parked && haltUntilMs - stepMs > ENGINE_OFF_FROM_S * 1_000) ignition = false;
      return;
    }
    if (parked) {
      ignition = true;
      parked = false;
    }
    if (alongM >= drive.lengthM) {
      park();
      return;
    }
    const red = drive.redLightAt(alongM);
    if (red > 0) {
      speedMps = 0;
      haltUntilMs = stepMs + red * 1_000;
      return;
    }
    speedMps = drive.speedFrom(alongM, speedMps + (ACCELERATION_MPS2 * STEP_MS) / 1_000, STEP_MS / 1_000);
  }

  function park(): void {
    parked = true;
    speedMps = 0;
    haltUntilMs = stepMs + (endVisit() ?? between(random, DWELL_MIN_S, DWELL_MAX_S)) * 1_000;
    drive = planNext();
    alongM = 0;
  }

  /** Seconds to stand here, where this was an errand. */
  function endVisit(): number | undefined {
    const ended = errands?.visits[visit];
    if (ended === undefined) return undefined;
    errands?.onArrival(visit, stepMs);
    visit += 1;
    return ended.dwellS;
  }

  function planNext(): Drive {
    const to = errands?.visits[visit]?.node ?? findDestination(network, random, place);
    const edges = router.findRoute(place, to);
    place = to;
    return planDrive(network, edges, driverFactor, random);
  }

  return { stepTo };
}

function findDestination({ junctions, latDeg, lonDeg }: RoadNetwork, random: Random, from: number): number {
  let found = from;
  for (let tries = 0; tries < DESTINATION_TRIES || found === from; tries++) {
    found = junctions[pick(random, junctions.length)]!;
    const awayM = distanceM(latDeg[from]!, lonDeg[from]!, latDeg[found]!, lonDeg[found]!);
    if (awayM >= TRIP_MIN_M && awayM <= TRIP_MAX_M) return found;
  }
  return found;
}
