import fc from "fast-check";
import { expect, test } from "vitest";
import { ErrorCurves, emptyHistogram, errorBin, errorQuantile, errorsBelow } from "./errors.ts";
import type { Eta } from "./eta.ts";
import { changeReason, isWorthIssuing, isWorthTelling, type Risk, riskAfter } from "./eta-changes.ts";
import { fadeAndAdd, type Learned } from "./learn-model.ts";
import { logNormalRest, maxWith } from "./normal.ts";
import { standardised, timeAt } from "./outlook.ts";
import { fitRests, restChance, restSumsOf } from "./rests.ts";
import { scoreEtas } from "./score-etas.ts";
import { fitServices, serviceRest, serviceSumOf } from "./service-times.ts";
import { fitSpeeds, paceFactor, type SpeedSum } from "./speeds.ts";
import { openTimeOfWeek } from "./time-of-week.ts";
import { Traffic } from "./traffic.ts";

const MINUTE_MS = 60_000;

test("a time of an outlook is where its deviation says, with and without a rest", () => {
  const outlook = fc.record({
    expectedMs: fc.integer({ min: 0, max: 10_000_000 }),
    spreadS: fc.double({ min: 15, max: 3_000, noNaN: true }),
    restShare: fc.double({ min: 0, max: 1, noNaN: true }),
    restS: fc.integer({ min: 0, max: 3_600 }),
  });
  fc.assert(
    fc.property(outlook, fc.double({ min: -4, max: 4, noNaN: true }), (one, z) => {
      const timeMs = timeAt(one, z);
      expect(standardised(one, timeMs - 2_000)).toBeLessThanOrEqual(z + 1e-6);
      expect(standardised(one, timeMs + 2_000)).toBeGreaterThanOrEqual(z - 1e-6);
    }),
  );
});

test("quantiles of learned errors are those of what was observed", () => {
  const counts = emptyHistogram();
  const outlook = { expectedMs: 0, spreadS: 100, restShare: 0, restS: 0 };
  // Errors evenly from −100 s to +300 s: z from −1 to 3.
  for (let n = 0; n < 40_000; n++) counts[errorBin(outlook, -100_000 + n * 10)]! += 1;
  const curve = new ErrorCurves({ buckets: { "live/before/1/midday": counts } }).of("live/before/1/midday");
  expect(errorQuantile(curve, 0.5)).toBeCloseTo(1, 1);
  expect(errorQuantile(curve, 0.9)).toBeCloseTo(2.6, 1);
  expect(errorsBelow(curve, errorQuantile(curve, 0.9))).toBeCloseTo(0.9, 6);
});

test("a bucket with few errors is like its neighbours of the same horizon", () => {
  const many = emptyHistogram();
  const outlook = { expectedMs: 0, spreadS: 100, restShare: 0, restS: 0 };
  many[errorBin(outlook, 500_000)] = 10_000;
  const few = emptyHistogram();
  few[errorBin(outlook, -500_000)] = 3;
  const curves = new ErrorCurves({ buckets: { "live/before/1/midday": many, "live/before/1/night": few } });
  expect(errorQuantile(curves.of("live/before/1/night"), 0.5)).toBeCloseTo(5, 0);
});

test("the later of a normal time and a fixed one has the moments that draws of it have", () => {
  let [sum, squares] = [0, 0];
  const draws = 20_000;
  for (let n = 0; n < draws; n++) {
    const [a, b] = [(n + 0.5) / draws, (n * 0.6180339887498949) % 1];
    const normal = Math.sqrt(-2 * Math.log(a)) * Math.cos(2 * Math.PI * b);
    const value = Math.max(100 + 30 * normal, 90);
    sum += value;
    squares += value * value;
  }
  const { mean, variance } = maxWith({ mean: 100, variance: 900 }, 90);
  expect(mean).toBeCloseTo(sum / draws, 0);
  expect(Math.sqrt(variance)).toBeCloseTo(Math.sqrt(squares / draws - (sum / draws) ** 2), 0);
  expect(maxWith({ mean: 100, variance: 900 }, -1e9)).toEqual({ mean: 100, variance: 900 });
  expect(maxWith({ mean: 100, variance: 900 }, 1e6)).toEqual({ mean: 1e6, variance: 0 });
});

test("the longer a service has lasted beyond its usual time, the longer it will still last", () => {
  const whole = logNormalRest(Math.log(120), 0.6, 0).mean;
  expect(whole).toBeCloseTo(120 * Math.exp(0.18), 5);
  expect(logNormalRest(Math.log(120), 0.6, 60).mean).toBeLessThan(whole);
  expect(logNormalRest(Math.log(120), 0.6, 1_200).mean).toBeGreaterThan(logNormalRest(Math.log(120), 0.6, 400).mean);
});

