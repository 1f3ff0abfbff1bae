import { type HexHead, queclinkHex } from "#firmware-profiles/queclink/index.ts";
import type { FrameResult, RejectReason } from "../decoder.ts";
import { crc8, crc16 } from "./checks.ts";

/**
 * Delimits the messages of a connection. Three protocols share it and may alternate on it:
 *
 * | starts with | protocol | ends |
 * |---|---|---|
 * | `+RESP:GT…` `+BUFF:` `+ACK:` `+NACK:` | ASCII | `$`, or NUL on old models |
 * | `+RSP` `+BSP` `+EVT` `+BVT` `+INF` `+BNF` `+HBD` `+ACK` `+CRD` `+BRD` `+LGN` and no colon | HEX | by its length, `0D0A` |
 * | `2B00`, `2D00` | compact | by its length, `$` |
 *
 * Source: GV200 @Track air interface protocol 3; GL300 @Track air interface protocol 1.02.
 */
export const FRAME_BYTES_MAX = 8 * 1024;

const PLUS = 0x2b;
const MINUS = 0x2d;
const COLON = 0x3a;
const DOLLAR = 0x24;
const NUL = 0x00;
const COMMA = 0x2c;
const CR = 0x0d;
const LF = 0x0a;
/** Bytes that tell the three protocols apart. */
const HEAD_BYTES = 5;
/** CRC and `0D0A`. */
const HEX_TAIL_BYTES = 4;
const COMPACT_BYTES_MIN = 24;

export type Encoding = { kind: "ascii" } | { kind: "hex"; head: HexHead; name: string } | { kind: "compact" };

/** Which protocol a message is of; undefined where it is of none. Wants the first five bytes. */
export function encodingOf(bytes: Uint8Array): Encoding | undefined {
  const first = bytes[0];
  if ((first === PLUS || first === MINUS) && bytes[1] === NUL) return { kind: "compact" };
  if (first !== PLUS) return undefined;
  const name = String.fromCharCode(bytes[1]!, bytes[2]!, bytes[3]!);
  const head = queclinkHex.heads.get(name);
  if (head && bytes[4] !== COLON) return { kind: "hex", head, name };
  return /^[A-Z]{3}$/.test(name) && (bytes[4] === COLON || isLetter(bytes[4]!)) ? { kind: "ascii" } : undefined;
}

export function nextFrame(bytes: Uint8Array): FrameResult {
  if (bytes.length < HEAD_BYTES) {
    const couldStart = bytes.length === 0 || bytes[0] === PLUS || bytes[0] === MINUS;
    return couldStart ? { kind: "incomplete", needed: HEAD_BYTES } : reject(bytes, bytes.length, "format");
  }
  const encoding = encodingOf(bytes);
  switch (encoding?.kind) {
    case undefined:
      return reject(bytes, bytes.length, "format");
    case "ascii":
      return nextAscii(bytes);
    case "hex":
      return nextHex(bytes, encoding.head);
    case "compact":
      return nextCompact(bytes);
  }
}

/** A datagram may leave the terminator out; it is then whole if it ends as a message does. */
export function readDatagram(bytes: Uint8Array): FrameResult {
  const result = nextFrame(bytes);
  if (result.kind === "frame" && result.consumed === bytes.length) return result;
  const unterminated = result.kind === "incomplete" && encodingOf(bytes)?.kind === "ascii" && endsWithCount(bytes);
  if (unterminated) return { kind: "frame", frame: bytes, consumed: bytes.length };
  return { kind: "rejected", consumed: bytes.length, reason: result.kind === "rejected" ? result.reason : "length" };
}

