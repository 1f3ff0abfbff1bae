import type { EtaPlace } from "./eta.ts";
import { PARKING_MS } from "./learn-speeds.ts";
import { placeKey } from "./service-times.ts";

/**
 * What legs take beyond the learned speeds of their roads: parking, turning round, entrances on another side than the map
 * has it, ways of one's own. Learned by the place that is reached and who drives there.
 */

export type ApproachSum = {
  place: string;
  /** Empty: not known. */
  driver: string;
  legs: number;
  beyondS: number;
};

/** Seconds: of everybody, what a driver adds to that, and what a place adds to its drivers'. */
export type ApproachModel = { usualS: number; drivers: Record<string, number>; places: Record<string, number> };

/** One leg as it was driven, halts taken off. */
export type DrivenLeg = { to: EtaPlace; driver: string | null; drivenS: number; expectedS: number };

export const unlearnedApproaches: ApproachModel = { usualS: PARKING_MS / 1000, drivers: {}, places: {} };

/** Legs that the parent's estimate is worth. */
const USUAL_WORTH_LEGS = 20;
const DRIVER_WORTH_LEGS = 20;
const PLACE_WORTH_LEGS = 3;
/** What lies outside says nothing of an approach. */
const BEYOND_S = { min: -120, max: 900 } as const;
const FITTING_ROUNDS = 3;

export function approachSumOf({ to, driver, drivenS, expectedS }: DrivenLeg): ApproachSum {
  const beyondS = Math.min(BEYOND_S.max, Math.max(BEYOND_S.min, drivenS - expectedS));
  return { place: placeKey(to), driver: driver ?? "", legs: 1, beyondS };
}

/** Drivers keep to their places: what is the one's and what the other's comes apart in turns. */
export function fitApproaches(sums: readonly ApproachSum[]): ApproachModel {
  const { usualS: unlearnedS } = unlearnedApproaches;
  const usualS = unlearnedS + mean(sums, () => unlearnedS, USUAL_WORTH_LEGS);
  const model: ApproachModel = { usualS, drivers: {}, places: {} };
  const byDriver = Map.groupBy(sums, ({ driver }) => driver);
  byDriver.delete("");
  const byPlace = Map.groupBy(sums, ({ place }) => place);
  for (let round = 0; round < FITTING_ROUNDS; round++) {
    for (const [driver, some] of byDriver)
      model.drivers[driver] = mean(some, ({ place }) => usualS + (model.places[place] ?? 0), DRIVER_WORTH_LEGS);
    for (const [place, some] of byPlace)
      model.places[place] = mean(some, ({ driver }) => usualS + (model.drivers[driver] ?? 0), PLACE_WORTH_LEGS);
  }
  return model;
}

/** Seconds beyond the learned speeds on the leg to a place. */
export function approachS({ usualS, drivers, places }: ApproachModel, to: EtaPlace, driver: string | null): number {
  return Math.max(0, usualS + (drivers[driver ?? ""] ?? 0) + (places[placeKey(to)] ?? 0));
}

/** How far legs lie above what is expected of them, shrunk towards 0. */
function mean(sums: readonly ApproachSum[], expectedS: (sum: ApproachSum) => number, worthLegs: number): number {
  let [legs, aboveS] = [0, 0];
  for (const sum of sums) {
    legs += sum.legs;
    aboveS += sum.beyondS - sum.legs * expectedS(sum);
  }
  return aboveS / (legs + worthLegs);
}
