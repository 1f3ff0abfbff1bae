import { KalmanFilter } from "kalman-filter";
import { expect, test } from "vitest";
import {
  observePlanePosition,
  observePlaneVelocity,
  PLANE,
  PLANE_STRIDE,
  predictPlane,
  startPlane,
  velocityVariance,
} from "./kalman.ts";

/** A drive with steps of uneven length: interval (s), power, position (m), its variance, and now and then a velocity. */
function steps(count: number): { dtS: number; q: number; east: number; north: number; variance: number }[] {
  let seed = 5;
  const next = (): number => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647;
  };
  return Array.from({ length: count }, (_, i) => ({
    dtS: [1, 0.5, 5, 0, 30, 120][i % 6]!,
    q: 1.5,
    east: Math.round((i * 11 + 40 * next()) * 64) / 64,
    north: Math.round((i * -7 + 40 * next()) * 64) / 64,
    variance: [25, 4, 100][i % 3]!,
  }));
}

test("The filter agrees with the kalman-filter package to 1e-8.", () => {
  const drive = steps(60);
  let current = drive[0]!;
  const oracle = new KalmanFilter({
    observation: {
      dimension: 2,
      stateProjection: [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
      ],
      covariance: () => [
        [current.variance, 0],
        [0, current.variance],
      ],
    },
    dynamic: {
      dimension: 4,
      init: { mean: [[3], [-2], [0], [0]], covariance: diagonal([25, 25, 225, 225]) },
      transition: () => {
        const { dtS } = current;
        return [
          [1, 0, dtS, 0],
          [0, 1, 0, dtS],
          [0, 0, 1, 0],
          [0, 0, 0, 1],
        ];
      },
      covariance: () => {
        const { dtS, q } = current;
        const [pp, pv, vv] = [(q * dtS ** 3) / 3, (q * dtS ** 2) / 2, q * dtS];
        return [
          [pp, 0, pv, 0],
          [0, pp, 0, pv],
          [pv, 0, vv, 0],
          [0, pv, 0, vv],
        ];
      },
    },
  });
  const ours = new Float64Array(PLANE_STRIDE);
  startPlane(ours, 0, 3, -2, 25, 225);
  let corrected: ReturnType<typeof oracle.correct> | undefined;
  for (const step of drive) {
    current = step;
    const { dtS, q, east, north, variance } = step;
    predictPlane(ours, 0, dtS, q);
    observePlanePosition(ours, 0, east, north, variance);
    const predicted = oracle.predict({ previousCorrected: corrected });
    corrected = oracle.correct({ predicted, observation: [[east], [north]] });
    const { mean, covariance } = corrected;
    const theirs = [
      mean[0]![0]!,
      mean[1]![0]!,
      mean[2]![0]!,
      mean[3]![0]!,
      covariance[0]![0]!,
      covariance[0]![2]!,
      covariance[2]![2]!,
    ];
    const full = unfactored(ours);
    theirs.forEach((value, i) => {
      expect(Math.abs(full[i]! - value)).toBeLessThan(1e-8 * Math.max(1, Math.abs(value)));
    });
  }
});

/** The state with its covariance written out: means, then the variances and covariance of position and velocity. */
function unfactored(s: Float64Array): number[] {
  const covariance = s[PLANE.slope]! * s[PLANE.varPosition]!;
  return [...s.subarray(0, 5), covariance, velocityVariance(s, 0)];
}

function diagonal(values: readonly number[]): number[][] {
  return values.map((value, i) => values.map((_, k) => (i === k ? value : 0)));
}

/** Exact fractions: what the filter would be without rounding. */
class Fraction {
  readonly n: bigint;
  readonly d: bigint;
  constructor(n: bigint, d: bigint) {
    let [a, b] = [n < 0n ? -n : n, d];
    while (b !== 0n) [a, b] = [b, a % b];
    this.n = n / (a || 1n);
    this.d = d / (a || 1n);
  }
  static of(value: number): Fraction {
    return new Fraction(BigInt(Math.round(value * 4096)), 4096n);
  }
  plus(o: Fraction): Fraction {
    return new Fraction(this.n * o.d + o.n * this.d, this.d * o.d);
  }
  minus(o: Fraction): Fraction {
    return this.plus(new Fraction(-o.n, o.d));
  }
  times(o: Fraction): Fraction {
    return new Fraction(this.n * o.n, this.d * o.d);
  }
  over(o: Fraction): Fraction {
    return o.n < 0n ? new Fraction(-this.n * o.d, this.d * -o.n) : new Fraction(this.n * o.d, this.d * o.n);
  }
  toNumber(): number {
    const scale = 10n ** 24n;
    return Number((this.n * scale) / this.d) / 1e24;
  }
}

test("The filter agrees with exact arithmetic to 1e-11, gaps of a month among them.", () => {
  const ours = new Float64Array(PLANE_STRIDE);
  startPlane(ours, 0, 0, 0, 25, 225);
  let [p, v, pp, pv, vv] = [0, 0, 25, 0, 225].map((value) => Fraction.of(value)) as [
    Fraction,
    Fraction,
    Fraction,
    Fraction,
    Fraction,
  ];
  const drive = steps(14).map((step, i) => (i === 7 ? { ...step, dtS: 30 * 86_400 } : step));
  for (const { dtS, q, east, variance } of drive) {
    predictPlane(ours, 0, dtS, q);
    const [dt, power, r] = [Fraction.of(dtS), Fraction.of(q), Fraction.of(variance)];
    const dt2 = dt.times(dt);
    p = p.plus(dt.times(v));
    pp = pp
      .plus(Fraction.of(2).times(dt).times(pv))
      .plus(dt2.times(vv))
      .plus(power.times(dt2).times(dt).over(Fraction.of(3)));
    pv = pv.plus(dt.times(vv)).plus(power.times(dt2).over(Fraction.of(2)));
    vv = vv.plus(power.times(dt));
    observePlanePosition(ours, 0, east, 0, variance);
    const total = pp.plus(r);
    const miss = Fraction.of(east).minus(p);
    p = p.plus(pp.over(total).times(miss));
    v = v.plus(pv.over(total).times(miss));
    vv = vv.minus(pv.times(pv).over(total));
    pv = pv.times(r).over(total);
    pp = pp.times(r).over(total);
    for (const [index, exact] of [
      [0, p],
      [2, v],
      [4, pp],
      [5, pv],
      [6, vv],
    ] as const)
      expect(Math.abs(unfactored(ours)[index]! - exact.toNumber())).toBeLessThan(
        1e-11 * Math.max(1, Math.abs(exact.toNumber())),
      );
  }
});

test("A velocity that is known exactly carries the position along.", () => {
  const s = new Float64Array(PLANE_STRIDE);
  startPlane(s, 0, 0, 0, 1, 100);
  observePlaneVelocity(s, 0, 3, -4, 1e-12);
  predictPlane(s, 0, 10, 0);
  expect(s[PLANE.eastM]).toBeCloseTo(30, 6);
  expect(s[PLANE.northM]).toBeCloseTo(-40, 6);
});
