import type { Evidence, TrackFix, Visit } from "./evidence.ts";
import { VERDICT_LIMITS } from "./limits.ts";
import { momentOf, type PodMoment } from "./moment.ts";
import { type Stay, staysOf } from "./stays.ts";
import { distanceM, type VehicleWindow, windowOf } from "./window.ts";

/** The time that the vehicle was at this stop about the time of the POD: as geofences saw it, else from its fixes. */
export type Dwell = {
  readonly fromMs: number;
  /** Null while it lasts. */
  readonly toMs: number | null;
  readonly evidence: readonly string[];
};

/** Evidence and what every rule needs of it, worked out once. */
export type Case = {
  readonly evidence: Evidence;
  readonly moment: PodMoment;
  /** Null without a vehicle, or where the time of the POD is not known at all. */
  readonly window: VehicleWindow | null;
  readonly stays: readonly Stay[];
  readonly dwell: Dwell | null;
  /** Positions of the phone, young and sure enough to speak for the moment of the POD. */
  readonly phone: readonly PhoneFix[];
};

export type PhoneFix = {
  readonly id: string;
  readonly latDeg: number;
  readonly lonDeg: number;
  readonly accuracyM: number;
  readonly ageS: number;
};

/** Radius of 68 % in terms of the deviation of each axis. */
const ACCURACY_PER_SIGMA = 1.5;

export function caseOf(evidence: Evidence): Case {
  const moment = momentOf(evidence.pod);
  const { vehicle, stop, evaluatedAtMs } = evidence;
  const window = vehicle === null || !moment.usable ? null : windowOf(vehicle, stop, moment.atMs, evaluatedAtMs);
  const stays = vehicle === null ? [] : staysOf(vehicle.fixes);
  const dwell = moment.usable ? dwellOf(evidence, stays, moment.atMs) : null;
  return { evidence, moment, window, stays, dwell, phone: phoneFixes(evidence, moment) };
}

function dwellOf({ visits, stop }: Evidence, stays: readonly Stay[], atMs: number): Dwell | null {
  const told = visits.filter(({ stopId }) => stopId === stop.stopId).map(dwellOfVisit);
  const { atStopM, atStopSigmas } = VERDICT_LIMITS;
  const isHere = (stay: Stay): boolean => distanceM(stay, stop) <= atStopM + atStopSigmas * stay.sigmaM;
  const seen = stays.filter(isHere).map(({ fromMs, toMs, ids }) => ({ fromMs, toMs, evidence: ids }));
  const among: readonly Dwell[] = told.length > 0 ? told : seen;
  return among.toSorted((a, b) => apartMs(a, atMs) - apartMs(b, atMs))[0] ?? null;
}

const dwellOfVisit = ({ arrivedAtMs, departedAtMs, evidenceIds }: Visit): Dwell => ({
  ...{ fromMs: arrivedAtMs, toMs: departedAtMs },
  evidence: evidenceIds,
});

/** How far a time is from an interval; 0 inside. */
export function apartMs({ fromMs, toMs }: Pick<Dwell, "fromMs" | "toMs">, atMs: number): number {
  return Math.max(0, fromMs - atMs, toMs === null ? 0 : atMs - toMs);
}

/** The position of the POD is dated by the same clock as the POD, whatever that says; the others by their receivers. */
function phoneFixes({ pod, phone }: Evidence, moment: PodMoment): PhoneFix[] {
  const { phoneAccuracyMaxM, phoneAgeMaxS } = VERDICT_LIMITS;
  const found: PhoneFix[] = [];
  if (pod.position !== null) {
    const ageS = Math.abs(pod.position.timeMs - pod.deviceTimeMs) / 1000;
    found.push({ ...pod.position, id: `pod:${pod.podId}`, ageS });
  }
  const own = moment.usable && phone !== null ? phone.fixes : [];
  for (const fix of own) found.push(phoneFixOf(fix, moment.atMs));
  return found.filter(({ accuracyM, ageS }) => accuracyM <= phoneAccuracyMaxM && ageS <= phoneAgeMaxS);
}

function phoneFixOf(fix: TrackFix, atMs: number): PhoneFix {
  return {
    ...{ id: `fix:${fix.id}`, latDeg: fix.latDeg, lonDeg: fix.lonDeg },
    ...{ accuracyM: fix.sigmaM * ACCURACY_PER_SIGMA, ageS: Math.abs(fix.timeMs - atMs) / 1000 },
  };
}
