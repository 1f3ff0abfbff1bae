import { compileRoadBytes } from "#stream/roads/build.ts";
import type { RoadNetwork as StreamRoads } from "#stream/roads/network-file.ts";
import { viewRoads } from "#stream/roads/open.ts";
import type { OsmElement } from "#stream/roads/osm-elements.ts";
import type { RoadNetwork } from "../roads/network.ts";

/** The simulator's streets as the stream's road network, compiled in memory: what a gateway would have been given. */
export async function compileStreets(network: RoadNetwork): Promise<StreamRoads> {
  const elements = elementsOf(network);
  const bytes = await compileRoadBytes((take) => {
    for (const element of elements) take(element);
    return Promise.resolve();
  });
  const buffer = new SharedArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return viewRoads(buffer, "the simulated streets");
}

/** Nodes numbered from 1, and the stretches between junctions as ways with their own OpenStreetMap ids. */
export function elementsOf({ latDeg, lonDeg, edges }: RoadNetwork): OsmElement[] {
  const elements: OsmElement[] = Array.from(latDeg, (lat, node) => ({
    type: "node",
    id: node + 1,
    lat,
    lon: lonDeg[node]!,
  }));
  const backward = new Set(
    edges.filter(({ forward }) => !forward).map(({ wayId, from, to }) => `${wayId}/${to}/${from}`),
  );
  for (const { wayId, forward, nodes, roadClass, limitMps, name, from, to } of edges) {
    if (!forward) continue;
    const oneWay = !backward.has(`${wayId}/${from}/${to}`);
    elements.push({
      type: "way",
      id: wayId,
      refs: nodes.map((node) => node + 1),
      tags: {
        highway: roadClass,
        maxspeed: String(Math.round(limitMps * 3.6)),
        name,
        ...(oneWay ? { oneway: "yes" } : { oneway: "no" }),
      },
    });
  }
  return elements;
}
