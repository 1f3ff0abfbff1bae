import type { RoadNetwork } from "../roads/network-file.ts";
import { type RoadPlace, Router } from "../roads/router.ts";
import type { EtaPlace } from "./eta.ts";
import { stretchesOf } from "./leg.ts";
import { Snapper } from "./snap.ts";
import type { SpeedSum } from "./speeds.ts";
import type { TimeOfWeek } from "./time-of-week.ts";

/** A stored fix that was matched to a way. */
export type MatchedFix = EtaPlace & { timeMs: number; wayId: number; forward: boolean };
/** When a vehicle stood at a stop: nothing is learned about roads then. */
export type Standing = { fromMs: number; toMs: number };

/** Around a visit a vehicle parks and sets off: this is no speed of a road. */
export const PARKING_MS = 20_000;
/** Across longer gaps it is not known which way was taken. */
const GAP_S_MAX = 65;
/** Less than this between two fixes is standing. */
const STILL_M = 12;
/** A stand longer than this is a stop, not traffic. */
const STILL_S_MAX = 120;
/** A way between two fixes that needs such speed, or is so much slower than its time allows, was not driven. */
const SPEED_MPS_MAX = 45;
const DETOUR_S_MAX = 60;

/** Learns from the matched fixes of vehicles how long stretches of road take. One instance per thread and network. */
export class SpeedLearner {
  readonly #roads: RoadNetwork;
  readonly #router: Router;
  readonly #snapper: Snapper;
  readonly #clock: TimeOfWeek;
  readonly #sums = new Map<string, SpeedSum>();

  constructor(roads: RoadNetwork, clock: TimeOfWeek) {
    this.#roads = roads;
    this.#router = new Router(roads);
    this.#snapper = new Snapper(roads);
    this.#clock = clock;
  }

  /** Takes one vehicle's fixes in the order of time. */
  take(fixes: readonly MatchedFix[], standings: readonly Standing[]): void {
    let before: { fix: MatchedFix; place: RoadPlace } | undefined;
    let stillS = 0;
    let standing = 0;
    for (const fix of fixes) {
      while (standing < standings.length && standings[standing]!.toMs < fix.timeMs) standing++;
      const isServing = standing < standings.length && standings[standing]!.fromMs <= fix.timeMs;
      const place = isServing ? undefined : this.#snapper.snapToWay(fix.latDeg, fix.lonDeg, fix.wayId, fix.forward);
      const elapsedS = before === undefined ? 0 : (fix.timeMs - before.fix.timeMs) / 1000;
      if (place === undefined || before === undefined || elapsedS > GAP_S_MAX) {
        before = place && { fix, place };
        stillS = 0;
        continue;
      }
      const drive = this.#between(before.place, place, elapsedS);
      if (drive === "still") {
        // The place is kept: noise must not add up to a drive.
        stillS += elapsedS;
        before = { fix, place: before.place };
        continue;
      }
      const takenS = elapsedS + (stillS <= STILL_S_MAX ? stillS : 0);
      if (drive !== undefined) this.#add(drive, before.place, place, takenS, fix.timeMs);
      before = { fix, place };
      stillS = 0;
    }
  }

  /** What was driven, by segment, area and time of week, since the last call. */
  drain(): SpeedSum[] {
    const sums = [...this.#sums.values()];
    this.#sums.clear();
    return sums;
  }

  #between(a: RoadPlace, b: RoadPlace, elapsedS: number): readonly number[] | "still" | undefined {
    if (a.directed === b.directed && Math.abs(b.offsetM - a.offsetM) < STILL_M) return "still";
    const route = this.#router.findRoute(a, b);
    if (route === undefined) return undefined;
    if (route.lengthM < STILL_M) return "still";
    const isCredible = route.lengthM <= elapsedS * SPEED_MPS_MAX && route.timeS <= elapsedS * 2 + DETOUR_S_MAX;
    return isCredible ? route.edges : undefined;
  }

  /** Spreads the seconds over the stretches as free flow would. */
  #add(edges: readonly number[], a: RoadPlace, b: RoadPlace, takenS: number, timeMs: number): void {
    const stretches = stretchesOf(this.#roads, this.#router, edges, a.offsetM, b.offsetM);
    const freeS = stretches.reduce((sum, stretch) => sum + stretch.freeS, 0);
    if (freeS <= 0) return;
    const slot = this.#clock.slotOf(timeMs);
    stretches.forEach((stretch, at) => {
      const directed = edges[at]!;
      const key = `${stretch.key}/${stretch.area}/${slot}`;
      let sum = this.#sums.get(key);
      if (sum === undefined) {
        const wayId = this.#roads.wayId[this.#roads.edgeWay[directed >> 1]!]!;
        const { roadClass, area } = stretch;
        sum = { wayId, forward: (directed & 1) === 0, roadClass, area, slot, drivenS: 0, freeS: 0 };
        this.#sums.set(key, sum);
      }
      sum.drivenS += (takenS * stretch.freeS) / freeS;
      sum.freeS += stretch.freeS;
    });
  }
}
