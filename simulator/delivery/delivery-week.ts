import { between, pick, seededRandom } from "../random.ts";
import { loadGothenburg, type RoadNetwork } from "../roads/network.ts";
import { createRouter } from "../roads/router.ts";
import { createCityTraffic } from "./city-traffic.ts";
import { type Customer, drawCustomers } from "./customers.ts";
import { type DeliveryDay, type Driver, drawDriver, driveDay } from "./delivery-day.ts";
import { planRoute } from "./route-planner.ts";

export type FleetDaysOptions = {
  seed: number;
  vehicles: number;
  /** Midnight UTC of the first day; the city's clock is UTC. */
  startMs: number;
  days: number;
  stopsMin: number;
  stopsMax: number;
};

const DAY_MS = 86_400_000;
const SHIFT_START_H = [6.5, 9.5] as const;
const CUSTOMERS_OF_A_TERRITORY = 260;
/** Drivers know ways of their own: each sees the map's times through so much noise. */
const TASTE = 0.2;
const ROUTERS = 3;

/** Delivery days of a fleet, driven one after the other; Sundays are free. The same options give the same days. */
export function* driveFleetDays(options: FleetDaysOptions): Generator<DeliveryDay> {
  const { seed, vehicles, startMs, days } = options;
  const network = loadGothenburg();
  const routers = Array.from({ length: ROUTERS }, (_, n) => createRouter(tasted(network, seed, n)));
  const traffic = createCityTraffic(seed);
  const crews = Array.from({ length: vehicles }, (_, n) => drawCrew(network, seed, n));
  for (let dayStartMs = startMs; dayStartMs < startMs + days * DAY_MS; dayStartMs += DAY_MS) {
    const weekday = new Date(dayStartMs).getUTCDay();
    if (weekday === 0) continue;
    for (const [n, { customers, depot, driver }] of crews.entries()) {
      // On Saturdays half of the fleet is out.
      if (weekday === 6 && n % 2 === 1) continue;
      const random = seededRandom(seed, `route ${n} of ${dayStartMs}`);
      const count = Math.round(between(random, options.stopsMin, options.stopsMax + 1));
      const startsAtMs = dayStartMs + Math.round(between(random, ...SHIFT_START_H) * 4) * 900_000;
      const base = { ref: `r${n}-${dayStartMs / DAY_MS}`, vehicleRef: `v${n}`, startsAtMs, depot };
      const plan = planRoute(base, drawn(customers, count, random), random);
      const world = { network, router: routers[n % ROUTERS]!, traffic };
      yield driveDay(plan, today(driver, random), world, random);
    }
  }
}

function drawCrew(
  network: RoadNetwork,
  seed: number,
  n: number,
): { customers: Customer[]; depot: { latDeg: number; lonDeg: number; node: number }; driver: Driver } {
  const random = seededRandom(seed, `crew ${n}`);
  const node = network.junctions[pick(seededRandom(seed, `depot ${n % 2}`), network.junctions.length)]!;
  const depot = { node, latDeg: network.latDeg[node]!, lonDeg: network.lonDeg[node]! };
  const customers = drawCustomers(network, seed, `territory ${n}`, CUSTOMERS_OF_A_TERRITORY);
  return { customers, depot, driver: drawDriver(random) };
}

/** A driver's form of the day. */
function today(driver: Driver, random: () => number): Driver {
  const form = drawDriver(random);
  return {
    driveFactor: driver.driveFactor * Math.sqrt(form.driveFactor),
    serviceFactor: driver.serviceFactor * Math.sqrt(form.serviceFactor),
  };
}

function drawn(customers: readonly Customer[], count: number, random: () => number): Customer[] {
  const left = [...customers];
  return Array.from({ length: Math.min(count, left.length) }, () => left.splice(pick(random, left.length), 1)[0]!);
}

/** The network with travel times as one driver believes in them. */
function tasted(network: RoadNetwork, seed: number, n: number): RoadNetwork {
  const random = seededRandom(seed, `taste ${n}`);
  const edges = network.edges.map((edge) => ({
    ...edge,
    travelS: edge.travelS * between(random, 1 - TASTE, 1 + TASTE),
  }));
  const byOld = new Map(network.edges.map((edge, index) => [edge, edges[index]!]));
  return { ...network, edges, leaving: network.leaving.map((out) => out.map((edge) => byOld.get(edge)!)) };
}
