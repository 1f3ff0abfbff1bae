import { between, gaussian, pick, type Random } from "../random.ts";
import { flowMps, type RoadEdge, type RoadNetwork } from "../roads/network.ts";
import type { Router } from "../roads/router.ts";
import type { CityTraffic } from "./city-traffic.ts";
import { drawService } from "./customers.ts";
import { type DeliveryPlan, type DeliveryStop, resequenced } from "./route-planner.ts";
import { Timeline, type TimelinePoint } from "./timeline.ts";

/** What really happened at a stop. `podMs`: when the driver recorded it. */
export type Visit = {
  stop: DeliveryStop;
  arrivedMs: number;
  departedMs: number;
  podMs: number;
  outcome: "delivered" | "failed";
};

/** A route driven, with everything that is true about it. */
export type DeliveryDay = {
  plan: DeliveryPlan;
  visits: Visit[];
  /** Changes of the order while driving, as the dispatcher tells the system: the whole new order. */
  resequences: { atMs: number; stops: DeliveryStop[] }[];
  breaks: { fromMs: number; toMs: number }[];
  timeline: Timeline;
};

/** How somebody drives and serves against others, and today. */
export type Driver = { driveFactor: number; serviceFactor: number };

export type DeliveryWorld = { network: RoadNetwork; router: Router; traffic: CityTraffic };

const RED_LIGHT_SHARE = 0.1;
const START_LATE_MIN = [0, 12] as const;
const PARKING_S = [8, 30] as const;
const LUNCH_AFTER_H = [3.4, 4.8] as const;
const LUNCH_MIN = [28, 45] as const;
const COFFEE_AFTER_H = [1.5, 7.5] as const;
const COFFEE_MIN = [8, 16] as const;
const COFFEE_SHARE = 0.4;
const RESEQUENCED_SHARE = 0.2;
const EDGE_NOISE_SIGMA = 0.12;
const HOUR_MS = 3_600_000;

export function drawDriver(random: Random): Driver {
  return { driveFactor: Math.exp(0.07 * gaussian(random)), serviceFactor: Math.exp(0.15 * gaussian(random)) };
}

/** Drives a plan from the depot through all stops and back. */
export function driveDay(plan: DeliveryPlan, driver: Driver, world: DeliveryWorld, random: Random): DeliveryDay {
  const day = new DrivenDay(plan, driver, world, random);
  let stops = plan.stops;
  const changeAt = random() < RESEQUENCED_SHARE ? pick(random, Math.max(1, stops.length - 4)) : -1;
  for (let at = 0; at < stops.length; at++) {
    if (at === changeAt) {
      stops = resequenced(stops, at, random);
      day.resequences.push({ atMs: day.timeMs, stops });
    }
    day.driveTo(stops[at]!.customer.node);
    day.serve(stops[at]!);
  }
  day.driveTo(plan.depot.node);
  const { visits, resequences, breaks, points } = day;
  return { plan, visits, resequences, breaks, timeline: new Timeline(points) };
}

class DrivenDay {
  readonly visits: Visit[] = [];
  readonly resequences: DeliveryDay["resequences"] = [];
  readonly breaks: DeliveryDay["breaks"] = [];
  readonly points: TimelinePoint[] = [];
  timeMs: number;
  readonly #driver: Driver;
  readonly #world: DeliveryWorld;
  readonly #random: Random;
  /** Breaks still to take: from when on, and how long. */
  readonly #dueBreaks: { afterMs: number; lastsMs: number }[] = [];
  #node: number;

  constructor(plan: DeliveryPlan, driver: Driver, world: DeliveryWorld, random: Random) {
    this.#driver = driver;
    this.#world = world;
    this.#random = random;
    this.#node = plan.depot.node;
    this.timeMs = plan.startsAtMs;
    this.#mark(plan.depot.latDeg, plan.depot.lonDeg, 0, true);
    this.timeMs += between(random, ...START_LATE_MIN) * 60_000;
    this.#planBreak(LUNCH_AFTER_H, LUNCH_MIN);
    if (random() < COFFEE_SHARE) this.#planBreak(COFFEE_AFTER_H, COFFEE_MIN);
  }

