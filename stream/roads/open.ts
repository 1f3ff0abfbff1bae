import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import {
  CHUNK_BYTES,
  checksum,
  HEADER_BYTES,
  HEADER_FIXED_BYTES,
  MAGIC,
  type RoadArrays,
  type RoadNetwork,
  SECTION_NAMES,
  SECTIONS,
  type SectionName,
  VERSION,
} from "./network-file.ts";

export class RoadFileError extends Error {
  readonly code = "ROAD_FILE_INVALID";
}

/** Opens a road network file. Throws a `RoadFileError` when it is not one, truncated or damaged. */
export function openRoads(path: string): RoadNetwork {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    if (size < HEADER_BYTES) throw new RoadFileError(`${path} is not a road network file (${size} bytes)`);
    const buffer = new SharedArrayBuffer(size);
    const bytes = new Uint8Array(buffer);
    for (let at = 0; at < size; ) {
      const read = readSync(file, bytes, at, Math.min(size - at, CHUNK_BYTES), at);
      if (read === 0) throw new RoadFileError(`${path} ended at byte ${at} of ${size}`);
      at += read;
    }
    return viewRoads(buffer, path, true);
  } finally {
    closeSync(file);
  }
}

/** Views over a buffer that holds a road network file, for a second thread: no copy. */
export function viewRoads(buffer: SharedArrayBuffer, path = "the road network", check = false): RoadNetwork {
  const header = new DataView(buffer);
  if (buffer.byteLength < HEADER_BYTES || header.getUint32(0, true) !== MAGIC)
    throw new RoadFileError(`${path} is not a road network file`);
  const version = header.getUint32(4, true);
  if (version !== VERSION || header.getUint32(12, true) !== SECTION_NAMES.length)
    throw new RoadFileError(`${path} has format ${version}, this program reads ${VERSION}: build it again`);
  const fingerprint = header.getUint32(8, true);
  if (check && checksum(new Uint8Array(buffer, HEADER_FIXED_BYTES), 0) !== fingerprint)
    throw new RoadFileError(`${path} is truncated or damaged (checksum differs): build it again`);
  const views: Partial<Record<SectionName, unknown>> = {};
  SECTION_NAMES.forEach((name, i) => {
    const offset = header.getFloat64(HEADER_FIXED_BYTES + i * 16, true);
    const length = header.getFloat64(HEADER_FIXED_BYTES + i * 16 + 8, true);
    const Section = SECTIONS[name];
    if (!(offset >= HEADER_BYTES && offset + length * Section.BYTES_PER_ELEMENT <= buffer.byteLength))
      throw new RoadFileError(`${path} is truncated: section ${name} lies outside the file`);
    views[name] = Reflect.construct(Section, [buffer, offset, length]);
  });
  return { ...(views as unknown as RoadArrays), fingerprint, buffer };
}

/** Name of a way (empty when it has none). */
export function readWayName(roads: RoadNetwork, way: number): string {
  const index = roads.wayName[way]!;
  return Buffer.from(roads.nameBytes.subarray(roads.nameStart[index]!, roads.nameStart[index + 1]!)).toString("utf8");
}
