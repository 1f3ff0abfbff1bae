import { spawnSync } from "node:child_process";
import { existsSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom } from "#stream/geofence/simulated-visits.ts";
import type { RoadsReport } from "#stream/roads/build.ts";
import { lonMetresPerE7, METRES_PER_E7 } from "#stream/roads/geometry.ts";
import { findEdgesNear } from "#stream/roads/grid-index.ts";
import type { RoadNetwork } from "#stream/roads/network-file.ts";
import { openRoads } from "#stream/roads/open.ts";
import { type RoadPlace, Router } from "#stream/roads/router.ts";
import { ACCESS } from "#stream/roads/way-tags.ts";
import { writeCountry } from "./country.ts";
import { median, printGoal, printTable } from "./measure.ts";
import { extractOf, makeFolder } from "./trace-sets.ts";

/**
 * Road networks from a city to a country: what building takes, how large the file is, and what using it costs. The country is
 * made up (`country.ts`): `node bench/roads-country.ts --towns 158` is 158 × 158 towns, ten million edges.
 */
const { values: given } = parseArgs({ options: { towns: { type: "string", default: "32" } } });

const CITY = extractOf("porto_portugal.osm.pbf");
const MAIN = new URL("../main.ts", import.meta.url).pathname;
const QUERIES = 20_000;
const ROUTES = 500;
const SEARCH_M = 50;
const CANDIDATES_MAX = 256;
const NEAR_KM = [2, 10] as const;
const FAR_KM = [50, 200] as const;

type Built = RoadsReport & { cpuMs: number; peakMemoryBytes: number };

/** In a process of its own, as its peak of memory is that of the process. */
function build(extract: string, file: string): Built {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, "roads", "build", extract, file], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`roads build failed: ${stderr}`);
  return JSON.parse(stdout) as Built;
}

function measureOpen(file: string): { roads: RoadNetwork; openMs: number } {
  const times: number[] = [];
  for (let round = 0; ; round++) {
    const beginMs = performance.now();
    const roads = openRoads(file);
    times.push(performance.now() - beginMs);
    if (round === 2) return { roads, openMs: median(times) };
  }
}

type Finder = (latE7: number, lonE7: number, radiusM: number) => { edges: Uint32Array; count: number };

function finderOf(roads: RoadNetwork): Finder {
  const edges = new Uint32Array(CANDIDATES_MAX);
  const seen = new Uint32Array(roads.edgeFrom.length);
  let stamp = 0;
  return (latE7, lonE7, radiusM) => ({
    edges,
    count: findEdgesNear(roads, latE7, lonE7, radiusM, edges, seen, ++stamp),
  });
}

/** Microseconds of finding the roads near a place that is on one, places in no order. */
function candidatesUs(roads: RoadNetwork, find: Finder, random: () => number): number {
  const points = Array.from({ length: QUERIES }, () => Math.floor(random() * roads.shapeLatE7.length));
  const beginMs = performance.now();
  for (const point of points) find(roads.shapeLatE7[point]!, roads.shapeLonE7[point]!, SEARCH_M);
  return ((performance.now() - beginMs) * 1000) / QUERIES;
}

/** Milliseconds of routes between places that lie so far apart: of each route its best of three. */
function routesMs(
  roads: RoadNetwork,
  router: Router,
  find: Finder,
  random: () => number,
  [fromKm, toKm]: readonly [number, number],
): { p50: number; p99: number; found: number } {
  const times: number[] = [];
  let tried = 0;
  while (times.length < ROUTES && tried < ROUTES * 20) {
    tried++;
    const from = placeNear(roads, find, random, 0);
    const to = from && placeNear(roads, find, random, 1000 * (fromKm + random() * (toKm - fromKm)), from);
    if (from === undefined || to === undefined) continue;
    const rounds = [0, 1, 2].map(() => {
      const beginMs = performance.now();
      const route = router.findRoute(from, to);
      return route === undefined ? Number.NaN : performance.now() - beginMs;
    });
    if (rounds.every((ms) => ms >= 0)) times.push(Math.min(...rounds));
  }
  const sorted = times.toSorted((a, b) => a - b);
  return { p50: median(sorted), p99: sorted[Math.floor(sorted.length * 0.99)]!, found: sorted.length };
}

/** A place that cars reach, anywhere or at a distance from another; undefined where there is no road. */
function placeNear(
  roads: RoadNetwork,
  find: Finder,
  random: () => number,
  apartM: number,
  other?: RoadPlace,
): RoadPlace | undefined {
  const point =
    other === undefined ? Math.floor(random() * roads.shapeLatE7.length) : roads.edgeShape[other.directed >> 1]!;
  const angle = random() * 2 * Math.PI;
  const latE7 = roads.shapeLatE7[point]! + (apartM * Math.sin(angle)) / METRES_PER_E7;
  const lonE7 = roads.shapeLonE7[point]! + (apartM * Math.cos(angle)) / lonMetresPerE7(latE7 / 1e7);
  const { edges, count } = find(latE7, lonE7, 2 * SEARCH_M);
  const edge = edges.subarray(0, count).find((near) => (roads.edgeAccess[near]! & ACCESS.carForward) !== 0);
  return edge === undefined ? undefined : { directed: edge * 2, offsetM: 0 };
}

function measure(name: string, extract: string, folder: string): Record<string, Record<string, string | number>> {
  const file = join(folder, `${name}.roads`);
  const report = build(extract, file);
  const { roads, openMs } = measureOpen(file);
  const find = finderOf(roads);
  const random = seededRandom(7);
  const candidates = candidatesUs(roads, find, random);
  const beginMs = performance.now();
  const router = new Router(roads);
  const routerMs = performance.now() - beginMs;
  const near = routesMs(roads, router, find, random, NEAR_KM);
  const far = report.totalKm > 50_000 ? routesMs(roads, router, find, random, FAR_KM) : undefined;
  const { edges } = report;
  return {
    size: {
      network: name,
      "extract, MB": statSync(extract).size / 1e6,
      ...{ edges, ways: report.ways, vertices: report.vertices, "points an edge": report.shapePoints / edges },
      ...{ "file, MB": report.fileBytes / 1e6, "bytes an edge": report.fileBytes / edges },
    },
    cost: {
      network: name,
      "build, CPU s": report.cpuMs / 1000,
      "build, CPU µs an edge": (report.cpuMs * 1000) / edges,
      "peak memory, MB": report.peakMemoryBytes / 1e6,
      ...{ "open, ms": openMs, "router, ms": routerMs, "roads near a place, µs": candidates },
      "route 2–10 km, p50 ms": near.p50,
      "p99 ms": near.p99,
      "route 50–200 km, p50 ms": far?.p50 ?? "",
      "its p99 ms": far?.p99 ?? "",
    },
  };
}

const folder = makeFolder();
try {
  const towns = Number(given.towns);
  const country = join(folder, "country.osm.pbf");
  writeCountry(country, { townsAcross: towns, townsDown: towns });
  const rows = [
    ...(existsSync(CITY) ? [measure("Porto", CITY, folder)] : []),
    measure(`${towns} × ${towns} towns`, country, folder),
  ];
  printTable(
    "Road networks: size",
    rows.map(({ size }) => size!),
  );
  printTable(
    "Road networks: cost",
    rows.map(({ cost }) => cost!),
  );
  const routeMs = Number(rows.at(-1)!.cost!["route 2–10 km, p50 ms"]);
  printGoal("routes of 2–10 km in a country: p50 at most 0.3 ms", routeMs, routeMs <= 0.3);
} finally {
  rmSync(folder, { recursive: true });
}
