import { VectorTile, type VectorTileFeature } from "@mapbox/vector-tile";
import fc from "fast-check";
import { PbfReader } from "pbf";
import { expect, test } from "vitest";
import type { RoadNetwork } from "./network-file.ts";
import { drawRoads, placeOf } from "./sample-roads.ts";
import { boundsOf, drawTile, openTileSource, type TilePlace } from "./tile.ts";
import { clipLine, simplifyLine, type TilePoint } from "./tile-line.ts";

const TOWN = [
  {
    id: 1,
    line: [
      [0, 0],
      [150, 0],
      [300, 0],
    ],
    tags: { highway: "primary", name: "Rua Única", oneway: "yes" },
  },
  {
    id: 2,
    line: [
      [150, 0],
      [150, 200],
    ],
    tags: { highway: "track", motor_vehicle: "yes" },
  },
  {
    id: 3,
    line: [
      [300, 0],
      [300, 90],
    ],
    tags: { highway: "motorway_link", tunnel: "yes", oneway: "-1" },
  },
] as const;

const tileAt = (z: number): TilePlace => {
  const { lat, lon } = placeOf(100, 50);
  const y = 0.5 - Math.asinh(Math.tan((lat * Math.PI) / 180)) / (2 * Math.PI);
  return { z, x: Math.floor((lon / 360 + 0.5) * 2 ** z), y: Math.floor(y * 2 ** z) };
};

function featuresOf(roads: RoadNetwork, place: TilePlace): VectorTileFeature[] {
  const tile = drawTile(openTileSource(roads), place);
  const layer = tile && new VectorTile(new PbfReader(tile)).layers.roads;
  return Array.from({ length: layer?.length ?? 0 }, (_, i) => layer!.feature(i));
}

test("A tile carries class, name, direction and structure of each road, the important ones last.", async () => {
  const found = featuresOf(await drawRoads(TOWN), tileAt(14));
  expect(found.map((feature) => feature.properties)).toEqual([
    { class: "track" },
    { class: "primary", name: "Rua Única", oneway: 1 },
    { class: "motorway", oneway: -1, link: true, structure: "tunnel" },
  ]);
});

test("The stretches of a way between junctions become one line, where the way lies.", async () => {
  const place = tileAt(14);
  const primary = featuresOf(await drawRoads(TOWN), place).find(({ properties }) => properties.class === "primary")!;
  const { geometry } = primary.toGeoJSON(place.x, place.y, place.z);
  const lines = (geometry as unknown as { coordinates: [number, number][] }).coordinates;
  expect(lines).toHaveLength(2);
  for (const [i, east] of [0, 300].entries()) {
    const { lat, lon } = placeOf(east, 0);
    expect(lines[i]![0]).toBeCloseTo(lon, 4);
    expect(lines[i]![1]).toBeCloseTo(lat, 4);
  }
});

test("Farther out the small roads are left out, and where nothing is left there is no tile.", async () => {
  const roads = await drawRoads(TOWN);
  expect(featuresOf(roads, tileAt(12)).map(({ properties }) => properties.class)).toEqual(["primary", "motorway"]);
  expect(featuresOf(roads, tileAt(8)).map(({ properties }) => properties.class)).toEqual(["primary"]);
  expect(drawTile(openTileSource(roads), { z: 14, x: 0, y: 0 })).toBeUndefined();
  const [west, south, east, north] = boundsOf(roads);
  expect([west, south]).toEqual([expect.closeTo(placeOf(0, 0).lon, 6), expect.closeTo(placeOf(0, 0).lat, 6)]);
  expect([east, north]).toEqual([expect.closeTo(placeOf(300, 0).lon, 6), expect.closeTo(placeOf(0, 200).lat, 6)]);
});

test("A road that only passes through shows on every tile that it crosses, cut at the buffer.", async () => {
  const long = [
    {
      id: 9,
      line: [
        [-9_000, 40],
        [9_000, 60],
      ] as const,
      tags: { highway: "motorway" },
    },
  ];
  const roads = await drawRoads(long);
  for (const z of [10, 14]) {
    const [feature] = featuresOf(roads, tileAt(z));
    const xs = feature!.loadGeometry().flatMap((line) => line.map(({ x }) => x));
    expect([z, Math.min(...xs) >= -64, Math.max(...xs) <= 4_160]).toEqual([z, true, true]);
  }
  expect(
    featuresOf(roads, tileAt(14))[0]!
      .loadGeometry()[0]!
      .map(({ x }) => x),
  ).toEqual([-64, 4_160]);
});

const point = fc.tuple(
  fc.integer({ min: -200, max: 300 }),
  fc.integer({ min: -200, max: 300 }),
) as fc.Arbitrary<TilePoint>;

test("Cutting keeps what is inside and nothing else.", () => {
  fc.assert(
    fc.property(
      fc.array(point, { minLength: 2, maxLength: 12 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (line, t) => {
        const parts = clipLine(line, 0, 100);
        for (const [x, y] of parts.flat()) expect(Math.max(-x, -y, x - 100, y - 100)).toBeLessThanOrEqual(1e-9);
        const leg = Math.min(line.length - 2, Math.floor(t * (line.length - 1)));
        const [[ax, ay], [bx, by]] = [line[leg]!, line[leg + 1]!];
        const [px, py] = [ax + (bx - ax) * t, ay + (by - ay) * t];
        if (Math.min(px, py, 100 - px, 100 - py) < 1) return;
        const distances = parts.flatMap((part) => part.slice(1).map((end, i) => distanceTo([px, py], part[i]!, end)));
        expect(Math.min(...distances)).toBeLessThan(1e-6);
      },
    ),
  );
});

test("A simplified line keeps its ends and stays within the tolerance of every point.", () => {
  fc.assert(
    fc.property(
      fc.array(point, { minLength: 2, maxLength: 30 }),
      fc.integer({ min: 1, max: 40 }),
      (line, tolerance) => {
        const simple = simplifyLine(line, tolerance);
        expect([simple[0], simple.at(-1)]).toEqual([line[0], line.at(-1)]);
        for (const at of line) {
          const distances = simple.slice(1).map((end, i) => distanceTo(at, simple[i]!, end));
          expect(Math.min(...distances)).toBeLessThanOrEqual(tolerance + 1e-9);
        }
      },
    ),
  );
});

function distanceTo([px, py]: TilePoint, [ax, ay]: TilePoint, [bx, by]: TilePoint): number {
  const square = (bx - ax) ** 2 + (by - ay) ** 2;
  const t = square === 0 ? 0 : Math.max(0, Math.min(1, ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / square));
  return Math.hypot(px - ax - t * (bx - ax), py - ay - t * (by - ay));
}
