import type { TripReason, TripStop } from "#store/track-rows.ts";
import { DRIVEN_MPS_MAX } from "../placed-fix.ts";
import { haversineM } from "../roads/geometry.ts";
import type { Sample } from "./sample.ts";

/**
 * Trips of one device, fix by fix in the order of time. Pure.
 *
 *     parked ──it moves away from where it stood───────────────────────────────▶ driving
 *     driving ──ignition off while standing, or standing too long, or a gap────▶ parked
 *
 * A trip begins where and when the vehicle stood last (with the ignition, where that went on shortly before), and ends where
 * and when it came to stand. A vehicle that moved during a gap has a trip that begins before the gap: distances add up.
 */

export type TripMachine = {
  readonly last: Sample | null;
  /** Where it has been parked since when; the newest sample there. */
  readonly parked: Parked | null;
  readonly trip: OpenTrip | null;
};

type Parked = {
  readonly from: Sample;
  /** When it was here last, standing or not (Unix ms). */
  readonly hereMs: number;
  /** When the ignition went on here; null while it is off or unknown. */
  readonly ignitionOnMs: number | null;
  /** Samples in a row that moved. */
  readonly moving: number;
};

export type OpenTrip = {
  readonly start: Sample;
  readonly startedMs: number;
  readonly reason: TripReason;
  readonly maxSpeedMps: number;
  readonly fixes: number;
  readonly idleMs: number;
  readonly stops: readonly TripStop[];
  /** First sample of the time of standing that is not over. */
  readonly standing: Sample | null;
  /** Length up to the newest sample with a track, and straight from there on, metres. */
  readonly trackedM: number;
  readonly straightM: number;
  /** `trackM` of the newest sample that has one. */
  readonly trackM: number | null;
  /** By the vehicle's odometer, null before its second reading; what a reset or a jump hides is left out. */
  readonly odometerM: number | null;
  readonly lastReading: Reading | null;
};

/** What an odometer showed, metres, and when (Unix ms). */
type Reading = readonly [odometerM: number, timeMs: number];

export type EndedTrip = Omit<OpenTrip, "standing"> & { readonly end: Sample; readonly endReason: TripReason };

export type Happening =
  | { readonly kind: "started"; readonly trip: OpenTrip; readonly by: Sample }
  | { readonly kind: "ended"; readonly trip: EndedTrip; readonly by: Sample };

export type TripStep = { readonly machine: TripMachine; readonly happenings: readonly Happening[] };

export const tripInitial: TripMachine = { last: null, parked: null, trip: null };

const MOVING_MPS = 1.5;
/** Away from where it stood by this, or by less and at speed: no receiver wanders like that. */
const AWAY_M = 100;
const AWAY_AT_SPEED_M = 25;
const AWAY_SIGMAS = 3;
const AT_SPEED_MPS = 2.5;
const AT_SPEED_SAMPLES = 2;
/** A vehicle whose ignition is known to be off is towed, or its wire is loose: be sure. */
const AWAY_IGNITION_OFF_M = 250;
/** Standing this close is standing. */
const STANDING_M = 40;
/** The place where it stands is looked at anew after this long: what creeps along must not take it along. */
const ANCHOR_MS = 5 * 60_000;
/** The ignition may be on for this long before the trip that it began moves. */
const WARM_UP_MS_MAX = 10 * 60_000;
/** The last sample where it stood dates the start when it is no older than this. */
const SET_OFF_MS_MAX = 3 * 60_000;
/** Standing that ends a trip: without ignition, and with the ignition on. */
const STOOD_MS = 5 * 60_000;
const IDLED_MS = 30 * 60_000;
/** Found elsewhere, and not known since when it was gone: it drove about this fast. */
const UNSEEN_MPS = 8;
/** Nothing on wheels gets faster so quickly (with an error of the receiver): a device's word against it does not count. */
const ACCELERATION_MPS2_MAX = 5;
const SPEED_ERROR_MPS = 3;
/** What errors of two positions may add to a way that somebody drove, metres. */
const JUMP_M = 300;
/** An odometer that counts pulses in steps may be ahead by this, metres. */
const ODOMETER_STEP_M = 1_000;
/** A gap that ends a trip. */
const GAP_MS = 15 * 60_000;
/** Moved during such a gap by more than this: another trip. */
const GAP_MOVED_M = 200;
/** Standing that counts as a stop. */
const STOP_MS = 2 * 60_000;
const STOPS_MAX = 50;

/** Takes the next sample. One that is older than the last changes nothing: see `trip-history.ts`. */
export function stepTrip(machine: TripMachine, sample: Sample): TripStep {
  const { last, trip, parked } = machine;
  if (last !== null && sample[1] < last[1]) return { machine, happenings: [] };
  if (trip === null) return stepParked(parked ?? parkedAt(sample), last, sample);
  if (last !== null && sample[1] - last[1] > GAP_MS) return stepGap(trip, last, sample);
  return stepDriving(trip, last ?? sample, sample);
}

