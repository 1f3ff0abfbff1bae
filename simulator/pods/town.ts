import { between, type Random } from "../random.ts";

/** Metres east and north of the middle of a town. */
export type Site = { east: number; north: number };

const MIDDLE = { latDeg: 41.15, lonDeg: -8.61 };
const METRES_PER_DEG = 111_195;
const METRES_PER_LON_DEG = METRES_PER_DEG * Math.cos((MIDDLE.latDeg * Math.PI) / 180);
const TOWN_M = 9_000;
const DEPOT_AWAY_M = 7_500;
const STOPS_APART_M = 500;
/** What dispatchers call next door. */
const NEXT_DOOR_M = 45;

export const degreesOf = ({ east, north }: Site): { latDeg: number; lonDeg: number } => ({
  latDeg: MIDDLE.latDeg + north / METRES_PER_DEG,
  lonDeg: MIDDLE.lonDeg + east / METRES_PER_LON_DEG,
});

export const apartM = (a: Site, b: Site): number => Math.hypot(a.east - b.east, a.north - b.north);

export function beside(random: Random, { east, north }: Site, awayM: number): Site {
  const angle = random() * 2 * Math.PI;
  return { east: east + awayM * Math.cos(angle), north: north + awayM * Math.sin(angle) };
}

export const DEPOT: Site = { east: -DEPOT_AWAY_M, north: 0 };

/** Stops in an order that a dispatcher would drive: always the nearest next. `nextDoor`: whose neighbour the next is. */
export function placeStops(random: Random, nextDoor: readonly boolean[]): Site[] {
  const sites: Site[] = [];
  while (sites.length < nextDoor.filter((is) => !is).length) {
    const site = { east: between(random, -0.5, 0.5) * TOWN_M, north: between(random, -0.5, 0.5) * TOWN_M };
    if (sites.every((other) => apartM(site, other) > STOPS_APART_M)) sites.push(site);
  }
  const ordered: Site[] = [];
  for (const isNextDoor of nextDoor) {
    const last = ordered.at(-1) ?? DEPOT;
    const next = isNextDoor ? beside(random, last, NEXT_DOOR_M) : sites.splice(nearestIndex(sites, last), 1)[0]!;
    ordered.push(next);
  }
  return ordered;
}

function nearestIndex(sites: readonly Site[], from: Site): number {
  let best = 0;
  for (let index = 1; index < sites.length; index++) {
    if (apartM(sites[index]!, from) < apartM(sites[best]!, from)) best = index;
  }
  return best;
}

/** Normal distribution by Box and Muller. */
export function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
