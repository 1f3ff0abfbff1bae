import { type Static, Type } from "typebox";
import type { StoredArtefact } from "#store/artefacts.ts";
import type { PodView, StoredCustody, StoredOverride, StoredVerdict } from "#store/pod-reads.ts";
import { Nullable, named, Time, timeText, timeTextOrNull } from "./schemas.ts";

const VERDICTS = ["corroborated", "corroborated_with_exceptions", "inconclusive", "contradicted", "not_evaluated"];

const Reason = Type.Object({
  code: Type.String({ description: "VEHICLE_FAR, POD_IN_DWELL …" }),
  effect: Type.String({ description: "supports, contradicts, missing or info" }),
  strength: Type.String({ description: "hard, soft, phone (voids the phone alone), normal or weak" }),
  source: Type.String({ description: "What saw it: two facts of one source count once" }),
  observed: Nullable(Type.Union([Type.Number(), Type.String()])),
  limit: Nullable(Type.Union([Type.Number(), Type.String()])),
  unit: Nullable(Type.String()),
  evidence: Type.Array(Type.String({ description: "fix:…, event:…, pod:…, artefact:…" })),
});

const TemperatureSpan = Type.Object({
  kind: Type.String({ description: "above, below or unknown" }),
  probe: Type.String(),
  from: Time,
  to: Time,
  open: Type.Boolean(),
  celsius: Nullable(Type.Number({ description: "At worst" })),
});

const Temperature = Type.Object({
  result: Type.String({ description: "within, excursion or unknown" }),
  minCelsius: Nullable(Type.Number()),
  maxCelsius: Nullable(Type.Number()),
  samples: Type.Integer(),
  spans: Type.Array(TemperatureSpan),
});

export const VerdictSchema = named(
  "PodVerdict",
  Type.Object({
    version: Type.Integer({ description: "Counts up; earlier versions stay" }),
    verdict: Type.Enum(VERDICTS),
    ruleVersion: Type.Integer(),
    evaluatedAt: Time,
    podAt: Type.String({ format: "date-time", description: "When it was made, by our clock" }),
    podTimeCertain: Type.Boolean(),
    explanation: Type.Array(Type.String()),
    reasons: Type.Array(Reason),
    temperature: Nullable(Temperature),
    map: Type.String({ description: "SVG" }),
    appeared: Type.Array(Type.String({ description: "Codes that the version before had not" })),
    vanished: Type.Array(Type.String()),
  }),
);

const Artefact = Type.Object({
  id: Type.String(),
  kind: Type.Enum(["photo", "signature"]),
  mediaType: Type.String(),
  bytes: Type.Integer(),
  sha256: Type.String(),
  url: Nullable(Type.String({ description: "Opens it for 24 h without a key; null once erased" })),
});

const Override = Type.Object({
  verdict: Type.Enum(["accepted", "rejected"]),
  note: Type.String(),
  who: Type.String(),
  at: Time,
});

export const PodSchema = named(
  "Pod",
  Type.Object({
    id: Type.String(),
    stopId: Type.String(),
    stopExternalId: Nullable(Type.String()),
    routeId: Nullable(Type.String()),
    routeVersion: Nullable(Type.Integer()),
    outcome: Type.Enum(["delivered", "failed"]),
    reason: Nullable(Type.String()),
    deviceTime: Time,
    sentAt: Nullable(Time),
    receivedAt: Time,
    position: Nullable(Type.Object({ lat: Type.Number(), lon: Type.Number(), accuracyM: Type.Number(), time: Time })),
    mock: Type.Boolean(),
    missing: Type.Array(Type.String({ description: "What the job asks for and this lacks" })),
    pinConfirmed: Nullable(Type.Boolean({ description: "Null where no PIN was asked for" })),
    recipientName: Nullable(Type.String()),
    relationship: Nullable(Type.String()),
    notes: Nullable(Type.String()),
    idCheck: Nullable(Type.String()),
    scans: Type.Array(Type.String()),
    erasedAt: Nullable(Time),
    artefacts: Type.Array(Artefact),
    verdict: Nullable(Type.Unsafe<Static<typeof VerdictSchema>>({ $ref: "PodVerdict#" })),
    override: Nullable(Override),
  }),
);

