/** When an attempt follows a failed one. Standard Webhooks, "Retry schedule". */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** The pause before each attempt, counted from the failure of the one before; milliseconds. */
export const ATTEMPT_DELAYS_MS: readonly number[] = [
  ...[0, 5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS],
  ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR_MS),
];
/** Share of a pause by which it is made longer or shorter, so that what failed together does not come back together. */
export const JITTER_SHARE = 0.1;
/** A receiver that asks for more is asked again after this. */
export const RETRY_AFTER_MS_MAX = 24 * HOUR_MS;
/** Failures for this long, without one delivery taken, disable the endpoint. */
export const FAILING_MS_MAX = 5 * 24 * HOUR_MS;

export type Schedule = {
  delaysMs: readonly number[];
  nowMs: number;
  /** In [0, 1). */
  random: () => number;
};

/**
 * When the next attempt is due after `failures` failed ones (this one counted), Unix milliseconds; null when the schedule
 * is at its end. What the receiver asked for by Retry-After is kept, where it is later.
 */
export function nextAttemptAtMs(failures: number, retryAfterMs: number | null, schedule: Schedule): number | null {
  const delayMs = schedule.delaysMs[failures];
  if (delayMs === undefined) return null;
  const jittered = delayMs * (1 + JITTER_SHARE * (2 * schedule.random() - 1));
  return schedule.nowMs + Math.round(Math.max(jittered, Math.min(retryAfterMs ?? 0, RETRY_AFTER_MS_MAX)));
}

/** RFC 9110, section 10.2.3: seconds, or a date. Milliseconds from now; null for anything else or what is past. */
export function parseRetryAfterMs(text: string, nowMs: number): number | null {
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * SECOND_MS;
  const atMs = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN;
  return atMs > nowMs ? atMs - nowMs : null;
}
