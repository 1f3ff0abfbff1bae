import { METRES_PER_E7 } from "../roads/geometry.ts";
import { confine, settlePosition } from "./along-road.ts";
import { weighOnEdge } from "./emission.ts";
import { FIELD, OFF_ROAD, STRIDE } from "./hypothesis.ts";
import type { FixStep } from "./match-fix.ts";
import type { MatchState } from "./match-state.ts";
import { rest } from "./motion.ts";
import type { MatchScratch } from "./scratch.ts";

/** A vehicle stands from the first speed on until the second one: receivers that wander make up speeds between. */
const STANDING_MPS = 0.4;
const MOVING_MPS = 3;
/** It has left the place where it stopped when a fix is further from it than this. */
const LEFT_SIGMAS = 4;
const LEFT_M = 30;
/** Where less than this share of an error is still there in the next fix, each fix of a standing vehicle tells something new. */
const WANDERING_MEMORY = 0.6;
/** Whether it stopped on a road or off the network is settled when one of both is this improbable. */
const SETTLED_SHARE = 0.05;
/** The part of a reported speed that it may really have crept, and how far at most. */
const CREEP_SHARE = 0.5;
const CREPT_M_MAX = 15;
/** After this time a lead of one hypothesis over another is a third of what it was. */
const DOUBT_S = 1800;

/**
 * Whether a vehicle still stands where it stopped, so that its fix says nothing of the road it is on: receivers wander most
 * when they stand, further than they showed while driving. Heeds where it stops.
 */
export function stands(state: MatchState, { fix, dtS, latE7, lonE7, lonScale }: FixStep): boolean {
  const stood = !Number.isNaN(state.stoodLatE7);
  if (!(fix.speedMps < (stood ? MOVING_MPS : STANDING_MPS))) {
    state.stoodLatE7 = Number.NaN;
    return false;
  }
  const northM = (latE7 - state.stoodLatE7) * METRES_PER_E7;
  const eastM = (lonE7 - state.stoodLonE7) * lonScale;
  const leftM = LEFT_SIGMAS * state.noise.sigmaM + LEFT_M;
  if (stood && northM * northM + eastM * eastM < leftM * leftM)
    return state.noise.memoryAfter(dtS) > WANDERING_MEMORY && isSettled(state);
  state.stoodLatE7 = latE7;
  state.stoodLonE7 = lonE7;
  return false;
}

/** Takes a fix of a standing vehicle: no hypothesis gains by it. Each learns the receiver's error, and little of its own place. */
export function stand(state: MatchState, { fix, dtS }: FixStep, { predicted, place, roads }: MatchScratch): void {
  const h = state.hypotheses;
  const creptM2 = (CREEP_SHARE * fix.speedMps * dtS) ** 2;
  const lead = Math.exp(-dtS / DOUBT_S);
  for (let at = 0; at < state.count * STRIDE; at += STRIDE) {
    const directed = h[at + FIELD.edge]!;
    h[at + FIELD.score]! *= lead;
    if (directed === OFF_ROAD) continue;
    rest(h, at, dtS, state.noise);
    predicted.set(h.subarray(at, at + STRIDE));
    predicted[FIELD.covAA] = Math.max(
      predicted[FIELD.covAA]!,
      Math.min(predicted[FIELD.covAA]! + creptM2, CREPT_M_MAX ** 2),
    );
    const edgeM = roads.edgeLengthM[directed >> 1]!;
    weighOnEdge(predicted, 0, place, directed, edgeM);
    settlePosition(predicted, h, at);
    confine(h, at, edgeM);
  }
}

function isSettled({ hypotheses, count }: MatchState): boolean {
  let total = 0;
  let off = 0;
  for (let at = 0; at < count * STRIDE; at += STRIDE) {
    const share = Math.exp(hypotheses[at + FIELD.score]!);
    total += share;
    if (hypotheses[at + FIELD.edge] === OFF_ROAD) off += share;
  }
  return Math.min(off, total - off) < SETTLED_SHARE * total;
}
