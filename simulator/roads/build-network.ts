import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { type NetworkFile, ROAD_CLASSES, type RoadClass } from "./network-file.ts";
import { largestStronglyConnected } from "./strongly-connected.ts";

/**
 * Derives `gothenburg.json` from the OpenStreetMap extract that the development dependency `geojson-path-finder` carries:
 * `npm run simulator:roads`. Kept: public streets open to cars (no service roads), of them the largest set of places that all reach each other.
 */

type OsmFeature = {
  id: string;
  properties: Record<string, string | undefined>;
  geometry: { type: string; coordinates: unknown };
};
type OsmExtract = { timestamp: string; features: OsmFeature[] };
type Street = { wayId: number; roadClass: RoadClass; oneWay: boolean; limitKmh: number; name: string; nodes: number[] };

const COORDINATE_SCALE = 1e6;
const CLOSED = new Set(["no", "private", "agricultural", "forestry"]);

const source = createRequire(import.meta.url).resolve("geojson-path-finder/package.json");
const extract = JSON.parse(readFileSync(new URL("test/large-network.json", `file://${source}`), "utf8")) as OsmExtract;
const { streets, places } = readStreets(extract);
const reachable = largestStronglyConnected(places.length, linksOf(streets));
const file = pack(
  streets.flatMap((street) => splitAtUnreachable(street, reachable)),
  places,
  extract.timestamp,
);
const output = fileURLToPath(new URL("gothenburg.json", import.meta.url));
writeFileSync(output, `${JSON.stringify(file)}\n`);
process.stdout.write(`${output}: ${file.ways.length} ways, ${file.nodes.length / 2} nodes\n`);

function readStreets(from: OsmExtract): { streets: Street[]; places: [number, number][] } {
  const indexOf = new Map<string, number>();
  const found: [number, number][] = [];
  const kept: Street[] = [];
  for (const feature of from.features) {
    const street = readStreet(feature);
    if (!street) continue;
    for (const [lon, lat] of feature.geometry.coordinates as [number, number][]) {
      const place: [number, number] = [Math.round(lat * COORDINATE_SCALE), Math.round(lon * COORDINATE_SCALE)];
      const key = place.join();
      const index = indexOf.get(key) ?? found.push(place) - 1;
      indexOf.set(key, index);
      if (street.nodes.at(-1) !== index) street.nodes.push(index);
    }
    if (feature.properties.oneway === "-1") street.nodes.reverse();
    if (street.nodes.length > 1) kept.push(street);
  }
  return { streets: kept, places: found };
}

function readStreet({ id, properties, geometry }: OsmFeature): Street | undefined {
  const roadClass = ROAD_CLASSES.find((name) => name === properties.highway);
  if (!roadClass || geometry.type !== "LineString" || properties.area === "yes") return undefined;
  const open = properties.motorcar ?? properties.motor_vehicle ?? properties.access ?? "yes";
  if (CLOSED.has(open)) return undefined;
  const oneWay =
    ["yes", "true", "1", "-1"].includes(properties.oneway ?? "") ||
    (properties.oneway !== "no" && (roadClass === "motorway" || properties.junction === "roundabout"));
  return {
    wayId: Number(id.replace("way/", "")),
    roadClass,
    oneWay,
    limitKmh: Number.parseInt(properties.maxspeed ?? "0", 10) || 0,
    name: properties.name ?? properties.ref ?? "",
    nodes: [],
  };
}

function linksOf(of: readonly Street[]): [number, number][] {
  return of.flatMap(({ nodes, oneWay }) =>
    nodes.slice(1).flatMap((node, index): [number, number][] => {
      const before = nodes[index]!;
      return oneWay
        ? [[before, node]]
        : [
            [before, node],
            [node, before],
          ];
    }),
  );
}

function splitAtUnreachable(street: Street, keep: ReadonlySet<number>): Street[] {
  const runs: number[][] = [[]];
  for (const node of street.nodes) {
    if (keep.has(node)) runs.at(-1)!.push(node);
    else runs.push([]);
  }
  return runs.filter((nodes) => nodes.length > 1).map((nodes) => ({ ...street, nodes }));
}

function pack(kept: readonly Street[], at: readonly [number, number][], timestamp: string): NetworkFile {
  const names = [...new Set(kept.map((street) => street.name))].sort();
  const numberOf = new Map<number, number>();
  const order: number[] = [];
  const ways = kept.map((street) => {
    const nodes = street.nodes.map((node) => {
      const known = numberOf.get(node) ?? order.push(node) - 1;
      numberOf.set(node, known);
      return known;
    });
    const deltas = nodes.map((node, index) => node - (nodes[index - 1] ?? 0));
    const classIndex = ROAD_CLASSES.indexOf(street.roadClass);
    return [street.wayId, classIndex, street.oneWay ? 1 : 0, street.limitKmh, names.indexOf(street.name), ...deltas];
  });
  const nodes = order.flatMap((node, index) => {
    const [lat, lon] = at[node]!;
    const [latBefore, lonBefore] = index === 0 ? [0, 0] : at[order[index - 1]!]!;
    return [lat - latBefore, lon - lonBefore];
  });
  return {
    attribution: "© OpenStreetMap contributors, https://www.openstreetmap.org/copyright",
    licence: "Open Database License (ODbL) 1.0, https://opendatacommons.org/licenses/odbl/1-0/",
    source: `Streets of Gothenburg, OpenStreetMap as of ${timestamp}, by way of the npm package geojson-path-finder`,
    coordinateScale: COORDINATE_SCALE,
    classes: [...ROAD_CLASSES],
    names,
    nodes,
    ways,
  };
}
