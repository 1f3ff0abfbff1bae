import type { FrameResult, RejectReason } from "../decoder.ts";
import { crc16 } from "./crc16.ts";
import {
  carriesCommand,
  carriesRecords,
  DATA_BYTES_MIN,
  DATAGRAM_HEAD_BYTES,
  FRAME_BYTES_MAX,
  IMEI_DIGITS_MAX,
  IMEI_DIGITS_MIN,
  KEEP_ALIVE,
  PACKET_HEAD_BYTES,
  PACKET_TAIL_BYTES,
  readImei,
  readUint16,
  readUint32,
} from "./layout.ts";

/**
 * Delimits the next frame of a TCP stream.
 *
 * | first bytes | frame | length |
 * |---|---|---|
 * | `FF` | keep-alive | 1 |
 * | u16 14..17 | login: that many digits follow | 2 + n |
 * | `00000000` u32 L | packet: codec … second count, then a u32 checksum | 8 + L + 4 |
 */
export function nextFrame(bytes: Uint8Array): FrameResult {
  if (bytes.length === 0) return { kind: "incomplete", needed: 1 };
  if (bytes[0] === KEEP_ALIVE) return { kind: "frame", frame: bytes.subarray(0, 1), consumed: 1 };
  if (bytes.length < 2) return { kind: "incomplete", needed: 2 };
  const digits = readUint16(bytes, 0);
  return digits === 0 ? nextPacket(bytes) : nextLogin(bytes, digits);
}

function nextLogin(bytes: Uint8Array, digits: number): FrameResult {
  if (digits < IMEI_DIGITS_MIN || digits > IMEI_DIGITS_MAX) return { kind: "fatal", reason: "login" };
  const length = 2 + digits;
  if (bytes.length < length) return { kind: "incomplete", needed: length };
  if (readImei(bytes, 2, digits) === undefined) return { kind: "fatal", reason: "login" };
  return { kind: "frame", frame: bytes.subarray(0, length), consumed: length };
}

function nextPacket(bytes: Uint8Array): FrameResult {
  if (bytes.length >= 4 && readUint16(bytes, 2) !== 0) return { kind: "fatal", reason: "preamble" };
  if (bytes.length < PACKET_HEAD_BYTES) return { kind: "incomplete", needed: PACKET_HEAD_BYTES };
  const statedBytes = readUint32(bytes, 4);
  if (statedBytes > FRAME_BYTES_MAX - PACKET_HEAD_BYTES - PACKET_TAIL_BYTES)
    return { kind: "fatal", reason: "oversize" };
  // As a signed integer: what is reckoned from an unsigned one of 32 bits becomes a floating-point number.
  const dataBytes = statedBytes | 0;
  const length = PACKET_HEAD_BYTES + dataBytes + PACKET_TAIL_BYTES;
  if (dataBytes < DATA_BYTES_MIN) return { kind: "rejected", reason: "length", consumed: PACKET_HEAD_BYTES };
  if (bytes.length < length) return { kind: "incomplete", needed: length };
  const dataEnd = PACKET_HEAD_BYTES + dataBytes;
  if (crc16(bytes, PACKET_HEAD_BYTES, dataEnd) !== readUint32(bytes, dataEnd)) {
    return { kind: "rejected", reason: "checksum", consumed: length };
  }
  const fault = dataFault(bytes, PACKET_HEAD_BYTES, dataEnd);
  if (fault) return { kind: "rejected", reason: fault, consumed: length };
  return { kind: "frame", frame: length === bytes.length ? bytes : bytes.subarray(0, length), consumed: length };
}

/**
 * Checks a datagram, which is one frame: u16 length of the rest, u16 channel packet id, u8 unused, u8 AVL packet id,
 * u16 IMEI length, IMEI digits, then codec … second count. There is no checksum of its own.
 */
export function readDatagram(bytes: Uint8Array): FrameResult {
  const fault = datagramFault(bytes);
  if (fault) return { kind: "rejected", reason: fault, consumed: bytes.length };
  return { kind: "frame", frame: bytes, consumed: bytes.length };
}

function datagramFault(bytes: Uint8Array): RejectReason | undefined {
  if (bytes.length === 1 && bytes[0] === KEEP_ALIVE) return undefined;
  if (bytes.length > FRAME_BYTES_MAX) return "oversize";
  if (bytes.length < DATAGRAM_HEAD_BYTES || readUint16(bytes, 0) !== bytes.length - 2) return "length";
  const digits = readUint16(bytes, 6);
  if (digits < IMEI_DIGITS_MIN || digits > IMEI_DIGITS_MAX) return "login";
  const dataStart = DATAGRAM_HEAD_BYTES + digits;
  if (dataStart + DATA_BYTES_MIN > bytes.length) return "length";
  if (readImei(bytes, DATAGRAM_HEAD_BYTES, digits) === undefined) return "login";
  return dataFault(bytes, dataStart, bytes.length);
}

/** What is wrong with codec id or counts of the data field `start..end`. */
function dataFault(bytes: Uint8Array, start: number, end: number): RejectReason | undefined {
  const codec = bytes[start]!;
  if (!carriesRecords(codec) && !carriesCommand(codec)) return "codec";
  return bytes[start + 1] === bytes[end - 1] ? undefined : "count";
}

/** Where the parts of a delimited frame lie. */
export type FrameParts =
  | { kind: "keepAlive" }
  | { kind: "login"; imei: string }
  | { kind: "packet"; imei: string | null; avlPacketId: number; codec: number; dataStart: number; dataEnd: number };

/**
 * Tells the parts of a frame, whatever delimited it: a packet starts with four zero bytes, a datagram with its length,
 * a login with the length of an IMEI. Undefined where the bytes are none of them.
 */
export function partsOf(frame: Uint8Array): FrameParts | undefined {
  if (frame.length === 1 && frame[0] === KEEP_ALIVE) return { kind: "keepAlive" };
  if (frame.length < DATAGRAM_HEAD_BYTES) return undefined;
  const first = readUint16(frame, 0);
  if (first >= IMEI_DIGITS_MIN && first <= IMEI_DIGITS_MAX && frame.length === 2 + first) {
    const imei = readImei(frame, 2, first);
    if (imei !== undefined) return { kind: "login", imei };
  }
  return first === 0 ? packetParts(frame) : datagramParts(frame);
}

function packetParts(frame: Uint8Array): FrameParts | undefined {
  const dataEnd = frame.length - PACKET_TAIL_BYTES;
  const dataStart = PACKET_HEAD_BYTES;
  if (dataEnd - dataStart < DATA_BYTES_MIN || readUint32(frame, 4) !== dataEnd - dataStart) return undefined;
  if (dataFault(frame, dataStart, dataEnd)) return undefined;
  return { kind: "packet", imei: null, avlPacketId: 0, codec: frame[dataStart]!, dataStart, dataEnd };
}

function datagramParts(frame: Uint8Array): FrameParts | undefined {
  if (datagramFault(frame)) return undefined;
  const digits = readUint16(frame, 6);
  const dataStart = DATAGRAM_HEAD_BYTES + digits;
  const imei = readImei(frame, DATAGRAM_HEAD_BYTES, digits)!;
  return {
    kind: "packet",
    imei,
    avlPacketId: frame[5]!,
    codec: frame[dataStart]!,
    dataStart,
    dataEnd: frame.length,
  };
}
