import type { Eta, EtaReason, NoEta } from "./eta.ts";

/** Which change of an ETA is stored, told to the person waiting, and warned of. */

const MINUTE_MS = 60_000;
/** A new ETA is issued when its median moves so much, or by this share of what remains … */
const ISSUED_MOVE_MS_MIN = 60_000;
const ISSUED_MOVE_SHARE = 0.05;
/** … or when it comes into one of these horizons, so that every stop is scored in each. */
const ISSUED_HORIZONS_MS = [5, 10, 15, 30, 45, 60, 90, 120, 150, 180].map((minutes) => minutes * MINUTE_MS);
const TOLD_MOVE_MS_MIN = 120_000;
const TOLD_MOVE_SHARE = 0.1;
/** What a stop at risk is: its share of late outcomes, and for how long without a break. */
export type RiskRule = { fromShare: number; lastsMs: number; untilShare: number };
export const AT_RISK: RiskRule = { fromShare: 0.8, lastsMs: 10 * MINUTE_MS, untilShare: 0.5 };
/** Since when the share has been that high; and whether it has been for long enough. */
export type Risk = { atRisk: boolean; riskSinceMs: number | null };
/** Traffic that changed by this much is what made the ETA change. */
const TRAFFIC_CHANGE_MIN = 0.08;

/** Whether to store a new ETA after the last one issued for the stop. */
export function isWorthIssuing(last: Eta | NoEta | undefined, next: Eta | NoEta): boolean {
  if (last === undefined || last.kind !== next.kind) return true;
  if (last.kind === "none" || next.kind === "none") return false;
  if (last.basis !== next.basis) return true;
  const remainingMs = next.p50Ms - next.computedMs;
  const movedMs = Math.abs(next.p50Ms - last.p50Ms);
  if (movedMs >= Math.max(ISSUED_MOVE_MS_MIN, ISSUED_MOVE_SHARE * remainingMs)) return true;
  const before = last.p50Ms - last.computedMs;
  return ISSUED_HORIZONS_MS.some((horizonMs) => before > horizonMs && remainingMs <= horizonMs);
}

/** Whether the person waiting is told: it moves by 2 min and a tenth of what remains, or crosses the promise. */
export function isWorthTelling(told: { p50Ms: number } | null, next: Eta, promisedByMs: number | null): boolean {
  if (told === null) return true;
  const remainingMs = Math.max(0, next.p50Ms - next.computedMs);
  if (Math.abs(next.p50Ms - told.p50Ms) >= Math.max(TOLD_MOVE_MS_MIN, TOLD_MOVE_SHARE * remainingMs)) return true;
  return promisedByMs !== null && told.p50Ms <= promisedByMs !== next.p50Ms <= promisedByMs;
}

/**
 * At risk or not.
 *
 *     calm ──share ≥ from──▶ watched ──still so after `lastsMs`──▶ at risk ──share < until──▶ calm
 *       ▲                       │
 *       └─────share < from──────┘
 */
export function riskAfter(before: Risk, lateShare: number, nowMs: number, rule: RiskRule = AT_RISK): Risk {
  if (before.atRisk) return lateShare >= rule.untilShare ? before : { atRisk: false, riskSinceMs: null };
  if (lateShare < rule.fromShare) return { atRisk: false, riskSinceMs: null };
  const riskSinceMs = before.riskSinceMs ?? nowMs;
  return { atRisk: nowMs - riskSinceMs >= rule.lastsMs, riskSinceMs };
}

/** What to say an ETA changed by: the trigger of its computation, unless silence or traffic explains it better. */
export function changeReason(last: Eta | NoEta | undefined, next: Eta, trigger: EtaReason): EtaReason {
  if (trigger === "plan") return "plan";
  if (next.basis === "degraded") return "data gap";
  if (trigger === "position" && last?.kind === "eta" && Math.abs(next.traffic - last.traffic) >= TRAFFIC_CHANGE_MIN)
    return "traffic";
  return trigger;
}
