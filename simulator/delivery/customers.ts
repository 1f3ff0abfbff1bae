import { between, gaussian, pick, type Random, seededRandom } from "../random.ts";
import { distanceM } from "../roads/geometry.ts";
import type { RoadNetwork } from "../roads/network.ts";

export const PLACE_TYPES = ["house", "flat", "office", "shop"] as const;
export type PlaceType = (typeof PLACE_TYPES)[number];

/** Where deliveries go, again and again. `habit`: how long this place takes against others of its type. */
export type Customer = {
  ref: string;
  node: number;
  latDeg: number;
  lonDeg: number;
  placeType: PlaceType;
  habit: number;
};

/** What planners write into the order (right on average), and what it really takes: log-normal, with a tail of visits that go wrong. */
const SERVICE: Record<PlaceType, { plannedS: number; medianS: number; sigma: number }> = {
  house: { plannedS: 90, medianS: 70, sigma: 0.45 },
  flat: { plannedS: 180, medianS: 130, sigma: 0.55 },
  office: { plannedS: 210, medianS: 160, sigma: 0.5 },
  shop: { plannedS: 330, medianS: 240, sigma: 0.6 },
};
const HABIT_SIGMA = 0.35;
const TAIL_SHARE = 0.015;
const FAILED_SHARE = 0.06;
/** Beside the street, not on it. */
const SETBACK_M = 12;
const METRES_PER_DEG = 111_195;

/** Customers around a territory's centre, the same for the same seed. */
export function drawCustomers(network: RoadNetwork, seed: number, territory: string, count: number): Customer[] {
  const random = seededRandom(seed, `customers of ${territory}`);
  const { junctions, latDeg, lonDeg } = network;
  const centre = junctions[pick(random, junctions.length)]!;
  const nearest = junctions
    .map((node) => ({ node, awayM: distanceM(latDeg[centre]!, lonDeg[centre]!, latDeg[node]!, lonDeg[node]!) }))
    .sort((a, b) => a.awayM - b.awayM)
    .slice(0, count * 8);
  return Array.from({ length: count }, (_, n) => {
    const { node } = nearest[pick(random, nearest.length)]!;
    const angle = between(random, 0, 2 * Math.PI);
    return {
      ref: `${territory}-${n}`,
      node,
      latDeg: latDeg[node]! + (SETBACK_M * Math.cos(angle)) / METRES_PER_DEG,
      lonDeg: lonDeg[node]! + (SETBACK_M * Math.sin(angle)) / METRES_PER_DEG / 0.53,
      placeType: PLACE_TYPES[pick(random, PLACE_TYPES.length)]!,
      habit: Math.exp(HABIT_SIGMA * gaussian(random)),
    };
  });
}

export function plannedServiceS({ placeType }: Customer): number {
  return SERVICE[placeType].plannedS;
}

/** How long this visit really takes, and whether it succeeds. */
export function drawService(
  customer: Customer,
  driverFactor: number,
  random: Random,
): { servedS: number; outcome: "delivered" | "failed" } {
  const { medianS, sigma } = SERVICE[customer.placeType];
  let servedS = medianS * customer.habit * driverFactor * Math.exp(sigma * gaussian(random));
  if (random() < TAIL_SHARE) servedS *= between(random, 3, 8);
  if (random() >= FAILED_SHARE) return { servedS: Math.max(20, servedS), outcome: "delivered" };
  // Nobody opens: over quickly, or after a long wait.
  const failedS = random() < 0.6 ? between(random, 30, 90) : between(random, 180, 420);
  return { servedS: failedS, outcome: "failed" };
}
