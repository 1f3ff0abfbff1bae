import { distanceM } from "../roads/geometry.ts";
import { compareRoutes, type LinePoint, type RouteMismatch } from "./route-mismatch.ts";
import type { ScoredFence, TrueTrack, TrueVisit } from "./true-track.ts";

/** A place in what a service says. */
type Place = { latDeg: number; lonDeg: number };

/** One fix as the service has it, with the true time of its making: a device's clock may have been wrong. */
export type SaidFix = {
  trueMs: number;
  storedMs: number;
  late: boolean;
  raw: Place;
  smoothed: Place | null;
  matched: (Place & { wayId: number; forward: boolean }) | null;
};

export type SaidPath = { enteredMs: number; leftMs: number; line: LinePoint[] };
export type SaidVisit = { fenceId: string; enteredAtMs: number; exitedAtMs: number | null };
/** A trip that has ended, times as the service knows them. */
export type SaidTrip = { startedMs: number; endedMs: number; distanceM: number };

/** What a service said of one vehicle, beside the truth. */
export type ScoredDrive = {
  track: TrueTrack;
  fences: readonly ScoredFence[];
  fixes: readonly SaidFix[];
  path: readonly SaidPath[];
  visits: readonly SaidVisit[];
  trips: readonly SaidTrip[];
};

/** Each figure with the number of cases behind it; null where there was none. Shares in [0, 1], metres. */
export type Score = {
  vehicles: number;
  fixes: number;
  late: number;
  /** Share of fixes whose stored time is the true one. */
  timeRight: Rate;
  /**
   * Newson and Krumm's route mismatch on geometry, its two parts, and the metres behind it; `untoldM` was driven before what
   * was said of the path begins or after it ends (where it may not be decided yet), and counts in none of them.
   */
  route: { mismatch: number | null; dPlus: number | null; dMinus: number | null; trueM: number; untoldM: number };
  /** Fixes placed on the right way and direction, ±10 m along the route, of those that came in time and of late ones. */
  rightWay: Rate;
  rightWayLate: Rate;
  raw: Errors;
  smoothed: Errors;
  matched: Errors;
  visits: {
    due: number;
    recall: number | null;
    once: number;
    reported: number;
    precision: number | null;
    /** Of the arrivals and departures of visits that were due and told of once, seconds. */
    times: { p50S: number | null; p95S: number | null; cases: number };
  };
  /**
   * Relative errors of the distance of trips of 500 m and more, and the error of their sum; `coveredShare` of all that was
   * driven lies in some trip that has ended.
   */
  trips: { cases: number; p50: number | null; p95: number | null; sum: number | null; coveredShare: number | null };
};

export type Rate = { share: number | null; cases: number };
export type Errors = { p50M: number | null; p95M: number | null; cases: number };

const SLACK_M = 10;
const TRIM_M = 30;
const TIME_RIGHT_MS = 1_000;
const TRIP_M_MIN = 500;
/** How far a visit that was said may lie from the true one and still be it. */
const VISIT_NEAR_MS = 60_000;

/** Puts what was said of all vehicles beside the truth. */
export function scoreDrives(drives: readonly ScoredDrive[]): Score {
  const fixes = drives.flatMap(({ track, fixes: said }) => said.map((fix) => judgeFix(track, fix)));
  const onTime = fixes.filter(({ late }) => !late);
  return {
    vehicles: drives.length,
    fixes: fixes.length,
    late: fixes.length - onTime.length,
    timeRight: rateOf(fixes.map(({ timeRight }) => timeRight)),
    route: scoreRoutes(drives),
    rightWay: rateOf(onTime.map(({ rightWay }) => rightWay)),
    rightWayLate: rateOf(fixes.flatMap(({ late, rightWay }) => (late ? [rightWay] : []))),
    raw: errorsOf(onTime.map(({ rawM }) => rawM)),
    smoothed: errorsOf(onTime.map(({ smoothedM }) => smoothedM)),
    matched: errorsOf(onTime.map(({ matchedM }) => matchedM)),
    visits: scoreVisits(drives),
    trips: scoreTrips(drives),
  };
}

type JudgedFix = {
  late: boolean;
  timeRight: boolean;
  rightWay: boolean;
  rawM: number | null;
  smoothedM: number | null;
  matchedM: number | null;
};

function judgeFix(track: TrueTrack, { trueMs, storedMs, late, raw, smoothed, matched }: SaidFix): JudgedFix {
  const truth = track.at(trueMs);
  const errorM = (place: Place | null): number | null =>
    place === null || truth === undefined ? null : distanceM(place.latDeg, place.lonDeg, truth.latDeg, truth.lonDeg);
  return {
    late,
    timeRight: Math.abs(storedMs - trueMs) <= TIME_RIGHT_MS,
    rightWay:
      truth !== undefined && matched !== null && track.wasOn(truth.odometerM, SLACK_M, matched.wayId, matched.forward),
    ...{ rawM: errorM(raw), smoothedM: errorM(smoothed), matchedM: errorM(matched) },
  };
}

