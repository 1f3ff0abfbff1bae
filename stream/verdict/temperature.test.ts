import { expect, test } from "vitest";
import type { TemperatureSample } from "./evidence.ts";
import { temperatureOf } from "./temperature.ts";

const RULE = { minCelsius: 2, maxCelsius: 8, intervalS: 60 };

/** One sample a minute: a letter a sample, `-` for none, `x` for a fault. */
function resultOf(pattern: string, probe = "1") {
  const celsius: Record<string, number | null> = { ".": 5, "^": 9.5, v: -1, x: null };
  const samples = [...pattern].flatMap((letter, minute): TemperatureSample[] => {
    if (letter === "-") return [];
    return [{ id: String(minute), timeMs: minute * 60_000, probe, celsius: celsius[letter]! }];
  });
  const { result, spans } = temperatureOf({ rule: RULE, fromMs: 0, toMs: (pattern.length - 1) * 60_000, samples });
  return { result, spans: spans.map(({ kind, fromMs, toMs, open }) => [kind, fromMs / 60_000, toMs / 60_000, open]) };
}

test("five minutes above or below a limit are an excursion, four are none", () => {
  expect(resultOf("....^^^^....")).toEqual({ result: "within", spans: [] });
  expect(resultOf("....^^^^^....")).toEqual({ result: "excursion", spans: [["above", 4, 9, false]] });
  expect(resultOf("..vvvvvv")).toEqual({ result: "excursion", spans: [["below", 2, 7, true]] });
  expect(resultOf("..^^^vvv..")).toEqual({ result: "within", spans: [] });
});

test("a gap of more than twice the interval is unknown, and no excursion runs through it", () => {
  expect(resultOf("..-...")).toEqual({ result: "within", spans: [] });
  expect(resultOf("...--...")).toEqual({ result: "unknown", spans: [["unknown", 2, 5, false]] });
  expect(resultOf("..^^^---^^^.").spans).toEqual([["unknown", 4, 8, false]]);
  expect(resultOf("...xxx...").spans).toEqual([["unknown", 2, 6, false]]);
  expect(resultOf("...----").spans).toEqual([["unknown", 2, 6, true]]);
});

test("a probe that never spoke is unknown from end to end", () => {
  const { result, spans } = temperatureOf({ rule: RULE, fromMs: 0, toMs: 600_000, samples: [] });
  expect([result, spans.map(({ probe }) => probe)]).toEqual(["unknown", ["none"]]);
});

test("probes are looked at each by itself", () => {
  const samples = Array.from({ length: 20 }, (_, n): TemperatureSample => {
    return { id: String(n), timeMs: n * 60_000, probe: n % 2 === 0 ? "1" : "2", celsius: n % 2 === 0 ? 12 : 5 };
  });
  const { spans } = temperatureOf({ rule: RULE, fromMs: 0, toMs: 1_140_000, samples });
  expect(spans.map(({ kind, probe, celsius }) => [kind, probe, celsius])).toEqual([["above", "1", 12]]);
});
