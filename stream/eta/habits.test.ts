import { expect, test } from "vitest";
import { drawRoads, placeOf } from "../roads/sample-roads.ts";
import { approachS, approachSumOf, fitApproaches } from "./approaches.ts";
import type { EtaStop } from "./eta.ts";
import { EtaEngine } from "./eta-engine.ts";
import { unlearnedModel } from "./eta-model.ts";
import { Legs } from "./leg.ts";
import {
  addRests,
  fitRests,
  haltOutlook,
  type RestModel,
  type RestSum,
  restMinS,
  restShareAtStop,
  restSumsOf,
} from "./rests.ts";
import { fitServices, serviceAbove, serviceRest, serviceSumOf } from "./service-times.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const T0 = Date.UTC(2026, 8, 9, 7);

const merged = (sums: readonly RestSum[]): RestSum[] =>
  [...Map.groupBy(sums, ({ halfHour }) => halfHour).values()].map((some) => some.reduce(addRests));

/** Fifty days of eight hours: half an hour of rest after four, a quarter of them at a stop, and ten minutes after six. */
function usualRests(): RestModel {
  const days = Array.from({ length: 50 }, (_, n) => {
    const fromMs = (4 + (n % 5) / 20) * HOUR_MS;
    const rest = { fromMs, toMs: fromMs + (28 + (n % 5)) * MINUTE_MS, atStop: n % 4 === 0 };
    const pauses = [{ fromMs: 6 * HOUR_MS, toMs: 6 * HOUR_MS + (9 + (n % 3)) * MINUTE_MS }];
    return restSumsOf({ fromMs: 0, toMs: 8 * HOUR_MS, rest, pauses });
  });
  return fitRests(merged(days.flat()));
}

test("a halt is a rest where rests begin, a pause elsewhere, and a rest once it lasts as long as no pause does", () => {
  const rests = usualRests();
  expect(rests.length?.meanS).toBeCloseTo(30 * 60, -2);
  expect(haltOutlook(rests, 4.2 * HOUR_MS, 180, false).restShare).toBeGreaterThan(0.8);
  expect(haltOutlook(rests, 2 * HOUR_MS, 180, false).restShare).toBeLessThan(0.1);
  expect(haltOutlook(rests, 4.2 * HOUR_MS, 180, true).restShare).toBe(0);
  const after = (minutes: number) => haltOutlook(rests, 4.2 * HOUR_MS, minutes * 60, false);
  expect(after(20).restShare).toBeGreaterThan(0.99);
  expect(after(5).restLeft.mean / 60).toBeGreaterThan(20);
  expect(after(5).otherLeft.mean / 60).toBeLessThan(8);
  expect(after(20).restLeft.mean).toBeLessThan(after(10).restLeft.mean);
  expect(restMinS(rests)).toBeGreaterThan(15 * 60);
});

test("a long service is taken for a rest at the hours of rests only, and only where it is rarer than one", () => {
  const rests = usualRests();
  const share = (hours: number, above: number, hasRested = false) =>
    restShareAtStop(rests, hours * HOUR_MS, { expectedS: 150, servedS: 900, above }, hasRested);
  expect(share(4.3, 0.001)).toBeGreaterThan(0.7);
  expect(share(4.3, 0.2)).toBeLessThan(0.2);
  expect(share(2, 0.001)).toBeLessThan(0.05);
  expect(share(4.3, 0.001, true)).toBe(0);
});

test("the half hour in which a day ends counts for as much as was under way of it", () => {
  const sums = restSumsOf({ fromMs: 0, toMs: 1.25 * HOUR_MS, rest: null });
  expect(sums.map(({ exposed, underWay }) => [exposed, underWay])).toEqual([
    [1, 1],
    [1, 1],
    [0.5, 0.5],
  ]);
});

test("of a service that lasts long, more is left the longer it lasts: it went wrong", () => {
  const usual = Array.from({ length: 200 }, (_, n) => (n % 50 === 0 ? 700 : 80 + ((n * 37) % 80)));
  const visit = { latDeg: 57.7, lonDeg: 11.9, kind: "delivery" as const };
  const sums = usual.map((servedS) => serviceSumOf({ ...visit, plannedS: 120, servedS }));
  const model = fitServices(sums);
  const stop = { ...visit, serviceS: 120 };
  const left = [0, 60, 300, 600].map((elapsedS) => serviceRest(model, stop, elapsedS).mean);
  expect(left[0]).toBeGreaterThan(110);
  expect(left[0]).toBeLessThan(160);
  expect(left[1]).toBeLessThan(left[0]!);
  expect(left[2]).toBeGreaterThan(150);
  expect(serviceAbove(model, stop, 600)).toBeLessThan(serviceAbove(model, stop, 100) / 10);
});

