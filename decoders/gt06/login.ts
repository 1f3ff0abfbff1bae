import type { Attributes } from "../decoder.ts";
import { bcdText, readUint16 } from "./frame.ts";
import { LOGIN } from "./protocol-numbers.ts";

/**
 * Login: IMEI as 8 bytes of BCD (a zero, then 15 digits); newer devices add their type (2) and their time zone (2).
 *
 * Zone word: bits 15-4 hours × 100 + minutes, bit 3 set west of Greenwich, bits 1-0 language.
 * Source: JM-VL03 communication protocol 1.1.2, login packet.
 */
export type Login = { deviceUid: string; type?: number; zoneMinutes?: number };

/** Names under which a login is remembered for the frames after it, and the setting that overrides its zone. */
export const ZONE_MEMORY = "gt06.zoneMinutes";
export const TYPE_MEMORY = "gt06.type";
export const ZONE_SETTING = "time.zoneMinutes";

const IMEI_BYTES = 8;
/** No place on Earth is farther from UTC than 14 hours. */
const ZONE_MINUTES_MAX = 14 * 60;

/** Undefined where the content is too short to name a device. */
export function readLogin(content: Uint8Array): Login | undefined {
  if (content.length < IMEI_BYTES) return undefined;
  const login: Login = { deviceUid: bcdText(content, 0, IMEI_BYTES).replace(/^0/, "") };
  if (content.length >= IMEI_BYTES + 2) login.type = readUint16(content, IMEI_BYTES);
  if (content.length >= IMEI_BYTES + 4) {
    const zoneMinutes = readZone(readUint16(content, IMEI_BYTES + 2));
    if (zoneMinutes !== undefined) login.zoneMinutes = zoneMinutes;
  }
  return login;
}

/**
 * Who a captured login names, for a person who reads frames of a session from a file: the capture stands in for the
 * session, so its checksum and its end don't count.
 */
export function identify(bytes: Uint8Array): { deviceUid: string; memory: Attributes } | undefined {
  const protocolAt = bytes[0] === 0x79 ? 4 : 3;
  if (bytes[protocolAt] !== LOGIN || bytes.length < protocolAt + 1 + IMEI_BYTES) return undefined;
  const contentBytes = bytes[protocolAt - 1]! - 5;
  const login = readLogin(bytes.subarray(protocolAt + 1, protocolAt + 1 + Math.max(IMEI_BYTES, contentBytes)));
  return login && { deviceUid: login.deviceUid, memory: memoryOf(login) };
}

export function memoryOf(login: Login): Attributes {
  const memory: Attributes = {};
  if (login.type !== undefined) memory[TYPE_MEMORY] = login.type;
  if (login.zoneMinutes !== undefined) memory[ZONE_MEMORY] = login.zoneMinutes;
  return memory;
}

function readZone(word: number): number | undefined {
  const digits = word >> 4;
  const minutes = Math.floor(digits / 100) * 60 + (digits % 100);
  if (minutes > ZONE_MINUTES_MAX) return undefined;
  return word & 0x08 ? -minutes : minutes;
}
