import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";

/**
 * A road network as flat arrays over one buffer. `E` edges are stretches of one way between two junctions; the directed
 * edge `2·e` runs along the way's nodes, `2·e + 1` against them. The last of them may be copies of others, which only a turn
 * leads into. Coordinates are 1e-7 degrees (WGS 84), lengths metres.
 */
export interface RoadNetwork {
  /** `V` junctions and way ends. */
  readonly vertexLatE7: Int32Array;
  readonly vertexLonE7: Int32Array;
  /** Directed edges that leave vertex `v`: `outEdge[outStart[v] .. outStart[v + 1])`. */
  readonly outStart: Uint32Array;
  readonly outEdge: Uint32Array;
  readonly edgeFrom: Uint32Array;
  readonly edgeTo: Uint32Array;
  /** Shape points of edge `e`: `edgeShape[e] .. edgeShape[e + 1]`, ends included on both sides. */
  readonly edgeShape: Uint32Array;
  readonly edgeLengthM: Float32Array;
  readonly edgeWay: Uint32Array;
  readonly edgeAccess: Uint8Array;
  readonly edgeFlags: Uint8Array;
  readonly edgeClass: Uint8Array;
  readonly edgeSpeedKmh: Uint8Array;
  /** Bearing in 1/256 turns when leaving the first node and when arriving at the last, forward. */
  readonly edgeBearingStart: Uint8Array;
  readonly edgeBearingEnd: Uint8Array;
  readonly shapeLatE7: Int32Array;
  readonly shapeLonE7: Int32Array;
  /** Distance from the edge's first node. */
  readonly shapeAlongM: Float32Array;
  /** OSM way ids, names (index into the name table, 0 = none) and layers. */
  readonly wayId: Float64Array;
  readonly wayName: Uint32Array;
  readonly wayLayer: Int8Array;
  readonly nameStart: Uint32Array;
  readonly nameBytes: Uint8Array;
  /** Restricted turns, sorted by their first directed edge, into an exit of the junction: `~` of the directed edge that would be
   * entered where the turn is forbidden, else the copy that is entered, see `forbidden-paths.ts`. */
  readonly banFrom: Uint32Array;
  readonly banTo: Uint32Array;
  readonly banEntered: Int32Array;
  /** The edges that the last edges are copies of. */
  readonly copiedEdge: Uint32Array;
  /** Contraction hierarchy for cars, see `hierarchy.ts`: arcs up from and down to each node, the node at their other
   * end, their time (s), and what they stand for: two arcs, or the directed edge `~first`. */
  readonly hierarchyUp: Uint32Array;
  readonly hierarchyDown: Uint32Array;
  readonly hierarchyNode: Uint32Array;
  readonly hierarchyS: Float32Array;
  readonly hierarchyFirst: Int32Array;
  readonly hierarchySecond: Int32Array;
  /** Spatial index, see `grid-index.ts`. */
  readonly gridMeta: Float64Array;
  readonly gridRowStart: Uint32Array;
  readonly gridCellColumn: Uint32Array;
  readonly gridCellStart: Uint32Array;
  readonly gridEdge: Uint32Array;
  /** Checksum of the contents: two files with the same one are the same network. */
  readonly fingerprint: number;
  /** The one buffer behind all of the above: hand it to a worker thread and call `viewRoads` there. */
  readonly buffer: SharedArrayBuffer;
}

export type RoadArrays = Omit<RoadNetwork, "fingerprint" | "buffer">;

