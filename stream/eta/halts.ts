import type { Halt } from "./errors.ts";
import type { EtaState, EtaStop } from "./eta.ts";
import type { EtaModel } from "./eta-model.ts";
import { logNormalRest } from "./normal.ts";
import type { Outlook } from "./outlook.ts";
import { type RestModel, restChance, restMinS, restShareAtStop } from "./rests.ts";
import { serviceAbove } from "./service-times.ts";

/** A halt that may be the day's rest: the chance of it, and what is left of the rest if so. */
export type Resting = { restShare: number; leftS: number };

/** The chance that a rest is still to come, or to end, before an arrival, and its length from now on. */
type RestAhead = Pick<Outlook, "restShare" | "restS">;

/** Whoever is more likely to rest than not counts as resting. */
const RESTING_SHARE = 0.5;
const RESTING_SHARE_MIN = 0.05;
/** A rest that has lasted longer than usual is taken to last so much longer. */
const REST_LEFT_S_MIN = 120;
const NO_REST: RestAhead = { restShare: 0, restS: 0 };

/** How long somebody has been served, or was, and how long that is expected to take. */
type Service = { stop: EtaStop; expectedS: number; servedS: number };

/** Which halts the errors of a vehicle in this halt, or in none (null), are like. */
export function haltOf(resting: Resting | null, state: EtaState | null): Halt {
  if (resting !== null && resting.restShare > RESTING_SHARE) return "halted";
  if (state?.rest) return "rested";
  return resting === null ? "before" : "paused";
}

/** What a visit may be besides a service by now; null: hardly anything. */
export function restingAtStop(
  model: EtaModel,
  state: EtaState | null,
  service: Service,
  nowMs: number,
): Resting | null {
  const restShare = shareAtStop(model, state, service, nowMs);
  if (restShare < RESTING_SHARE_MIN) return null;
  const { length } = model.rests;
  const restedS = service.servedS - service.expectedS;
  return { restShare, leftS: length === null ? 0 : logNormalRest(length.mu, length.sigma, restedS).mean };
}

/** Whether somebody who left a stop after so long rested there. */
export function restedAtStop(model: EtaModel, state: EtaState | null, service: Service, departedMs: number): boolean {
  if (service.servedS - service.expectedS <= restMinS(model.rests)) return false;
  return shareAtStop(model, state, service, departedMs) > RESTING_SHARE;
}

function shareAtStop(model: EtaModel, state: EtaState | null, service: Service, nowMs: number): number {
  const { stop, expectedS, servedS } = service;
  if (state === null || servedS <= expectedS) return 0;
  const above = serviceAbove(model.services, stop, servedS);
  return restShareAtStop(model.rests, nowMs - state.startedMs, { expectedS, servedS, above }, state.rest !== null);
}

/** The chance that a rest is between now and an arrival, and how long it is from now on. */
export function restBefore(
  rests: RestModel,
  arrivalMs: number,
  nowMs: number,
  { halt, startedMs, resting }: { halt: Halt; startedMs: number; resting: Resting | null },
): RestAhead {
  if (halt === "rested" || rests.length === null) return NO_REST;
  const later = restChance(rests, startedMs, nowMs, arrivalMs);
  const usualS = rests.length.meanS;
  if (resting === null) return { restShare: later, restS: usualS };
  const { restShare: share, leftS } = resting;
  const restShare = share + (1 - share) * later;
  if (restShare === 0) return NO_REST;
  const restS = (share * Math.max(REST_LEFT_S_MIN, leftS) + (1 - share) * later * usualS) / restShare;
  return { restShare, restS };
}
