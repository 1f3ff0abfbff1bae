import { expect, test } from "vitest";
import { improbability, likelihoodMax, observeSpeed, weighPosition } from "./along-road.ts";
import { FIELD, STRIDE } from "./hypothesis.ts";
import { predict } from "./motion.ts";
import { NOISE_FIELDS, Noise } from "./noise.ts";

const { alongM: ALONG, speedMps: SPEED } = FIELD;

/** A vehicle at 0 m, known to drive at this speed, `dtS` seconds later, when it reports another one. */
function driveOn(speedMps: number, dtS: number, reportedMps: number): Float64Array {
  const noise = new Noise(new Float64Array(NOISE_FIELDS));
  noise.load(Number.NaN);
  const before = new Float64Array(STRIDE);
  before[SPEED] = speedMps;
  before[FIELD.covAA] = 4;
  before[FIELD.covSS] = 0.4;
  before[FIELD.covEE] = noise.varianceM2;
  before[FIELD.covNN] = noise.varianceM2;
  const after = new Float64Array(STRIDE);
  predict(before, 0, dtS, noise, after);
  observeSpeed(after, dtS, reportedMps);
  return after;
}

test("A vehicle that drove at 10 m/s and stands 10 s later is expected half as far on as one that drove on.", () => {
  const stopped = driveOn(10, 10, 0);
  expect(stopped[SPEED]).toBeCloseTo(0, 0);
  expect(stopped[ALONG]).toBeGreaterThan(45);
  expect(stopped[ALONG]).toBeLessThan(55);
  expect(driveOn(10, 10, 10)[ALONG]).toBeCloseTo(100, 0);
});

test("A speed that no vehicle can reach within a second is the receiver's and moves what is expected little.", () => {
  const [believed, absurd] = [driveOn(10, 1, 12)[SPEED]!, driveOn(10, 1, 60)[SPEED]!];
  expect(believed).toBeGreaterThan(11);
  expect(absurd).toBeLessThan(believed + 1);
});

test("The way between two fixes half a minute apart is known to 80 m where both speeds are, as measured.", () => {
  const sigmaM = Math.sqrt(driveOn(9, 30, 9)[FIELD.covAA]!);
  expect(sigmaM).toBeGreaterThan(70);
  expect(sigmaM).toBeLessThan(90);
});

test("No fix is likelier on a road in any direction than the most that the predicted state allows, and some are nearly so.", () => {
  const noise = new Noise(new Float64Array(NOISE_FIELDS));
  noise.load(Number.NaN);
  for (const [sigmaM, shareE, shareN] of [
    [3, 0, 0],
    [3, 0.6, -0.3],
    [90, -0.5, 0.7],
    [12, 0.05, 0.9],
  ] as const) {
    const h = new Float64Array(STRIDE);
    h[FIELD.covAA] = sigmaM ** 2;
    h[FIELD.covAE] = shareE * sigmaM * noise.sigmaM;
    h[FIELD.covAN] = shareN * sigmaM * noise.sigmaM;
    h[FIELD.covEE] = noise.varianceM2;
    h[FIELD.covNN] = noise.varianceM2;
    const likelihoods = Array.from({ length: 64 }, (_, i) => {
      const angle = (i / 64) * 2 * Math.PI;
      weighPosition(h, 0, { atM: 0, eastM: 0, northM: 0, tangentE: Math.sin(angle), tangentN: Math.cos(angle) });
      return -0.5 * Math.log(improbability());
    });
    expect(Math.max(...likelihoods)).toBeLessThanOrEqual(likelihoodMax(h) + 1e-9);
    expect(Math.max(...likelihoods)).toBeGreaterThan(likelihoodMax(h) - 1);
  }
});
