import { expect, test } from "vitest";
import { fixSigmaM, type SmoothInput, type SmoothState, smoothFix } from "./smooth.ts";

const LAT_M = 111_195;

function fixAt(timeS: number, eastM: number, northM: number, more: Partial<SmoothInput> = {}): SmoothInput {
  const lon = -8.6 + eastM / (LAT_M * Math.cos((41.15 * Math.PI) / 180));
  return {
    timeMs: timeS * 1000,
    lat: 41.15 + northM / LAT_M,
    lon,
    speedMps: null,
    headingDeg: null,
    accuracyM: null,
    hdop: null,
    satellites: null,
    ...more,
  };
}

function noise(seed: number): () => number {
  let state = seed;
  const uniform = (): number => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

function run(fixes: readonly SmoothInput[]): ReturnType<typeof smoothFix>["output"][] {
  let state: SmoothState | null = null;
  return fixes.map((fix) => {
    const step = smoothFix(state, fix);
    state = JSON.parse(JSON.stringify(step.state)) as SmoothState;
    return step.output;
  });
}

const missM = (at: { lat: number; lon: number }, eastM: number, northM: number): number => {
  const true_ = fixAt(0, eastM, northM);
  return Math.hypot((at.lat - true_.lat) * LAT_M, (at.lon - true_.lon) * LAT_M * Math.cos((41.15 * Math.PI) / 180));
};

test("Smoothing more than halves white noise on a straight drive, and says how sure it is.", () => {
  const normal = noise(3);
  const smoothed = run(
    Array.from({ length: 200 }, (_, i) =>
      fixAt(i, 12 * i + 6 * normal(), 6 * normal(), { speedMps: 12, headingDeg: 90, accuracyM: 9 }),
    ),
  );
  const misses = smoothed.slice(30).map((at, i) => missM(at, 12 * (i + 30), 0));
  const mean = misses.reduce((sum, miss) => sum + miss, 0) / misses.length;
  expect(mean).toBeLessThan(3.5);
  expect(smoothed.at(-1)!.sigmaM).toBeGreaterThan(1);
  expect(smoothed.at(-1)!.sigmaM).toBeLessThan(3.5);
  expect(smoothed.at(-1)!.headingDeg).toBeCloseTo(90, -1);
});

test.each([5, 10, 30, 60])(
  "A vehicle that brakes or turns between fixes %d s apart is not smoothed past where it is.",
  (everyS) => {
    const steadyM = 12 * everyS;
    const moving = { speedMps: 12, headingDeg: 90 };
    const braked = [0, 1, 2].map((i) => fixAt(i * everyS, i * steadyM, 0, moving));
    const standing = [3, 4, 5].map((i) => fixAt(i * everyS, 2 * steadyM + 8, 0, { speedMps: 0, headingDeg: 90 }));
    for (const at of run([...braked, ...standing]).slice(3)) expect(missM(at, 2 * steadyM + 8, 0)).toBeLessThan(15);
    const north = [1, 2, 3].map((i) =>
      fixAt((2 + i) * everyS, 2 * steadyM, i * steadyM, { speedMps: 12, headingDeg: 0 }),
    );
    run([...braked, ...north])
      .slice(3)
      .forEach((at, i) => {
        expect(missM(at, 2 * steadyM, (i + 1) * steadyM)).toBeLessThan(15);
      });
  },
);

test("A parked vehicle does not wander.", () => {
  const normal = noise(9);
  const smoothed = run(Array.from({ length: 600 }, (_, i) => fixAt(i, 5 * normal(), 5 * normal(), { speedMps: 0 })));
  const last = smoothed.slice(300);
  expect(Math.max(...last.map((at) => missM(at, 0, 0)))).toBeLessThan(1.5);
  expect(last.every((at) => at.headingDeg === null && at.speedMps < 0.2)).toBe(true);
});

test("One gross error is refused; four in a row that agree are the new truth.", () => {
  const drive = Array.from({ length: 20 }, (_, i) => fixAt(i, 10 * i, 0, { speedMps: 10, headingDeg: 90 }));
  const once = run([
    ...drive,
    fixAt(20, 900, 300, { speedMps: 10, headingDeg: 90 }),
    fixAt(21, 210, 0, { speedMps: 10, headingDeg: 90 }),
  ]);
  expect(once.at(-2)!.rejected).toBe(true);
  expect(missM(once.at(-2)!, 200, 0)).toBeLessThan(8);
  expect(once.at(-1)!.rejected).toBe(false);
  const moved = run([...drive, ...[0, 1, 2, 3].map((i) => fixAt(20 + i, 5000, 300))]);
  expect(moved.at(-2)!.rejected).toBe(true);
  expect(missM(moved.at(-1)!, 5000, 300)).toBeLessThan(1);
});

test.each([0, 0.001, 1, 60, 899, 901, 86_400, 30 * 86_400])("A gap of %d s gives finite, sane answers.", (gapS) => {
  const smoothed = run([fixAt(0, 0, 0), fixAt(1, 10, 0), fixAt(1 + gapS, 20, 5), fixAt(2 + gapS, 30, 5)]);
  for (const at of smoothed)
    for (const value of [at.lat, at.lon, at.speedMps, at.sigmaM]) expect(Number.isFinite(value)).toBe(true);
  expect(missM(smoothed.at(-1)!, 30, 5)).toBeLessThan(40);
});

test("The error of a fix comes from its accuracy, else HDOP, else the satellites.", () => {
  expect(fixSigmaM(fixAt(0, 0, 0, { accuracyM: 15, hdop: 1 }))).toBe(10);
  expect(fixSigmaM(fixAt(0, 0, 0, { hdop: 2 }))).toBe(7);
  expect(fixSigmaM(fixAt(0, 0, 0, { satellites: 4 }))).toBe(10);
  expect(fixSigmaM(fixAt(0, 0, 0))).toBe(5);
});

test("A drive across the date line and away from its start stays continuous, and the given state is not changed.", () => {
  const fixes = Array.from({ length: 400 }, (_, i) => {
    const lon = 179.9 + i * 0.0005;
    return { ...fixAt(i * 5, 0, 0), lat: -17, lon: lon > 180 ? lon - 360 : lon };
  });
  let state: SmoothState | null = null;
  for (const fix of fixes) {
    const before = JSON.stringify(state);
    const given: SmoothState | null = state;
    const step = smoothFix(given, fix);
    expect(JSON.stringify(given)).toBe(before);
    const east = (((step.output.lon - fix.lon + 540) % 360) - 180) * LAT_M;
    expect(Math.abs(east)).toBeLessThan(30);
    state = step.state;
  }
});

test.each([89.5, 89.9999999, 90, -90])(
  "At %d degrees of latitude answers are places on earth, near the fix.",
  (lat) => {
    const fixes = Array.from({ length: 60 }, (_, i) => ({
      ...fixAt(i * 10, 0, 0, { speedMps: 20, headingDeg: (i * 40) % 360 }),
      lat,
      lon: ((i * 50) % 360) - 180,
    }));
    for (const at of run(fixes)) {
      expect(Math.abs(at.lon)).toBeLessThanOrEqual(180);
      expect(Math.abs(at.lat)).toBeLessThanOrEqual(90);
      expect(Math.abs(at.lat - lat)).toBeLessThan(0.1);
    }
  },
);

test("Far from where a drive began speeds are still right: a degree of longitude is shorter in the north.", () => {
  // North-east for ten hours, 30 m/s north and 20 m/s east.
  let lon = 10;
  const fixes = Array.from({ length: 600 }, (_, i) => {
    const lat = 41 + (i * 1800) / LAT_M;
    lon += 1200 / (LAT_M * Math.cos((lat * Math.PI) / 180));
    return { ...fixAt(i * 60, 0, 0), lat, lon };
  });
  const at = run(fixes).at(-1)!;
  expect(at.speedMps).toBeGreaterThan(35.5);
  expect(at.speedMps).toBeLessThan(36.6);
});
