export const REASON_CODES = [
  "VEHICLE_AT_STOP",
  "VEHICLE_FAR",
  "POD_IN_DWELL",
  "POD_OUTSIDE_DWELL",
  "NO_STOP",
  "DWELL_SHORT",
  "PHONE_AT_STOP",
  "PHONE_FAR_FROM_VEHICLE",
  "WRONG_STOP",
  "SAME_ARTEFACT_REUSED",
  "BATCH_SIGNING",
  "MOCK_LOCATION",
  "DOOR_OPEN",
  "NO_DOOR_EVENT",
  "IGNITION_OFF",
  "PIN_CONFIRMED",
  "CLOCK_SKEW",
  "DATA_GAP",
  "TELEMETRY_PENDING",
  "REQUIRED_FIELD_MISSING",
  "GEOCODE_DOUBT",
  "TEMPERATURE_EXCURSION",
  "TEMPERATURE_UNKNOWN",
] as const;

export type ReasonCode = (typeof REASON_CODES)[number];

/** What a reason was seen by. Two facts of one source count once; `recipient` is the PIN that only they were told. */
export type Source = "vehicle" | "door" | "phone" | "recipient" | "artefact" | "clock" | "policy" | "probe";

export type Reason = {
  readonly code: ReasonCode;
  readonly effect: "supports" | "contradicts" | "missing" | "info";
  /** `weak` supports nothing by itself; a `phone` contradiction voids what the phone says, and no more. */
  readonly strength: "hard" | "soft" | "phone" | "normal" | "weak";
  readonly source: Source;
  /** What was observed, and the limit that it was held against. */
  readonly observed: number | string | null;
  readonly limit: number | string | null;
  readonly unit: "m" | "s" | "m/s" | "stops" | "fixes" | "°C" | null;
  /** Ids of what it rests on: `fix:…`, `event:…`, `pod:…`, `artefact:…`. */
  readonly evidence: readonly string[];
};

/** Ids of one reason at most: enough to look it up, few enough to read. */
const EVIDENCE_MAX = 8;

type Fields = Omit<Reason, "code" | "effect" | "strength" | "evidence" | "limit" | "unit" | "observed"> &
  Partial<Pick<Reason, "observed" | "limit" | "unit" | "evidence">>;

const reason = (code: ReasonCode, effect: Reason["effect"], strength: Reason["strength"], fields: Fields): Reason => ({
  ...{ code, effect, strength, source: fields.source },
  ...{ observed: rounded(fields.observed), limit: rounded(fields.limit), unit: fields.unit ?? null },
  evidence: (fields.evidence ?? []).slice(0, EVIDENCE_MAX),
});

export const supports = (code: ReasonCode, fields: Fields): Reason => reason(code, "supports", "normal", fields);
export const supportsWeakly = (code: ReasonCode, fields: Fields): Reason => reason(code, "supports", "weak", fields);
export const contradicts = (code: ReasonCode, strength: "hard" | "soft" | "phone", fields: Fields): Reason =>
  reason(code, "contradicts", strength, fields);
export const missing = (code: ReasonCode, fields: Fields): Reason => reason(code, "missing", "normal", fields);
export const info = (code: ReasonCode, fields: Fields): Reason => reason(code, "info", "normal", fields);

/** A tenth is more than any of the instruments knows. */
function rounded(value: number | string | null | undefined): number | string | null {
  return typeof value === "number" ? Math.round(value * 10) / 10 : (value ?? null);
}
