import fc from "fast-check";
import { expect, test } from "vitest";
import { chordOf, edgeShare } from "./crossing.ts";
import { deepestM } from "./deepest.ts";
import { FenceSet, type FenceVersion } from "./fence-set.ts";
import { type FeatureGeometry, type FenceRule, parseFence, parseNewFence } from "./parse-feature.ts";
import { signedDistanceM } from "./signed-distance.ts";

function ruleOf(geometry: FeatureGeometry, properties: Record<string, unknown> = {}): FenceRule {
  const rule = parseFence({ geometry, properties });
  if ("detail" in rule) throw new Error(`${rule.pointer}: ${rule.detail}`);
  return rule;
}

const distanceTo = (rule: FenceRule, lonDeg: number, latDeg: number): number =>
  signedDistanceM(rule.shape, latDeg, lonDeg);

/** A square ring around a place, degrees. */
const square = (lonDeg: number, latDeg: number, halfDeg: number): number[][] => [
  [lonDeg - halfDeg, latDeg - halfDeg],
  [lonDeg + halfDeg, latDeg - halfDeg],
  [lonDeg + halfDeg, latDeg + halfDeg],
  [lonDeg - halfDeg, latDeg + halfDeg],
  [lonDeg - halfDeg, latDeg - halfDeg],
];

test("distances to the edge are metres, positive inside and negative outside", () => {
  const circle = ruleOf({ type: "Point", coordinates: [10, 0] }, { radius_m: 100 });
  expect(distanceTo(circle, 10, 0)).toBeCloseTo(100, 6);
  expect(distanceTo(circle, 10.001, 0)).toBeCloseTo(100 - 111.195, 2);
  const hole = ruleOf({ type: "Polygon", coordinates: [square(10, 50, 0.01), square(10, 50, 0.002)] });
  expect(distanceTo(hole, 10, 50)).toBeCloseTo(-0.002 * 111_195 * Math.cos((50 * Math.PI) / 180), 0);
  expect(distanceTo(hole, 10, 50.006)).toBeCloseTo(0.004 * 111_195, 0);
  const corridor = ruleOf(
    {
      type: "LineString",
      coordinates: [
        [10, 50],
        [10.01, 50],
      ],
    },
    { width_m: 60 },
  );
  expect(distanceTo(corridor, 10.005, 50.0001)).toBeCloseTo(30 - 11.12, 1);
  expect(distanceTo(corridor, 10.005, 50.001)).toBeCloseTo(30 - 111.2, 1);
});

test("nothing is inside of a hole, where it overlaps another or reaches beyond its polygon", () => {
  const outer = square(10, 50, 0.01);
  const overlapping = ruleOf({
    type: "Polygon",
    coordinates: [outer, square(10, 50, 0.004), square(10.003, 50, 0.004)],
  });
  expect(distanceTo(overlapping, 10.0015, 50)).toBeLessThan(-100);
  expect(distanceTo(overlapping, 10, 50.005)).toBeGreaterThan(100);
  const reachingOut = ruleOf({ type: "Polygon", coordinates: [outer, square(10.01, 50, 0.005)] });
  expect(distanceTo(reachingOut, 10.012, 50)).toBeLessThan(-100);
  expect(distanceTo(reachingOut, 10.008, 50)).toBeLessThan(-100);
  expect(distanceTo(reachingOut, 10, 50)).toBeGreaterThan(300);
});

