import { between, pick, type Random } from "../random.ts";
import { distanceM } from "../roads/geometry.ts";
import type { Customer } from "./customers.ts";
import { plannedServiceS } from "./customers.ts";

/** A stop as a planner's system hands it over. */
export type DeliveryStop = {
  ref: string;
  customer: Customer;
  latDeg: number;
  lonDeg: number;
  serviceS: number;
  windowStartMs: number | null;
  windowEndMs: number | null;
  promisedByMs: number | null;
  /** What the planner's static schedule says. */
  scheduledMs: number;
};

/** One vehicle's route of one day, as planned in the morning. */
export type DeliveryPlan = {
  ref: string;
  vehicleRef: string;
  startsAtMs: number;
  depot: { latDeg: number; lonDeg: number; node: number };
  stops: DeliveryStop[];
};

/** The planner's notion of driving, right on average: so much for every leg, and straight lines at one speed. */
const PLANNED_LEG_S = 67;
const PLANNED_MPS = 3.5;
const PLANNED_LUNCH_AFTER_MS = 4 * 3_600_000;
const PLANNED_LUNCH_MS = 35 * 60_000;
const WINDOW_SHARE = 0.3;
const WINDOW_HALF_MS = 3_600_000;
/** Promises leave so much room after the schedule. */
const PROMISE_SLACK_MIN = [20, 75] as const;
const TWO_OPT_ROUNDS = 4;

type Place = { latDeg: number; lonDeg: number };

export function planRoute(
  base: { ref: string; vehicleRef: string; startsAtMs: number; depot: DeliveryPlan["depot"] },
  customers: readonly Customer[],
  random: Random,
): DeliveryPlan {
  let atMs = base.startsAtMs;
  let from: Place = base.depot;
  let hadLunch = false;
  const stops = inGoodOrder(base.depot, customers).map((customer, n) => {
    const lunchMs = atMs - base.startsAtMs > PLANNED_LUNCH_AFTER_MS && !hadLunch ? PLANNED_LUNCH_MS : 0;
    hadLunch ||= lunchMs > 0;
    atMs += plannedDriveMs(from, customer) + lunchMs;
    from = customer;
    const scheduledMs = Math.round(atMs);
    const hasWindow = random() < WINDOW_SHARE;
    // Windows are whole quarters of an hour around the schedule.
    const middleMs = Math.round((scheduledMs + between(random, -0.4, 0.4) * WINDOW_HALF_MS) / 900_000) * 900_000;
    const serviceS = plannedServiceS(customer);
    atMs = (hasWindow ? Math.max(atMs, middleMs - WINDOW_HALF_MS) : atMs) + serviceS * 1000;
    return {
      ref: `${base.ref}-${n}`,
      customer,
      ...{ latDeg: customer.latDeg, lonDeg: customer.lonDeg, serviceS, scheduledMs },
      windowStartMs: hasWindow ? middleMs - WINDOW_HALF_MS : null,
      windowEndMs: hasWindow ? middleMs + WINDOW_HALF_MS : null,
      promisedByMs: hasWindow ? null : scheduledMs + Math.round(between(random, ...PROMISE_SLACK_MIN)) * 60_000,
    };
  });
  return { ...base, stops };
}

export function plannedDriveMs(from: Place, to: Place): number {
  return (PLANNED_LEG_S + awayM(from, to) / PLANNED_MPS) * 1000;
}

/** Nearest neighbour from the depot, then two-opt. */
function inGoodOrder(depot: Place, customers: readonly Customer[]): Customer[] {
  const left = [...customers];
  const order: Customer[] = [];
  for (let at: Place = depot; left.length > 0; ) {
    let best = 0;
    for (let i = 1; i < left.length; i++) if (awayM(at, left[i]!) < awayM(at, left[best]!)) best = i;
    const [next] = left.splice(best, 1);
    order.push(next!);
    at = next!;
  }
  for (let round = 0; round < TWO_OPT_ROUNDS; round++)
    for (let i = 0; i < order.length - 1; i++)
      for (let j = i + 1; j < order.length; j++) {
        const before = order[i - 1] ?? depot;
        const after = order[j + 1];
        const now = awayM(before, order[i]!) + (after ? awayM(order[j]!, after) : 0);
        const then = awayM(before, order[j]!) + (after ? awayM(order[i]!, after) : 0);
        if (then < now - 1) order.splice(i, j - i + 1, ...order.slice(i, j + 1).reverse());
      }
  return order;
}

/** The order after a dispatcher moved one later stop forward. `from`: how many stops are already settled. */
export function resequenced<Stop>(stops: readonly Stop[], from: number, random: Random): Stop[] {
  const left = stops.slice(from);
  if (left.length < 3) return [...stops];
  const [moved] = left.splice(2 + pick(random, left.length - 2), 1);
  left.splice(1, 0, moved!);
  return [...stops.slice(0, from), ...left];
}

function awayM(a: Place, b: Place): number {
  return distanceM(a.latDeg, a.lonDeg, b.latDeg, b.lonDeg);
}
