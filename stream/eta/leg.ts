import { haversineM, lonMetresPerE7, METRES_PER_E7 } from "../roads/geometry.ts";
import type { RoadNetwork } from "../roads/network-file.ts";
import { type RoadPlace, Router } from "../roads/router.ts";
import { areaOf } from "./area.ts";
import type { EtaPlace } from "./eta.ts";
import { type Snapped, Snapper } from "./snap.ts";
import { segmentKey } from "./speeds.ts";

/** A stretch of a leg on one segment: where it ends along the leg, and its seconds at free flow. */
export type Stretch = { key: string; roadClass: number; area: number; endM: number; freeS: number };

/** The way from one place to the next. */
export type Leg = {
  readonly onRoads: boolean;
  readonly lengthM: number;
  readonly stretches: readonly Stretch[];
  /** Seconds off the road at both ends. */
  readonly accessS: number;
  /** Where traffic on it is asked for. */
  readonly area: number;
  /** Directed edges, and the offsets on the first and the last; empty off the roads. */
  readonly edges: readonly number[];
  readonly firstOffsetM: number;
  readonly lastOffsetM: number;
  readonly from: EtaPlace;
  readonly to: EtaPlace;
};

/** The line of a leg: places and their distance from its beginning. */
export type LegShape = { latDeg: Float64Array; lonDeg: Float64Array; alongM: Float64Array };

/** Class of what is driven off the roads, or where no roads are known. */
export const NO_CLASS = -1;
/** Ways on roads against the straight line, and the speed assumed along it. */
export const DETOUR = 1.4;
const STRAIGHT_MPS = 8;
/** Between a road and a place beside it. */
const ACCESS_MPS = 4;
/** From a road that is not the nearest somebody walks. */
const WALK_MPS = 1.4;
const LEGS_KEPT_MAX = 100_000;

/** Finds ways between places and remembers them. One instance per thread and network, whatever the fleet. */
export class Legs {
  readonly #roads: RoadNetwork | null;
  readonly #router: Router | null;
  readonly #snapper: Snapper | null;
  readonly #known = new Map<string, Leg>();

  constructor(roads: RoadNetwork | null) {
    this.#roads = roads;
    this.#router = roads && new Router(roads);
    this.#snapper = roads && new Snapper(roads);
  }

