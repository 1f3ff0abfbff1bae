import { expect, test } from "vitest";
import { seededRandom } from "../random.ts";
import { distanceM } from "../roads/geometry.ts";
import { DRIVER_PHONE, driveFleetDays, fixesOf, VEHICLE_TRACKER } from "./index.ts";

const MONDAY = Date.UTC(2026, 8, 7);
const OPTIONS = { seed: 4, vehicles: 2, startMs: MONDAY, days: 1, stopsMin: 20, stopsMax: 120 };
const days = [...driveFleetDays(OPTIONS)];

test("the same options give the same days", () => {
  const again = [...driveFleetDays(OPTIONS)];
  expect(again.map(({ visits }) => visits)).toEqual(days.map(({ visits }) => visits));
  expect([...driveFleetDays({ ...OPTIONS, seed: 5 })][0]!.visits).not.toEqual(days[0]!.visits);
});

test("every planned stop is visited once, in order of time, where it is and while the vehicle stands there", () => {
  for (const { plan, visits, timeline } of days) {
    expect(visits.map(({ stop }) => stop.ref).sort()).toEqual(plan.stops.map(({ ref }) => ref).sort());
    expect(plan.stops.length).toBeGreaterThanOrEqual(20);
    let beforeMs = plan.startsAtMs;
    for (const { stop, arrivedMs, departedMs, podMs } of visits) {
      expect(arrivedMs).toBeGreaterThan(beforeMs);
      expect(podMs).toBeGreaterThan(arrivedMs);
      expect(podMs).toBeLessThan(departedMs);
      const middle = timeline.stateAt((arrivedMs + departedMs) / 2);
      expect(distanceM(middle.latDeg, middle.lonDeg, stop.latDeg, stop.lonDeg)).toBeLessThan(1);
      expect(middle.speedMps).toBeLessThan(0.1);
      beforeMs = departedMs;
    }
  }
});

test("a dispatcher's change keeps all stops, and Sundays are free", () => {
  const week = [...driveFleetDays({ ...OPTIONS, vehicles: 1, days: 7, stopsMax: 30 })];
  expect(week).toHaveLength(6);
  for (const { plan, resequences } of week)
    for (const { stops } of resequences)
      expect(stops.map(({ ref }) => ref).sort()).toEqual(plan.stops.map(({ ref }) => ref).sort());
});

test("fixes lie around the truth by their source's noise, in order, with silent times", () => {
  const [day] = days;
  for (const source of [VEHICLE_TRACKER, DRIVER_PHONE]) {
    const fixes = fixesOf(day!, { ...source, gapsAnHour: 1 }, seededRandom(1, "fixes"));
    const errors = fixes.map((fix) => {
      const truth = day!.timeline.stateAt(fix.timeMs);
      return distanceM(fix.latDeg, fix.lonDeg, truth.latDeg, truth.lonDeg);
    });
    const rms = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length / 2);
    expect(rms / source.noiseM).toBeGreaterThan(0.8);
    expect(rms / source.noiseM).toBeLessThan(1.2);
    const steps = fixes.slice(1).map((fix, n) => fix.timeMs - fixes[n]!.timeMs);
    expect(Math.min(...steps)).toBe(source.everyMs);
    expect(Math.max(...steps)).toBeGreaterThan(source.gapMs[0]);
  }
});
