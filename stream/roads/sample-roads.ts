import { compileRoadBytes } from "./build.ts";
import type { RoadNetwork } from "./network-file.ts";
import { viewRoads } from "./open.ts";
import type { OsmElement, OsmRelation } from "./osm-elements.ts";

/** Small networks drawn in metres around a point, for tests. */

const ORIGIN = { lat: 41.15, lon: -8.61 };
const LAT_M = 111_195;
const LON_M = LAT_M * Math.cos((ORIGIN.lat * Math.PI) / 180);

/** Points as [east, north] in metres. */
export type SampleLine = readonly (readonly [number, number])[];

/** Ways meet where they have the same point. */
export interface SampleWay {
  id: number;
  line: SampleLine;
  tags?: Record<string, string>;
}

/** A turn restriction over a node, named by its point, or over ways. */
export interface SampleRestriction {
  from: number;
  via: readonly [number, number] | { ways: readonly number[] };
  to: number;
  restriction: string;
  tags?: Record<string, string>;
  /** Whether the members are listed from the last to the first. */
  backToFront?: boolean;
}

/** A line written as "east,north east,north …", metres. */
export function lineOf(points: string): SampleLine {
  return points.split(" ").map((point) => {
    const [east, north] = point.split(",").map(Number);
    return [east!, north!] as const;
  });
}

export function way(id: number, points: string, tags: Record<string, string> = {}): SampleWay {
  return { id, line: lineOf(points), tags };
}

export function placeOf(east: number, north: number): { lat: number; lon: number } {
  return { lat: ORIGIN.lat + north / LAT_M, lon: ORIGIN.lon + east / LON_M };
}

/** A network of these ways. */
export async function drawRoads(
  ways: readonly SampleWay[],
  restrictions: readonly SampleRestriction[] = [],
): Promise<RoadNetwork> {
  const ids = new Map<string, number>();
  const elements: OsmElement[] = [];
  const nodeOf = ([east, north]: readonly [number, number]): number => {
    const key = `${east},${north}`;
    const known = ids.get(key);
    if (known !== undefined) return known;
    ids.set(key, ids.size + 1);
    elements.push({ type: "node", id: ids.size, ...placeOf(east, north) });
    return ids.size;
  };
  for (const way of ways)
    elements.push({
      type: "way",
      id: way.id,
      refs: way.line.map(nodeOf),
      tags: { highway: "residential", ...way.tags },
    });
  for (const restriction of restrictions) elements.push(relationOf(restriction, nodeOf));
  const bytes = await compileRoadBytes((take) => {
    for (const element of elements) take(element);
    return Promise.resolve();
  });
  return viewOf(bytes);
}

/** The network of a file's bytes. */
export function viewOf(bytes: Uint8Array): RoadNetwork {
  const buffer = new SharedArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return viewRoads(buffer, "the sample", true);
}

/** The relation as OpenStreetMap has it. */
export function relationOf(
  { from, via, to, restriction, tags, backToFront }: SampleRestriction,
  nodeOf: (point: readonly [number, number]) => number,
): OsmRelation {
  const over: OsmRelation["members"] =
    "ways" in via
      ? via.ways.map((ref) => ({ type: "way", ref, role: "via" }))
      : [{ type: "node", ref: nodeOf(via), role: "via" }];
  const members: OsmRelation["members"] = [
    { type: "way", ref: from, role: "from" },
    ...over,
    { type: "way", ref: to, role: "to" },
  ];
  return {
    type: "relation",
    tags: { type: "restriction", restriction, ...tags },
    members: backToFront ? members.toReversed() : members,
  };
}

/** The directed edge along a way that is one edge; + 1 is the one against it. */
export function alongWay(roads: RoadNetwork, wayId: number): number {
  return roads.edgeWay.indexOf(roads.wayId.indexOf(wayId)) * 2;
}