test("how deep one can be inside is found however small the parts of a shape are beside the whole", () => {
  const halfM = 0.001 * 111_195;
  const apart = ruleOf({ type: "MultiPolygon", coordinates: [[square(10, 50, 0.001)], [square(12.7, 53.1, 0.002)]] });
  expect(deepestM(apart.shape) / (2 * halfM * Math.cos((53.1 * Math.PI) / 180))).toBeCloseTo(1, 1);
  // A street of 20 m, 15 km long, across the grid.
  const [dx, dy] = [0.00018 / 2, 0.00018 / 2];
  const street = [
    [10 - dx, 0 + dy],
    [10.1 - dx, 0.1 + dy],
    [10.1 + dx, 0.1 - dy],
    [10 + dx, 0 - dy],
    [10 - dx, 0 + dy],
  ];
  expect(deepestM(ruleOf({ type: "Polygon", coordinates: [street] }).shape)).toBeGreaterThan(0.7 * 14.1);
  expect(deepestM(ruleOf({ type: "Polygon", coordinates: [street] }).shape)).toBeLessThan(14.2);
  const yard = ruleOf({ type: "Polygon", coordinates: [square(10, 0, 0.01), square(10.002, 0.002, 0.0075)] });
  // The square in the south-western corner: 0.0045 degrees from the hole, as far from both sides.
  expect(deepestM(yard.shape) / (0.0045 * 111_195 * (2 - Math.SQRT2))).toBeCloseTo(1, 1);
});

test("a fence cut at the antimeridian is whole on both sides of it, and a circle reaches over it", () => {
  const cut = ruleOf({
    type: "MultiPolygon",
    coordinates: [
      [
        [
          [179, 10],
          [180, 10],
          [180, 11],
          [179, 11],
          [179, 10],
        ],
      ],
      [
        [
          [-180, 10],
          [-179, 10],
          [-179, 11],
          [-180, 11],
          [-180, 10],
        ],
      ],
    ],
  });
  expect(distanceTo(cut, 179.9999, 10.5)).toBeGreaterThan(50_000);
  expect(distanceTo(cut, -179.9999, 10.5)).toBeGreaterThan(50_000);
  expect(distanceTo(cut, -178.9, 10.5)).toBeLessThan(-10_000);
  const circle = ruleOf({ type: "Point", coordinates: [179.999, 10] }, { radius_m: 1_000 });
  expect(distanceTo(circle, -179.998, 10)).toBeGreaterThan(600);
});

test.each([
  ["a Point without a radius", { type: "Point", coordinates: [1, 1] }, {}, "/properties/radius_m"],
  ["latitude first", { type: "Point", coordinates: [41, 120] }, { radius_m: 5 }, "/geometry/coordinates"],
  ["a circle over a pole", { type: "Point", coordinates: [1, 84.9] }, { radius_m: 50_000 }, "/geometry/coordinates"],
  [
    "a ring that is open",
    {
      type: "Polygon",
      coordinates: [
        [
          [0, 0],
          [1, 0],
          [1, 1],
          [0, 1],
        ],
      ],
    },
    {},
    "/geometry/coordinates/0",
  ],
  [
    "a ring across the antimeridian",
    { type: "Polygon", coordinates: [square(0, 0, 1).map(([x, y]) => [x! > 0 ? 179 : -179, y!])] },
    {},
    "/geometry/coordinates/0/1",
  ],
  [
    "a corridor without width",
    {
      type: "LineString",
      coordinates: [
        [0, 0],
        [1, 1],
      ],
    },
    {},
    "/properties/width_m",
  ],
  ["one position", { type: "LineString", coordinates: [[0, 0]] }, { width_m: 5 }, "/geometry/coordinates"],
  ["no polygon", { type: "MultiPolygon", coordinates: [] }, {}, "/geometry/coordinates"],
  ["a position of one number", { type: "Point", coordinates: [1] }, { radius_m: 5 }, "/geometry/coordinates"],
  ["a negative time", { type: "Point", coordinates: [1, 1] }, { radius_m: 5, dwell_s: -1 }, "/properties/dwell_s"],
  ["a name that is no text", { type: "Point", coordinates: [1, 1] }, { radius_m: 5, name: 7 }, "/properties/name"],
] as [string, FeatureGeometry, Record<string, unknown>, string][])(
  "%s is refused",
  (_title, geometry, properties, pointer) => {
    expect(parseFence({ geometry, properties })).toMatchObject({ pointer, detail: expect.any(String) });
  },
);

