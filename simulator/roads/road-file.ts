import { readFileSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { compileRoadBytes } from "#stream/roads/build.ts";
import type { OsmElement } from "#stream/roads/osm-elements.ts";
import { replaceFile } from "#stream/roads/replace-file.ts";
import { readNodes, readPlaces } from "./network.ts";
import type { NetworkFile } from "./network-file.ts";

/** The streets of Gothenburg that simulated vehicles drive, as elements of OpenStreetMap. */
export function gothenburgElements(): OsmElement[] {
  const file = JSON.parse(readFileSync(new URL("gothenburg.json", import.meta.url), "utf8")) as NetworkFile;
  const { latDeg, lonDeg } = readPlaces(file);
  const nodes = Array.from(
    latDeg,
    (lat, node): OsmElement => ({ type: "node", id: node + 1, lat, lon: lonDeg[node]! }),
  );
  const ways = file.ways.map((packed): OsmElement => {
    const [id, classIndex, oneWay, limitKmh, nameIndex] = packed as [number, number, number, number, number];
    const tags = {
      highway: file.classes[classIndex]!,
      name: file.names[nameIndex] ?? "",
      oneway: oneWay === 1 ? "yes" : "no",
      ...(limitKmh > 0 ? { maxspeed: String(limitKmh) } : {}),
    };
    return { type: "way", id, refs: readNodes(packed).map((node) => node + 1), tags };
  });
  return [...nodes, ...ways];
}

/** Makes the road network file of these streets, unless it is there. Two processes may do so at once. */
export async function ensureGothenburgRoads(path: string): Promise<void> {
  if (await exists(path)) return;
  const elements = gothenburgElements();
  const bytes = await compileRoadBytes((take) => {
    for (const element of elements) take(element);
    return Promise.resolve();
  });
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, (file) => file.writeFile(bytes));
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