  driveTo(node: number): void {
    const edges = this.#world.router.findRoute(this.#node, node);
    // A break is taken where the driver happens to be: parked at the last stop, or half way.
    const breakAt = this.#isBreakDue() ? (this.#random() < 0.4 ? 0 : edges.length >> 1) : -1;
    edges.forEach((edge, at) => {
      if (at === breakAt) this.#takeBreak(edge);
      this.#driveEdge(edge);
    });
    this.#node = node;
  }

  serve(stop: DeliveryStop): void {
    const { latDeg, lonDeg, windowStartMs } = stop;
    const { wayId, forward } = this.points.at(-1)!;
    this.#mark(latDeg, lonDeg, wayId, forward, between(this.#random, ...PARKING_S));
    const arrivedMs = Math.round(this.timeMs);
    const begunMs = Math.max(arrivedMs, windowStartMs ?? arrivedMs);
    const { servedS, outcome } = drawService(stop.customer, this.#driver.serviceFactor, this.#random);
    const departedMs = Math.round(begunMs + servedS * 1000);
    const podMs = Math.round(begunMs + servedS * 1000 * between(this.#random, 0.6, 0.95));
    this.visits.push({ stop, arrivedMs, departedMs, podMs, outcome });
    this.timeMs = departedMs;
    this.#mark(latDeg, lonDeg, wayId, forward);
  }

  #driveEdge(edge: RoadEdge): void {
    const { latDeg, lonDeg } = this.#world.network;
    const middle = edge.nodes[edge.nodes.length >> 1]!;
    const traffic = this.#world.traffic.factor(latDeg[middle]!, lonDeg[middle]!, edge.roadClass, this.timeMs);
    const noise = Math.exp(EDGE_NOISE_SIGMA * gaussian(this.#random));
    const mps = flowMps(edge) / (traffic * noise * this.#driver.driveFactor);
    const { nodes, wayId, forward } = edge;
    for (let i = 1; i < nodes.length; i++) {
      const [a, b] = [nodes[i - 1]!, nodes[i]!];
      const share = lineM(latDeg[a]!, lonDeg[a]!, latDeg[b]!, lonDeg[b]!) / mps;
      this.points.at(-1)!.wayId = wayId;
      this.points.at(-1)!.forward = forward;
      this.#mark(latDeg[b]!, lonDeg[b]!, wayId, forward, share);
    }
    if (!/^(motorway|trunk)/.test(edge.roadClass) && this.#random() < RED_LIGHT_SHARE)
      this.#halt(between(this.#random, 4, 40) * 1000);
  }

  #takeBreak(edge: RoadEdge): void {
    const fromMs = this.timeMs;
    const due = this.#dueBreaks.findIndex(({ afterMs }) => afterMs <= this.timeMs);
    const [taken] = this.#dueBreaks.splice(due, 1);
    this.points.at(-1)!.wayId = edge.wayId;
    this.#halt(taken!.lastsMs);
    this.breaks.push({ fromMs, toMs: this.timeMs });
  }

  #isBreakDue(): boolean {
    return this.#dueBreaks.some(({ afterMs }) => afterMs <= this.timeMs);
  }

  #planBreak(afterH: readonly [number, number], lastsMin: readonly [number, number]): void {
    const afterMs = this.timeMs + between(this.#random, ...afterH) * HOUR_MS;
    this.#dueBreaks.push({ afterMs, lastsMs: between(this.#random, ...lastsMin) * 60_000 });
  }

  #halt(lastsMs: number): void {
    const { latDeg, lonDeg, wayId, forward } = this.points.at(-1)!;
    this.timeMs += lastsMs;
    this.#mark(latDeg, lonDeg, wayId, forward);
  }

  #mark(latDeg: number, lonDeg: number, wayId: number, forward: boolean, afterS = 0): void {
    this.timeMs += afterS * 1000;
    this.points.push({ timeMs: this.timeMs, latDeg, lonDeg, wayId, forward });
  }
}

/** Metres between neighbouring nodes; the network is small enough for one scale of longitude. */
function lineM(latADeg: number, lonADeg: number, latBDeg: number, lonBDeg: number): number {
  return 111_195 * Math.hypot(latBDeg - latADeg, (lonBDeg - lonADeg) * 0.5344);
}
