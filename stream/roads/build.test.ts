import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { buildRoads, compileRoadBytes, RoadSourceEmptyError } from "./build.ts";
import { exitVertex } from "./drive-times.ts";
import { findEdgesNear } from "./grid-index.ts";
import { checkRoadLimit, ROAD_LIMITS, RoadLimitError } from "./limits.ts";
import { checksum } from "./network-file.ts";
import { openRoads, RoadFileError, readWayName, viewRoads } from "./open.ts";
import { type OsmElement, openOsmSource, RoadSourceError } from "./osm-elements.ts";
import { withRoom } from "./room.ts";
import { alongWay, drawRoads, placeOf, relationOf, viewOf, way } from "./sample-roads.ts";
import { isBanned } from "./turn-restrictions.ts";
import { exitsOf } from "./via-ways.ts";
import { ACCESS, EDGE_FLAGS, readSpeedKmh, readWayTags } from "./way-tags.ts";

const folder = mkdtempSync(join(tmpdir(), "roads-"));
afterAll(() => rmSync(folder, { recursive: true }));

function feature(id: number, line: readonly (readonly [number, number])[], properties: Record<string, string>): object {
  const coordinates = line.map(([east, north]) => {
    const { lat, lon } = placeOf(east, north);
    return [Number(lon.toFixed(7)), Number(lat.toFixed(7))];
  });
  return {
    type: "Feature",
    properties: { "@id": `way/${id}`, ...properties },
    geometry: { type: "LineString", coordinates },
  };
}

async function buildGeoJson(name: string, features: readonly object[]): Promise<string> {
  const source = join(folder, `${name}.geojson`);
  const target = join(folder, `${name}.roads`);
  writeFileSync(source, JSON.stringify({ type: "FeatureCollection", features }));
  await buildRoads(source, target);
  return target;
}

const TOWN = [
  feature(
    11,
    [
      [0, 0],
      [100, 0],
      [200, 0],
    ],
    { highway: "primary", name: "Rua Única", maxspeed: "50", layer: "1" },
  ),
  feature(
    12,
    [
      [100, 0],
      [100, 80],
    ],
    { highway: "residential", oneway: "yes" },
  ),
  feature(
    13,
    [
      [0, 30],
      [50, 60],
    ],
    { highway: "footway" },
  ),
  feature(
    14,
    [
      [0, 30],
      [50, 90],
    ],
    { building: "yes" },
  ),
];

test("GeoJSON becomes a network: ways are cut where they meet, and what is left out is counted.", async () => {
  const source = join(folder, "town.geojson");
  writeFileSync(source, JSON.stringify({ type: "FeatureCollection", features: TOWN }));
  const report = await buildRoads(source, join(folder, "town.roads"));
  expect(report).toMatchObject({ ways: 2, edges: 3, vertices: 4, skipped: { noAccess: 1, notARoad: 1 } });
  const roads = openRoads(join(folder, "town.roads"));
  expect([...roads.wayId]).toEqual([11, 12]);
  expect(readWayName(roads, 0)).toBe("Rua Única");
  expect(readWayName(roads, 1)).toBe("");
  expect(roads.wayLayer[0]).toBe(1);
  expect(roads.edgeLengthM[0]).toBeCloseTo(100, 0);
  expect(roads.edgeSpeedKmh[0]).toBe(50);
  expect(roads.edgeAccess[2]! & ACCESS.carBackward).toBe(0);
});

test("The file holds the bytes that are made in memory, and room and limits of columns are kept.", async () => {
  const file = await buildGeoJson("same", TOWN);
  const bytes = await compileRoadBytes(await openOsmSource(join(folder, "same.geojson")));
  expect(readFileSync(file).equals(bytes)).toBe(true);
  const column = Float64Array.of(1, 2, 3);
  expect(withRoom(column, 3)).toBe(column);
  const grown = withRoom(column, 4);
  expect([...grown.subarray(0, 3)]).toEqual([1, 2, 3]);
  expect(grown.length).toBeGreaterThanOrEqual(4);
  expect(() => checkRoadLimit("names", ROAD_LIMITS.names)).not.toThrow();
  expect(() => checkRoadLimit("names", ROAD_LIMITS.names + 1)).toThrow(RoadLimitError);
  expect(() => checkRoadLimit("edges", 2 ** 31)).toThrow(/2147483648 edges.* 1073741824/);
});