function nextAscii(bytes: Uint8Array): FrameResult {
  const searchFrom = payloadEnd(bytes);
  if (searchFrom > FRAME_BYTES_MAX) return reject(bytes, FRAME_BYTES_MAX, "oversize");
  const end = Math.min(bytes.length, FRAME_BYTES_MAX);
  for (let at = searchFrom; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === DOLLAR || byte === NUL) return { kind: "frame", frame: bytes.subarray(0, at + 1), consumed: at + 1 };
    if (byte === PLUS && startsMessage(bytes, at)) return unterminated(bytes, at);
  }
  if (bytes.length >= FRAME_BYTES_MAX) return reject(bytes, FRAME_BYTES_MAX, "oversize");
  return { kind: "incomplete", needed: Math.max(bytes.length + 1, Math.min(searchFrom + 1, FRAME_BYTES_MAX)) };
}

/** A message that another one follows without a terminator: whole if it ends as one does, a fragment otherwise. */
function unterminated(bytes: Uint8Array, end: number): FrameResult {
  let textEnd = end;
  while (textEnd > 0 && (bytes[textEnd - 1] === CR || bytes[textEnd - 1] === LF)) textEnd--;
  if (endsWithCount(bytes.subarray(0, textEnd))) {
    return { kind: "frame", frame: bytes.subarray(0, textEnd), consumed: end };
  }
  return { kind: "rejected", consumed: end, reason: "format" };
}

const COUNT_TAIL = /,\d{14},[0-9A-Fa-f]{4}$/;
/** The time of a position, and what follows it cut off at four digits. */
const LOCATED_CUT = /,-?\d{1,3}\.\d{4,8},-?\d{1,2}\.\d{4,8},\d{14},[0-9A-Fa-f]{4}$/;
/** The same without a fix; a mobile country code (ITU-T E.212: 2xx to 7xx, 9xx) tells it from the end of many a report. */
const UNLOCATED_CUT = /,\d{0,2},\d[\d.]*,\d*,[-\d.]*,,,\d{14},0[2-79]\d\d$/;
/** Two times, the second cut off behind its year. */
const TIME_CUT = /,(\d{4})\d{10},\1$/;
const CUTS = [LOCATED_CUT, UNLOCATED_CUT, TIME_CUT];
const TAIL_BYTES = 80;

/**
 * Whether text without a terminator ends as a message does. Where it may as well have been cut off it does not: a device
 * that is not answered sends it again, and one that is answered forgets what was cut off.
 */
function endsWithCount(bytes: Uint8Array): boolean {
  const tail = latin1(bytes, Math.max(0, bytes.length - TAIL_BYTES), bytes.length);
  return COUNT_TAIL.test(tail) && !CUTS.some((cut) => cut.test(tail));
}

const MESSAGE_START = /^\+(RESP|BUFF|ACK|NACK):GT[A-Z]{3},/;

function startsMessage(bytes: Uint8Array, at: number): boolean {
  return MESSAGE_START.test(latin1(bytes, at, Math.min(bytes.length, at + 12)));
}

/** Fields of GTDTT before its data: head, version, id, name, three reserved, data type. */
const FIELDS_BEFORE_LENGTH = 8;
const TRANSPARENT = /^\+(RESP|BUFF):GTDTT,/;

/** Where the terminator may be looked for: behind the data of GTDTT, whose length stands in front of it. */
function payloadEnd(bytes: Uint8Array): number {
  if (!TRANSPARENT.test(latin1(bytes, 0, Math.min(bytes.length, 12)))) return HEAD_BYTES;
  let at = 0;
  for (let commas = 0; commas < FIELDS_BEFORE_LENGTH; commas++) {
    at = bytes.indexOf(COMMA, at) + 1;
    if (at === 0) return HEAD_BYTES;
  }
  const lengthEnd = bytes.indexOf(COMMA, at);
  const length = lengthEnd < 0 ? "" : latin1(bytes, at, lengthEnd);
  if (!/^\d{1,4}$/.test(length)) return HEAD_BYTES;
  const isHex = bytes[at - 2] === 0x31;
  const dataEnd = lengthEnd + 1 + Number(length) * (isHex ? 2 : 1);
  // Hex data may count its characters instead of its bytes.
  const halfEnd = lengthEnd + 1 + Number(length);
  return isHex && (bytes[halfEnd] === COMMA || dataEnd > FRAME_BYTES_MAX) ? halfEnd : dataEnd;
}