/** Distance of a trip (m), along the track where there is one. */
export function distanceOf({ trackedM, straightM }: Pick<OpenTrip, "trackedM" | "straightM">): number {
  return trackedM + straightM;
}

function stepParked(parked: Parked, last: Sample | null, sample: Sample): TripStep {
  const [, timeMs, , , speedMps, sigmaM, ignition, , trackM] = sample;
  const ignitionOnMs = ignition === false ? null : (parked.ignitionOnMs ?? (ignition === true ? timeMs : null));
  const awayM = betweenM(parked.from, sample);
  const moving = speedMps >= AT_SPEED_MPS ? parked.moving + 1 : 0;
  const wandersM = AWAY_SIGMAS * Math.max(sigmaM, parked.from[5]);
  const far = awayM > Math.max(ignition === false ? AWAY_IGNITION_OFF_M : AWAY_M, wandersM);
  const fast = ignition !== false && moving >= AT_SPEED_SAMPLES && awayM > AWAY_AT_SPEED_M + wandersM / 2;
  if (!far && !fast) {
    const isStill = speedMps < MOVING_MPS && awayM <= STANDING_M;
    const isOld = timeMs - parked.from[1] >= ANCHOR_MS;
    const from = (isStill && isOld) || last === null ? withTrack(sample, trackM ?? parked.from[8]) : parked.from;
    const hereMs = awayM <= STANDING_M ? timeMs : parked.hereMs;
    return { machine: { last: sample, parked: { from, hereMs, ignitionOnMs, moving }, trip: null }, happenings: [] };
  }
  // One of the two is not where it was.
  if (isJump(awayM, parked.from, sample, timeMs - parked.hereMs)) {
    return { machine: { last: sample, parked: parkedAt(sample, parked.from), trip: null }, happenings: [] };
  }
  const begun = begin({ ...parked, ignitionOnMs }, sample, far && speedMps < MOVING_MPS);
  const step = stepDriving(begun, parked.from, sample);
  // What it takes to end a trip is not there at its start.
  return { machine: step.machine, happenings: [{ kind: "started", trip: begun, by: sample }, ...step.happenings] };
}

function begin({ from, hereMs, ignitionOnMs }: Omit<Parked, "moving">, sample: Sample, moved: boolean): OpenTrip {
  const isWarm = ignitionOnMs !== null && sample[1] - ignitionOnMs <= WARM_UP_MS_MAX;
  const isFresh = sample[1] - hereMs <= SET_OFF_MS_MAX;
  const setOffMs = isFresh ? hereMs : Math.max(hereMs, sample[1] - unseenMs(from, sample));
  const startedMs = isWarm ? Math.min(ignitionOnMs, setOffMs) : setOffMs;
  return {
    ...{ start: from, startedMs },
    reason: isWarm ? "ignition" : isFresh || !moved ? "motion" : "gap",
    ...{ maxSpeedMps: 0, fixes: 0, idleMs: setOffMs - startedMs, stops: [], standing: null },
    ...{ trackedM: 0, straightM: 0, trackM: from[8] },
    ...{ odometerM: null, lastReading: readingOf(from) },
  };
}

/** How long it drove from where it stood to where it was found, milliseconds. */
function unseenMs(from: Sample, sample: Sample): number {
  return Math.round((betweenM(from, sample) / UNSEEN_MPS) * 1000);
}

function stepDriving(before: OpenTrip, last: Sample, sample: Sample): TripStep {
  const trip = lengthened(before, last, sample);
  const [, timeMs, , , speedMps, , ignition] = sample;
  const stays = trip.standing !== null && betweenM(trip.standing, sample) <= STANDING_M + 2 * sample[5];
  const stands = speedMps < MOVING_MPS && (trip.standing === null || stays);
  if (!stands) return driving(withoutStanding(trip, sample), sample);
  const standing = trip.standing ?? sample;
  const stood = timeMs - standing[1];
  if (ignition === false) return ended({ ...trip, standing }, "ignition", sample);
  if (stood >= (ignition === true ? IDLED_MS : STOOD_MS)) return ended({ ...trip, standing }, "motion", sample);
  return driving({ ...trip, standing }, sample);
}

function driving(trip: OpenTrip, sample: Sample): TripStep {
  return { machine: { last: sample, parked: null, trip }, happenings: [] };
}

/** It was not heard of for long: the trip ended before, and what it drove meanwhile is another. */
function stepGap(trip: OpenTrip, last: Sample, sample: Sample): TripStep {
  const { happenings } = ended({ ...trip, standing: trip.standing ?? last }, "gap", sample);
  if (betweenM(last, sample) <= GAP_MOVED_M) {
    return { machine: { last: sample, parked: parkedAt(sample, last), trip: null }, happenings };
  }
  const begun: OpenTrip = {
    ...begin({ from: last, hereMs: last[1], ignitionOnMs: null }, sample, true),
    startedMs: last[1],
    reason: "gap",
  };
  const next = stepDriving(begun, last, sample);
  return {
    machine: next.machine,
    happenings: [...happenings, { kind: "started", trip: begun, by: sample }, ...next.happenings],
  };
}

