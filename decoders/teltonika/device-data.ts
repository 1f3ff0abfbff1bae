import { ByteWriter, integerBytes } from "./byte-writer.ts";
import { CODEC } from "./layout.ts";

/**
 * The data field of what devices send, of every codec, byte-exact: for simulators and tests. Values outside their field's
 * range are a mistake of the caller and throw `RangeError`.
 */

/** One element of a record. `bytes` is the value as it stands on the wire. */
export type DeviceElement = { id: number; bytes: Uint8Array; variable?: boolean };

/** One record in wire units. */
export type DeviceRecord = {
  timeMs: number;
  priority: number;
  longitudeE7: number;
  latitudeE7: number;
  altitudeM: number;
  headingDeg: number;
  satellites: number;
  speedKmh: number;
  eventId: number;
  /** Codec 16 only. */
  generation?: number;
  /** In wire order; groups are written in the order 1, 2, 4, 8 (16), variable. */
  elements: readonly DeviceElement[];
};

/** A record of codec 7 (GH3000). Absent parts clear their bit in the masks. */
export type PersonalRecord = {
  /** 0..3 */
  priority: number;
  /** Seconds since 2007-01-01T00:00:00Z, 30 bits. */
  time: number;
  location?: PersonalLocation;
  /** Elements with values of 1, 2, 4 and 8 bytes; an empty list is written as a group of count 0, an absent one not. */
  groups: { [valueBytes in 1 | 2 | 4 | 8]?: readonly DeviceElement[] };
};

export type PersonalLocation = {
  /** 32-bit floats. */
  position?: { latitudeDeg: number; longitudeDeg: number };
  altitudeM?: number;
  /** 256ths of a turn. */
  heading?: number;
  speedKmh?: number;
  satellites?: number;
  cell?: { lac: number; id: number };
  signal?: number;
  operator?: number;
};

export type RecordCodec = typeof CODEC.eight | typeof CODEC.extended | typeof CODEC.sixteen;

/** What a device sends behind the framing of TCP or UDP. */
export type DeviceData =
  | { kind: "records"; codec: RecordCodec; records: readonly DeviceRecord[]; sixteen?: boolean }
  | { kind: "personal"; records: readonly PersonalRecord[] }
  | { kind: "command"; codec: 0x0c; type: number; body: Uint8Array }
  | { kind: "command"; codec: 0x0d; type: number; timeS: number; body: Uint8Array }
  | { kind: "command"; codec: 0x0e; type: number; imei: string; body: Uint8Array }
  | { kind: "command"; codec: 0x0f; type: number; timeS: number; imei: string; body: Uint8Array };

/** Codec id to second count, without the framing of TCP or UDP. */
export function encodeData(data: DeviceData): Uint8Array {
  switch (data.kind) {
    case "records":
      return encodeRecords(data.codec, data.records, data.sixteen ?? false);
    case "personal":
      return encodePersonal(data.records);
    case "command":
      return encodeCommandData(data);
  }
}

function encodeRecords(codec: RecordCodec, records: readonly DeviceRecord[], sixteen: boolean): Uint8Array {
  const writer = new ByteWriter().uint(codec, 1).uint(records.length, 1);
  for (const record of records) writeRecord(writer, codec, record, sixteen);
  return writer.uint(records.length, 1).finish();
}

function writeRecord(writer: ByteWriter, codec: RecordCodec, record: DeviceRecord, sixteen: boolean): void {
  const idBytes = codec === CODEC.eight ? 1 : 2;
  const countBytes = codec === CODEC.extended ? 2 : 1;
  writer.uint(record.timeMs, 8).uint(record.priority, 1).int(record.longitudeE7, 4).int(record.latitudeE7, 4);
  writer.int(record.altitudeM, 2).uint(record.headingDeg, 2).uint(record.satellites, 1).uint(record.speedKmh, 2);
  writer.uint(record.eventId, idBytes);
  if (codec === CODEC.sixteen) writer.uint(record.generation ?? 0, 1);
  writer.uint(record.elements.length, countBytes);
  for (const valueBytes of sixteen ? [1, 2, 4, 8, 16] : [1, 2, 4, 8]) {
    const group = record.elements.filter((element) => !element.variable && element.bytes.length === valueBytes);
    writer.uint(group.length, countBytes);
    for (const element of group) writer.uint(element.id, idBytes).bytes(element.bytes);
  }
  if (codec !== CODEC.extended) return;
  const variable = record.elements.filter((element) => element.variable);
  writer.uint(variable.length, 2);
  for (const element of variable) writer.uint(element.id, 2).uint(element.bytes.length, 2).bytes(element.bytes);
}

function encodePersonal(records: readonly PersonalRecord[]): Uint8Array {
  const writer = new ByteWriter().uint(CODEC.gh3000, 1).uint(records.length, 1);
  for (const record of records) {
    writer.uint(record.priority * 0x4000_0000 + record.time, 4);
    const { groups, location } = record;
    const bits = [location, groups[1], groups[2], groups[4], groups[8]];
    writer.uint(maskOf(bits), 1);
    if (location) writePersonalLocation(writer, location);
    for (const valueBytes of [1, 2, 4, 8] as const) {
      const group = groups[valueBytes];
      if (!group) continue;
      writer.uint(group.length, 1);
      for (const element of group) writer.uint(element.id, 1).bytes(element.bytes);
    }
  }
  return writer.uint(records.length, 1).finish();
}

function writePersonalLocation(writer: ByteWriter, location: PersonalLocation): void {
  const { position, altitudeM, heading, speedKmh, satellites, cell, signal, operator } = location;
  writer.uint(maskOf([position, altitudeM, heading, speedKmh, satellites, cell, signal, operator]), 1);
  if (position) writer.float(position.latitudeDeg).float(position.longitudeDeg);
  if (altitudeM !== undefined) writer.int(altitudeM, 2);
  if (heading !== undefined) writer.uint(heading, 1);
  if (speedKmh !== undefined) writer.uint(speedKmh, 1);
  if (satellites !== undefined) writer.uint(satellites, 1);
  if (cell) writer.uint(cell.lac, 2).uint(cell.id, 2);
  if (signal !== undefined) writer.uint(signal, 1);
  if (operator !== undefined) writer.uint(operator, 4);
}

function maskOf(parts: readonly unknown[]): number {
  return parts.reduce<number>((mask, part, bit) => (part === undefined ? mask : mask | (1 << bit)), 0);
}

function encodeCommandData(data: Extract<DeviceData, { kind: "command" }>): Uint8Array {
  const inner = new ByteWriter();
  if (data.codec === CODEC.thirteen || data.codec === CODEC.fifteen) inner.uint(data.timeS, 4);
  if (data.codec === CODEC.fourteen || data.codec === CODEC.fifteen) {
    inner.bytes(Buffer.from(data.imei.padStart(16, "0"), "hex"));
  }
  const body = inner.bytes(data.body).finish();
  return new ByteWriter()
    .uint(data.codec, 1)
    .uint(1, 1)
    .uint(data.type, 1)
    .uint(body.length, 4)
    .bytes(body)
    .uint(1, 1)
    .finish();
}

/** Bytes of an unsigned or two's-complement value, for `DeviceElement`. */
export function elementBytes(value: number, size: 1 | 2 | 4 | 8): Uint8Array {
  return integerBytes(value, size);
}
