import type {
  ArtefactUseRow,
  CrossingRow,
  EvidenceFix,
  OtherPodRow,
  OtherStopRow,
  PodRow,
  SourceRow,
  TemperatureRow,
} from "#store/pod-evidence.ts";
import type { Evidence, Track, TrackFix, Visit } from "../verdict/evidence.ts";
import { VERDICT_LIMITS } from "../verdict/limits.ts";
import { momentOf } from "../verdict/moment.ts";
import { samplesOf, type TemperaturePolicy } from "./temperature-policy.ts";

/** All rows that one verdict rests on. */
export type EvidenceRows = {
  evaluatedAtMs: number;
  pod: PodRow;
  otherStops: readonly OtherStopRow[];
  sources: readonly SourceRow[];
  fixes: readonly EvidenceFix[];
  crossings: readonly CrossingRow[];
  artefacts: readonly ArtefactUseRow[];
  otherPods: readonly OtherPodRow[];
  temperature: { policy: TemperaturePolicy; fromMs: number; toMs: number; rows: readonly TemperatureRow[] } | null;
};

/** Who delivered and signed later was here before: half an hour and what leads up to it. */
const BEFORE_S = VERDICT_LIMITS.signedLateS + VERDICT_LIMITS.windowS;
/** A fix beyond the window shows that the vehicle could not have come in its last seconds. */
const AFTER_S = 2 * VERDICT_LIMITS.windowS;

/** Which time of telemetry a POD is held against. */
export function telemetrySpan(pod: PodRow): { fromMs: number; toMs: number } {
  const { atMs } = momentOf(pod);
  return { fromMs: atMs - BEFORE_S * 1000, toMs: atMs + AFTER_S * 1000 };
}

/** Phones speak protocols of their own; whatever else reports is fixed to the vehicle. */
const isPhone = ({ protocol }: SourceRow): boolean => protocol === "osmand" || protocol === "owntracks";

export function evidenceOf(rows: EvidenceRows): Evidence {
  const { pod, sources, fixes, artefacts } = rows;
  const position =
    pod.latDeg === null || pod.lonDeg === null || pod.accuracyM === null || pod.positionTimeMs === null
      ? null
      : { latDeg: pod.latDeg, lonDeg: pod.lonDeg, accuracyM: pod.accuracyM, timeMs: pod.positionTimeMs };
  const { podId, outcome, mock, deviceTimeMs, sentAtMs, receivedAtMs, stopId } = pod;
  return {
    evaluatedAtMs: rows.evaluatedAtMs,
    planVersion: pod.routeVersion,
    pod: { podId, outcome, mock, deviceTimeMs, sentAtMs, receivedAtMs, position },
    stop: { stopId, latDeg: pod.stopLatDeg, lonDeg: pod.stopLonDeg },
    otherStops: rows.otherStops.map((other) => ({ stopId: other.stopId, latDeg: other.latDeg, lonDeg: other.lonDeg })),
    vehicle: trackOf(
      sources.filter((source) => !isPhone(source)),
      fixes,
    ),
    phone: trackOf(sources.filter(isPhone), fixes),
    visits: visitsOf(rows),
    artefacts: artefacts.map(({ kind, sha256, usedBefore }) => ({ kind, sha256, usedBefore })),
    otherPods: rows.otherPods,
    missingFields: pod.missing,
    pinConfirmed: pod.pinConfirmed === true,
    temperature: temperatureOf(rows),
  };
}

/** The device with the most to say; of equals the preferred one. Null where there is none. */
function trackOf(sources: readonly SourceRow[], fixes: readonly EvidenceFix[]): Track | null {
  const tracks = sources.map((source) => {
    const own = fixes
      .filter(({ deviceId }) => deviceId === source.deviceId)
      .filter(isDated)
      .map(trackFixOf);
    return { ...source, fixes: own };
  });
  const [best] = tracks.toSorted((a, b) => b.fixes.length - a.fixes.length || a.priority - b.priority);
  return best === undefined ? null : { fixes: best.fixes, throughMs: best.throughMs };
}

/** A fix that is dated by its receipt says nothing of its time. */
const isDated = ({ clockFault }: EvidenceFix): boolean => clockFault === null || clockFault === "rollover";

/** Where the receiver says nothing of its accuracy, and what it is believed at best; metres of each axis. */
const SIGMA_DEFAULT_M = 12;
const SIGMA_MIN_M = 6;
const ACCURACY_PER_SIGMA = 1.5;
const SIGMA_PER_HDOP_M = 6;

export function trackFixOf({
  fixId,
  timeMs,
  latDeg,
  lonDeg,
  speedMps,
  hdop,
  accuracyM,
  attributes,
}: EvidenceFix): TrackFix {
  const said = accuracyM !== null && accuracyM > 0 ? accuracyM / ACCURACY_PER_SIGMA : null;
  const sigmaM = said ?? (hdop !== null && hdop > 0 ? hdop * SIGMA_PER_HDOP_M : SIGMA_DEFAULT_M);
  const ignition = attributes.ignition;
  return {
    ...{ id: fixId, timeMs, latDeg, lonDeg, speedMps, sigmaM: Math.max(SIGMA_MIN_M, sigmaM) },
    mock: attributes["position.mock"] === true,
    doorOpen: doorOf(attributes),
    ignition: typeof ignition === "boolean" ? ignition : null,
  };
}

/** Any door of the load or the cabin; the hood is none. */
function doorOf(attributes: EvidenceFix["attributes"]): boolean | null {
  let told: boolean | null = null;
  for (const [name, value] of Object.entries(attributes)) {
    if (/^door\.(\d+|trunk)$/.test(name) && typeof value === "boolean") told = told === true || value;
  }
  return told;
}

/** An arrival and the departure that follows it, of one device at one stop. */
function visitsOf({ crossings, otherStops, pod }: EvidenceRows): Visit[] {
  const stops = [{ stopId: pod.stopId, geofenceId: pod.geofenceId }, ...otherStops];
  return stops.flatMap(({ stopId, geofenceId }) => {
    const here = geofenceId === null ? [] : crossings.filter((crossing) => crossing.geofenceId === geofenceId);
    return here.flatMap((entered, index): Visit[] => {
      if (entered.type !== "geofence.entered") return [];
      const left = here
        .slice(index + 1)
        .find(({ type, deviceId }) => type === "geofence.exited" && deviceId === entered.deviceId);
      const ids = [entered, ...(left === undefined ? [] : [left])].map(({ eventId }) => `event:${eventId}`);
      return [{ stopId, arrivedAtMs: entered.timeMs, departedAtMs: left?.timeMs ?? null, evidenceIds: ids }];
    });
  });
}

function temperatureOf({ temperature }: EvidenceRows): Evidence["temperature"] {
  if (temperature === null) return null;
  const { policy, fromMs, toMs, rows } = temperature;
  return { rule: policy.rule, fromMs, toMs, samples: samplesOf(rows, policy.probes) };
}