test("a new fence whose outer ring is a line is refused; the store may hold one", () => {
  const line = (...ring: number[][]): FeatureGeometry => ({ type: "Polygon", coordinates: [ring] });
  for (const geometry of [
    line([10, 50], [10, 50], [10, 50], [10, 50]),
    line([10, 50], [11, 51], [10.5, 50.5], [10, 50]),
  ]) {
    expect(parseNewFence({ geometry, properties: {} })).toMatchObject({ pointer: "/geometry/coordinates/0" });
    expect(parseFence({ geometry, properties: {} })).not.toHaveProperty("detail");
  }
  const second = { type: "MultiPolygon" as const, coordinates: [[square(1, 1, 1)], [square(5, 5, 0)]] };
  expect(parseNewFence({ geometry: second, properties: {} })).toMatchObject({ pointer: "/geometry/coordinates/1/0" });
  const shed = line([10, 50], [10.00001, 50], [10.00001, 50.00001], [10, 50]);
  expect(parseNewFence({ geometry: shed, properties: {} })).not.toHaveProperty("detail");
});

test("a way is cut where it crosses the edge, and a way through has a chord", () => {
  const { shape } = ruleOf({ type: "Point", coordinates: [0, 0] }, { radius_m: 111.195 });
  const west = { latDeg: 0, lonDeg: -0.004 };
  expect(edgeShare(shape, west, { latDeg: 0, lonDeg: 0 })).toBeCloseTo(0.75, 4);
  const chord = chordOf(shape, west, { latDeg: 0, lonDeg: 0.004 })!;
  expect(chord.inShare).toBeCloseTo(0.375, 1);
  expect(chord.outShare).toBeCloseTo(0.625, 1);
  expect(chord.depthM).toBeGreaterThan(100);
  expect(chordOf(shape, { latDeg: 0.002, lonDeg: -0.004 }, { latDeg: 0.002, lonDeg: 0.004 })).toBeUndefined();
});

test("a way that runs along an edge before it goes in has its chord", () => {
  const { shape } = ruleOf({
    type: "Polygon",
    coordinates: [
      [
        [10, 50],
        [10.02, 50],
        [10.02, 50.001],
        [10.04, 50.001],
        [10.04, 49.99],
        [10, 49.99],
        [10, 50],
      ],
    ],
  });
  const chord = chordOf(shape, { latDeg: 50.00001, lonDeg: 9.99 }, { latDeg: 50.00001, lonDeg: 10.05 })!;
  expect([chord.inShare, chord.outShare]).toEqual([expect.closeTo(0.5, 4), expect.closeTo(5 / 6, 4)]);
  expect(chord.depthM).toBeGreaterThan(100);
});

const places = fc.record({
  lonDeg: fc.oneof(
    fc.double({ min: -180, max: 180, noNaN: true }),
    fc.double({ min: 179.9, max: 180, noNaN: true }),
    fc.double({ min: 10, max: 10.1, noNaN: true }),
  ),
  latDeg: fc.oneof(fc.double({ min: -84, max: 84, noNaN: true }), fc.double({ min: 50, max: 50.1, noNaN: true })),
});
const sizes = fc.oneof(
  fc.double({ min: 0.0001, max: 0.01, noNaN: true }),
  fc.double({ min: 0.01, max: 80, noNaN: true }),
);
const rules = fc
  .tuple(places, sizes, fc.nat(3), fc.nat(2))
  .map(([{ lonDeg, latDeg }, sizeDeg, kind, aside]): FenceRule => {
    const lon = Math.min(180 - sizeDeg, Math.max(-180 + sizeDeg, lonDeg));
    const lat = Math.min(84 - sizeDeg, Math.max(-84 + sizeDeg, latDeg));
    // Holes may reach beyond their polygon.
    const offDeg = lon - sizeDeg * 2 < -180 ? 0 : (aside * sizeDeg) / 2;
    const room = Math.min(sizeDeg, 84 - Math.abs(latDeg)) * 100_000;
    if (kind === 0)
      return ruleOf({ type: "Point", coordinates: [lonDeg, latDeg] }, { radius_m: Math.min(1e6, Math.max(1, room)) });
    if (kind === 1)
      return ruleOf({
        type: "Polygon",
        coordinates: [square(lon, lat, sizeDeg), square(lon - offDeg, lat, sizeDeg / 3)],
      });
    if (kind === 2) {
      return ruleOf(
        {
          type: "LineString",
          coordinates: [
            [lon - sizeDeg, lat],
            [lon, lat + sizeDeg / 2],
          ],
        },
        { width_m: Math.min(9_000, Math.max(1, room / 5)) },
      );
    }
    return ruleOf({
      type: "MultiPolygon",
      coordinates: [[square(lon, lat, sizeDeg / 2)], [square(lon, lat, sizeDeg / 4).map(([x, y]) => [x! / 2, y!])]],
    });
  });

