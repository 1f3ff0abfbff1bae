import { EdgePlace } from "../match/project.ts";
import { findEdgesNear } from "../roads/grid-index.ts";
import type { RoadNetwork } from "../roads/network-file.ts";
import type { RoadPlace } from "../roads/router.ts";
import { nextStamp } from "../roads/stamps.ts";
import { ACCESS } from "../roads/way-tags.ts";

/** A place on a road, in every direction in which a car may pass it. */
export type Snapped = { places: RoadPlace[]; distanceM: number };

/** Tried in turn until a road is found. */
const RADII_M = [60, 250, 1_000] as const;
const EDGES_MAX = 8_192;
/** Where a vehicle stands for a place is on the nearest road or on one that is this much further off. */
const AROUND_M = 15;
const WAYS_AROUND_MAX = 3;
/** A vehicle that heads more than this away from a road's direction is not driving along it. */
const HEADING_OFF_DEG_MAX = 75;

/** Finds roads near places. One instance per thread: its memory is reused. */
export class Snapper {
  readonly #roads: RoadNetwork;
  readonly #place: EdgePlace;
  readonly #found = new Uint32Array(EDGES_MAX);
  readonly #seen: Uint32Array;
  #stamp = 0;

  constructor(roads: RoadNetwork) {
    this.#roads = roads;
    this.#place = new EdgePlace(roads);
    this.#seen = new Uint32Array(roads.edgeFrom.length);
  }

  /** The nearest road for cars; with a heading only its direction that fits, where one does. */
  snap(latDeg: number, lonDeg: number, headingDeg: number | null): Snapped | undefined {
    for (const radiusM of RADII_M) {
      const edge = this.#nearest(latDeg, lonDeg, radiusM, () => true);
      if (edge !== undefined) return this.#onEdge(edge, headingDeg);
    }
    return undefined;
  }

  /** The roads for cars, nearest first, on one of which a vehicle stands that is at a place. */
  snapAround(latDeg: number, lonDeg: number): Snapped[] {
    for (const radiusM of RADII_M) {
      const nearest = new Map<number, { edge: number; distanceM: number }>();
      this.#eachNear(latDeg, lonDeg, radiusM, (edge, distanceM) => {
        const way = this.#roads.edgeWay[edge]!;
        if (distanceM < (nearest.get(way)?.distanceM ?? radiusM)) nearest.set(way, { edge, distanceM });
      });
      const ways = [...nearest.values()].sort((a, b) => a.distanceM - b.distanceM);
      const around = ways.filter(({ distanceM }) => distanceM <= ways[0]!.distanceM + AROUND_M);
      if (around.length > 0) return around.slice(0, WAYS_AROUND_MAX).map(({ edge }) => this.#onEdge(edge, null));
    }
    return [];
  }

  /** The place on a way in its direction, within the first radius. */
  snapToWay(latDeg: number, lonDeg: number, wayId: number, forward: boolean): RoadPlace | undefined {
    const { wayId: ids, edgeWay } = this.#roads;
    const edge = this.#nearest(latDeg, lonDeg, RADII_M[0], (one) => ids[edgeWay[one]!] === wayId);
    if (edge === undefined) return undefined;
    const directed = edge * 2 + (forward ? 0 : 1);
    this.#project(directed);
    return { directed, offsetM: this.#place.atM };
  }

  #nearest(latDeg: number, lonDeg: number, radiusM: number, fits: (edge: number) => boolean): number | undefined {
    let best: number | undefined;
    let bestM = radiusM;
    this.#eachNear(latDeg, lonDeg, radiusM, (edge, distanceM) => {
      if (distanceM > bestM || !fits(edge)) return;
      bestM = distanceM;
      best = edge;
    });
    return best;
  }

  /** Every edge for cars around a place. */
  #eachNear(latDeg: number, lonDeg: number, radiusM: number, take: (edge: number, distanceM: number) => void): void {
    const latE7 = Math.round(latDeg * 1e7);
    const lonE7 = Math.round(lonDeg * 1e7);
    this.#stamp = nextStamp(this.#seen, this.#stamp);
    const count = findEdgesNear(this.#roads, latE7, lonE7, radiusM, this.#found, this.#seen, this.#stamp);
    this.#place.setOrigin(latE7, lonE7);
    for (let i = 0; i < count; i++) {
      const edge = this.#found[i]!;
      if ((this.#roads.edgeAccess[edge]! & (ACCESS.carForward | ACCESS.carBackward)) !== 0)
        take(edge, this.#project(edge * 2));
    }
  }

  #onEdge(edge: number, headingDeg: number | null): Snapped {
    const distanceM = this.#project(edge * 2);
    const { tangentE, tangentN, atM } = this.#place;
    const lengthM = this.#roads.edgeLengthM[edge]!;
    const access = this.#roads.edgeAccess[edge]!;
    const places: RoadPlace[] = [];
    if (access & ACCESS.carForward) places.push({ directed: edge * 2, offsetM: atM });
    if (access & ACCESS.carBackward) places.push({ directed: edge * 2 + 1, offsetM: lengthM - atM });
    if (headingDeg === null) return { places, distanceM };
    const roadDeg = (Math.atan2(tangentE, tangentN) * 180) / Math.PI;
    const fitting = places.filter(({ directed }) => {
      const off = Math.abs(((headingDeg - roadDeg - (directed & 1 ? 180 : 0)) % 360) + 360) % 360;
      return Math.min(off, 360 - off) <= HEADING_OFF_DEG_MAX;
    });
    return { places: fitting.length > 0 ? fitting : places, distanceM };
  }

  /** Distance (m) from the origin to the edge; leaves the place there. */
  #project(directed: number): number {
    return Math.sqrt(this.#place.placeNearest(directed));
  }
}
