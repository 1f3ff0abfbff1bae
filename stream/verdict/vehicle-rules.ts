import { apartMs, type Case } from "./case.ts";
import { VERDICT_LIMITS } from "./limits.ts";
import { contradicts, type Reason, supports, supportsWeakly } from "./reason.ts";
import { distanceM, isDense } from "./window.ts";

/** The nearest that the vehicle was, and whether that is at the stop, or far from it beyond doubt. */
export function vehicleDistance(seen: Case): Reason[] {
  const { window, moment } = seen;
  if (window?.nearest === undefined) return [];
  const { atStopM, atStopSigmas, farM, farSigmas, goodFixesMin } = VERDICT_LIMITS;
  const { fix, distanceM: nearestM } = window.nearest;
  const nearest = { source: "vehicle", observed: nearestM, unit: "m", evidence: [`fix:${fix.id}`] } as const;
  const nearM = atStopM + atStopSigmas * fix.sigmaM;
  if (nearestM <= nearM) return [supports("VEHICLE_AT_STOP", { ...nearest, limit: nearM })];
  const isFar = nearestM - farSigmas * fix.sigmaM > farM && window.fixes.length >= goodFixesMin;
  if (!isFar || !moment.certain || !window.couldNotReach || wasHereBefore(seen)) return [];
  return [contradicts("VEHICLE_FAR", "hard", { ...nearest, limit: farM })];
}

/**
 * Who delivered and signed later is no fraud: the vehicle stood here, or a walk away, in the half hour before. That the
 * POD lies outside of that time is said by itself.
 */
function wasHereBefore({ evidence: { stop, visits }, stays, moment: { atMs } }: Case): boolean {
  const { walkM, farSigmas, signedLateS, dwellMinS } = VERDICT_LIMITS;
  const isBefore = (fromMs: number, toMs: number): boolean => {
    return fromMs <= atMs && atMs - toMs <= signedLateS * 1000 && toMs - fromMs >= dwellMinS * 1000;
  };
  const isVisited = visits.some(({ stopId, arrivedAtMs, departedAtMs }) => {
    return stopId === stop.stopId && isBefore(arrivedAtMs, departedAtMs ?? atMs);
  });
  return (
    isVisited ||
    stays.some((stay) => isBefore(stay.fromMs, stay.toMs) && distanceM(stay, stop) <= walkM + farSigmas * stay.sigmaM)
  );
}

/** Never below walking pace where the stop could be served from, while nothing was missed. */
export function neverStopped(seen: Case): Reason[] {
  const { window, moment, evidence } = seen;
  if (window === null || window.pending || !moment.certain || wasHereBefore(seen)) return [];
  const { denseGapS, stillMps, farM, farSigmas } = VERDICT_LIMITS;
  if (!isDense(window.fixes, window.fromMs, window.toMs, denseGapS)) return [];
  if (window.fixes.some((fix) => fix.speedMps === null)) return [];
  // A red light elsewhere is no stop at this address.
  const around = window.fixes.filter((fix) => distanceM(fix, evidence.stop) <= farM + farSigmas * fix.sigmaM);
  const [slowest] = (around.length > 0 ? around : window.fixes).toSorted((a, b) => a.speedMps! - b.speedMps!);
  if (slowest === undefined || slowest.speedMps! < stillMps) return [];
  const lowest = { observed: slowest.speedMps, limit: stillMps, unit: "m/s" } as const;
  return [contradicts("NO_STOP", "hard", { source: "vehicle", ...lowest, evidence: [`fix:${slowest.id}`] })];
}

