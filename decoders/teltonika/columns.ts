import { FRAME_BYTES_MAX } from "./layout.ts";

/**
 * The records of one packet as columns: what the record walker fills and the decoder reads. Only the first `recordCount`
 * and `elementCount` rows mean anything.
 */
export type RecordColumns = {
  recordCount: number;
  elementCount: number;
  /** Offset of the record's first byte in the frame; row `recordCount` holds the end of the last record. */
  start: Int32Array;
  timeMs: Float64Array;
  priority: Uint8Array;
  /** Degrees times 10^7. */
  longitudeE7: Int32Array;
  latitudeE7: Int32Array;
  altitudeM: Int16Array;
  headingDeg: Uint16Array;
  satellites: Uint8Array;
  speedKmh: Uint16Array;
  eventId: Uint16Array;
  /** Whether the records say why they were generated: codec 16 only. */
  hasGeneration: boolean;
  generation: Uint8Array;
  /** Row of the record's first element; row `recordCount` holds `elementCount`. */
  firstElement: Int32Array;
  elementId: Uint16Array;
  /** Bytes of the value where its group says so: 1, 2, 4, 8 or 16; 0 for an element that brings its own length. */
  elementWidth: Uint8Array;
  /** Offset of the value's first byte in the frame. */
  elementAt: Int32Array;
  /** The value as an unsigned integer, exact up to 2^53; 0 for 16 bytes. Width 0: the number of its bytes. */
  elementValue: Float64Array;
};

/** The record count is one byte on the wire. */
export const RECORDS_MAX = 255;

/** Columns for packets of up to `frameBytes` bytes: an element takes at least two. */
export function openColumns(frameBytes: number): RecordColumns {
  const elements = frameBytes >> 1;
  return {
    recordCount: 0,
    elementCount: 0,
    start: new Int32Array(RECORDS_MAX + 1),
    timeMs: new Float64Array(RECORDS_MAX),
    priority: new Uint8Array(RECORDS_MAX),
    longitudeE7: new Int32Array(RECORDS_MAX),
    latitudeE7: new Int32Array(RECORDS_MAX),
    altitudeM: new Int16Array(RECORDS_MAX),
    headingDeg: new Uint16Array(RECORDS_MAX),
    satellites: new Uint8Array(RECORDS_MAX),
    speedKmh: new Uint16Array(RECORDS_MAX),
    eventId: new Uint16Array(RECORDS_MAX),
    hasGeneration: false,
    generation: new Uint8Array(RECORDS_MAX),
    firstElement: new Int32Array(RECORDS_MAX + 1),
    elementId: new Uint16Array(elements),
    elementWidth: new Uint8Array(elements),
    elementAt: new Int32Array(elements),
    elementValue: new Float64Array(elements),
  };
}

/** The columns of the packet in hand. Decoding is synchronous, so no two packets are in it at once. */
export const columns = openColumns(FRAME_BYTES_MAX);

/** Bytes of an element's value on the wire. */
export function valueBytes({ elementWidth, elementValue }: RecordColumns, row: number): number {
  return elementWidth[row] || elementValue[row]!;
}