test("A checksum taken in parts is that of the whole.", () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 31) & 255);
  const inParts = checksum(bytes.subarray(300), checksum(bytes.subarray(0, 300), 0));
  expect(inParts).toBe(crc32(bytes));
});

test("A second thread sees the same network through the same buffer.", async () => {
  const roads = openRoads(await buildGeoJson("shared", TOWN));
  const view = viewRoads(roads.buffer);
  expect(view.fingerprint).toBe(roads.fingerprint);
  expect(view.edgeLengthM.buffer).toBe(roads.edgeLengthM.buffer);
});

test("A file that is cut short, changed anywhere, of another kind or of another version is refused by name.", async () => {
  const file = await buildGeoJson("broken", TOWN);
  const whole = readFileSync(file);
  const damaged = join(folder, "damaged.roads");
  for (const size of [0, 3, 200, whole.length - 1]) {
    writeFileSync(damaged, whole.subarray(0, size));
    expect(() => openRoads(damaged), `${size} bytes`).toThrow(RoadFileError);
  }
  for (let at = 0; at < whole.length; at += 97) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 0x40;
    writeFileSync(damaged, changed);
    expect(() => openRoads(damaged), `byte ${at}`).toThrow(RoadFileError);
  }
  writeFileSync(damaged, "x".repeat(10_000));
  expect(() => openRoads(damaged)).toThrow(/not a road network file/);
});

test("A source that is not what its name says, or holds no road, is an error that names it.", async () => {
  const source = join(folder, "bad.geojson");
  const target = join(folder, "bad.roads");
  writeFileSync(source, "{");
  await expect(buildRoads(source, target)).rejects.toThrow(RoadSourceError);
  writeFileSync(source, "[]");
  await expect(buildRoads(source, target)).rejects.toThrow(/FeatureCollection/);
  writeFileSync(source, JSON.stringify({ features: [] }));
  await expect(buildRoads(source, target)).rejects.toThrow(RoadSourceEmptyError);
  const pbf = join(folder, "bad.osm.pbf");
  writeFileSync(pbf, Buffer.from([0, 0, 0, 5, 1, 2, 3, 4, 5]));
  await expect(buildRoads(pbf, target)).rejects.toThrow(RoadSourceError);
  await expect(buildRoads(join(folder, "absent.osm.pbf"), target)).rejects.toThrow(RoadSourceError);
  await expect(buildRoads(join(folder, "absent.osm.pbf"), target)).rejects.toThrow(/no such file/);
  await expect(buildRoads(join(folder, "absent.geojson"), target)).rejects.toThrow(RoadSourceError);
});

test("Turn restrictions forbid what they name, and only_ ones everything else.", async () => {
  const cross = [
    {
      id: 1,
      line: [
        [-100, 0],
        [0, 0],
      ],
    },
    {
      id: 2,
      line: [
        [0, 0],
        [100, 0],
      ],
    },
    {
      id: 3,
      line: [
        [0, 0],
        [0, 100],
      ],
    },
  ] as const;
  const no = await drawRoads(cross, [{ from: 1, via: [0, 0], to: 3, restriction: "no_left_turn" }]);
  const [first, second, third] = [1, 2, 3].map((id) => alongWay(no, id)) as [number, number, number];
  const turns = [isBanned(no, first, third), isBanned(no, first, second), isBanned(no, second + 1, third)];
  expect(turns).toEqual([true, false, false]);
  const only = await drawRoads(cross, [{ from: 1, via: [0, 0], to: 2, restriction: "only_straight_on" }]);
  expect([isBanned(only, first, third), isBanned(only, first, second)]).toEqual([true, false]);
});

