/** Local time of week: 24 hours of working days, of Saturdays and of Sundays. */
export const SLOTS = 72;
const HOUR_MS = 3_600_000;
/** Every offset in use is a multiple of this. */
const QUARTER_MS = 900_000;
const DAY_MS = 24 * HOUR_MS;
/** 1 January 1970 was a Thursday; days are counted from Monday. */
const EPOCH_WEEKDAY = 3;
const SATURDAY = 5;
const OFFSETS_KEPT_MAX = 20_000;

export type TimeOfWeek = {
  /** In [0, SLOTS): hour of a working day, 24 + hour of a Saturday, 48 + hour of a Sunday. */
  slotOf(timeMs: number): number;
};

/** The clock of a fleet. Throws a RangeError for a time zone that the platform does not know. */
export function openTimeOfWeek(timeZone: string): TimeOfWeek {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  // Asking the platform takes microseconds, and the offset changes twice a year.
  const offsets = new Map<number, number>();

  function offsetMs(timeMs: number): number {
    const quarter = Math.floor(timeMs / QUARTER_MS);
    const known = offsets.get(quarter);
    if (known !== undefined) return known;
    if (offsets.size >= OFFSETS_KEPT_MAX) offsets.clear();
    const part = Object.fromEntries(
      format.formatToParts(quarter * QUARTER_MS).map(({ type, value }) => [type, +value]),
    );
    const local = Date.UTC(part.year!, part.month! - 1, part.day!, part.hour!, part.minute!);
    const offset = local - quarter * QUARTER_MS;
    offsets.set(quarter, offset);
    return offset;
  }

  return {
    slotOf: (timeMs) => {
      const localMs = timeMs + offsetMs(timeMs);
      const day = Math.floor(localMs / DAY_MS);
      const hour = Math.floor((localMs - day * DAY_MS) / HOUR_MS);
      const weekday = (((day + EPOCH_WEEKDAY) % 7) + 7) % 7;
      return hour + (weekday < SATURDAY ? 0 : weekday === SATURDAY ? 24 : 48);
    },
  };
}

/** Parts of the week that errors are told apart by. */
export const DAY_PARTS = ["night", "morning", "midday", "afternoon", "evening", "weekend"] as const;
export type DayPart = (typeof DAY_PARTS)[number];

export function dayPartOf(slot: number): DayPart {
  if (slot >= 24) return "weekend";
  if (slot < 6 || slot >= 22) return "night";
  if (slot < 10) return "morning";
  if (slot < 14) return "midday";
  return slot < 18 ? "afternoon" : "evening";
}
