import type { TemperatureRow } from "#store/pod-evidence.ts";
import type { TemperatureRule, TemperatureSample } from "../verdict/evidence.ts";

export type TemperaturePolicy = {
  readonly rule: TemperatureRule;
  /** Attributes that hold the temperature of the load. */
  readonly probes: readonly string[];
};

/** Wired probes by default; a policy may name others. */
const PROBES_DEFAULT = ["temperature.1", "temperature.2", "temperature.3", "temperature.4"];
const INTERVAL_S_DEFAULT = 60;
const PROBE_NAME = /^[a-z0-9.-]{1,60}$/i;

/**
 * Limits of a stop's load over those of its route, each `{"temperature": {"minCelsius", "maxCelsius", "intervalSeconds"?,
 * "probes"?}}`. Null where neither limit is set.
 */
export function temperaturePolicy(routePolicy: unknown, stopPolicy: unknown): TemperaturePolicy | null {
  const { minCelsius, maxCelsius, intervalSeconds, probes } = { ...partOf(routePolicy), ...partOf(stopPolicy) };
  const rule: TemperatureRule = {
    minCelsius: numberOf(minCelsius),
    maxCelsius: numberOf(maxCelsius),
    intervalS: Math.max(1, numberOf(intervalSeconds) ?? INTERVAL_S_DEFAULT),
  };
  if (rule.minCelsius === null && rule.maxCelsius === null) return null;
  const named = Array.isArray(probes)
    ? probes.filter((probe) => typeof probe === "string" && PROBE_NAME.test(probe))
    : [];
  return { rule, probes: named.length > 0 ? named : PROBES_DEFAULT };
}

/** One sample a probe and report, in the order of time. A probe that reports a fault has no temperature. */
export function samplesOf(rows: readonly TemperatureRow[], probes: readonly string[]): TemperatureSample[] {
  return rows.flatMap(({ fixId, timeMs, attributes }) =>
    probes.flatMap((probe): TemperatureSample[] => {
      const value = attributes[probe];
      if (value === undefined) return [];
      return [{ id: fixId, timeMs, probe, celsius: typeof value === "number" ? value : null }];
    }),
  );
}

function partOf(policy: unknown): Record<string, unknown> {
  const part =
    typeof policy === "object" && policy !== null && "temperature" in policy ? policy.temperature : undefined;
  return typeof part === "object" && part !== null ? { ...part } : {};
}

const numberOf = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;