test("factors of segments, hours and areas explain what was driven, and little evidence changes little", () => {
  const sums: SpeedSum[] = [];
  for (const slot of [8, 12]) {
    for (const wayId of [1, 2]) {
      const factor = (slot === 8 ? 1.5 : 1) * (wayId === 2 ? 2 : 1);
      sums.push({ wayId, forward: true, roadClass: 4, area: 1, slot, freeS: 50_000, drivenS: 50_000 * factor });
    }
  }
  sums.push({ wayId: 3, forward: true, roadClass: 4, area: 1, slot: 8, freeS: 2, drivenS: 40 });
  const model = fitSpeeds(sums);
  const pace = (key: string, slot: number) => paceFactor(model, { roadClass: 4, area: 1, key }, slot);
  expect(pace("1f", 8)).toBeCloseTo(1.5, 1);
  expect(pace("2f", 8)).toBeCloseTo(3, 0);
  expect(pace("1f", 12)).toBeCloseTo(1, 1);
  expect(pace("2f", 12) / pace("1f", 12)).toBeCloseTo(2, 1);
  expect(pace("3f", 8)).toBeLessThan(4);
});

test("a place that takes long is known after some visits; its kind stands in before", () => {
  const visit = (latDeg: number, servedS: number) =>
    serviceSumOf({ latDeg, lonDeg: 12, kind: "delivery", plannedS: 100, servedS });
  const quick = Array.from({ length: 200 }, (_, n) => visit(50 + n, 100));
  const slow = Array.from({ length: 20 }, () => visit(10, 500));
  const model = fitServices(together({ services: [...quick, ...slow] }).services);
  const meanAt = (latDeg: number) =>
    serviceRest(model, { latDeg, lonDeg: 12, kind: "delivery", serviceS: 100 }, 0).mean;
  expect(meanAt(10) / meanAt(77)).toBeGreaterThan(2.5);
  expect(meanAt(89.5)).toBeLessThan(200);
});

test("a slow driver is known at places where nobody has been, and is not taken for a place that takes long", () => {
  const visit = (place: number, driver: string, servedS: number) =>
    serviceSumOf({ latDeg: place, lonDeg: 12, kind: "delivery", plannedS: 100, servedS, driver });
  const visits = Array.from({ length: 40 }, (_, n) => [visit(n, "v1", 80), visit(40 + n, "v2", 160)]).flat();
  const model = fitServices(together({ services: visits }).services);
  const meanOf = (driver: string | null) =>
    serviceRest(model, { latDeg: 89, lonDeg: 12, kind: "delivery", serviceS: 100, driver }, 0).mean;
  expect(meanOf("v2") / meanOf("v1")).toBeGreaterThan(1.4);
  expect(meanOf(null)).toBeGreaterThan(meanOf("v1"));
  expect(meanOf(null)).toBeLessThan(meanOf("v2"));
});

test("rests are expected at the hours at which they were seen, once", () => {
  const hour = 3_600_000;
  const day = { fromMs: 0, toMs: 8 * hour, rest: { fromMs: 4 * hour, toMs: 4.5 * hour } };
  const model = fitRests(together({ rests: Array.from({ length: 50 }, () => restSumsOf(day)).flat() }).rests);
  expect(model.length?.meanS).toBe(1800);
  expect(restChance(model, 0, 0, 3.9 * hour)).toBeCloseTo(0, 5);
  expect(restChance(model, 0, 0, 5 * hour)).toBeGreaterThan(0.9);
  expect(restChance(model, 0, 4.5 * hour, 8 * hour)).toBeCloseTo(0, 5);
});

test("traffic of one area fades with age and into the future, and goes on from the sums that are kept", () => {
  const traffic = new Traffic();
  for (let n = 0; n < 30; n++)
    traffic.observe({ latDeg: 57.7, lonDeg: 11.9, timeMs: n * 1_000, drivenS: 100, expectedS: 50 });
  const area = Math.floor((57.7 + 90) * 100) * 36_000 + Math.floor((11.9 + 180) * 50);
  const now = traffic.factor(area, 30_000, 0);
  expect(now).toBeGreaterThan(1.7);
  expect(traffic.factor(area, 30_000, 90 * MINUTE_MS)).toBeLessThan(1.15);
  expect(traffic.factor(area, 30_000 + 240 * MINUTE_MS, 0)).toBeLessThan(1.05);
  const kept = new Traffic().observeAll(
    Array.from({ length: 30 }, (_, n) => ({
      latDeg: 57.7,
      lonDeg: 11.9,
      timeMs: n * 1_000,
      drivenS: 100,
      expectedS: 50,
    })),
  );
  const copy = new Traffic(JSON.parse(JSON.stringify(kept)));
  expect(copy.factor(area, 30_000, 0)).toBe(now);
});

