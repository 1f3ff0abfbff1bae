import type { UncertainTime } from "./arrivals.ts";
import type { Halt } from "./errors.ts";
import type { EtaBasis, EtaRequest, EtaState, EtaStop } from "./eta.ts";
import type { EtaModel } from "./eta-model.ts";
import { haltOf, type Resting, restingAtStop } from "./halts.ts";
import type { Leg, Legs } from "./leg.ts";
import { servicePace } from "./pace.ts";
import { type HaltOutlook, haltOutlook, PAUSE_S_MIN } from "./rests.ts";
import { serviceRest } from "./service-times.ts";

/** Silent for longer than this, an ETA is no longer live. */
const DEGRADED_AFTER_MS = 180_000;
/** Every second of silence is worth so many of deviation. */
const SILENCE_SHARE = 0.4;

/** Where an estimate begins: when, on which leg, and what is known of rests. `leg` undefined: at the first stop. */
export type Beginning = {
  time: UncertainTime;
  leg: Leg | undefined;
  alongM: number;
  basis: EtaBasis;
  halt: Halt;
  startedMs: number;
  /** Null: not halted. */
  resting: Resting | null;
};

/** Undefined where there is nothing to begin with: no stop, or a route not under way whose start is unknown. */
export function findBeginning(model: EtaModel, legs: Legs, request: EtaRequest): Beginning | undefined {
  const { nowMs, state, serving, start, stops } = request;
  const first = stops[0];
  if (first === undefined) return undefined;
  if (state === null && serving === null) {
    if (start === null) return undefined;
    const time = certain(Math.max(start.atMs, nowMs));
    const leg = start.place === null ? undefined : legs.find(start.place, first);
    return { time, leg, alongM: 0, basis: "planned", halt: "before", startedMs: time.meanMs, resting: null };
  }
  const heardMs = request.heardMs ?? nowMs;
  const silentMs = Math.max(0, nowMs - heardMs);
  const basis = silentMs > DEGRADED_AFTER_MS ? "degraded" : "live";
  if (serving !== null) {
    const { time, resting } = served(model, serving, nowMs, state);
    const leg = legs.find(serving.stop, first);
    const startedMs = state?.startedMs ?? serving.arrivedMs;
    const halt = haltOf(resting, state);
    return { time: widened(time, silentMs, basis), leg, alongM: 0, basis, halt, startedMs, resting };
  }
  const { origin, alongM, stillSinceMs, startedMs, timeMs } = state!;
  const leg = legs.find(origin, first);
  const halted = stillSinceMs === null ? null : haltedOnWay(model, state!, (heardMs - stillSinceMs) / 1000, heardMs);
  const resting = halted && { restShare: halted.restShare, leftS: halted.restLeft.mean };
  const time = halted === null ? certain(timeMs) : afterPause(timeMs, halted);
  const halt = haltOf(resting, state);
  return { time: widened(time, silentMs, basis), leg, alongM, basis, halt, startedMs, resting };
}

/** When the service under way is over, at the driver's pace today. */
function served(
  model: EtaModel,
  { stop, arrivedMs }: { stop: EtaStop; arrivedMs: number },
  nowMs: number,
  state: EtaState | null,
): { time: UncertainTime; resting: Resting | null } {
  const begunMs = Math.max(arrivedMs, stop.windowStartMs ?? arrivedMs);
  const servedS = Math.max(0, (nowMs - begunMs) / 1000);
  const pace = servicePace(state);
  const left = serviceRest(model.services, stop, servedS / pace);
  const expectedS = serviceRest(model.services, stop, 0).mean * pace;
  const meanMs = Math.max(nowMs, begunMs) + left.mean * pace * 1000;
  return {
    time: { meanMs, ownVarianceS2: left.variance * pace * pace, lastingS: 0 },
    resting: restingAtStop(model, state, { stop, expectedS, servedS }, nowMs),
  };
}

/** A halt away from stops; null where it is too short to be one. */
function haltedOnWay(model: EtaModel, state: EtaState, haltS: number, nowMs: number): HaltOutlook | null {
  if (haltS < PAUSE_S_MIN) return null;
  return haltOutlook(model.rests, nowMs - state.startedMs, haltS, state.rest !== null);
}

/** What is left of a halt that is no rest. */
function afterPause(fromMs: number, { restShare, otherLeft }: HaltOutlook): UncertainTime {
  const { mean, variance } = otherLeft;
  const share = 1 - restShare;
  const ownVarianceS2 = share * (variance + restShare * mean * mean);
  return { meanMs: fromMs + share * mean * 1000, ownVarianceS2, lastingS: 0 };
}

function certain(meanMs: number): UncertainTime {
  return { meanMs, ownVarianceS2: 0, lastingS: 0 };
}

function widened(time: UncertainTime, silentMs: number, basis: EtaBasis): UncertainTime {
  if (basis !== "degraded") return time;
  return { ...time, lastingS: time.lastingS + (SILENCE_SHARE * silentMs) / 1000 };
}
