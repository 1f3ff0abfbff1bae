import { pick, type Random } from "../random.ts";

/** unset: starts in the year 2000 and is right from the first fix on. rollover: 1024 weeks behind. ahead: some days in the future. */
export const CLOCK_FAULTS = ["unset", "rollover", "ahead"] as const;
export type ClockFault = (typeof CLOCK_FAULTS)[number];
/** What a device says of a time. Unix milliseconds. */
export type DeviceClock = (timeMs: number) => number;

const UNSET_START_MS = Date.UTC(2000, 0, 1);
const UNSET_FOR_MS = 90_000;
const ROLLOVER_MS = 1_024 * 7 * 86_400_000;
const AHEAD_MS = 3 * 86_400_000;
const AHEAD_FOR_MS = 60_000;

export const rightClock: DeviceClock = (timeMs) => timeMs;

/** A clock with a fault of one kind, for a device that starts at `startMs`. */
export function faultyClock(fault: ClockFault, startMs: number): DeviceClock {
  switch (fault) {
    case "unset":
      return (timeMs) => (timeMs - startMs < UNSET_FOR_MS ? UNSET_START_MS + timeMs - startMs : timeMs);
    case "rollover":
      return (timeMs) => timeMs - ROLLOVER_MS;
    case "ahead":
      return (timeMs) => (timeMs - startMs < AHEAD_FOR_MS ? timeMs + AHEAD_MS : timeMs);
  }
}

export function pickClockFault(random: Random): ClockFault {
  return CLOCK_FAULTS[pick(random, CLOCK_FAULTS.length)]!;
}
