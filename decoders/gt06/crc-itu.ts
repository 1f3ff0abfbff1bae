/**
 * CRC-ITU of the GT06 family, also known as CRC-16/X-25: polynomial 0x1021 reflected, initial and final 0xFFFF.
 * Over the length field to the serial number, inclusive.
 */
export function crcItu(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0xffff;
  for (let at = start; at < end; at++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc & 0xffff;
}

const TABLE = Uint16Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x8408 : crc >>> 1;
  return crc;
});
