import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { OSMTransform } from "osm-pbf-parser-node";
import { RoadLimitError } from "./limits.ts";
import type { Tags } from "./way-tags.ts";

export interface OsmNode {
  type: "node";
  id: number;
  lat: number;
  lon: number;
}
export interface OsmWay {
  type: "way";
  id: number;
  refs: readonly number[];
  tags: Tags;
}
export interface OsmRelation {
  type: "relation";
  members: readonly { type: "node" | "way" | "relation"; ref: number; role: string }[];
  tags: Tags;
}
export type OsmElement = OsmNode | OsmWay | OsmRelation;

/** A source that can be read more than once: the builder takes ways first and coordinates second. */
export type OsmSource = (take: (element: OsmElement) => void) => Promise<void>;

export class RoadSourceError extends Error {
  readonly code = "ROAD_SOURCE_UNREADABLE";
}

/** Opens an OpenStreetMap extract: `.osm.pbf` (streamed block by block) or GeoJSON as Overpass Turbo exports it. */
export async function openOsmSource(path: string): Promise<OsmSource> {
  if (/\.(geo)?json$/i.test(path)) return parseGeoJson(await readText(path), path);
  return (take) => readPbf(path, take);
}

async function readPbf(path: string, take: (element: OsmElement) => void): Promise<void> {
  const transform = new OSMTransform({ withTags: { node: false, way: true, relation: true }, withInfo: false });
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), transform, async (blocks) => {
      for await (const block of blocks as AsyncIterable<readonly Partial<OsmElement>[]>)
        for (const element of block) if (element.type !== undefined) take(withTags(element));
    });
  } catch (cause) {
    // What the builder itself objects to is no fault of the reading.
    if (cause instanceof RoadLimitError) throw cause;
    // What the file system and zlib say helps; what the reader stumbles over does not.
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === undefined ? "it is cut short, damaged, or not packed with zlib" : message;
    throw new RoadSourceError(`${path} cannot be read as OpenStreetMap PBF: ${reason}`, { cause });
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new RoadSourceError(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

const NO_TAGS: Tags = {};
/** The reader leaves `tags` out when there are none. */
function withTags(element: Partial<OsmElement>): OsmElement {
  const read = element as OsmElement;
  if (read.type !== "node") read.tags ??= NO_TAGS;
  return read;
}

interface Feature {
  id?: unknown;
  properties?: Record<string, unknown> | null;
  geometry?: { type?: unknown; coordinates?: unknown } | null;
}

/** Where GeoJSON names no place on earth: no node has this id, so the way is cut there. */
const UNKNOWN_NODE = 0;

/**
 * GeoJSON has no node ids: two ways that share a coordinate to 1e-7 degrees share a node. It has no restrictions. What is no line
 * becomes a way without nodes, so that the report counts it.
 */
function parseGeoJson(text: string, path: string): OsmSource {
  const features = readFeatures(text, path);
  const nodeIds = new Map<string, number>();
  const elements: OsmElement[] = [];
  for (const feature of features) {
    const tags = readProperties(feature.properties);
    for (const line of readLines(feature.geometry)) {
      const refs = line.map((place) => {
        if (place === undefined) return UNKNOWN_NODE;
        const [lon, lat] = place;
        const key = `${lat.toFixed(7)},${lon.toFixed(7)}`;
        const known = nodeIds.get(key);
        if (known !== undefined) return known;
        const id = nodeIds.size + 1;
        nodeIds.set(key, id);
        elements.push({ type: "node", id, lat, lon });
        return id;
      });
      elements.push({ type: "way", id: readWayId(feature, tags, elements.length), refs, tags });
    }
  }
  return (take) => {
    for (const element of elements) take(element);
    return Promise.resolve();
  };
}

function readFeatures(text: string, path: string): readonly Feature[] {
  try {
    const parsed = JSON.parse(text) as { features?: unknown } | null;
    if (Array.isArray(parsed?.features))
      return parsed.features.filter((f): f is Feature => typeof f === "object" && f !== null);
  } catch (cause) {
    throw new RoadSourceError(`${path} is not JSON`, { cause });
  }
  throw new RoadSourceError(`${path} is not a GeoJSON FeatureCollection`);
}

function readProperties(properties: Feature["properties"]): Tags {
  const tags: Record<string, string> = {};
  for (const [key, value] of Object.entries(properties ?? {}))
    if (typeof value === "boolean") tags[key] = value ? "yes" : "no";
    else if (typeof value === "string" || typeof value === "number") tags[key] = String(value);
  return tags;
}

function readWayId(feature: Feature, tags: Tags, fallback: number): number {
  const text =
    tags["@id"] ??
    (typeof feature.id === "string" || typeof feature.id === "number" ? String(feature.id) : (tags.id ?? ""));
  const id = Number.parseInt(text.replace(/^way\//, ""), 10);
  return Number.isSafeInteger(id) && id > 0 ? id : fallback;
}

type Place = readonly [lon: number, lat: number];

function readLines(geometry: Feature["geometry"]): readonly (Place | undefined)[][] {
  if (geometry?.type === "LineString") return [readLine(geometry.coordinates)];
  if (geometry?.type === "MultiLineString" && Array.isArray(geometry.coordinates))
    return geometry.coordinates.map(readLine);
  return [[]];
}

/** The places of a line; undefined for what is no place on earth. */
function readLine(coordinates: unknown): (Place | undefined)[] {
  if (!Array.isArray(coordinates)) return [];
  return (coordinates as unknown[]).map((point) => {
    const [lon, lat] = Array.isArray(point) ? (point as unknown[]) : [];
    const isPlace = typeof lon === "number" && typeof lat === "number" && Math.abs(lat) <= 90 && Math.abs(lon) <= 180;
    return isPlace ? [lon, lat] : undefined;
  });
}
