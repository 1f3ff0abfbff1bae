import { Snapper } from "../eta/snap.ts";
import type { RoadNetwork } from "../roads/network-file.ts";
import { Router } from "../roads/router.ts";

/** Driving times between places, for sequencing. */

export type Place = { latDeg: number; lonDeg: number };

export type TravelTimes = {
  /** Seconds, row by row. */
  travelS: Float64Array;
  basis: "roads" | "straight_line";
  /** Places beside no road, or that no road leads to: their legs are by straight line. */
  offRoad: number[];
};

const EARTH_RADIUS_M = 6_371_008.8;
const RADIANS = Math.PI / 180;
/** Roads are longer than the crow flies, and vehicles in town are slow: what deliveries come to on average. */
const STRAIGHT_LINE_MPS = 7;

/** Over the road network where there is one; else by distance and a usual speed. */
export function travelTimes(places: readonly Place[], roads: RoadNetwork | undefined): TravelTimes {
  const count = places.length;
  const travelS = new Float64Array(count * count);
  places.forEach((from, row) => {
    places.forEach((to, column) => {
      travelS[row * count + column] = distanceM(from, to) / STRAIGHT_LINE_MPS;
    });
  });
  if (roads === undefined) return { travelS, basis: "straight_line", offRoad: [] };
  const router = new Router(roads);
  const snapper = new Snapper(roads);
  const snapped = places.map(({ latDeg, lonDeg }) => snapper.snap(latDeg, lonDeg, null)?.places ?? []);
  const unreached = new Set(snapped.flatMap((found, place) => (found.length === 0 ? [place] : [])));
  snapped.forEach((begins, row) => {
    const best = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
    // A road of both directions is left, and come to, in the one that is better.
    for (const begin of begins) {
      const targets = snapped.flatMap((ends, column) => ends.map((end) => ({ end, column })));
      const times = router.findTimes(
        begin,
        targets.map(({ end }) => end),
      );
      targets.forEach(({ column }, index) => {
        best[column] = Math.min(best[column]!, times[index]!);
      });
    }
    best.forEach((timeS, column) => {
      if (row === column) travelS[row * count + column] = 0;
      else if (timeS < Number.POSITIVE_INFINITY) travelS[row * count + column] = timeS;
      else if (!unreached.has(row) && !unreached.has(column)) unreached.add(column);
    });
  });
  return { travelS, basis: "roads", offRoad: [...unreached].sort((a, b) => a - b) };
}

function distanceM(a: Place, b: Place): number {
  const [latA, latB] = [a.latDeg * RADIANS, b.latDeg * RADIANS];
  const half = Math.sin((latB - latA) / 2) ** 2;
  const across = Math.sin(((b.lonDeg - a.lonDeg) * RADIANS) / 2) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(half + Math.cos(latA) * Math.cos(latB) * across));
}
