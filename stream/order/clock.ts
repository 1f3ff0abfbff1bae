import type { ClockFault } from "../stage.ts";

/** The GPS week counter has 10 bits: a receiver that misses its rollover is wrong by whole multiples of this. */
export const ROLLOVER_MS = 1024 * 7 * 86_400_000;
/** A device clock may run ahead of ours by this much and is still believed. */
export const FUTURE_MS_MAX = 86_400_000;
/** A clock that was right so far is not believed when it is suddenly ahead by more: what came after would all be late. */
export const LEAP_MS_MAX = 600_000;
/** A rollover is corrected only when the corrected time is at most this old: longer than any device keeps reports. */
export const ROLLOVER_BACKLOG_MS_MAX = 60 * 86_400_000;
/** Before this there was no GPS time (6 January 1980), and a day later clocks that start there have been synchronised. */
const GPS_EPOCH_MS = Date.UTC(1980, 0, 7);
/** Clocks that were never set start in 1970, 1980 or on 1 January 2000. */
const UNSET_BEFORE_MS = Date.UTC(2000, 0, 2);

export type ClockReading = {
  fixTimeMs: number;
  /** True where `fixTimeMs` rests on the device's own clock. */
  dated: boolean;
  clockFault: ClockFault | null;
  deviceTimeMs: number | null;
};

/**
 * Decides what time a report happened at. Only certain corrections are made: whole GPS week rollovers that land in the
 * recent past. A time that can't be right is replaced by the time of receipt; both times are Unix milliseconds.
 */
export function readClock(deviceTimeMs: number | null, receivedAtMs: number): ClockReading {
  if (deviceTimeMs === null) return { fixTimeMs: receivedAtMs, dated: false, clockFault: null, deviceTimeMs: null };
  if (deviceTimeMs > receivedAtMs + FUTURE_MS_MAX) return substituted("future", deviceTimeMs, receivedAtMs);
  const weeksLost = Math.floor((receivedAtMs + FUTURE_MS_MAX - deviceTimeMs) / ROLLOVER_MS);
  const corrected = deviceTimeMs + weeksLost * ROLLOVER_MS;
  if (deviceTimeMs >= GPS_EPOCH_MS && weeksLost > 0 && corrected >= receivedAtMs - ROLLOVER_BACKLOG_MS_MAX) {
    return { fixTimeMs: corrected, dated: true, clockFault: "rollover", deviceTimeMs };
  }
  if (deviceTimeMs < UNSET_BEFORE_MS) return substituted("unsynchronised", deviceTimeMs, receivedAtMs);
  return { fixTimeMs: deviceTimeMs, dated: true, clockFault: null, deviceTimeMs: null };
}

/** The time of receipt in place of one that can't be right, which is kept beside it. */
export function substituted(clockFault: ClockFault, deviceTimeMs: number, receivedAtMs: number): ClockReading {
  return { fixTimeMs: receivedAtMs, dated: false, clockFault, deviceTimeMs };
}

/**
 * Whether a device's clock has leapt ahead: the newest time that it gave before (`watermarkMs`) was not ahead of ours, this one is.
 * A device that is ahead from its first report on keeps its times, as does one whose times came while our own clock was behind.
 */
export function isLeap(fixTimeMs: number, receivedAtMs: number, watermarkMs: number | null): boolean {
  const believedMs = receivedAtMs + LEAP_MS_MAX;
  return watermarkMs !== null && watermarkMs <= believedMs && fixTimeMs > believedMs;
}