export const CustodySchema = named(
  "Custody",
  Type.Object({
    id: Type.String(),
    at: Time,
    who: Type.String({ description: "key:7, driver link:3" }),
    action: Type.String({ description: "uploaded, viewed, exported, overridden or erased" }),
    podId: Nullable(Type.String()),
    artefactId: Nullable(Type.String()),
  }),
);

/** What belongs to a POD beside its row, newest first where there are versions. */
export type PodParts = {
  artefacts: readonly StoredArtefact[];
  verdicts: readonly StoredVerdict[];
  overrides: readonly StoredOverride[];
  urlOf: (artefactId: string) => string;
};

export function podJson(pod: PodView, { artefacts, verdicts, overrides, urlOf }: PodParts): Static<typeof PodSchema> {
  const { latDeg, lonDeg, accuracyM, positionTime, details } = pod;
  const verdict = verdicts.find(({ podId }) => podId === pod.podId);
  const override = overrides.find(({ podId }) => podId === pod.podId);
  return {
    ...{ id: pod.podId, stopId: pod.stopId, stopExternalId: pod.stopExternalId, routeId: pod.routeId },
    ...{
      routeVersion: pod.routeVersion,
      outcome: pod.outcome,
      reason: pod.reason,
      mock: pod.mock,
      missing: pod.missing,
    },
    ...{
      deviceTime: timeText(pod.deviceTime),
      sentAt: timeTextOrNull(pod.sentAt),
      receivedAt: timeText(pod.receivedAt),
    },
    position:
      latDeg === null || lonDeg === null || accuracyM === null || positionTime === null
        ? null
        : { lat: latDeg, lon: lonDeg, accuracyM, time: timeText(positionTime) },
    pinConfirmed: pod.pinConfirmed,
    ...{ recipientName: details?.recipientName ?? null, relationship: details?.relationship ?? null },
    ...{ notes: details?.notes ?? null, idCheck: details?.idCheck ?? null, scans: details?.scans ?? [] },
    erasedAt: timeTextOrNull(pod.erasedAt),
    artefacts: artefacts
      .filter(({ podId }) => podId === pod.podId)
      .map(({ artefactId, kind, mediaType, bytes, sha256, erased }) => {
        return { id: artefactId, kind, mediaType, bytes, sha256, url: erased ? null : urlOf(artefactId) };
      }),
    verdict: verdict === undefined ? null : verdictJson(verdict),
    override: override === undefined ? null : overrideJson(override),
  };
}

export function verdictJson(verdict: StoredVerdict): Static<typeof VerdictSchema> {
  const { podId: _podId, evaluatedAt, podAt, reasons, temperature, ...rest } = verdict;
  return {
    ...rest,
    ...{ evaluatedAt: timeText(evaluatedAt), podAt: timeText(podAt) },
    reasons: reasons as Static<typeof Reason>[],
    temperature: temperatureJson(temperature as StoredTemperature | null),
  };
}

type StoredSpan = { kind: string; probe: string; fromMs: number; toMs: number; open: boolean; celsius: number | null };
type StoredTemperature = Omit<Static<typeof Temperature>, "spans"> & { spans: StoredSpan[] };

function temperatureJson(temperature: StoredTemperature | null): Static<typeof Temperature> | null {
  if (temperature === null) return null;
  const spans = temperature.spans.map(({ kind, probe, fromMs, toMs, open, celsius }) => {
    return { kind, probe, from: timeText(new Date(fromMs)), to: timeText(new Date(toMs)), open, celsius };
  });
  return { ...temperature, spans };
}

export const overrideJson = ({ verdict, note, who, at }: StoredOverride): Static<typeof Override> => ({
  ...{ verdict, note, who },
  at: timeText(at),
});

export function custodyJson({
  custodyId,
  at,
  who,
  action,
  podId,
  artefactId,
}: StoredCustody): Static<typeof CustodySchema> {
  return { id: custodyId, at: timeText(at), who, action, podId, artefactId };
}
