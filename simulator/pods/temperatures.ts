import type { TemperatureRule, TemperatureSample } from "#stream/verdict/evidence.ts";
import { between, type Random } from "../random.ts";
import { gaussian } from "./town.ts";

/** Refrigerated, as medicines are. */
export const TEMPERATURE_RULE: TemperatureRule = { minCelsius: 2, maxCelsius: 8, intervalS: 60 };

/** A probe that says how cold the load is once a minute; an excursion lasts, a gap is one. */
export function simulatedSamples(
  random: Random,
  fromMs: number,
  toMs: number,
  fault: "excursion" | "gap" | null,
): TemperatureSample[] {
  const lengthMs = between(random, 420, 1_200) * 1000;
  const beginMs = between(random, fromMs + 300_000, toMs - lengthMs - 60_000);
  const samples: TemperatureSample[] = [];
  for (let timeMs = fromMs; timeMs <= toMs; timeMs += TEMPERATURE_RULE.intervalS * 1000) {
    const isHit = timeMs >= beginMs && timeMs <= beginMs + lengthMs;
    if (isHit && fault === "gap") continue;
    const celsius = (isHit && fault === "excursion" ? 11 : 5) + gaussian(random) * 0.4;
    samples.push({ id: `t${timeMs}`, timeMs, probe: "1", celsius: Math.round(celsius * 10) / 10 });
  }
  return samples;
}
