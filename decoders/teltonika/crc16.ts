/**
 * CRC-16/IBM (ARC): reflected polynomial 0xA001, initial value 0, no final xor.
 *
 * Slicing by eight: eight tables let one step take eight bytes, about three times the rate of a byte table; with a byte
 * table the checksum costs as much as decoding the packet (`bench/decode-teltonika.ts`).
 */

const POLYNOMIAL = 0xa001;
const TABLES = buildTables();
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [Table, Table, Table, Table, Table, Table, Table, Table];

type Table = Uint16Array<ArrayBuffer>;

/** Checksum of the half-open range `start..end` of `bytes`. */
export function crc16(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    crc =
      T7[(crc ^ bytes[at]!) & 0xff]! ^
      T6[((crc >>> 8) ^ bytes[at + 1]!) & 0xff]! ^
      T5[bytes[at + 2]!]! ^
      T4[bytes[at + 3]!]! ^
      T3[bytes[at + 4]!]! ^
      T2[bytes[at + 5]!]! ^
      T1[bytes[at + 6]!]! ^
      T0[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ T0[(crc ^ bytes[at]!) & 0xff]!;
  return crc;
}

function buildTables(): Table[] {
  const tables = Array.from({ length: 8 }, () => new Uint16Array(256));
  for (let value = 0; value < 256; value++) {
    let crc = value;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[0]![value] = crc;
  }
  for (let slice = 1; slice < 8; slice++) {
    for (let value = 0; value < 256; value++) {
      const before = tables[slice - 1]![value]!;
      tables[slice]![value] = (before >>> 8) ^ tables[0]![before & 0xff]!;
    }
  }
  return tables;
}
