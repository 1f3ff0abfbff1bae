import type { RecordColumns } from "#decoders/teltonika/columns.ts";

/**
 * The peer written on purpose: a straightforward decoder of Codec 8 and 8 Extended as one would write it with DataView
 * and a byte table for the checksum. It checks what ours checks and gives the same result.
 */

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  return crc;
});

export type PlainElement = { id: number; bytes: number; value: number };

export type PlainRecord = {
  timeMs: number;
  priority: number;
  longitudeDeg: number;
  latitudeDeg: number;
  altitudeM: number;
  headingDeg: number;
  satellites: number;
  speedKmh: number;
  eventId: number;
  elements: PlainElement[];
};

function checksumHolds(view: DataView, length: number): boolean {
  let crc = 0;
  for (let at = 8; at < 8 + length; at++) crc = (crc >> 8) ^ TABLE[(crc ^ view.getUint8(at)) & 0xff]!;
  return crc === view.getUint32(8 + length);
}

/** Records as objects, the way most decoders answer; null where the packet does not hold. */
export function plainObjects(frame: Uint8Array): PlainRecord[] | null {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const length = view.getUint32(4);
  if (!checksumHolds(view, length)) return null;
  const wide = view.getUint8(8) === 0x8e;
  const count = view.getUint8(9);
  const records: PlainRecord[] = [];
  let at = 10;
  const next = () => {
    const value = wide ? view.getUint16(at) : view.getUint8(at);
    at += wide ? 2 : 1;
    return value;
  };
  for (let index = 0; index < count; index++) {
    const record: PlainRecord = {
      timeMs: Number(view.getBigUint64(at)),
      priority: view.getUint8(at + 8),
      longitudeDeg: view.getInt32(at + 9) / 1e7,
      latitudeDeg: view.getInt32(at + 13) / 1e7,
      altitudeM: view.getInt16(at + 17),
      headingDeg: view.getUint16(at + 19),
      satellites: view.getUint8(at + 21),
      speedKmh: view.getUint16(at + 22),
      eventId: 0,
      elements: [],
    };
    at += 24;
    record.eventId = next();
    const total = next();
    for (let bytes = 1; bytes <= 8; bytes *= 2) {
      for (let left = next(); left > 0; left--) {
        record.elements.push({ id: next(), bytes, value: valueAt(view, at, bytes) });
        at += bytes;
      }
    }
    if (wide) for (let left = next(); left > 0; left--) at += 2 + view.getUint16(at + 2) + 2;
    if (record.elements.length !== total) return null;
    records.push(record);
  }
  return view.getUint8(at) === count ? records : null;
}

/** The same records into the same columns as our walker fills. */
export function plainColumns(frame: Uint8Array, columns: RecordColumns): boolean {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const length = view.getUint32(4);
  return checksumHolds(view, length) && plainColumnsUnchecked(view, columns);
}

export function plainColumnsUnchecked(view: DataView, columns: RecordColumns): boolean {
  const wide = view.getUint8(8) === 0x8e;
  const count = view.getUint8(9);
  let at = 10;
  let row = 0;
  const next = () => {
    const value = wide ? view.getUint16(at) : view.getUint8(at);
    at += wide ? 2 : 1;
    return value;
  };
  for (let index = 0; index < count; index++) {
    columns.start[index] = at;
    columns.timeMs[index] = Number(view.getBigUint64(at));
    columns.priority[index] = view.getUint8(at + 8);
    columns.longitudeE7[index] = view.getInt32(at + 9);
    columns.latitudeE7[index] = view.getInt32(at + 13);
    columns.altitudeM[index] = view.getInt16(at + 17);
    columns.headingDeg[index] = view.getUint16(at + 19);
    columns.satellites[index] = view.getUint8(at + 21);
    columns.speedKmh[index] = view.getUint16(at + 22);
    at += 24;
    columns.eventId[index] = next();
    columns.firstElement[index] = row;
    const total = next();
    for (let bytes = 1; bytes <= 8; bytes *= 2) {
      for (let left = next(); left > 0; left--) {
        columns.elementId[row] = next();
        columns.elementWidth[row] = bytes;
        columns.elementAt[row] = at;
        columns.elementValue[row] = valueAt(view, at, bytes);
        at += bytes;
        row++;
      }
    }
    if (wide) for (let left = next(); left > 0; left--) at += 2 + view.getUint16(at + 2) + 2;
    if (row - columns.firstElement[index]! !== total) return false;
  }
  columns.recordCount = count;
  columns.elementCount = row;
  columns.start[count] = at;
  columns.firstElement[count] = row;
  return view.getUint8(at) === count;
}

function valueAt(view: DataView, at: number, bytes: number): number {
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at);
  if (bytes === 4) return view.getUint32(at);
  return Number(view.getBigUint64(at));
}
