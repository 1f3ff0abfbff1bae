import { expect, test } from "vitest";
import { compileStreets } from "#simulator/delivery/index.ts";
import { loadGothenburg } from "#simulator/roads/network.ts";
import { scoreEtas } from "#stream/eta/score-etas.ts";
import { runDays } from "./eta-days.ts";

const SMALL = { seed: 5, vehicles: 2, startMs: Date.UTC(2026, 8, 7), days: 4, stopsMin: 20, stopsMax: 34 };

test("a simulated week teaches ETAs that are calibrated and beat a schedule and straight lines", async () => {
  const roads = await compileStreets(loadGothenburg());
  const { etas, stops } = runDays({ ...SMALL, vehicles: 4, days: 11, roads, scoredFromDay: 7, warningRules: [] });
  expect(stops).toBeGreaterThan(300);
  const { coverageP90, coverageP50, maeS } = scoreEtas(etas);
  expect(coverageP90.value).toBeGreaterThan(0.84);
  expect(coverageP90.value).toBeLessThan(0.98);
  expect(coverageP50.value).toBeGreaterThan(0.4);
  expect(coverageP50.value).toBeLessThan(0.65);
  const maeOf = (of: "scheduledMs" | "straightMs"): number =>
    etas.reduce((sum, eta) => sum + Math.abs(eta.arrivedMs - eta[of]) / 1000, 0) / etas.length;
  expect(maeS.value).toBeLessThan(0.7 * maeOf("scheduledMs"));
  expect(maeS.value).toBeLessThan(0.9 * maeOf("straightMs"));
});

test("through the stages of the stream every visit is told of, and learned from", async () => {
  const roads = await compileStreets(loadGothenburg());
  const options = { ...SMALL, vehicles: 1, days: 1, roads, scoredFromDay: 0, warningRules: [] };
  const [truth, observed] = [runDays(options), runDays({ ...options, staged: true })];
  expect(observed.stops).toBe(observed.visits);
  expect(observed.stops).toBe(truth.stops);
  const arrivals = ({ etas }: typeof truth) => new Map(etas.map(({ stopId, arrivedMs }) => [stopId, arrivedMs]));
  const told = arrivals(observed);
  // The geofence is entered some seconds before the vehicle stands.
  const early = [...arrivals(truth)].map(([stopId, arrivedMs]) => arrivedMs - told.get(stopId)!);
  expect(early.filter((ms) => ms > 0 && ms < 150_000).length / early.length).toBeGreaterThan(0.9);
  const served = Object.keys(observed.model.services.places);
  expect(served.toSorted()).toEqual(Object.keys(truth.model.services.places).toSorted());
});

test("without roads ETAs are wider and still hold", () => {
  const { etas } = runDays({ ...SMALL, vehicles: 1, roads: null, scoredFromDay: 2, warningRules: [] });
  const { coverageP90 } = scoreEtas(etas);
  expect(coverageP90.value).toBeGreaterThan(0.7);
});

test("the same days give the same ETAs", () => {
  const run = () =>
    runDays({
      ...SMALL,
      vehicles: 1,
      days: 2,
      roads: null,
      scoredFromDay: 0,
      warningRules: [{ fromShare: 0.5, lastsMs: 0, untilShare: 0.3, withinMs: 3_600_000 }],
    });
  expect(run().etas).toEqual(run().etas);
});