export const SECTIONS = {
  vertexLatE7: Int32Array,
  vertexLonE7: Int32Array,
  outStart: Uint32Array,
  outEdge: Uint32Array,
  edgeFrom: Uint32Array,
  edgeTo: Uint32Array,
  edgeShape: Uint32Array,
  edgeLengthM: Float32Array,
  edgeWay: Uint32Array,
  edgeAccess: Uint8Array,
  edgeFlags: Uint8Array,
  edgeClass: Uint8Array,
  edgeSpeedKmh: Uint8Array,
  edgeBearingStart: Uint8Array,
  edgeBearingEnd: Uint8Array,
  shapeLatE7: Int32Array,
  shapeLonE7: Int32Array,
  shapeAlongM: Float32Array,
  wayId: Float64Array,
  wayName: Uint32Array,
  wayLayer: Int8Array,
  nameStart: Uint32Array,
  nameBytes: Uint8Array,
  banFrom: Uint32Array,
  banTo: Uint32Array,
  banEntered: Int32Array,
  copiedEdge: Uint32Array,
  hierarchyUp: Uint32Array,
  hierarchyDown: Uint32Array,
  hierarchyNode: Uint32Array,
  hierarchyS: Float32Array,
  hierarchyFirst: Int32Array,
  hierarchySecond: Int32Array,
  gridMeta: Float64Array,
  gridRowStart: Uint32Array,
  gridCellColumn: Uint32Array,
  gridCellStart: Uint32Array,
  gridEdge: Uint32Array,
} as const;
export type SectionName = keyof typeof SECTIONS;
export const SECTION_NAMES = Object.keys(SECTIONS) as SectionName[];

/*
 * header, little endian u32 unless said:  magic "TGRN" · version · crc32 of everything after the header · section count
 *                                         · per section: byte offset (f64), element count (f64)
 */
export const MAGIC = 0x4e524754;
export const VERSION = 3;
export const HEADER_FIXED_BYTES = 16;
export const HEADER_BYTES = HEADER_FIXED_BYTES + SECTION_NAMES.length * 16;
const ALIGN_BYTES = 8;
/** Files are read, written and checked so much at a time; a call of the system takes less than 2 GiB. */
export const CHUNK_BYTES = 1 << 26;

/** Writes the arrays as one file that opens without parsing. Returns its size in bytes. */
export async function writeRoads(file: FileHandle, arrays: RoadArrays): Promise<number> {
  let size = 0;
  for (const part of partsOf(arrays))
    for (let at = 0; at < part.length; ) {
      const { bytesWritten } = await file.write(part, at, Math.min(part.length - at, CHUNK_BYTES), size);
      at += bytesWritten;
      size += bytesWritten;
    }
  return size;
}

/** The same bytes in memory. */
export function packRoads(arrays: RoadArrays): Uint8Array {
  const parts = partsOf(arrays);
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The file in its parts: header, then each section and what fills it up to the next. Nothing is copied. */
function partsOf(arrays: RoadArrays): Uint8Array[] {
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  const parts = [header];
  let size = HEADER_BYTES;
  SECTION_NAMES.forEach((name, i) => {
    const { buffer, byteOffset, byteLength, length } = arrays[name];
    view.setFloat64(HEADER_FIXED_BYTES + i * 16, size, true);
    view.setFloat64(HEADER_FIXED_BYTES + i * 16 + 8, length, true);
    const fillBytes = (ALIGN_BYTES - (byteLength % ALIGN_BYTES)) % ALIGN_BYTES;
    parts.push(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength), new Uint8Array(fillBytes));
    size += byteLength + fillBytes;
  });
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setUint32(12, SECTION_NAMES.length, true);
  const [first, ...rest] = [header.subarray(HEADER_FIXED_BYTES), ...parts.slice(1)] as [Uint8Array, ...Uint8Array[]];
  view.setUint32(
    8,
    rest.reduce((sum, part) => checksum(part, sum), checksum(first, 0)),
    true,
  );
  return parts;
}

/** CRC-32 of bytes that follow those whose checksum is `before`; zlib counts them in 32 bits, so a part at a time. */
export function checksum(bytes: Uint8Array, before: number): number {
  let sum = before;
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) sum = crc32(bytes.subarray(at, at + CHUNK_BYTES), sum);
  return sum;
}