/** The trip ended where and when it came to stand. */
function ended(trip: OpenTrip, endReason: TripReason, by: Sample): TripStep {
  const { standing, ...rest } = trip;
  const end = standing ?? by;
  return {
    machine: { last: by, parked: parkedAt(by, end), trip: null },
    happenings: [{ kind: "ended", trip: { ...rest, end, endReason }, by }],
  };
}

function parkedAt(sample: Sample, before: Sample | null = null): Parked {
  const from = withTrack(sample, sample[8] ?? before?.[8] ?? null);
  return { from, hereMs: sample[1], ignitionOnMs: sample[6] === true ? sample[1] : null, moving: 0 };
}

function lengthened(trip: OpenTrip, last: Sample, sample: Sample): OpenTrip {
  const { start, startedMs, reason, idleMs, stops, standing } = trip;
  const { trackedM, straightM, trackM } = withWay(trip, last, sample);
  const { odometerM, lastReading } = withReading(trip, readingOf(sample));
  const maxSpeedMps = isDriven(last, sample) ? Math.max(trip.maxSpeedMps, sample[4]) : trip.maxSpeedMps;
  const fixes = trip.fixes + 1;
  // Field by field: objects spread over each other took twice the time of all else in a step.
  return {
    start,
    startedMs,
    reason,
    maxSpeedMps,
    fixes,
    idleMs,
    stops,
    standing,
    trackedM,
    straightM,
    trackM,
    odometerM,
    lastReading,
  };
}

/** Adds the way to the sample: along the track where both ends have one. */
function withWay(
  { trackedM, straightM, trackM }: OpenTrip,
  last: Sample,
  sample: Sample,
): Pick<OpenTrip, "trackedM" | "straightM" | "trackM"> {
  const toM = sample[8];
  if (toM === null || trackM === null) {
    return { trackedM, straightM: straightM + drivenM(last, sample), trackM: toM ?? trackM };
  }
  const alongM = Math.max(0, toM - trackM);
  // Late fixes have no track: where they lie between, they know more of the way than what the road across the gap says.
  const wayM = straightM > 0 ? Math.max(alongM, straightM + drivenM(last, sample)) : alongM;
  return { trackedM: trackedM + wayM, straightM: 0, trackM: toM };
}

/** The straight way between two samples, nothing where no vehicle drives that far. */
function drivenM(last: Sample, sample: Sample): number {
  const straightM = betweenM(last, sample);
  return isJump(straightM, last, sample, sample[1] - last[1]) ? 0 : straightM;
}

function isJump(apartM: number, a: Sample, b: Sample, betweenMs: number): boolean {
  return apartM > (betweenMs / 1000) * DRIVEN_MPS_MAX + JUMP_M + AWAY_SIGMAS * (a[5] + b[5]);
}

/** Whether it may have come to the speed that it reports since the sample before. */
function isDriven(last: Sample, sample: Sample): boolean {
  const gainedMps = ((sample[1] - last[1]) / 1000) * ACCELERATION_MPS2_MAX;
  return sample[4] <= Math.min(DRIVEN_MPS_MAX, last[4] + gainedMps + SPEED_ERROR_MPS);
}

function readingOf([, timeMs, , , , , , odometerM]: Sample): Reading | null {
  return odometerM === null ? null : [odometerM, timeMs];
}

/** Adds what was driven since the reading before, unless that went backwards or farther than any vehicle does. */
function withReading(
  { odometerM, lastReading }: OpenTrip,
  reading: Reading | null,
): Pick<OpenTrip, "odometerM" | "lastReading"> {
  if (reading === null || lastReading === null) return { odometerM, lastReading: reading ?? lastReading };
  const stepM = reading[0] - lastReading[0];
  const stepMaxM = ((reading[1] - lastReading[1]) / 1000) * DRIVEN_MPS_MAX + ODOMETER_STEP_M;
  const isCounted = stepM >= 0 && stepM <= stepMaxM;
  return { odometerM: (odometerM ?? 0) + (isCounted ? stepM : 0), lastReading: reading };
}

/** It moves again: what it stood was idle, and a stop where that was long. */
function withoutStanding(trip: OpenTrip, sample: Sample): OpenTrip {
  const { standing } = trip;
  if (standing === null) return trip;
  const stoodMs = sample[1] - standing[1];
  const stop = { fromMs: standing[1], toMs: sample[1], latDeg: standing[2], lonDeg: standing[3] };
  const isStop = stoodMs >= STOP_MS && trip.stops.length < STOPS_MAX;
  const stops = isStop ? [...trip.stops, stop] : trip.stops;
  return { ...trip, standing: null, idleMs: trip.idleMs + stoodMs, stops };
}

function withTrack(sample: Sample, trackM: number | null): Sample {
  return sample[8] === trackM ? sample : (sample.with(8, trackM) as unknown as Sample);
}

function betweenM(a: Sample, b: Sample): number {
  return haversineM(a[2], a[3], b[2], b[3]);
}
