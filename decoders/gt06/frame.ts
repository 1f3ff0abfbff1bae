import type { FrameResult, RejectReason } from "../decoder.ts";
import { crcItu } from "./crc-itu.ts";

/**
 * The frame of the GT06 family, all numbers big-endian:
 *
 * | part | bytes |
 * |---|---|
 * | start | 2: `7878`, then a 1-byte length; `7979`, then a 2-byte length |
 * | length | 1 or 2: protocol number … CRC |
 * | protocol number | 1 |
 * | content | n |
 * | serial | 2 |
 * | CRC-ITU | 2: over length … serial |
 * | stop | 2: `0D0A` |
 *
 * Source: JM-VL03 communication protocol 1.1.2, section 4.
 */
export type Gt06Frame = {
  /** Both start bytes are the same: 0x78 for the short form, 0x79 for the long one. */
  long: boolean;
  protocol: number;
  content: Uint8Array;
  serial: number;
  /** Offset of the protocol number, and of the first byte after the content, inside the frame. */
  protocolAt: number;
  contentEnd: number;
};

/** Largest frame believed, in bytes: photos come in parts of at most a few kilobytes. */
export const FRAME_BYTES_MAX = 16 * 1024;

const SHORT = 0x78;
const LONG = 0x79;
/** Protocol number, serial and CRC. */
const LENGTH_MIN = 5;
const TAIL_BYTES = 6;
/** Start and the byte or two of the length: what must be there to know the length. */
const headBytes = (long: boolean): number => (long ? 4 : 3);

/** Delimits the next frame of a stream. A frame with a wrong length, stop or CRC is skipped, never answered. */
export function nextFrame(bytes: Uint8Array): FrameResult {
  if (bytes.length === 0) return { kind: "incomplete", needed: 1 };
  const start = bytes[0]!;
  if (start !== SHORT && start !== LONG) return reject(bytes, bytes.length, "format");
  if (bytes.length < 2) return { kind: "incomplete", needed: 2 };
  if (bytes[1] !== start) return reject(bytes, bytes.length, "format");
  const long = start === LONG;
  if (bytes.length < headBytes(long)) return { kind: "incomplete", needed: headBytes(long) };
  const length = long ? (bytes[2]! << 8) | bytes[3]! : bytes[2]!;
  const total = headBytes(long) + length + 2;
  if (length < LENGTH_MIN) return reject(bytes, bytes.length, "length");
  if (total > FRAME_BYTES_MAX) return reject(bytes, bytes.length, "oversize");
  if (bytes.length < total) return { kind: "incomplete", needed: total };
  if (bytes[total - 2] !== 0x0d || bytes[total - 1] !== 0x0a) return reject(bytes, total, "length");
  const crcAt = total - 4;
  if (crcItu(bytes, 2, crcAt) !== readUint16(bytes, crcAt)) {
    return { kind: "rejected", consumed: total, reason: "checksum" };
  }
  return { kind: "frame", frame: bytes.subarray(0, total), consumed: total };
}

/** One datagram is one frame. */
export function readDatagram(bytes: Uint8Array): FrameResult {
  const result = nextFrame(bytes);
  if (result.kind === "frame" && result.consumed === bytes.length) return result;
  return { kind: "rejected", consumed: bytes.length, reason: result.kind === "rejected" ? result.reason : "length" };
}

/** Takes a delimited frame apart; undefined where it is not one after all. */
export function openFrame(frame: Uint8Array): Gt06Frame | undefined {
  const result = nextFrame(frame);
  if (result.kind !== "frame" || result.consumed !== frame.length) return undefined;
  const long = frame[0] === LONG;
  const protocolAt = headBytes(long);
  const contentEnd = frame.length - TAIL_BYTES;
  return {
    long,
    protocol: frame[protocolAt]!,
    content: frame.subarray(protocolAt + 1, contentEnd),
    serial: readUint16(frame, contentEnd),
    protocolAt,
    contentEnd,
  };
}

/** Skips to what may be the next frame inside `end`; the damaged frame's own start is always skipped. */
function reject(bytes: Uint8Array, end: number, reason: RejectReason): FrameResult {
  for (let at = 1; at < end; at++) {
    const byte = bytes[at];
    if ((byte === SHORT || byte === LONG) && (at + 1 >= bytes.length || bytes[at + 1] === byte)) {
      return { kind: "rejected", consumed: at, reason };
    }
  }
  return { kind: "rejected", consumed: end, reason };
}

export function readUint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return readUint16(bytes, at) * 0x1_0000 + readUint16(bytes, at + 2);
}

/** Decimal digits of BCD; letters where a clone put other nibbles in. */
export function bcdText(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.subarray(at, at + length)).toString("hex");
}
