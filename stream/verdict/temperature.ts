import type { Evidence, TemperatureRule, TemperatureSample } from "./evidence.ts";
import { VERDICT_LIMITS } from "./limits.ts";

/** A time out of the limits, or without a sample. `celsius`: the worst of an excursion. */
export type TemperatureSpan = {
  readonly kind: "above" | "below" | "unknown";
  readonly probe: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Still so at the newest sample. */
  readonly open: boolean;
  readonly celsius: number | null;
  readonly ids: readonly string[];
};

export type TemperatureResult = {
  readonly result: "within" | "excursion" | "unknown";
  readonly minCelsius: number | null;
  readonly maxCelsius: number | null;
  readonly samples: number;
  readonly spans: readonly TemperatureSpan[];
};

/**
 * Excursions of five minutes or more, and gaps of more than twice the interval. Each probe is looked at by itself. What
 * happens in a gap is unknown: an excursion neither runs through one nor ends in it, it is cut at its last sample.
 */
export function temperatureOf(asked: NonNullable<Evidence["temperature"]>): TemperatureResult {
  const { rule, fromMs, toMs } = asked;
  const inside = asked.samples.filter((sample) => sample.timeMs >= fromMs && sample.timeMs <= toMs);
  const probes = [...Map.groupBy(inside, (sample) => sample.probe)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const spans = probes.flatMap(([probe, samples]) => spansOf(probe, samples, asked));
  if (probes.length === 0 && toMs - fromMs > gapMaxMs(rule)) spans.push(unknown("none", fromMs, toMs, true, []));
  const excursions = spans.filter(({ kind }) => kind !== "unknown");
  const result = excursions.length > 0 ? "excursion" : spans.length > 0 ? "unknown" : "within";
  return { result, minCelsius: rule.minCelsius, maxCelsius: rule.maxCelsius, samples: inside.length, spans };
}

const gapMaxMs = ({ intervalS }: TemperatureRule): number => VERDICT_LIMITS.unknownIntervals * intervalS * 1000;

const unknown = (probe: string, fromMs: number, toMs: number, open: boolean, ids: string[]): TemperatureSpan => ({
  ...{ kind: "unknown", probe, fromMs, toMs, open, celsius: null, ids },
});

function spansOf(
  probe: string,
  samples: readonly TemperatureSample[],
  { rule, fromMs, toMs }: NonNullable<Evidence["temperature"]>,
): TemperatureSpan[] {
  const known = samples.filter((sample) => sample.celsius !== null);
  const spans: TemperatureSpan[] = [];
  let run: { kind: "above" | "below"; samples: TemperatureSample[] } | undefined;
  const endRun = (atMs: number | null): void => {
    if (run === undefined) return;
    const first = run.samples[0]!;
    const endMs = atMs ?? run.samples.at(-1)!.timeMs;
    const { kind } = run;
    const worst = run.samples
      .map(({ celsius }) => celsius!)
      .reduce((a, b) => (kind === "above" ? Math.max(a, b) : Math.min(a, b)));
    if (endMs - first.timeMs >= VERDICT_LIMITS.excursionS * 1000) {
      const ids = [first, run.samples.at(-1)!].map(({ id }) => `fix:${id}`);
      spans.push({ kind, probe, fromMs: first.timeMs, toMs: endMs, open: atMs === null, celsius: worst, ids });
    }
    run = undefined;
  };
  let lastMs = fromMs;
  let lastId: string[] = [];
  for (const sample of known) {
    const gapMs = sample.timeMs - lastMs;
    if (gapMs > gapMaxMs(rule)) {
      endRun(null);
      spans.push(unknown(probe, lastMs, sample.timeMs, false, [...lastId, `fix:${sample.id}`]));
    }
    const kind = sideOf(sample.celsius!, rule);
    if (run !== undefined && run.kind !== kind) endRun(sample.timeMs);
    if (kind !== "within") {
      run ??= { kind, samples: [] };
      run.samples.push(sample);
    }
    lastMs = sample.timeMs;
    lastId = [`fix:${sample.id}`];
  }
  endRun(null);
  if (toMs - lastMs > gapMaxMs(rule)) spans.push(unknown(probe, lastMs, toMs, true, lastId));
  return spans;
}

/** On which side of the limits a temperature is. */
export function sideOf(celsius: number, { minCelsius, maxCelsius }: TemperatureRule): "above" | "below" | "within" {
  if (maxCelsius !== null && celsius > maxCelsius) return "above";
  return minCelsius !== null && celsius < minCelsius ? "below" : "within";
}