function nextHex(bytes: Uint8Array, head: HexHead): FrameResult {
  const headEnd = Math.max(head.lengthAt + head.lengthBytes, head.maskAt + head.maskBytes);
  if (bytes.length < headEnd) return { kind: "incomplete", needed: headEnd };
  const mask = readUint(bytes, head.maskAt, head.maskBytes);
  if (head.lengthBit !== undefined && ((mask >>> head.lengthBit) & 1) === 0)
    return nextHexWithoutLength(bytes, headEnd);
  const total = readUint(bytes, head.lengthAt, head.lengthBytes);
  if (total < headEnd + HEX_TAIL_BYTES) return reject(bytes, bytes.length, "length");
  if (total > FRAME_BYTES_MAX) return reject(bytes, bytes.length, "oversize");
  if (bytes.length < total) return { kind: "incomplete", needed: total };
  if (bytes[total - 2] !== CR || bytes[total - 1] !== LF) return reject(bytes, total, "length");
  if (!hexIsSound(bytes, total)) return { kind: "rejected", consumed: total, reason: "checksum" };
  return { kind: "frame", frame: bytes.subarray(0, total), consumed: total };
}

/** Without a length only `0D0A` ends the message; the CRC says which of them does. */
function nextHexWithoutLength(bytes: Uint8Array, headEnd: number): FrameResult {
  const end = Math.min(bytes.length, FRAME_BYTES_MAX);
  for (let total = headEnd + HEX_TAIL_BYTES; total <= end; total++) {
    if (bytes[total - 2] !== CR || bytes[total - 1] !== LF || !hexIsSound(bytes, total)) continue;
    return { kind: "frame", frame: bytes.subarray(0, total), consumed: total };
  }
  if (bytes.length >= FRAME_BYTES_MAX) return reject(bytes, FRAME_BYTES_MAX, "oversize");
  return { kind: "incomplete", needed: Math.max(bytes.length + 1, headEnd + HEX_TAIL_BYTES) };
}

/** Where the CRC of a HEX frame begins to cover it: at the message type, behind `+RSP`. */
export const HEX_CRC_FROM = 4;

/** The CRC covers message type to count number. */
export function hexIsSound(bytes: Uint8Array, total: number): boolean {
  const crcAt = total - HEX_TAIL_BYTES;
  return crcAt > HEX_CRC_FROM && crc16(bytes, HEX_CRC_FROM, crcAt) === readUint(bytes, crcAt, 2);
}

function nextCompact(bytes: Uint8Array): FrameResult {
  const total = readUint(bytes, 2, 2);
  if (total < COMPACT_BYTES_MIN) return reject(bytes, bytes.length, "length");
  if (total > FRAME_BYTES_MAX) return reject(bytes, bytes.length, "oversize");
  if (bytes.length < total) return { kind: "incomplete", needed: total };
  if (bytes[total - 1] !== DOLLAR) return reject(bytes, total, "length");
  if (!compactIsSound(bytes, total)) return { kind: "rejected", consumed: total, reason: "checksum" };
  return { kind: "frame", frame: bytes.subarray(0, total), consumed: total };
}

export function compactIsSound(bytes: Uint8Array, total: number): boolean {
  return crc8(bytes, 0, total - 2) === bytes[total - 2];
}

/** Skips to what may be the next message inside `end`; the damaged one's own start is always skipped. */
function reject(bytes: Uint8Array, end: number, reason: RejectReason): FrameResult {
  for (let at = 1; at < end; at++) {
    if (bytes[at] === PLUS || (bytes[at] === MINUS && bytes[at + 1] === NUL)) {
      return { kind: "rejected", consumed: at, reason };
    }
  }
  return { kind: "rejected", consumed: end, reason };
}

function isLetter(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.max(0, end - start)).toString("latin1");
}

/** Unsigned, big-endian, up to six bytes. */
export function readUint(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let index = 0; index < length; index++) value = value * 0x100 + bytes[at + index]!;
  return value;
}