function scoreRoutes(drives: readonly ScoredDrive[]): Score["route"] {
  const sum: RouteMismatch = { trueM: 0, missedM: 0, addedM: 0 };
  let untoldM = 0;
  for (const { track, path } of drives) {
    untoldM += track.drivenM;
    if (path.length === 0) continue;
    const inOrder = path.toSorted((a, b) => a.enteredMs - b.enteredMs);
    // The newest part of a path is not decided yet when the run ends.
    const [fromMs, toMs] = [inOrder[0]!.enteredMs, inOrder.reduce((latest, { leftMs }) => Math.max(latest, leftMs), 0)];
    untoldM -= track.drivenBetweenM(fromMs, toMs);
    const truth = track.lineBetween(fromMs, toMs);
    const { trueM, missedM, addedM } = compareRoutes(
      truth,
      inOrder.map(({ line }) => line),
      TRIM_M,
    );
    sum.trueM += trueM;
    sum.missedM += missedM;
    sum.addedM += addedM;
  }
  const share = (metres: number): number | null => (sum.trueM > 0 ? metres / sum.trueM : null);
  return {
    mismatch: share(sum.missedM + sum.addedM),
    ...{ dPlus: share(sum.addedM), dMinus: share(sum.missedM), trueM: sum.trueM, untoldM },
  };
}

function scoreVisits(drives: readonly ScoredDrive[]): Score["visits"] {
  let [due, found, once, reported, real] = [0, 0, 0, 0, 0];
  const errorsS: number[] = [];
  for (const { track, fences, visits } of drives) {
    const truth = fences.flatMap((fence) => track.visitsOf(fence));
    const said = new Map<TrueVisit, SaidVisit[]>(truth.map((stay) => [stay, []]));
    for (const visit of visits) {
      const stay = nearestStay(visit, truth);
      if (stay !== undefined) said.get(stay)?.push(visit);
    }
    reported += visits.length;
    for (const [stay, told] of said) {
      real += told.length;
      if (!stay.due) continue;
      due++;
      if (told.length > 0) found++;
      const [only] = told;
      if (only === undefined || told.length > 1 || only.exitedAtMs === null) continue;
      once++;
      errorsS.push(
        Math.abs(only.enteredAtMs - stay.enteredAtMs) / 1000,
        Math.abs(only.exitedAtMs - stay.exitedAtMs) / 1000,
      );
    }
  }
  return {
    due,
    recall: due > 0 ? found / due : null,
    once,
    reported,
    precision: reported > 0 ? real / reported : null,
    times: { p50S: quantile(errorsS, 0.5), p95S: quantile(errorsS, 0.95), cases: errorsS.length },
  };
}

/** The stay that a visit tells of: the one that it overlaps most, or is nearest to. */
function nearestStay(visit: SaidVisit, truth: readonly TrueVisit[]): TrueVisit | undefined {
  let best: TrueVisit | undefined;
  let bestMs = -VISIT_NEAR_MS;
  for (const stay of truth) {
    if (stay.fenceId !== visit.fenceId) continue;
    const untilMs = Math.min(stay.exitedAtMs, visit.exitedAtMs ?? Number.POSITIVE_INFINITY);
    const overlapMs = untilMs - Math.max(stay.enteredAtMs, visit.enteredAtMs);
    if (overlapMs <= bestMs) continue;
    best = stay;
    bestMs = overlapMs;
  }
  return best;
}

function scoreTrips(drives: readonly ScoredDrive[]): Score["trips"] {
  const errors: number[] = [];
  let [saidM, trueM, coveredM, drivenInAllM] = [0, 0, 0, 0];
  for (const { track, trips } of drives) {
    drivenInAllM += track.drivenM;
    coveredM += unionOf(trips).reduce((sum, [fromMs, toMs]) => sum + track.drivenBetweenM(fromMs, toMs), 0);
    for (const trip of trips) {
      const [start, end] = [track.at(trip.startedMs), track.at(trip.endedMs)];
      if (start === undefined || end === undefined) continue;
      const drivenM = end.odometerM - start.odometerM;
      if (drivenM < TRIP_M_MIN) continue;
      errors.push(Math.abs(trip.distanceM - drivenM) / drivenM);
      saidM += trip.distanceM;
      trueM += drivenM;
    }
  }
  return {
    ...{ cases: errors.length, p50: quantile(errors, 0.5), p95: quantile(errors, 0.95) },
    sum: trueM > 0 ? saidM / trueM - 1 : null,
    coveredShare: drivenInAllM > 0 ? coveredM / drivenInAllM : null,
  };
}

/** The times (Unix ms) that trips cover, those that overlap made one. */
function unionOf(trips: readonly SaidTrip[]): [fromMs: number, toMs: number][] {
  const spans: [number, number][] = [];
  for (const { startedMs, endedMs } of trips.toSorted((a, b) => a.startedMs - b.startedMs)) {
    const last = spans.at(-1);
    if (last === undefined || startedMs > last[1]) spans.push([startedMs, endedMs]);
    else last[1] = Math.max(last[1], endedMs);
  }
  return spans;
}

function rateOf(outcomes: readonly boolean[]): Rate {
  const cases = outcomes.length;
  return { share: cases > 0 ? outcomes.filter(Boolean).length / cases : null, cases };
}

function errorsOf(errors: readonly (number | null)[]): Errors {
  const known = errors.filter((error) => error !== null);
  return { p50M: quantile(known, 0.5), p95M: quantile(known, 0.95), cases: known.length };
}

function quantile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
}
