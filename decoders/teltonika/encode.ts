import { crc16 } from "./crc16.ts";
import { CODEC, COMMAND_TYPE, KEEP_ALIVE } from "./layout.ts";

/**
 * Bytes of the Teltonika protocols: answers and commands of the gateway, and byte-exact device frames of every codec for
 * simulators and tests. Values outside their field's range are a mistake of the caller and throw `RangeError`.
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

export type DatagramHead = { packetId: number; unused: number; avlPacketId: number; imei: string };

/** The answer to a login: 1 accepts, 0 refuses. */
export function encodeLoginAnswer(accepted: boolean): Uint8Array {
  return Uint8Array.of(accepted ? 1 : 0);
}

/** The answer to a TCP packet of records: how many were received. Any other number makes the device send all again. */
export function encodeAck(recordCount: number): Uint8Array {
  return new ByteWriter().uint(recordCount, 4).finish();
}

/** The answer to a datagram of records, echoing both packet ids of its head. */
export function encodeDatagramAck(packetId: number, avlPacketId: number, recordCount: number): Uint8Array {
  return new ByteWriter().uint(5, 2).uint(packetId, 2).uint(1, 1).uint(avlPacketId, 1).uint(recordCount, 1).finish();
}

/** A command for the device, Codec 12: text as in an SMS without login and password. */
export function encodeCommand(text: string): Uint8Array {
  return encodePacket({ kind: "command", codec: CODEC.twelve, type: COMMAND_TYPE.command, body: ascii(text) });
}

/** A command that only the device with this IMEI executes, Codec 14. */
export function encodeAddressedCommand(imei: string, text: string): Uint8Array {
  return encodePacket({ kind: "command", codec: CODEC.fourteen, type: COMMAND_TYPE.command, imei, body: ascii(text) });
}

/** The first bytes of a connection. */
export function encodeLogin(imei: string): Uint8Array {
  return new ByteWriter().uint(imei.length, 2).bytes(ascii(imei)).finish();
}

export function encodeKeepAlive(): Uint8Array {
  return Uint8Array.of(KEEP_ALIVE);
}

/** A packet as it stands on a TCP stream: preamble, length, data, checksum. */
export function encodePacket(data: DeviceData): Uint8Array {
  const field = encodeData(data);
  return new ByteWriter()
    .uint(0, 4)
    .uint(field.length, 4)
    .bytes(field)
    .uint(crc16(field, 0, field.length), 4)
    .finish();
}

/** A packet as one UDP datagram. */
export function encodeDatagram(head: DatagramHead, data: DeviceData): Uint8Array {
  const rest = new ByteWriter()
    .uint(head.packetId, 2)
    .uint(head.unused, 1)
    .uint(head.avlPacketId, 1)
    .uint(head.imei.length, 2)
    .bytes(ascii(head.imei))
    .bytes(encodeData(data))
    .finish();
  return new ByteWriter().uint(rest.length, 2).bytes(rest).finish();
}

function encodeData(data: DeviceData): Uint8Array {
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
export function elementBytes(value: number | bigint, size: 1 | 2 | 4 | 8): Uint8Array {
  const bytes = new Uint8Array(size);
  let rest = BigInt.asUintN(size * 8, BigInt(value));
  for (let at = size - 1; at >= 0; at--, rest >>= 8n) bytes[at] = Number(rest & 0xffn);
  return bytes;
}

function ascii(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** Big-endian bytes that grow as they are written. */
class ByteWriter {
  private parts: Uint8Array[] = [];

  uint(value: number, size: number): this {
    if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** (size * 8)) {
      throw new RangeError(`${value} does not fit ${size} unsigned bytes`);
    }
    return this.bytes(elementBytes(value, size as 1 | 2 | 4 | 8));
  }

  int(value: number, size: number): this {
    const limit = 2 ** (size * 8 - 1);
    if (!Number.isSafeInteger(value) || value < -limit || value >= limit) {
      throw new RangeError(`${value} does not fit ${size} signed bytes`);
    }
    return this.bytes(elementBytes(value, size as 1 | 2 | 4 | 8));
  }

  float(value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value);
    return this.bytes(bytes);
  }

  bytes(bytes: Uint8Array): this {
    this.parts.push(bytes);
    return this;
  }

  finish(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.parts));
  }
}
