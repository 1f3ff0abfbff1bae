import type { UnitState } from "./fleet.ts";

export const STATE_WORDS: Readonly<Record<UnitState, string>> = {
  live: "Live",
  delayed: "Delayed",
  stale: "Stale",
  offline: "Offline",
  unheard: "Never heard",
};

/** An age in the largest unit that says enough: `12 s`, `4 min`, `3 h`, `2 d`. */
export function ageWords(ageMs: number): string {
  const seconds = Math.max(0, Math.round(ageMs / 1_000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

const KMH_PER_MPS = 3.6;

export function speedWords(speedMps: number | null): string {
  return speedMps === null ? "speed unknown" : `${Math.round(speedMps * KMH_PER_MPS)} km/h`;
}

/** Below this a speed is the noise of a standing receiver, metres per second. */
const MOVING_MPS = 0.8;

export function isMoving(speedMps: number | null): boolean {
  return speedMps !== null && speedMps > MOVING_MPS;
}

/** A speed, or that it stands. */
export function motionWords(speedMps: number | null): string {
  return speedMps === null || isMoving(speedMps) ? speedWords(speedMps) : "standing";
}

const POINTS = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"] as const;

export function headingWords(headingDeg: number): string {
  return POINTS[Math.round(headingDeg / 45) % POINTS.length]!;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export function clockWords(timeMs: number): string {
  return CLOCK.format(timeMs);
}

/** `2026-11-22` of the reader's own calendar, as date fields take it. */
export function dayText(timeMs: number): string {
  const day = new Date(timeMs);
  const [month, date] = [day.getMonth() + 1, day.getDate()].map((number) => String(number).padStart(2, "0"));
  return `${day.getFullYear()}-${month}-${date}`;
}

/** The first and the last instant of a day of the reader's calendar, Unix milliseconds, the last exclusive. */
export function dayBoundsMs(day: string): [fromMs: number, toMs: number] {
  const [year, month, date] = day.split("-").map(Number) as [number, number, number];
  return [new Date(year, month - 1, date).getTime(), new Date(year, month - 1, date + 1).getTime()];
}
