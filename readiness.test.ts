import { Gauge, Registry } from "prom-client";
import { expect, test } from "vitest";
import { journalReadiness, roleAnswers, streamReadiness } from "./readiness.ts";

test.each([
  [1, true],
  [0, false],
])("a gateway whose journal says %i makes the service ready: %s", async (value, ready) => {
  const registry = new Registry();
  new Gauge({ name: "gateway_journal_ready", help: "As the gateway says", registers: [registry] }).set(value);
  expect(journalReadiness(await registry.getMetricsAsJSON())).toMatchObject({ ready });
});

test("a gateway whose process does not answer makes the service not ready", () => {
  expect(journalReadiness([roleAnswers("stream", true), roleAnswers("gateway", false)])).toEqual({
    ready: false,
    detail: "the process of the gateway does not answer",
  });
});

test("a service without a gateway is ready, and says that there is none", () => {
  expect(journalReadiness([])).toEqual({ ready: true, detail: "no gateway answers beside this role" });
});

test("a stream that keeps frames waiting for over a minute is not ready", () => {
  expect([0, 60, 61].map((lagS) => streamReadiness(lagS).ready)).toEqual([true, true, false]);
});
