import { crcItu } from "./crc-itu.ts";
import { COMMAND, HEARTBEAT, LOGIN, TIME_REQUEST } from "./protocol-numbers.ts";

/** A frame around a content; the long form where the content needs it or the caller wants it. */
export function encodeFrame(protocol: number, content: Uint8Array, serial: number, long = false): Uint8Array {
  const length = content.length + 5;
  const wide = long || length > 0xff;
  const head = wide ? [0x79, 0x79, length >> 8, length & 0xff] : [0x78, 0x78, length];
  const bytes = new Uint8Array(head.length + length + 2);
  bytes.set(head);
  bytes[head.length] = protocol;
  bytes.set(content, head.length + 1);
  const serialAt = head.length + 1 + content.length;
  bytes.set([serial >> 8, serial & 0xff], serialAt);
  const crc = crcItu(bytes, 2, serialAt + 2);
  bytes.set([crc >> 8, crc & 0xff, 0x0d, 0x0a], serialAt + 2);
  return bytes;
}

/** The server's answer: number and serial of the frame that it answers. */
export function reply(protocol: number, serial: number): Uint8Array {
  return encodeFrame(protocol, new Uint8Array(0), serial);
}

/** The answer to a time request: UTC. */
export function timeReply(serial: number, timeMs: number): Uint8Array {
  return encodeFrame(TIME_REQUEST, dateBytes(timeMs), serial);
}

/** An online command, in the words of the vendor's SMS commands (`STATUS#`). `flag` comes back with the answer. Latin-1, at most 250 characters. */
export function command(text: string, flag: number, serial: number): Uint8Array {
  const words = Buffer.from(text, "latin1");
  const content = Buffer.alloc(1 + 4 + words.length);
  content[0] = 4 + words.length;
  content.writeUInt32BE(flag, 1);
  words.copy(content, 5);
  return encodeFrame(COMMAND, content, serial);
}

/** Login of a device; with a zone it also sends its type. */
export function login(imei: string, serial: number, zone?: { type: number; zoneMinutes: number }): Uint8Array {
  const id = Buffer.from(imei.padStart(16, "0"), "hex");
  if (zone === undefined) return encodeFrame(LOGIN, id, serial);
  const minutes = Math.abs(zone.zoneMinutes);
  const digits = Math.floor(minutes / 60) * 100 + (minutes % 60);
  const word = (digits << 4) | (zone.zoneMinutes < 0 ? 0x08 : 0) | 0x01;
  const extension = Buffer.alloc(4);
  extension.writeUInt16BE(zone.type, 0);
  extension.writeUInt16BE(word, 2);
  return encodeFrame(LOGIN, Buffer.concat([id, extension]), serial);
}

export type Gt06State = { ignition: boolean; charging: boolean; positioned: boolean; level: number; signal: number };

const LANGUAGE_ENGLISH = 0x02;

export function heartbeat(state: Gt06State, serial: number): Uint8Array {
  const content = Uint8Array.of(terminalInfo(state), state.level, state.signal, 0x00, LANGUAGE_ENGLISH);
  return encodeFrame(HEARTBEAT, content, serial);
}

function terminalInfo({ positioned, charging, ignition }: Gt06State): number {
  return (positioned ? 0x40 : 0) | (charging ? 0x04 : 0) | (ignition ? 0x02 : 0);
}

export type Gt06Location = {
  latDeg: number;
  lonDeg: number;
  /** Device time as it is written: local time where the login named a zone. */
  timeMs: number;
  speedMps: number;
  headingDeg: number;
  satellites: number;
  positioned: boolean;
  ignition: boolean;
  /** 0 interval, 3 ignition changed … */
  uploadMode?: number;
  buffered?: boolean;
  odometerM?: number;
  /** Serving cell: area code of 16 bits, cell id of 24. */
  cell?: { lac: number; cid: number };
};

const LOCATION_2G = 0x22;
const ALARM_2G = 0x26;
/** Length of the cell in an alarm, itself included. */
const ALARM_CELL_BYTES = 9;
const UNITS_PER_DEGREE = 1_800_000;

/** A position (0x22): GPS block, cell, ignition, upload mode, sent again, mileage. */
export function location(position: Gt06Location, serial: number): Uint8Array {
  const content = Buffer.alloc(18 + 8 + 3 + (position.odometerM === undefined ? 0 : 4));
  writeGpsBlock(content, position);
  writeCell(content, 18, position);
  content[26] = position.ignition ? 1 : 0;
  content[27] = position.uploadMode ?? 0;
  content[28] = position.buffered === true ? 1 : 0;
  if (position.odometerM !== undefined) content.writeUInt32BE(Math.round(position.odometerM), 29);
  return encodeFrame(LOCATION_2G, content, serial);
}

/** An alarm (0x26): GPS block, cell with its length, state, alarm code (`FE` ignition on, `FF` off …), language, mileage. */
export function alarm(position: Gt06Location, state: Gt06State, code: number, serial: number): Uint8Array {
  const content = Buffer.alloc(18 + ALARM_CELL_BYTES + 5 + (position.odometerM === undefined ? 0 : 4));
  writeGpsBlock(content, position);
  content[18] = ALARM_CELL_BYTES;
  writeCell(content, 19, position);
  content.set([terminalInfo(state), state.level, state.signal, code, LANGUAGE_ENGLISH], 27);
  if (position.odometerM !== undefined) content.writeUInt32BE(Math.round(position.odometerM), 32);
  return encodeFrame(ALARM_2G, content, serial);
}

function writeGpsBlock(content: Buffer, position: Gt06Location): void {
  content.set(dateBytes(position.timeMs), 0);
  content[6] = 0xc0 | (position.satellites & 0x0f);
  content.writeUInt32BE(Math.round(Math.abs(position.latDeg) * UNITS_PER_DEGREE), 7);
  content.writeUInt32BE(Math.round(Math.abs(position.lonDeg) * UNITS_PER_DEGREE), 11);
  content[15] = Math.min(0xff, Math.round(position.speedMps * 3.6));
  content.writeUInt16BE(statusOf(position), 16);
}

/** Country 240 and network 1, area and cell. */
function writeCell(content: Buffer, at: number, { cell }: Gt06Location): void {
  if (cell === undefined) return;
  content.writeUInt16BE(240, at);
  content[at + 2] = 1;
  content.writeUInt16BE(cell.lac, at + 3);
  content.writeUIntBE(cell.cid, at + 5, 3);
}

function statusOf({ positioned, lonDeg, latDeg, headingDeg }: Gt06Location): number {
  const course = ((Math.round(headingDeg) % 360) + 360) % 360;
  return (positioned ? 0x1000 : 0) | (lonDeg < 0 ? 0x0800 : 0) | (latDeg >= 0 ? 0x0400 : 0) | course;
}

/** An answer of the device to a command. */
export function commandReply(text: string, flag: number, serial: number): Uint8Array {
  const words = Buffer.from(text, "latin1");
  const content = Buffer.alloc(5 + words.length);
  content.writeUInt32BE(flag, 0);
  content[4] = 1;
  words.copy(content, 5);
  return encodeFrame(0x21, content, serial, true);
}

function dateBytes(timeMs: number): Uint8Array {
  const date = new Date(timeMs);
  return Uint8Array.of(
    date.getUTCFullYear() - 2000,
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  );
}
