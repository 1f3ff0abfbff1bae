import { between, type Random, seededRandom } from "../random.ts";
import { distanceM } from "../roads/geometry.ts";
import type { RoadClass } from "../roads/network-file.ts";

/** How much longer driving takes than in free flow: by place, hour, day of the week, kind of road, and what happens that day. */
export type CityTraffic = {
  factor(latDeg: number, lonDeg: number, roadClass: RoadClass, timeMs: number): number;
};

/** Local time is UTC here: the city's clock is the simulation's. */
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const CENTRE = { latDeg: 57.7045, lonDeg: 11.9675, reachM: 2_600 };
/** Slower parts: around the harbour bridge and a shopping district, each with hours of their own. */
const DISTRICTS = [
  { latDeg: 57.7165, lonDeg: 11.949, reachM: 1_300, peak: [7, 9], extra: 0.8 },
  { latDeg: 57.6935, lonDeg: 11.9895, reachM: 1_100, peak: [15, 18], extra: 0.7 },
  { latDeg: 57.6745, lonDeg: 11.935, reachM: 1_500, peak: [11, 14], extra: 0.35 },
] as const;
const INCIDENTS_A_DAY = 6;

type Incident = { latDeg: number; lonDeg: number; reachM: number; fromMs: number; toMs: number; extra: number };
type Day = { mood: number; incidents: Incident[] };

export function createCityTraffic(seed: number): CityTraffic {
  const days = new Map<number, Day>();

  function dayOf(timeMs: number): Day {
    const number = Math.floor(timeMs / DAY_MS);
    let day = days.get(number);
    if (day === undefined) {
      day = drawDay(seededRandom(seed, `traffic of day ${number}`), number * DAY_MS);
      days.set(number, day);
    }
    return day;
  }

  return {
    factor: (latDeg, lonDeg, roadClass, timeMs) => {
      const { mood, incidents } = dayOf(timeMs);
      const hour = (timeMs % DAY_MS) / HOUR_MS;
      const weekday = new Date(timeMs).getUTCDay();
      const isFree = weekday === 0 || weekday === 6;
      const centre = closeness(latDeg, lonDeg, CENTRE);
      const rush = isFree ? 0.25 * bump(hour, 14, 3) : bump(hour, 8, 1.1) + fridayEarly(weekday, hour);
      let extra = (0.15 + 0.65 * centre) * rush + 0.25 * centre * bump(hour, 13, 4);
      for (const district of DISTRICTS) {
        const [from, to] = district.peak;
        if (!isFree && hour >= from && hour < to) extra += district.extra * closeness(latDeg, lonDeg, district);
      }
      for (const incident of incidents)
        if (timeMs >= incident.fromMs && timeMs < incident.toMs)
          extra += incident.extra * closeness(latDeg, lonDeg, incident);
      return 1 + extra * mood * exposure(roadClass);
    },
  };
}

function drawDay(random: Random, startMs: number): Day {
  const incidents = Array.from({ length: INCIDENTS_A_DAY }, () => {
    const fromMs = startMs + between(random, 7, 17) * HOUR_MS;
    return {
      latDeg: between(random, 57.67, 57.74),
      lonDeg: between(random, 11.9, 12.03),
      reachM: between(random, 300, 900),
      fromMs,
      toMs: fromMs + between(random, 0.4, 1.8) * HOUR_MS,
      extra: between(random, 0.8, 2.5),
    };
  });
  return { mood: between(random, 0.75, 1.35), incidents };
}

/** The afternoon rush; on Fridays it begins two hours earlier. */
function fridayEarly(weekday: number, hour: number): number {
  return 1.2 * bump(hour, weekday === 5 ? 14.8 : 16.6, 1.3);
}

function bump(hour: number, at: number, width: number): number {
  return Math.exp(-0.5 * ((hour - at) / width) ** 2);
}

function closeness(latDeg: number, lonDeg: number, to: { latDeg: number; lonDeg: number; reachM: number }): number {
  return Math.exp(-0.5 * (distanceM(latDeg, lonDeg, to.latDeg, to.lonDeg) / to.reachM) ** 2);
}

function exposure(roadClass: RoadClass): number {
  if (/^(motorway|trunk)/.test(roadClass)) return 1.2;
  return /^(primary|secondary|tertiary)/.test(roadClass) ? 1 : 0.5;
}