test("the grid and a look at every fence find the same fences, at a place and at the end of a way", () => {
  fc.assert(
    fc.property(fc.array(rules, { minLength: 1, maxLength: 12 }), places, places, (all, place, from) => {
      const versions = all.map(
        (rule, fenceId): FenceVersion => ({ fenceId, version: 1, rule, validFromMs: 0, validToMs: 9 }),
      );
      const set = new FenceSet(versions);
      const inside = (fences: readonly FenceVersion[]): number[] =>
        fences
          .filter(({ rule }) => distanceTo(rule, place.lonDeg, place.latDeg) > 0)
          .map(({ fenceId }) => fenceId)
          .sort((a, b) => a - b);
      expect(inside(set.near(place, undefined, 5))).toEqual(inside(versions));
      const near = { latDeg: place.latDeg + (from.latDeg - place.latDeg) / 1e4, lonDeg: place.lonDeg };
      expect(inside(set.near(place, near, 5))).toEqual(inside(versions));
    }),
    { numRuns: 1_000 },
  );
});

test("every fence that a way goes through is found along it", () => {
  fc.assert(
    fc.property(
      rules,
      places,
      fc.double({ min: -0.05, max: 0.05, noNaN: true }),
      fc.double({ min: -0.05, max: 0.05, noNaN: true }),
      (rule, place, north, east) => {
        const to = { latDeg: place.latDeg + north, lonDeg: ((place.lonDeg + east + 540) % 360) - 180 };
        const set = new FenceSet([{ fenceId: 1, version: 1, rule, validFromMs: 0, validToMs: 9 }]);
        const through = [0, 0.2, 0.4, 0.6, 0.8, 1].some((share) => {
          const lonDeg = ((place.lonDeg + east * share + 540) % 360) - 180;
          return distanceTo(rule, lonDeg, place.latDeg + north * share) > 1;
        });
        if (through) expect(set.near(to, place, 5)).toHaveLength(1);
      },
    ),
    { numRuns: 1_000 },
  );
});

test("a fence is found by the version of the time asked for, however versions came", () => {
  const rule = ruleOf({ type: "Point", coordinates: [10, 50] }, { radius_m: 100 });
  const place = { latDeg: 50, lonDeg: 10 };
  const set = new FenceSet();
  const version = (number: number, validFromMs: number, validToMs = Number.POSITIVE_INFINITY): FenceVersion => ({
    ...{ fenceId: 1, version: number, rule, validFromMs, validToMs },
  });
  set.apply([version(1, 100)], 0);
  expect([set.near(place, undefined, 99).length, set.near(place, undefined, 100).length]).toEqual([0, 1]);
  set.apply([version(1, 100, 200), version(2, 200)], 0);
  expect([150, 250].map((atMs) => set.near(place, undefined, atMs).map((found) => found.version))).toEqual([[1], [2]]);
  const many = Array.from({ length: 1_500 }, (_, n) => ({ ...version(1, 0), fenceId: 100 + n }));
  set.apply([version(2, 200, 300), ...many], 250);
  expect(set.lastBefore(1, 400)?.version).toBe(2);
  expect(set.near(place, undefined, 299)).toHaveLength(1_501);
  expect(set.versionAt(1, 150)).toBeUndefined();
});