test("Where a way may not be turned round on, straight on is allowed although it is the same way.", async () => {
  const ways = [way(1, "-100,0 0,0 100,0"), way(2, "0,0 0,100")];
  const roads = await drawRoads(ways, [{ from: 1, via: [0, 0], to: 1, restriction: "no_u_turn" }]);
  const [west, east] = [0, 1].map((n) => alongWay(roads, 1) + 2 * n) as [number, number];
  expect([isBanned(roads, west, west + 1), isBanned(roads, west, east)]).toEqual([true, false]);
  expect([isBanned(roads, east + 1, east), isBanned(roads, east + 1, west + 1)]).toEqual([true, false]);
});

test("A restriction that excepts motor vehicles is none for cars.", async () => {
  const ways = [way(1, "-100,0 0,0"), way(2, "0,0 100,0"), way(3, "0,0 0,100")];
  const turn = { from: 1, via: [0, 0] as const, to: 3, restriction: "no_left_turn" };
  const isForbidden = async (except: string): Promise<boolean> => {
    const roads = await drawRoads(ways, [{ ...turn, tags: { except } }]);
    return isBanned(roads, alongWay(roads, 1), alongWay(roads, 3));
  };
  const excepts = ["psv", "motorcar;psv", "psv;motor_vehicle", "vehicle", "motorcycle"];
  expect(await Promise.all(excepts.map(isForbidden))).toEqual([true, false, false, false, true]);
});

test("Two nodes drawn at the same place, one after the other, do not cut a road, and restrictions name either.", async () => {
  const at = (east: number, north: number) => placeOf(east, north);
  const nodes = [at(-100, 0), at(0, 0), at(0, 0), at(100, 0), at(0, 100)];
  const wayOf = (id: number, refs: readonly number[]): OsmElement => ({
    ...{ type: "way", id, refs, tags: { highway: "residential" } },
  });
  const elements: OsmElement[] = [
    ...nodes.map((place, i): OsmElement => ({ type: "node", id: i + 1, ...place })),
    wayOf(1, [1, 2, 3]),
    wayOf(2, [3, 4]),
    wayOf(3, [2, 5]),
    relationOf({ from: 1, via: [0, 0], to: 3, restriction: "no_left_turn" }, () => 3),
  ];
  const roads = viewOf(
    await compileRoadBytes(async (take) => {
      for (const element of elements) take(element);
    }),
  );
  const [first, second, third] = [1, 2, 3].map((id) => alongWay(roads, id)) as [number, number, number];
  expect(roads.vertexLatE7.length).toBe(4);
  expect(exitsOf(roads, exitVertex(roads, first)).sort()).toEqual([first + 1, second, third].sort());
  expect([isBanned(roads, first, second), isBanned(roads, first, third)]).toEqual([false, true]);
});

test("A class that is the name of something every object has is no road.", () => {
  expect(["constructor", "toString", "__proto__"].map((highway) => readWayTags({ highway }))).toEqual(
    Array.from({ length: 3 }, () => "classNotDriven"),
  );
});

test("A road is private by the most particular tag for cars.", () => {
  const isPrivate = (tags: Record<string, string>): boolean => {
    const attributes = readWayTags({ highway: "service", ...tags });
    return typeof attributes !== "string" && (attributes.flags & EDGE_FLAGS.private) !== 0;
  };
  expect(
    [
      { access: "private" },
      { vehicle: "private" },
      { motorcar: "destination" },
      { access: "private", motor_vehicle: "yes" },
      { motor_vehicle: "private", motorcar: "yes" },
      {},
    ].map(isPrivate),
  ).toEqual([true, true, true, false, false, false]);
});

