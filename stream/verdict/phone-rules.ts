import { apartMs, type Case, type PhoneFix } from "./case.ts";
import type { TrackFix } from "./evidence.ts";
import { VERDICT_LIMITS } from "./limits.ts";
import { contradicts, info, type Reason, supports } from "./reason.ts";
import { distanceM, fixAt } from "./window.ts";

/** A fix of the vehicle speaks for the moment of a phone's when it is this near in time. */
const SAME_MOMENT_S = 15;
const ACCURACY_PER_SIGMA = 1.5;

/** Whether the phone was at the stop. */
export function phoneAtStop({ phone, evidence }: Case): Reason[] {
  let best: { fix: PhoneFix; awayM: number; limitM: number } | undefined;
  for (const fix of phone) {
    const awayM = distanceM(fix, evidence.stop);
    const limitM = VERDICT_LIMITS.atStopM + 2 * fix.accuracyM;
    if (awayM <= limitM && (best === undefined || awayM < best.awayM)) best = { fix, awayM, limitM };
  }
  if (best === undefined) return [];
  const seen = { observed: best.awayM, limit: best.limitM, unit: "m", evidence: [best.fix.id] } as const;
  return [supports("PHONE_AT_STOP", { source: "phone", ...seen })];
}

/** Whether the phone was where the vehicle was. Nobody is accused of a walk: the limit is a long one. */
export function phoneFromVehicle({ phone, evidence, moment, window }: Case): Reason[] {
  if (window === null || !moment.certain) return [];
  const { phoneFromVehicleM, phoneFromVehicleSigmas } = VERDICT_LIMITS;
  const atPod = fixAt(window.fixes, moment.atMs, SAME_MOMENT_S);
  if (atPod === undefined || phone.length === 0) return [];
  // All positions of the phone must be far: one that is near is enough to have been together.
  let nearest: { fix: PhoneFix; apartM: number; limitM: number } | undefined;
  for (const fix of phone) {
    const apartM = distanceM(fix, atPod);
    const sigmaM = Math.hypot(fix.accuracyM / ACCURACY_PER_SIGMA, atPod.sigmaM);
    const limitM = phoneFromVehicleM + phoneFromVehicleSigmas * sigmaM;
    if (nearest === undefined || apartM - limitM < nearest.apartM - nearest.limitM) nearest = { fix, apartM, limitM };
  }
  if (nearest === undefined || nearest.apartM <= nearest.limitM) return [];
  const ids = [nearest.fix.id, `fix:${atPod.id}`, `stop:${evidence.stop.stopId}`];
  const seen = { observed: nearest.apartM, limit: nearest.limitM, unit: "m", evidence: ids } as const;
  return [contradicts("PHONE_FAR_FROM_VEHICLE", "soft", { source: "phone", ...seen })];
}

/** Signs that the phone's position was made up: it says so itself, it jumps, or it does not tremble at all. */
export function mockLocation({ evidence: { pod, phone }, moment }: Case): Reason[] {
  const made = (observed: number | string, limit: number | null, unit: Reason["unit"], ids: string[]): Reason[] => [
    contradicts("MOCK_LOCATION", "phone", { source: "phone", observed, limit, unit, evidence: ids }),
  ];
  if (pod.mock) return made("mock flag", null, null, [`pod:${pod.podId}`]);
  const fixes = nearFixes(phone?.fixes ?? [], moment.atMs);
  const flagged = fixes.find((fix) => fix.mock);
  if (flagged !== undefined) return made("mock flag", null, null, [`fix:${flagged.id}`]);
  for (let index = 1; index < fixes.length; index++) {
    const [a, b] = [fixes[index - 1]!, fixes[index]!];
    const speedMps = jumpMps(a, b);
    if (speedMps > VERDICT_LIMITS.jumpMps)
      return made(
        speedMps,
        VERDICT_LIMITS.jumpMps,
        "m/s",
        [a, b].map(({ id }) => `fix:${id}`),
      );
  }
  const identical = longestIdentical(fixes);
  if (identical.length <= VERDICT_LIMITS.identicalFixesMax) return [];
  const ids = identical.map(({ id }) => `fix:${id}`);
  return made(identical.length, VERDICT_LIMITS.identicalFixesMax, "fixes", ids);
}

/** Vehicle and phone agree on a place beside the stop: the address may have been placed wrong on the map. */
export function geocodeDoubt({ phone, stays, moment, evidence: { stop } }: Case): Reason[] {
  const { dwellInsideS, atStopM, atStopSigmas, farM } = VERDICT_LIMITS;
  const stay = stays.find((one) => apartMs(one, moment.atMs) <= dwellInsideS * 1000);
  if (stay === undefined || !moment.usable) return [];
  const awayM = distanceM(stay, stop);
  if (awayM <= atStopM + atStopSigmas * stay.sigmaM || awayM > farM) return [];
  const agreeing = phone.find((fix) => {
    const isWithVehicle = distanceM(fix, stay) <= atStopM + 2 * fix.accuracyM;
    return isWithVehicle && distanceM(fix, stop) > distanceM(fix, stay);
  });
  if (agreeing === undefined) return [];
  const seen = { observed: awayM, limit: atStopM, unit: "m", evidence: [...stay.ids, agreeing.id] } as const;
  return [info("GEOCODE_DOUBT", { source: "vehicle", ...seen })];
}

function nearFixes(fixes: readonly TrackFix[], atMs: number): TrackFix[] {
  return fixes.filter((fix) => Math.abs(fix.timeMs - atMs) <= VERDICT_LIMITS.windowS * 1000);
}

/** The least speed that explains two fixes, given how unsure they are. */
function jumpMps(a: TrackFix, b: TrackFix): number {
  const seconds = Math.max(1, (b.timeMs - a.timeMs) / 1000);
  const unsureM = VERDICT_LIMITS.farSigmas * Math.hypot(a.sigmaM, b.sigmaM);
  return Math.max(0, distanceM(a, b) - unsureM) / seconds;
}

function longestIdentical(fixes: readonly TrackFix[]): TrackFix[] {
  let longest: TrackFix[] = [];
  let run: TrackFix[] = [];
  for (const fix of fixes) {
    const last = run.at(-1);
    const isSame = last !== undefined && last.latDeg === fix.latDeg && last.lonDeg === fix.lonDeg;
    run = isSame ? [...run, fix] : [fix];
    if (run.length > longest.length) longest = run;
  }
  return longest;
}