/** Whether the POD was made while the vehicle was at the stop, and whether that was long enough for anything. */
export function dwell({ dwell: found, moment, window }: Case): Reason[] {
  if (found === null || window === null) return [];
  const { dwellInsideS, dwellBeforeS, dwellMinS, denseGapS } = VERDICT_LIMITS;
  const { fromMs, toMs, evidence } = found;
  const reasons: Reason[] = [];
  const apartS = apartMs(found, moment.atMs) / 1000;
  const seen = { source: "vehicle", observed: apartS, unit: "s", evidence } as const;
  const limitS = moment.atMs < fromMs ? dwellBeforeS : dwellInsideS;
  if (apartS <= limitS) reasons.push(supports("POD_IN_DWELL", { ...seen, limit: limitS }));
  else if (moment.certain && !(window.pending && moment.atMs > fromMs)) {
    reasons.push(contradicts("POD_OUTSIDE_DWELL", "soft", { ...seen, limit: limitS }));
  }
  if (toMs === null || apartS > dwellInsideS || !moment.certain) return reasons;
  const stayedS = (toMs - fromMs) / 1000;
  if (
    stayedS < dwellMinS &&
    isDense(window.fixes, Math.max(window.fromMs, fromMs), Math.min(window.toMs, toMs), denseGapS)
  ) {
    const short = { observed: stayedS, limit: dwellMinS, unit: "s", evidence } as const;
    reasons.push(contradicts("DWELL_SHORT", "soft", { source: "vehicle", ...short }));
  }
  return reasons;
}

/** The vehicle stood at another stop of the route at that time, one that is no walk away from this one. */
export function wrongStop(seen: Case): Reason[] {
  const { evidence, moment, dwell: here, window } = seen;
  if (window === null || !moment.certain || wasHereBefore(seen)) return [];
  if (here !== null && apartMs(here, moment.atMs) <= VERDICT_LIMITS.dwellInsideS * 1000) return [];
  for (const visit of evidence.visits) {
    if (visit.stopId === evidence.stop.stopId) continue;
    const other = evidence.otherStops.find(({ stopId }) => stopId === visit.stopId);
    if (other === undefined) continue;
    const awayM = distanceM(other, evidence.stop);
    const isThere = apartMs({ fromMs: visit.arrivedAtMs, toMs: visit.departedAtMs }, moment.atMs) === 0;
    if (!isThere || awayM <= VERDICT_LIMITS.walkM) continue;
    const away = { observed: awayM, limit: VERDICT_LIMITS.walkM, unit: "m" } as const;
    const ids = [`stop:${other.stopId}`, ...visit.evidenceIds];
    return [contradicts("WRONG_STOP", "hard", { source: "vehicle", ...away, evidence: ids })];
  }
  return [];
}

/** Doors and ignition while the vehicle stood there, where the profile has such inputs. */
export function inputs({ evidence, dwell: found, moment }: Case): Reason[] {
  if (found === null || evidence.vehicle === null) return [];
  const { dwellInsideS, denseGapS } = VERDICT_LIMITS;
  if (apartMs(found, moment.atMs) > dwellInsideS * 1000) return [];
  const toMs = found.toMs ?? evidence.vehicle.throughMs ?? found.fromMs;
  const inside = evidence.vehicle.fixes.filter((fix) => fix.timeMs >= found.fromMs && fix.timeMs <= toMs);
  const reasons: Reason[] = [];
  const opened = inside.filter((fix) => fix.doorOpen === true);
  const told = inside.filter((fix) => fix.doorOpen !== null);
  if (opened.length > 0) {
    const seen = { observed: opened.length, unit: "fixes", evidence: opened.map(({ id }) => `fix:${id}`) } as const;
    reasons.push(supports("DOOR_OPEN", { source: "door", ...seen }));
  } else if (found.toMs !== null && told.length > 0 && isDense(told, found.fromMs, found.toMs, denseGapS)) {
    const seen = { observed: 0, unit: "fixes", evidence: found.evidence } as const;
    reasons.push(contradicts("NO_DOOR_EVENT", "soft", { source: "door", ...seen }));
  }
  const off = inside.filter((fix) => fix.ignition === false);
  if (off.length > 0) {
    const seen = { observed: off.length, unit: "fixes", evidence: off.map(({ id }) => `fix:${id}`) } as const;
    reasons.push(supportsWeakly("IGNITION_OFF", { source: "vehicle", ...seen }));
  }
  return reasons;
}
