import { caseOf } from "./case.ts";
import type { Evidence } from "./evidence.ts";
import { VERDICT_RULE_VERSION } from "./limits.ts";
import { batchSigning, clockSkew, gaps, pin, requiredFields, reusedArtefact } from "./paper-rules.ts";
import { geocodeDoubt, mockLocation, phoneAtStop, phoneFromVehicle } from "./phone-rules.ts";
import { info, type Reason } from "./reason.ts";
import { type TemperatureResult, temperatureOf } from "./temperature.ts";
import { dwell, inputs, neverStopped, vehicleDistance, wrongStop } from "./vehicle-rules.ts";

export type VerdictName =
  | "corroborated"
  | "corroborated_with_exceptions"
  | "inconclusive"
  | "contradicted"
  | "not_evaluated";

export type Verdict = {
  readonly verdict: VerdictName;
  readonly ruleVersion: number;
  /** When the POD was made, by our clock, and whether that is certain. */
  readonly podAtMs: number;
  readonly podTimeCertain: boolean;
  readonly reasons: readonly Reason[];
  /** Null where no limits were set. */
  readonly temperature: TemperatureResult | null;
};

const RULES = [
  ...[vehicleDistance, wrongStop, neverStopped, reusedArtefact],
  ...[dwell, inputs, phoneAtStop, phoneFromVehicle, mockLocation, batchSigning, pin],
  ...[requiredFields, geocodeDoubt, clockSkew, gaps],
];
/** Independent sources that must agree. */
const SUPPORTS_MIN = 2;

/** What telemetry says about a proof of delivery. Pure: the same evidence gives the same verdict. */
export function judge(evidence: Evidence): Verdict {
  const seen = caseOf(evidence);
  const temperature = evidence.temperature === null ? null : temperatureOf(evidence.temperature);
  const reasons = [...RULES.flatMap((rule) => rule(seen)), ...temperatureReasons(temperature)];
  return {
    verdict: combine(reasons, hasTelemetry(evidence)),
    ruleVersion: VERDICT_RULE_VERSION,
    podAtMs: seen.moment.atMs,
    podTimeCertain: seen.moment.certain,
    reasons,
    temperature,
  };
}

/**
 * One hard contradiction beats all support. Otherwise two independent sources corroborate; a soft contradiction, a voided
 * phone or a missing field is an exception to that. What is missing neither supports nor contradicts.
 */
export function combine(reasons: readonly Reason[], evaluated: boolean): VerdictName {
  if (reasons.some(({ effect, strength }) => effect === "contradicts" && strength === "hard")) return "contradicted";
  if (!evaluated) return "not_evaluated";
  const isPhoneVoid = reasons.some(({ effect, strength }) => effect === "contradicts" && strength === "phone");
  const supporting = reasons.filter(({ effect, strength }) => effect === "supports" && strength === "normal");
  const sources = new Set(supporting.map(({ source }) => source));
  if (isPhoneVoid) sources.delete("phone");
  if (sources.size < SUPPORTS_MIN) return "inconclusive";
  const hasException = reasons.some(
    ({ effect, code }) => effect === "contradicts" || code === "REQUIRED_FIELD_MISSING" || code === "GEOCODE_DOUBT",
  );
  return hasException ? "corroborated_with_exceptions" : "corroborated";
}

/** Without a tracker and without any position of a phone there is nothing to hold the POD against. */
function hasTelemetry({ vehicle, phone, pod }: Evidence): boolean {
  return vehicle !== null || pod.position !== null || (phone !== null && phone.fixes.length > 0);
}

/** Temperature is a result of its own: it says nothing about whether the delivery took place. */
function temperatureReasons(temperature: TemperatureResult | null): Reason[] {
  const spans = temperature?.spans ?? [];
  return (["TEMPERATURE_EXCURSION", "TEMPERATURE_UNKNOWN"] as const).flatMap((code) => {
    const isUnknown = code === "TEMPERATURE_UNKNOWN";
    const found = spans.filter(({ kind }) => (kind === "unknown") === isUnknown);
    const longest = found.toSorted((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs))[0];
    if (longest === undefined) return [];
    const seconds = (longest.toMs - longest.fromMs) / 1000;
    const limit = longest.kind === "above" ? temperature!.maxCelsius : temperature!.minCelsius;
    const fields = isUnknown
      ? ({ observed: seconds, unit: "s" } as const)
      : ({ observed: longest.celsius, limit, unit: "°C" } as const);
    return [info(code, { source: "probe", ...fields, evidence: longest.ids })];
  });
}