const place = (n: number) => ({ latDeg: 57.7 + n / 100, lonDeg: 11.9 });
const leg = (to: number, driver: string, beyondS: number) =>
  approachSumOf({ to: place(to), driver, drivenS: 100 + beyondS, expectedS: 100 });

test("what legs take beyond their roads is a place's, else its driver's, else everybody's", () => {
  const many = (n: number, driver: string, beyondS: number) =>
    Array.from({ length: 40 }, (_, i) => leg(n + (i % 8), driver, beyondS));
  const odd = Array.from({ length: 4 }, () => leg(50, "v1", 300));
  const model = fitApproaches([...many(0, "v1", 20), ...many(20, "v2", 60), ...odd]);
  expect(approachS(model, place(99), "v1")).toBeLessThan(approachS(model, place(99), "v2"));
  expect(approachS(model, place(50), "v1")).toBeGreaterThan(120);
  expect(approachS(model, place(3), "v1")).toBeLessThan(50);
  const unknown = approachS(model, place(99), null);
  expect(unknown).toBeGreaterThan(20);
  expect(unknown).toBeLessThan(120);
  expect(approachS(fitApproaches([]), place(1), null)).toBe(20);
});

/** Two one-way streets 20 m apart, joined only at their far ends. */
const twoCarriageways = () =>
  drawRoads([
    { ...{ id: 1, tags: { oneway: "yes" } }, line: [[0, 0] as const, [2_000, 0] as const] },
    { ...{ id: 2, tags: { oneway: "yes" } }, line: [[2_000, 20] as const, [0, 20] as const] },
    { id: 3, line: [[2_000, 0] as const, [2_000, 20] as const] },
    { id: 4, line: [[0, 20] as const, [0, 0] as const] },
  ]);

test("a place between two roads is reached from the one that is on the way", async () => {
  const legs = new Legs(await twoCarriageways());
  const at = (east: number, north: number) => {
    const { lat, lon } = placeOf(east, north);
    return { latDeg: lat, lonDeg: lon };
  };
  // Both are a little nearer to the street that leads the other way.
  expect(legs.find(at(400, 12), at(1_000, 12)).lengthM).toBeCloseTo(600, -1);
  expect(legs.find(at(1_000, 8), at(400, 8)).lengthM).toBeCloseTo(600, -1);
});

test("who rests off his way, or in a gap of the fixes, has rested", async () => {
  const rests = usualRests();
  const roads = await twoCarriageways();
  const engine = new EtaEngine({ legs: new Legs(roads), model: { ...unlearnedModel("UTC"), rests } });
  const at = (east: number, north: number) => {
    const { lat, lon } = placeOf(east, north);
    return { latDeg: lat, lonDeg: lon };
  };
  const stop: EtaStop = {
    ...{ stopId: "a", kind: "delivery", ...at(1_900, 0), windowStartMs: null, windowEndMs: null, promisedByMs: null },
    serviceS: 120,
  };
  const drive = (fixes: readonly [minute: number, east: number, north: number][]) => {
    let state = engine.setOff(at(0, 0), T0, null);
    for (const [minute, east, north] of fixes) {
      const fix = { ...at(east, north), timeMs: T0 + minute * MINUTE_MS, headingDeg: 90, accuracyM: 5 };
      state = engine.follow(state, [stop], fix).state;
    }
    return state.rest && (state.rest.toMs - state.rest.fromMs) / MINUTE_MS;
  };
  const standing = Array.from({ length: 30 }, (_, n) => [245 + n, 300, 400] as [number, number, number]);
  expect(drive([[240, 200, 0], ...standing, [276, 900, 400]])).toBeGreaterThan(28);
  expect(drive([[240, 200, 0], [270, 400, 0]])).toBeGreaterThan(25); // biome-ignore format: one line says it
  expect(drive([[240, 200, 0], [241, 400, 0]])).toBeNull(); // biome-ignore format: one line says it
});
