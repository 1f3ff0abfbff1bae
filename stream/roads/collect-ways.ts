import type { OsmRelation, OsmSource } from "./osm-elements.ts";
import { type RoadAttributes, readWayTags } from "./way-tags.ts";

/** A usable way with its attributes; its nodes are `refs[refStart .. refEnd)`. */
export interface CollectedWay {
  id: number;
  attributes: RoadAttributes;
  refStart: number;
  refEnd: number;
}

/** First pass: usable ways, their node lists in one array, and turn restrictions. */
export async function collectWays(
  source: OsmSource,
  skip: (reason: string) => void,
): Promise<{ ways: CollectedWay[]; refs: Float64Array; relations: OsmRelation[] }> {
  const ways: CollectedWay[] = [];
  const relations: OsmRelation[] = [];
  let refs = new Float64Array(1 << 16);
  let used = 0;
  await source((element) => {
    if (element.type === "relation" && element.tags.type === "restriction") relations.push(element);
    if (element.type !== "way") return;
    const attributes = readWayTags(element.tags);
    if (typeof attributes === "string") return skip(attributes);
    if (used + element.refs.length > refs.length) {
      const grown = new Float64Array(Math.max(refs.length * 2, used + element.refs.length));
      grown.set(refs);
      refs = grown;
    }
    refs.set(element.refs, used);
    ways.push({ id: element.id, attributes, refStart: used, refEnd: used + element.refs.length });
    used += element.refs.length;
  });
  return { ways, refs: refs.slice(0, used), relations };
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
  const sorted = refs.slice().sort();
  let unique = 0;
  for (const id of sorted) if (unique === 0 || sorted[unique - 1] !== id) sorted[unique++] = id;
  const ids = sorted.slice(0, unique);
  const refNode = new Uint32Array(refs.length);
  for (let i = 0; i < refs.length; i++) refNode[i] = findSorted(ids, refs[i]!);
  const [latE7, lonE7, known] = [new Int32Array(unique), new Int32Array(unique), new Uint8Array(unique)];
  let next = 0;
  await source((element) => {
    if (element.type !== "node") return;
    // Extracts list nodes by rising id, so the next wanted node is usually the one after the last.
    while (next < unique && ids[next]! < element.id) next++;
    const index = ids[next] === element.id ? next : findSorted(ids, element.id);
    if (index < 0) return;
    next = index;
    latE7[index] = Math.round(element.lat * 1e7);
    lonE7[index] = Math.round(element.lon * 1e7);
    known[index] = 1;
  });
  return { ids, refNode, latE7, lonE7, known };
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
