import type { Case } from "./case.ts";
import { VERDICT_LIMITS } from "./limits.ts";
import { momentOf } from "./moment.ts";
import { contradicts, info, missing, type Reason, supports } from "./reason.ts";
import { distanceM } from "./window.ts";

/** A photo or signature that another stop had before. Two stops at one place may share one, signed once. */
export function reusedArtefact({ evidence: { artefacts, stop, pod } }: Case): Reason[] {
  const { samePlaceM, samePlaceS } = VERDICT_LIMITS;
  for (const { sha256, usedBefore } of artefacts) {
    const other = usedBefore.find((use) => {
      const isSameVisit = Math.abs(use.receivedAtMs - pod.receivedAtMs) <= samePlaceS * 1000;
      return !(isSameVisit && distanceM(use, stop) <= samePlaceM);
    });
    if (other === undefined) continue;
    const seen = { observed: `stop ${other.stopId}`, evidence: [`artefact:${sha256}`, `pod:${other.podId}`] };
    return [contradicts("SAME_ARTEFACT_REUSED", "hard", { source: "artefact", ...seen })];
  }
  return [];
}

/** PODs of several stops within a minute; stops at one place count as one. */
export function batchSigning({ evidence: { otherPods, stop, pod }, moment }: Case): Reason[] {
  const { batchStopsMin, batchS, samePlaceM } = VERDICT_LIMITS;
  if (!moment.certain) return [];
  const places = [{ ...stop, podId: pod.podId, atMs: moment.atMs }];
  for (const other of otherPods) {
    const { atMs, certain } = momentOf(other);
    if (certain && places.every((place) => distanceM(place, other) > samePlaceM)) places.push({ ...other, atMs });
  }
  const times = places.map(({ atMs }) => atMs).filter((atMs) => Math.abs(atMs - moment.atMs) <= batchS * 1000);
  const fromMs = times.toSorted((a, b) => a - b);
  // The POD's own minute: the fullest one that holds it.
  const together = Math.max(
    ...fromMs
      .filter((start) => start <= moment.atMs && moment.atMs <= start + batchS * 1000)
      .map((start) => fromMs.filter((atMs) => atMs >= start && atMs <= start + batchS * 1000).length),
  );
  if (together < batchStopsMin) return [];
  const ids = places
    .filter(({ atMs }) => Math.abs(atMs - moment.atMs) <= batchS * 1000)
    .map(({ podId }) => `pod:${podId}`);
  const seen = { observed: together, limit: batchStopsMin, unit: "stops", evidence: ids } as const;
  return [contradicts("BATCH_SIGNING", "soft", { source: "clock", ...seen })];
}

/** Only the recipient was told the PIN. */
export function pin({ evidence: { pinConfirmed, pod } }: Case): Reason[] {
  return pinConfirmed ? [supports("PIN_CONFIRMED", { source: "recipient", evidence: [`pod:${pod.podId}`] })] : [];
}

export function requiredFields({ evidence: { missingFields, pod } }: Case): Reason[] {
  if (missingFields.length === 0) return [];
  const seen = { observed: missingFields.join(", "), evidence: [`pod:${pod.podId}`] };
  return [missing("REQUIRED_FIELD_MISSING", { source: "policy", ...seen })];
}

/** The phone's clock, where it is off, or where it can't be told whether it is. */
export function clockSkew({ moment, evidence: { pod } }: Case): Reason[] {
  const seen = { source: "clock", limit: VERDICT_LIMITS.skewS, unit: "s", evidence: [`pod:${pod.podId}`] } as const;
  const waitedS = (pod.receivedAtMs - pod.deviceTimeMs) / 1000;
  if (!moment.certain) return [missing("CLOCK_SKEW", { ...seen, observed: moment.skewS ?? -waitedS })];
  const isOff = moment.skewS !== null && Math.abs(moment.skewS) > VERDICT_LIMITS.skewS;
  return isOff ? [info("CLOCK_SKEW", { ...seen, observed: moment.skewS })] : [];
}

/** What is not known of the vehicle's whereabouts, and whether it may still come. */
export function gaps({ window, evidence }: Case): Reason[] {
  if (window === null) return [];
  const seen = { source: "vehicle", observed: window.gapS, limit: VERDICT_LIMITS.gapS, unit: "s" } as const;
  if (window.pending) return [missing("TELEMETRY_PENDING", { ...seen, evidence: [`pod:${evidence.pod.podId}`] })];
  return window.gapS > VERDICT_LIMITS.gapS ? [missing("DATA_GAP", seen)] : [];
}
