import { type HexHead, queclinkHex } from "#firmware-profiles/queclink/index.ts";
import { encodingOf, hexIsSound, latin1, readUint } from "./frame.ts";

/**
 * What stands in front of and behind the fields of a HEX message.
 *
 * | part | bytes |
 * |---|---|
 * | head | 4: `+RSP` … |
 * | message type, mask, length | as `layouts/hex.json` says; the mask of +HBD stands in front |
 * | device type, protocol version, firmware version | 1 + 2 + 2, each if its mask bit is set |
 * | unique id | 8: IMEI as seven pairs of digits and one digit, or the name of the device |
 * | … | |
 * | send time | 7: year 2, month, day, hour, minute, second |
 * | count | 2 |
 * | CRC, `0D0A` | 2 + 2 |
 *
 * Source: GV200 @Track air interface protocol 3, HEX protocol.
 */
export type HexMessage = {
  name: string;
  head: HexHead;
  type: number;
  mask: number;
  deviceType: number | undefined;
  protocolVersion: number | undefined;
  firmware: number | undefined;
  deviceUid: string | undefined;
  deviceName: string | undefined;
  sentMs: number | null;
  count: number;
  /** The fields: half-open offsets. */
  bodyStart: number;
  bodyEnd: number;
};

/** Bits of the masks that say which of the parts are there; -1: always. */
type HeadBits = { deviceType: number; protocol: number; firmware: number; name: number };
const BITS: { readonly [maskBytes: number]: HeadBits } = {
  4: { deviceType: 8, protocol: 9, firmware: 10, name: 6 },
  2: { deviceType: 2, protocol: 3, firmware: 4, name: 1 },
  1: { deviceType: 1, protocol: 2, firmware: 3, name: 4 },
};

const UID_BYTES = 8;
/** Send time, count, CRC and `0D0A`. */
const TAIL_BYTES = 13;

export function openHex(frame: Uint8Array): HexMessage | undefined {
  if (frame.length < 6 || !hexIsSound(frame, frame.length)) return undefined;
  const encoding = encodingOf(frame);
  if (encoding?.kind !== "hex") return undefined;
  const { head, name } = encoding;
  const bits = BITS[head.maskBytes]!;
  const headEnd = Math.max(head.lengthAt + head.lengthBytes, head.maskAt + head.maskBytes);
  if (frame.length < headEnd + UID_BYTES + TAIL_BYTES) return undefined;
  const mask = readUint(frame, head.maskAt, head.maskBytes);
  const has = (bit: number): boolean => ((mask >>> bit) & 1) === 1;
  const hasLength = head.lengthBit === undefined || has(head.lengthBit);
  let at = hasLength ? headEnd : headEnd - head.lengthBytes;
  const take = (present: boolean, bytes: number): number | undefined => {
    if (!present) return undefined;
    at += bytes;
    return readUint(frame, at - bytes, bytes);
  };
  // +INF puts the id in front of the versions, the others behind.
  const idFirst = head.maskBytes === 2;
  const idAt = idFirst ? at : -1;
  if (idFirst) at += UID_BYTES;
  const deviceType = take(has(bits.deviceType), 1);
  const protocolVersion = take(has(bits.protocol), 2);
  const firmware = take(has(bits.firmware), 2);
  const uidAt = idFirst ? idAt : at;
  if (!idFirst) at += UID_BYTES;
  const bodyEnd = frame.length - TAIL_BYTES;
  if (at > bodyEnd) return undefined;
  const named = has(bits.name);
  return {
    name,
    head,
    type: frame[4]!,
    mask,
    deviceType,
    protocolVersion,
    firmware,
    deviceUid: named ? undefined : imeiAt(frame, uidAt),
    deviceName: named ? latin1(frame, uidAt, uidAt + UID_BYTES).replace(/\0+$/, "") : undefined,
    sentMs: timeAt(frame, bodyEnd),
    count: readUint(frame, frame.length - 6, 2),
    bodyStart: at,
    bodyEnd,
  };
}

/** Seven bytes of two digits each, then one digit; undefined where a byte is no such number. */
function imeiAt(frame: Uint8Array, at: number): string | undefined {
  const last = frame[at + 7]!;
  if (last > 9) return undefined;
  let digits = "";
  for (let index = at; index < at + 7; index++) {
    const pair = frame[index]!;
    if (pair > 99) return undefined;
    digits += pair < 10 ? `0${pair}` : pair;
  }
  return `${digits}${last}`;
}

/** Year 2, month, day, hour, minute, second; null where no calendar has it. */
export function timeAt(bytes: Uint8Array, at: number): number | null {
  if (at + 7 > bytes.length) return null;
  const year = readUint(bytes, at, 2);
  if (year < YEAR_MIN || year > YEAR_MAX) return null;
  const month = bytes[at + 2]!;
  const day = bytes[at + 3]!;
  const hour = bytes[at + 4]!;
  const minute = bytes[at + 5]!;
  const second = bytes[at + 6]!;
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) return null;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

const YEAR_MIN = 1970;
const YEAR_MAX = 2199;

/** The event that a message type stands for. */
export function hexEventOf({ name, type }: HexMessage): string | null {
  const live = name === "BVT" ? "EVT" : name === "BSP" ? "RSP" : name;
  return queclinkHex.events[live]?.[String(type)] ?? null;
}
