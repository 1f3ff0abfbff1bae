import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { buildRoads } from "./build.ts";
import { RoadLimitError } from "./limits.ts";
import { openRoads } from "./open.ts";
import { type OsmElement, openOsmSource, RoadSourceError } from "./osm-elements.ts";
import { ACCESS } from "./way-tags.ts";

const folder = mkdtempSync(join(tmpdir(), "elements-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function build(features: readonly object[]) {
  const [source, target] = [join(folder, "some.geojson"), join(folder, "some.roads")];
  writeFileSync(source, JSON.stringify({ type: "FeatureCollection", features }));
  const { skipped } = await buildRoads(source, target);
  return { skipped, roads: openRoads(target) };
}

const road = (coordinates: unknown, type = "LineString"): object => ({
  properties: { highway: "primary" },
  geometry: { type, coordinates },
});

const GOOD = road([
  [12, 57],
  [12.01, 57],
]);

test("What GeoJSON has beside lines is counted, whatever it is.", async () => {
  const { skipped } = await build([
    GOOD,
    road([12, 57], "Point"),
    road([], "LineString"),
    road("nowhere"),
    road([[12, 57]]),
    { properties: { highway: "primary" }, geometry: null },
    { properties: null },
  ]);
  expect(skipped).toEqual({ wayWithoutGeometry: 5, notARoad: 1 });
});

test("A line of GeoJSON is not drawn across what is no place on earth.", async () => {
  const { skipped, roads } = await build([
    road([
      [12, 57],
      [12.001, 57],
      [12.5, 95],
      [12.002, 57],
      ["12", 57],
      [12.003, 57],
      [12.004, 57],
    ]),
  ]);
  expect(skipped).toEqual({ wayCutAtTheEdgeOfTheExtract: 1 });
  expect([...roads.shapeLonE7].sort()).toEqual([120_000_000, 120_010_000, 120_030_000, 120_040_000]);
});

test("What GeoJSON says by true and false is read as yes and no.", async () => {
  const geometry = {
    type: "LineString",
    coordinates: [
      [12, 57],
      [12.01, 57],
    ],
  };
  const { roads } = await build([{ properties: { highway: "primary", oneway: true, bridge: false }, geometry }]);
  expect(roads.edgeAccess[0]! & (ACCESS.carForward | ACCESS.carBackward)).toBe(ACCESS.carForward);
  expect(roads.edgeFlags[0]).toBe(0);
});

test("A way over the date line is cut there, and the report says so.", async () => {
  const { skipped, roads } = await build([
    road([
      [179.99, -17],
      [179.999, -17],
      [-179.999, -17],
      [-179.99, -17],
    ]),
  ]);
  expect(skipped).toEqual({ wayCutAtTheDateLine: 1 });
  expect(roads.edgeFrom.length).toBe(2);
  expect(Math.max(...roads.edgeLengthM)).toBeLessThan(1_000);
});

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))];
const zigzag = (value: number): number[] => varint(value < 0 ? -2 * value - 1 : 2 * value);
const bytesField = (number: number, bytes: readonly number[]): number[] => [
  (number << 3) | 2,
  ...varint(bytes.length),
  ...bytes,
];
const intField = (number: number, value: number): number[] => [number << 3, ...varint(value)];

/** A block of an extract, https://wiki.openstreetmap.org/wiki/PBF_Format: two nodes and a way between them. */
function pbfOf(nodes: readonly (readonly [id: number, latE7: number, lonE7: number])[]): Buffer {
  const strings = ["", "highway", "primary"].flatMap((text) => bytesField(1, [...Buffer.from(text)]));
  const group = [
    ...nodes.flatMap(([id, latE7, lonE7]) =>
      bytesField(1, [8, ...zigzag(id), 8 << 3, ...zigzag(latE7), 9 << 3, ...zigzag(lonE7)]),
    ),
    ...bytesField(3, [
      ...intField(1, 77),
      ...bytesField(2, [1]),
      ...bytesField(3, [2]),
      ...bytesField(
        8,
        nodes.flatMap(([id], i) => zigzag(id - (nodes[i - 1]?.[0] ?? 0))),
      ),
    ]),
  ];
  const block = Buffer.from([...bytesField(1, strings), ...bytesField(2, group)]);
  const blob = [...intField(2, block.length), ...bytesField(3, [...deflateSync(block)])];
  const header = [...bytesField(1, [...Buffer.from("OSMData")]), ...intField(3, blob.length)];
  return Buffer.from([0, 0, 0, header.length, ...header, ...blob]);
}

const EXTRACT = pbfOf([
  [1, 570_000_000, 120_000_000],
  [2, 570_000_000, 120_100_000],
]);

test("An extract is read, and one that is cut somewhere is refused.", async () => {
  const path = join(folder, "small.osm.pbf");
  const read = async (bytes: Buffer): Promise<OsmElement[]> => {
    writeFileSync(path, bytes);
    const elements: OsmElement[] = [];
    await (await openOsmSource(path))((element) => elements.push(element));
    return elements;
  };
  expect(await read(EXTRACT)).toMatchObject([
    { type: "node", id: 1, lat: 57, lon: 12 },
    { type: "node", id: 2, lat: 57, lon: 12.01 },
    { type: "way", id: 77, refs: [1, 2], tags: { highway: "primary" } },
  ]);
  for (let length = 0; length < EXTRACT.length; length += 9)
    await expect(read(EXTRACT.subarray(0, length)), `${length} bytes`).rejects.toThrow(RoadSourceError);
});

test("A source that is too large is not called unreadable.", async () => {
  const path = join(folder, "large.osm.pbf");
  writeFileSync(path, EXTRACT);
  const source = await openOsmSource(path);
  const refuse = (): void => {
    throw new RoadLimitError("too many edges");
  };
  await expect(source(refuse)).rejects.toThrow(RoadLimitError);
});

test("A node of an extract that lies nowhere on earth is as unknown as one that is missing.", async () => {
  const [source, target] = [join(folder, "far.osm.pbf"), join(folder, "far.roads")];
  writeFileSync(
    source,
    pbfOf([
      [1, 570_000_000, 120_000_000],
      [2, 570_000_000, 120_100_000],
      [3, 5_700_000_000, 0],
    ]),
  );
  const { skipped } = await buildRoads(source, target);
  expect(skipped).toEqual({ wayCutAtTheEdgeOfTheExtract: 1 });
  expect([...openRoads(target).shapeLatE7]).toEqual([570_000_000, 570_000_000]);
});
