/** CRC-16/CCITT-FALSE of the HEX protocol: polynomial 0x1021, initial 0xFFFF; over message type to count number. */
export function crc16(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0xffff;
  for (let at = start; at < end; at++) crc = ((crc << 8) & 0xffff) ^ CRC16[((crc >>> 8) ^ bytes[at]!) & 0xff]!;
  return crc;
}

/** CRC-8 of the compact protocol: polynomial 0x31, initial 0xFF; over everything before it. Found by computation. */
export function crc8(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0xff;
  for (let at = start; at < end; at++) crc = CRC8[crc ^ bytes[at]!]!;
  return crc;
}

const CRC16 = Uint16Array.from({ length: 256 }, (_, index) => {
  let crc = index << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc & 0xffff;
});

const CRC8 = Uint8Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? ((crc << 1) ^ 0x31) & 0xff : (crc << 1) & 0xff;
  return crc;
});
