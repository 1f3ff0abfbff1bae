import { checkRoadLimit } from "./limits.ts";
import type { OsmNode, OsmRelation, OsmSource } from "./osm-elements.ts";
import { withRoom } from "./room.ts";
import { type RoadAttributes, readWayTags } from "./way-tags.ts";

/** Usable ways, a column each for what is known of them. */
export interface CollectedWays {
  count: number;
  id: Float64Array;
  /** Index into `names`, whose first is the empty one. */
  nameIndex: Uint32Array;
  names: string[];
  layer: Int8Array;
  access: Uint8Array;
  flags: Uint8Array;
  classIndex: Uint8Array;
  speedKmh: Uint8Array;
  /** The nodes of way `w` are the entries `refEnd[w - 1] .. refEnd[w]` of the ways' node lists, from 0 for the first. */
  refEnd: Uint32Array;
}

const WAYS_AT_FIRST = 1 << 12;

/** First pass: usable ways, their node lists (OSM ids) in one array, and turn restrictions. */
export async function collectWays(
  source: OsmSource,
  skip: (reason: string) => void,
): Promise<{ ways: CollectedWays; refs: Float64Array; relations: OsmRelation[] }> {
  const ways = emptyWays();
  const relations: OsmRelation[] = [];
  const indexOfName = new Map<string, number>([["", 0]]);
  let refs = new Float64Array(WAYS_AT_FIRST);
  let used = 0;
  await source((element) => {
    if (element.type === "relation" && element.tags.type === "restriction") relations.push(element);
    if (element.type !== "way") return;
    const attributes = readWayTags(element.tags);
    if (typeof attributes === "string") return skip(attributes);
    checkRoadLimit("wayNodes", used + element.refs.length);
    refs = withRoom(refs, used + element.refs.length);
    refs.set(element.refs, used);
    used += element.refs.length;
    const nameIndex = indexOfName.get(attributes.name) ?? indexOfName.size;
    if (nameIndex === indexOfName.size) {
      checkRoadLimit("names", nameIndex + 1);
      indexOfName.set(attributes.name, nameIndex);
      ways.names.push(attributes.name);
    }
    addWay(ways, { id: element.id, attributes, nameIndex, refEnd: used });
  });
  return { ways, refs: refs.subarray(0, used), relations };
}

function emptyWays(): CollectedWays {
  return {
    count: 0,
    id: new Float64Array(WAYS_AT_FIRST),
    nameIndex: new Uint32Array(WAYS_AT_FIRST),
    names: [""],
    layer: new Int8Array(WAYS_AT_FIRST),
    access: new Uint8Array(WAYS_AT_FIRST),
    flags: new Uint8Array(WAYS_AT_FIRST),
    classIndex: new Uint8Array(WAYS_AT_FIRST),
    speedKmh: new Uint8Array(WAYS_AT_FIRST),
    refEnd: new Uint32Array(WAYS_AT_FIRST),
  };
}

type WayRow = { id: number; attributes: RoadAttributes; nameIndex: number; refEnd: number };

function addWay(ways: CollectedWays, { id, attributes, nameIndex, refEnd }: WayRow): void {
  const index = ways.count++;
  if (ways.count > ways.id.length) growWays(ways);
  ways.id[index] = id;
  ways.nameIndex[index] = nameIndex;
  ways.refEnd[index] = refEnd;
  ways.layer[index] = attributes.layer;
  ways.access[index] = attributes.access;
  ways.flags[index] = attributes.flags;
  ways.classIndex[index] = attributes.classIndex;
  ways.speedKmh[index] = attributes.speedKmh;
}

function growWays(ways: CollectedWays): void {
  for (const [column, values] of Object.entries(ways))
    if (ArrayBuffer.isView(values)) Object.assign(ways, { [column]: withRoom(values as Uint8Array, ways.count) });
}

/** Where a way's nodes begin in the ways' node lists. */
export function firstRefOf({ refEnd }: Pick<CollectedWays, "refEnd">, way: number): number {
  return way === 0 ? 0 : refEnd[way - 1]!;
}

/** The nodes of usable ways. */
export interface LocatedNodes {
  /** Sorted OSM ids of the nodes that ways use. */
  ids: Float64Array;
  /** Index into `ids` for each entry of the ways' node lists. */
  refNode: Uint32Array;
  latE7: Int32Array;
  lonE7: Int32Array;
  known: Uint8Array;
}

/** Second pass: where the nodes of the ways are. */
export async function locateNodes(source: OsmSource, refs: Float64Array): Promise<LocatedNodes> {
  const ids = sortedUnique(refs);
  const refNode = indexRefs(ids, refs);
  const [latE7, lonE7, known] = [new Int32Array(ids.length), new Int32Array(ids.length), new Uint8Array(ids.length)];
  let next = 0;
  await source((element) => {
    if (element.type !== "node" || !isOnEarth(element)) return;
    // Extracts list nodes by rising id, so the next wanted node is usually the one after the last.
    while (next < ids.length && ids[next]! < element.id) next++;
    const index = ids[next] === element.id ? next : findSorted(ids, element.id);
    if (index < 0) return;
    next = index;
    latE7[index] = Math.round(element.lat * 1e7);
    lonE7[index] = Math.round(element.lon * 1e7);
    known[index] = 1;
  });
  return { ids, refNode, latE7, lonE7, known };
}

function isOnEarth({ lat, lon }: OsmNode): boolean {
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180;
}

function sortedUnique(refs: Float64Array): Float64Array {
  const sorted = refs.slice().sort();
  let unique = 0;
  for (const id of sorted) if (unique === 0 || sorted[unique - 1] !== id) sorted[unique++] = id;
  return sorted.slice(0, unique);
}

/** Nodes of a way were often drawn one after the other, so the next one is looked for beside the last. */
function indexRefs(ids: Float64Array, refs: Float64Array): Uint32Array {
  const refNode = new Uint32Array(refs.length);
  let index = 0;
  for (let i = 0; i < refs.length; i++) {
    const id = refs[i]!;
    if (ids[index + 1] === id) index++;
    else if (ids[index] !== id) index = findSorted(ids, id);
    refNode[i] = index;
  }
  return refNode;
}

/** Index of a value in a sorted array, or −1. */
export function findSorted(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length - 1];
  while (low <= high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else if (sorted[middle]! > value) high = middle - 1;
    else return middle;
  }
  return -1;
}
