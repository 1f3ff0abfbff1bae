/** Times as the person waiting reads them: as they write them, in the time zone of the stop. */

const STEP_MS = 300_000;

export type Clock = { locale: string; timeZone: string; nowMs: number };

/** `14:20`; with the day in front where it is not today's. */
export function timeOf(timeMs: number, { locale, timeZone, nowMs }: Clock): string {
  const zone = knownZone(timeZone);
  const isToday = dayOf(timeMs, zone) === dayOf(nowMs, zone);
  const day = isToday ? {} : ({ weekday: "short", day: "numeric", month: "short" } as const);
  return new Intl.DateTimeFormat(locale, { ...day, hour: "numeric", minute: "2-digit", timeZone: zone }).format(timeMs);
}

/** From and to, with the day said once at most. */
export function rangeOf(fromMs: number, toMs: number, clock: Clock): string {
  const zone = knownZone(clock.timeZone);
  const sameDay = dayOf(fromMs, zone) === dayOf(toMs, zone);
  const to = sameDay ? { ...clock, nowMs: toMs } : clock;
  return `${timeOf(fromMs, clock)} – ${timeOf(toMs, to)}`;
}

/** Five minutes are as exact as a promise should sound. */
export function steppedMs(timeMs: number, direction: "floor" | "round" | "ceil"): number {
  return Math[direction](timeMs / STEP_MS) * STEP_MS;
}

/** `2 minutes ago`. */
export function agoOf(timeMs: number, { locale, nowMs }: Clock): string {
  const seconds = Math.max(0, Math.round((nowMs - timeMs) / 1000));
  const words = new Intl.RelativeTimeFormat(locale, { numeric: "always" });
  if (seconds < 90) return words.format(-seconds, "second");
  return seconds < 5_400
    ? words.format(-Math.round(seconds / 60), "minute")
    : words.format(-Math.round(seconds / 3_600), "hour");
}

/** `CET`. */
export function zoneName({ locale, timeZone, nowMs }: Clock): string {
  const zone = knownZone(timeZone);
  const parts = new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: "short" }).formatToParts(nowMs);
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? zone;
}

function dayOf(timeMs: number, timeZone: string): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone }).format(timeMs);
}

const zones = new Map<string, string>();

/** The zone, or UTC where nobody knows it. */
export function knownZone(timeZone: string): string {
  const known = zones.get(timeZone);
  if (known !== undefined) return known;
  const zone = isZone(timeZone) ? timeZone : "UTC";
  zones.set(timeZone, zone);
  return zone;
}

function isZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone }) instanceof Intl.DateTimeFormat;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