test("the time of week is local, through the change of the clocks", () => {
  const clock = openTimeOfWeek("Europe/Stockholm");
  expect(clock.slotOf(Date.UTC(2026, 10, 20, 12, 30))).toBe(13);
  expect(clock.slotOf(Date.UTC(2026, 6, 20, 12, 30))).toBe(14);
  expect(clock.slotOf(Date.UTC(2026, 10, 20, 23, 30))).toBe(24);
  expect(clock.slotOf(Date.UTC(2026, 10, 22, 10))).toBe(48 + 11);
});

const eta = (computedMin: number, p50Min: number, more: Partial<Eta> = {}): Eta => ({
  ...{ kind: "eta", stopId: "a", computedMs: computedMin * MINUTE_MS, basis: "live", bucket: "", traffic: 1 },
  ...{ p10Ms: (p50Min - 1) * MINUTE_MS, p50Ms: p50Min * MINUTE_MS, p90Ms: (p50Min + 1) * MINUTE_MS },
  ...{ expectedMs: 0, spreadS: 1, restShare: 0, restS: 0, modelVersion: 0, ...more },
});

test("an ETA is issued anew when it moves, changes its basis or comes near", () => {
  expect(isWorthIssuing(undefined, eta(0, 30))).toBe(true);
  expect(isWorthIssuing(eta(0, 40), eta(1, 40.5))).toBe(false);
  expect(isWorthIssuing(eta(0, 40), eta(1, 42.1))).toBe(true);
  expect(isWorthIssuing(eta(0, 40), eta(1, 40, { basis: "degraded" }))).toBe(true);
  expect(isWorthIssuing(eta(0, 31), eta(2, 31))).toBe(true);
});

test("the person waiting hears of 2 minutes, of a tenth of what remains, and of a broken promise", () => {
  const told = { p50Ms: 60 * MINUTE_MS };
  expect(isWorthTelling(null, eta(0, 60), null)).toBe(true);
  expect(isWorthTelling(told, eta(50, 61.9), null)).toBe(false);
  expect(isWorthTelling(told, eta(50, 62), null)).toBe(true);
  expect(isWorthTelling(told, eta(0, 64), null)).toBe(false);
  expect(isWorthTelling(told, eta(0, 67), null)).toBe(true);
  expect(isWorthTelling(told, eta(0, 61), 60.5 * MINUTE_MS)).toBe(true);
});

test("a stop is at risk once it was likely late without a break, and until that is unlikely again", () => {
  const rule = { fromShare: 0.7, lastsMs: 2 * MINUTE_MS, untilShare: 0.4 };
  const shares = [0.6, 0.8, 0.6, 0.8, 0.9, 0.7, 0.5, 0.41, 0.3, 0.9, 0.9, 0.9];
  let before: Risk = { atRisk: false, riskSinceMs: null };
  const risks = shares.map((share, minute) => {
    before = riskAfter(before, share, minute * MINUTE_MS, rule);
    return before.atRisk ? 1 : 0;
  });
  expect(risks).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1]);
});

test("a change says why: the trigger, unless silence or traffic explains it", () => {
  expect(changeReason(eta(0, 30), eta(1, 33), "position")).toBe("position");
  expect(changeReason(eta(0, 30), eta(1, 33, { traffic: 1.2 }), "position")).toBe("traffic");
  expect(changeReason(eta(0, 30), eta(1, 33, { basis: "degraded" }), "position")).toBe("data gap");
  expect(changeReason(eta(0, 30), eta(1, 33, { basis: "degraded" }), "plan")).toBe("plan");
});

test("scores count routes, not ETAs, when they say how sure they are", () => {
  const etas = Array.from({ length: 6 }, (_, route) =>
    Array.from({ length: 100 }, () => ({
      ...{ routeId: `r${route}`, computedMs: 0, p10Ms: 0, p50Ms: 100_000, p90Ms: 200_000 },
      arrivedMs: route % 2 === 0 ? 150_000 : 250_000,
    })),
  ).flat();
  const { coverageP90, biasS, routes } = scoreEtas(etas);
  expect(routes).toBe(6);
  expect(coverageP90.value).toBe(0.5);
  expect(biasS.value).toBe(100);
  // Six routes of alternating outcome: ±1.96 · √(6 · 0.25 · 6/5) / 6.
  expect(coverageP90.high! - coverageP90.value).toBeCloseTo((1.96 * Math.sqrt(6 * 0.25 * 1.2)) / 6, 6);
  expect(scoreEtas(etas.filter(({ routeId }) => routeId < "r4")).coverageP90.low).toBeNull();
});

/** Sums with equal keys as one, as a day's are. */
function together(added: Partial<Learned>): Learned {
  const nothing: Learned = { speeds: [], approaches: [], services: [], rests: [], errors: [] };
  return fadeAndAdd(nothing, { ...nothing, ...added }, 0);
}