test.each([
  [{ highway: "motorway" }, true, false],
  [{ highway: "residential" }, true, true],
  [{ highway: "residential", oneway: "-1" }, false, true],
  [{ highway: "tertiary", junction: "roundabout" }, true, false],
  [{ highway: "tertiary", junction: "roundabout", oneway: "no" }, true, true],
  [{ highway: "service", access: "private" }, true, true],
  [{ highway: "residential", motor_vehicle: "no" }, false, false],
  [{ highway: "cycleway" }, false, false],
  [{ highway: "pedestrian" }, false, false],
  [{ highway: "pedestrian", vehicle: "yes" }, false, false],
  [{ highway: "pedestrian", motor_vehicle: "delivery", oneway: "yes" }, true, false],
  [{ highway: "pedestrian", motor_vehicle: "yes", motorcar: "no" }, false, false],
  [{ highway: "track" }, false, false],
  [{ highway: "track", motor_vehicle: "permissive" }, true, true],
] as const)("A car may drive %o forward %s and backward %s.", (tags, forward, backward) => {
  const attributes = readWayTags(tags);
  const access = typeof attributes === "string" ? 0 : attributes.access;
  expect([(access & ACCESS.carForward) !== 0, (access & ACCESS.carBackward) !== 0]).toEqual([forward, backward]);
});

test("Bicycles use cycleways, and one-way streets against traffic where that is allowed; trucks obey hgv=no.", () => {
  expect(readWayTags({ highway: "cycleway" })).toMatchObject({
    access: ACCESS.bicycleForward | ACCESS.bicycleBackward,
  });
  const street = readWayTags({ highway: "residential", oneway: "yes", "oneway:bicycle": "no", hgv: "no" });
  expect(street).toMatchObject({ access: ACCESS.carForward | ACCESS.bicycleForward | ACCESS.bicycleBackward });
  expect(readWayTags({ highway: "primary_link", tunnel: "yes" })).toMatchObject({
    flags: EDGE_FLAGS.tunnel | EDGE_FLAGS.link,
  });
});

test("maxspeed is read in km/h and mph; implicit and unreadable values count as not given.", () => {
  expect(["50", "30 mph", "walk", "PT:urban", "none", "-5", undefined].map(readSpeedKmh)).toEqual([
    50,
    48,
    7,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test("A roundabout is driven slowly whatever its road's class, unless a sign says otherwise.", () => {
  const speedOf = (tags: Record<string, string>): number => {
    const attributes = readWayTags({ junction: "roundabout", ...tags });
    return typeof attributes === "string" ? Number.NaN : attributes.speedKmh;
  };
  expect(
    [{ highway: "primary" }, { highway: "living_street" }, { highway: "primary", maxspeed: "50" }].map(speedOf),
  ).toEqual([30, 12, 50]);
});

test("The grid finds the same edges as looking at all of them.", async () => {
  const lines = Array.from({ length: 60 }, (_, i) => {
    const [x, y] = [(i * 373) % 2000, (i * 619) % 2000];
    return {
      id: i + 1,
      line: [
        [x, y],
        [x + ((i * 97) % 700) - 350, y + ((i * 41) % 500) - 250],
      ] as const,
    };
  });
  const roads = await drawRoads(lines);
  const [found, seen] = [new Uint32Array(256), new Uint32Array(roads.edgeFrom.length)];
  for (let query = 1; query <= 200; query++) {
    const [east, north] = [(query * 71) % 2200, (query * 131) % 2200];
    const { lat, lon } = placeOf(east, north);
    const count = findEdgesNear(roads, lat * 1e7, lon * 1e7, 50, found, seen, query);
    const near = new Set(found.subarray(0, count));
    expect(near.size).toBe(count);
    lines.forEach(({ id, line: [[ax, ay], [bx, by]] }) => {
      const t = Math.max(
        0,
        Math.min(1, ((east - ax) * (bx - ax) + (north - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)),
      );
      const distanceM = Math.hypot(east - ax - t * (bx - ax), north - ay - t * (by - ay));
      const edge = roads.edgeWay.findIndex((way) => roads.wayId[way] === id);
      if (distanceM < 49) expect(near.has(edge), `way ${id} at ${distanceM} m`).toBe(true);
    });
  }
});
