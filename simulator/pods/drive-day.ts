import { between, type Random } from "../random.ts";
import type { CaseKind } from "./case-kinds.ts";
import { apartM, beside, DEPOT, type Site } from "./town.ts";

/** What is true, second by second. */
export type TrueState = Site & { speedMps: number; doorOpen: boolean; ignition: boolean };

/** A driver's visit as it was: seconds of the day. `podAtS`: when the proof was made. */
export type TrueStop = {
  kind: CaseKind;
  /** Where the delivery takes place, and where the plan says that it does. */
  site: Site;
  planned: Site;
  /** Where the van stood for it; null where it did not. */
  parkedFromS: number | null;
  parkedToS: number | null;
  podAtS: number;
  /** Where the phone was when the proof was made. */
  phone: Site;
};

export type TrueDay = { states: TrueState[]; stops: TrueStop[] };

const BEFORE_START_S = 900;
const AFTER_END_S = 1_800;
const RED_LIGHT_PER_S = 1 / 150;
const WALK_MPS = 1.3;
const WALK_AWAY_M = 220;
const GEOCODE_OFF_M = 180;
const EARLY_M = 4_000;

/** Drives a day's route; what happens at each stop is its kind. */
export function driveDay(random: Random, sites: readonly Site[], kinds: readonly CaseKind[]): TrueDay {
  const states: TrueState[] = [];
  let at: Site = DEPOT;
  const stand = (seconds: number, ignition: boolean, door: readonly [number, number] = [0, 0]): void => {
    for (let s = 0; s < seconds; s++) {
      states.push({ ...at, speedMps: 0, ignition, doorOpen: s >= door[0] && s < door[1] });
    }
  };
  /** Along two streets at right angles, with the speed and the red lights of a town. */
  const driveTo = (target: Site, lightsUntilM: number): void => {
    for (const corner of [{ east: target.east, north: at.north }, target]) {
      const cruiseMps = between(random, 7, 13);
      while (apartM(at, corner) > cruiseMps) {
        const share = cruiseMps / apartM(at, corner);
        at = { east: at.east + (corner.east - at.east) * share, north: at.north + (corner.north - at.north) * share };
        states.push({ ...at, speedMps: cruiseMps, ignition: true, doorOpen: false });
        const mayStop = apartM(at, target) > lightsUntilM;
        if (mayStop && random() < RED_LIGHT_PER_S) stand(Math.round(between(random, 8, 50)), true);
      }
      at = corner;
    }
  };
  stand(BEFORE_START_S, false);
  const stops = sites.map((site, index): TrueStop => {
    const kind = kinds[index]!;
    const planned = kind === "wrong geocode" ? beside(random, site, GEOCODE_OFF_M) : site;
    const nowhere = { parkedFromS: null, parkedToS: null, podAtS: -1, phone: site };
    if (kind === "never stopped") {
      driveTo(beside(random, site, between(random, 0, 25)), 400);
      const podAtS = states.length;
      const phone = at;
      // On along the street, towards the next: a red light that is near would be a stop here.
      const onward = (sites[index + 1] ?? DEPOT).east >= at.east ? 1 : -1;
      driveTo({ east: at.east + onward * between(random, 350, 450), north: at.north }, 1_000);
      return { kind, site, planned, ...nowhere, podAtS, phone };
    }
    if (kind === "mocked phone") {
      driveTo(farFrom(random, site), 0);
      stand(Math.round(between(random, 420, 900)), false);
      return { kind, site, planned, ...nowhere, podAtS: states.length - Math.round(between(random, 60, 120)) };
    }
    if (kind === "wrong stop") return { kind, site, planned, ...nowhere };
    const isNextDoor = kind === "next door";
    const awayM = kind === "parked 220 m away" ? WALK_AWAY_M : between(random, 0, 30);
    if (!isNextDoor) driveTo(beside(random, site, awayM), 0);
    const walkS = Math.round((awayM > WALK_AWAY_M / 2 ? awayM : 15) / WALK_MPS);
    const parkedFromS = states.length;
    const unloadS = Math.round(between(random, 15, 60));
    const atDoorS = Math.round(between(random, 20, 150));
    stand(unloadS + walkS + atDoorS + walkS, random() < 0.4, [5, 5 + Math.min(unloadS, 30)]);
    const podAtS = parkedFromS + unloadS + walkS + Math.round(between(random, 0.2, 0.9) * atDoorS);
    return { kind, site, planned, parkedFromS, parkedToS: states.length, podAtS, phone: beside(random, site, 5) };
  });
  stand(AFTER_END_S, false);
  return { states, stops: stops.map((stop, index) => datePods(random, stop, index, stops, states)) };
}

/** When proofs are made that are not made at the door. */
function datePods(
  random: Random,
  stop: TrueStop,
  index: number,
  stops: readonly TrueStop[],
  states: readonly TrueState[],
): TrueStop {
  const next = stops[index + 1];
  if (stop.kind === "wrong stop" || stop.kind === "signed late") {
    if (next === undefined || next.parkedFromS === null) return stop;
    return { ...stop, podAtS: next.podAtS - Math.round(between(random, 5, 15)), phone: next.phone };
  }
  if (stop.kind === "signed at the depot") {
    const podAtS = Math.round(BEFORE_START_S - 120 + index * between(random, 4, 9));
    return { ...stop, podAtS, phone: beside(random, DEPOT, 15) };
  }
  if (stop.kind !== "4 km early") return stop;
  let podAtS = stop.parkedFromS!;
  while (podAtS > BEFORE_START_S / 2 && apartM(states[podAtS]!, stop.site) < EARLY_M) podAtS--;
  return { ...stop, podAtS, phone: states[podAtS]! };
}

/** A place for a long coffee, more than a kilometre from where one should be. */
function farFrom(random: Random, site: Site): Site {
  return beside(random, site, between(random, 1_500, 3_000));
}