  find(from: EtaPlace & { headingDeg?: number | null }, to: EtaPlace): Leg {
    const heading = from.headingDeg ?? null;
    const key = `${from.latDeg},${from.lonDeg},${heading},${to.latDeg},${to.lonDeg}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= LEGS_KEPT_MAX) this.#known.delete(this.#known.keys().next().value!);
    const leg = this.#onRoads(from, heading, to) ?? straightLeg(from, to);
    this.#known.set(key, leg);
    return leg;
  }

  /** The line to follow; straight where there are no roads. */
  shapeOf(leg: Leg): LegShape {
    return this.#roads && leg.onRoads ? roadShape(this.#roads, leg) : straightShape(leg);
  }

  #onRoads(from: EtaPlace, headingDeg: number | null, to: EtaPlace): Leg | undefined {
    if (!this.#roads || !this.#router) return undefined;
    const starts = headingDeg === null ? this.#around(from) : this.#snapped(from, headingDeg);
    const ends = this.#around(to);
    const best = bestPair(this.#router, starts, ends);
    const route = best && this.#router.findRoute(best.a.place, best.b.place);
    if (!best || !route) return undefined;
    const { a, b } = best;
    const stretches = stretchesOf(this.#roads, this.#router, route.edges, a.place.offsetM, b.place.offsetM);
    const lengthM = stretches.at(-1)!.endM;
    return {
      ...{ onRoads: true, lengthM, stretches, from, to, edges: route.edges },
      ...{ firstOffsetM: a.place.offsetM, lastOffsetM: b.place.offsetM },
      accessS: (a.distanceM + b.distanceM) / ACCESS_MPS,
      area: areaOf((from.latDeg + to.latDeg) / 2, (from.lonDeg + to.lonDeg) / 2),
    };
  }

  #snapped({ latDeg, lonDeg }: EtaPlace, headingDeg: number): Access[] {
    const found = this.#snapper!.snap(latDeg, lonDeg, headingDeg);
    return found ? accessesOf([found]) : [];
  }

  #around({ latDeg, lonDeg }: EtaPlace): Access[] {
    return accessesOf(this.#snapper!.snapAround(latDeg, lonDeg));
  }
}

/** A place on a road, and how far it is from the place that is meant. */
type Access = { place: RoadPlace; distanceM: number };

function accessesOf(snapped: readonly Snapped[]): Access[] {
  return snapped.flatMap(({ places, distanceM }) => places.map((place) => ({ place, distanceM })));
}

/** Where to leave and where to come to: by the time driven, and walked from roads that are not the nearest. */
function bestPair(
  router: Router,
  starts: readonly Access[],
  ends: readonly Access[],
): { a: Access; b: Access } | undefined {
  const targets = ends.map(({ place }) => place);
  let best: { a: Access; b: Access } | undefined;
  let bestS = Number.POSITIVE_INFINITY;
  for (const a of starts) {
    router.findTimes(a.place, targets).forEach((timeS, at) => {
      const b = ends[at]!;
      const costS = timeS + (a.distanceM + b.distanceM) / WALK_MPS;
      if (costS >= bestS) return;
      bestS = costS;
      best = { a, b };
    });
  }
  return best;
}

function straightLeg(from: EtaPlace, to: EtaPlace): Leg {
  const lengthM = haversineM(from.latDeg, from.lonDeg, to.latDeg, to.lonDeg) * DETOUR;
  const area = areaOf((from.latDeg + to.latDeg) / 2, (from.lonDeg + to.lonDeg) / 2);
  const key = segmentKey(null, true);
  const stretches = [{ key, roadClass: NO_CLASS, area, endM: lengthM, freeS: lengthM / STRAIGHT_MPS }];
  return {
    ...{ onRoads: false, lengthM, stretches, from, to, area },
    ...{ accessS: 0, edges: [], firstOffsetM: 0, lastOffsetM: 0 },
  };
}

/** Stretches of these directed edges from an offset on the first to one on the last. */
export function stretchesOf(
  roads: RoadNetwork,
  router: Router,
  edges: readonly number[],
  firstOffsetM: number,
  lastOffsetM: number,
): Stretch[] {
  let endM = 0;
  return edges.map((directed, at) => {
    const edge = directed >> 1;
    const edgeM = roads.edgeLengthM[edge]!;
    const fromM = at === 0 ? firstOffsetM : 0;
    const toM = at === edges.length - 1 ? lastOffsetM : edgeM;
    const drivenM = Math.max(0, toM - fromM);
    endM += drivenM;
    const middle = (roads.edgeShape[edge]! + roads.edgeShape[edge + 1]!) >> 1;
    return {
      key: segmentKey(roads.wayId[roads.edgeWay[edge]!]!, (directed & 1) === 0),
      roadClass: roads.edgeClass[edge]!,
      area: areaOf(roads.shapeLatE7[middle]! / 1e7, roads.shapeLonE7[middle]! / 1e7),
      endM,
      freeS: edgeM > 0 ? (router.edgeTimeS(directed) * drivenM) / edgeM : 0,
    };
  });
}

function straightShape({ from, to, lengthM }: Leg): LegShape {
  return {
    latDeg: Float64Array.of(from.latDeg, to.latDeg),
    lonDeg: Float64Array.of(from.lonDeg, to.lonDeg),
    alongM: Float64Array.of(0, lengthM),
  };
}

function roadShape(roads: RoadNetwork, leg: Leg): LegShape {
  const lat: number[] = [];
  const lon: number[] = [];
  leg.edges.forEach((directed, at) => {
    const edge = directed >> 1;
    const lengthM = roads.edgeLengthM[edge]!;
    const fromM = at === 0 ? leg.firstOffsetM : 0;
    const toM = at === leg.edges.length - 1 ? leg.lastOffsetM : lengthM;
    appendPart(roads, directed, Math.min(fromM, lengthM), Math.min(Math.max(toM, fromM), lengthM), lat, lon);
  });
  const alongM = new Float64Array(lat.length);
  const lonScale = lonMetresPerE7(leg.from.latDeg) * 1e7;
  for (let i = 1; i < lat.length; i++) {
    const northM = (lat[i]! - lat[i - 1]!) * METRES_PER_E7 * 1e7;
    alongM[i] = alongM[i - 1]! + Math.hypot(northM, (lon[i]! - lon[i - 1]!) * lonScale);
  }
  // The network's own lengths hold; the line's differ by rounding.
  const scale = alongM.at(-1)! > 0 ? leg.lengthM / alongM.at(-1)! : 1;
  return { latDeg: Float64Array.from(lat), lonDeg: Float64Array.from(lon), alongM: alongM.map((m) => m * scale) };
}

/** Adds the points of a directed edge between two offsets, ends interpolated. */
function appendPart(
  roads: RoadNetwork,
  directed: number,
  fromM: number,
  toM: number,
  lat: number[],
  lon: number[],
): void {
  const edge = directed >> 1;
  const { edgeShape, shapeAlongM, shapeLatE7, shapeLonE7 } = roads;
  const backward = (directed & 1) === 1;
  const lengthM = roads.edgeLengthM[edge]!;
  const first = edgeShape[edge]!;
  const last = edgeShape[edge + 1]! - 1;
  const atOf = (point: number): number => (backward ? lengthM - shapeAlongM[point]! : shapeAlongM[point]!);
  const push = (alongM: number): void => {
    const at = backward ? lengthM - alongM : alongM;
    let p = first;
    while (p < last - 1 && shapeAlongM[p + 1]! < at) p++;
    const span = shapeAlongM[p + 1]! - shapeAlongM[p]!;
    const share = span > 0 ? (at - shapeAlongM[p]!) / span : 0;
    lat.push((shapeLatE7[p]! + (shapeLatE7[p + 1]! - shapeLatE7[p]!) * share) / 1e7);
    lon.push((shapeLonE7[p]! + (shapeLonE7[p + 1]! - shapeLonE7[p]!) * share) / 1e7);
  };
  push(fromM);
  for (let i = 0; i <= last - first; i++) {
    const point = backward ? last - i : first + i;
    const at = atOf(point);
    if (at <= fromM || at >= toM) continue;
    lat.push(shapeLatE7[point]! / 1e7);
    lon.push(shapeLonE7[point]! / 1e7);
  }
  push(toM);
}
