import type { PodTimes } from "./evidence.ts";
import { VERDICT_LIMITS } from "./limits.ts";

/**
 * When a POD was made, by our clock. `certain` is false where the phone's clock can't be held against ours: then nothing
 * that depends on the time may contradict. `usable` is false where even a support would be a guess.
 */
export type PodMoment = {
  readonly atMs: number;
  readonly certain: boolean;
  readonly usable: boolean;
  /** How far the phone's clock runs ahead; null where unknown. */
  readonly skewS: number | null;
  readonly basis: "sent" | "live" | "zone" | "queued" | "ahead";
};

/**
 * The phone's clock at sending against our clock at receipt is its skew, whatever time passed between making and sending.
 * Without it, a POD that arrives as it was made is dated by both clocks; one that lies whole half hours off was most
 * likely sent at once by a clock in another zone; one from the past may have waited, or its clock is behind.
 */
export function momentOf({ deviceTimeMs, sentAtMs, receivedAtMs }: PodTimes): PodMoment {
  const skewMaxMs = VERDICT_LIMITS.skewS * 1000;
  if (sentAtMs !== null) {
    const skewMs = sentAtMs - receivedAtMs;
    const correctionMs = Math.abs(skewMs) > skewMaxMs ? skewMs : 0;
    const atMs = deviceTimeMs - correctionMs;
    // Made after it was received: the clock was set in between, so the skew of then is not known.
    const sane = atMs <= receivedAtMs + skewMaxMs;
    return { atMs, certain: sane, usable: sane, skewS: skewMs / 1000, basis: "sent" };
  }
  const aheadMs = deviceTimeMs - receivedAtMs;
  if (Math.abs(aheadMs) <= skewMaxMs) {
    return { atMs: deviceTimeMs, certain: true, usable: true, skewS: aheadMs / 1000, basis: "live" };
  }
  const stepMs = VERDICT_LIMITS.zoneStepS * 1000;
  const zoneMs = Math.round(aheadMs / stepMs) * stepMs;
  if (aheadMs > 0 && Math.abs(aheadMs - zoneMs) <= skewMaxMs) {
    return { atMs: deviceTimeMs - zoneMs, certain: false, usable: true, skewS: zoneMs / 1000, basis: "zone" };
  }
  if (aheadMs > 0) return { atMs: receivedAtMs, certain: false, usable: false, skewS: null, basis: "ahead" };
  return { atMs: deviceTimeMs, certain: false, usable: true, skewS: null, basis: "queued" };
}
