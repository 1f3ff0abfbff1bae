/**
 * CRC-16/IBM (ARC): reflected polynomial 0xA001, initial value 0, no final xor.
 *
 * Two ideas make it cheap enough not to dominate decoding (`bench/decode-teltonika.ts` prints the rates):
 *
 * - **Folding.** x^16 + x^15 + x^2 + 1 = (x + 1) G with G = x^15 + x + 1. In characteristic two, x^15 = x + 1 modulo G
 *   gives x^(15·2^k) = x^(2^k) + 1: a block of 60 bytes (k = 5) is folded into the next by adding each of its words to
 *   the word in the same place and to the one before it. No table, no shift. That is exact modulo G; what is missing is
 *   the remainder modulo x + 1, which is the parity of all bits, and G itself has odd parity, so that adding it once
 *   mends a wrong parity without touching the remainder modulo G.
 * - **Slicing by eight** for what is left: eight tables let one step take eight bytes.
 */

const POLYNOMIAL = 0xa001;
/** G = x^15 + x + 1, reflected: x^15 is bit 0, x is bit 14, 1 is bit 15. */
const G_REFLECTED = 0xc001;
const BLOCK_BYTES = 60;
/** Below this, folding costs more to begin and end than it saves. */
const FOLDED_BYTES_MIN = 300;
const TABLES = buildTables();
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [Table, Table, Table, Table, Table, Table, Table, Table];

type Table = Uint16Array<ArrayBuffer>;

/** The folded block, seen as the words, half-words and bytes that the three foldings work on (little-endian). */
const WORDS = new Int32Array(BLOCK_BYTES / 4);
const HALVES = new Uint16Array(WORDS.buffer);
const BYTES = new Uint8Array(WORDS.buffer);

/** Checksum of the half-open range `start..end` of `bytes`. */
export function crc16(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < FOLDED_BYTES_MIN) return sliced(0, bytes, start, end);
  const folded = end - ((end - start) % BLOCK_BYTES);
  return sliced(foldedCrc(bytes, start, folded), bytes, folded, end);
}

/** Continues the checksum `crc` over `start..end`, eight bytes a step. */
function sliced(crc: number, bytes: Uint8Array, start: number, end: number): number {
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

/** Checksum of whole blocks `start..end`: fold to one block, then to a half and a quarter of it, then by table. */
function foldedCrc(bytes: Uint8Array, start: number, end: number): number {
  const parity = foldBlocks(bytes, start, end);
  for (let half = 0; half < 15; half++) {
    const value = HALVES[half]!;
    HALVES[half + 15]! ^= value;
    HALVES[half + 14]! ^= value;
  }
  for (let byte = 30; byte < 45; byte++) {
    const value = BYTES[byte]!;
    BYTES[byte + 15]! ^= value;
    BYTES[byte + 14]! ^= value;
  }
  const crc = sliced(0, BYTES, 45, BLOCK_BYTES);
  return isOdd(crc) === isOdd(parity) ? crc : crc ^ G_REFLECTED;
}

/** Folds all blocks into WORDS; returns the sum of all words, whose parity is that of all bits. */
function foldBlocks(bytes: Uint8Array, start: number, end: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  let sum = 0;
  let word = 0;
  for (let at = start; at < end; at += BLOCK_BYTES) {
    sum ^= word = view.getInt32(at, true);
    a ^= b ^ word;
    sum ^= word = view.getInt32(at + 4, true);
    b ^= c ^ word;
    sum ^= word = view.getInt32(at + 8, true);
    c ^= d ^ word;
    sum ^= word = view.getInt32(at + 12, true);
    d ^= e ^ word;
    sum ^= word = view.getInt32(at + 16, true);
    e ^= f ^ word;
    sum ^= word = view.getInt32(at + 20, true);
    f ^= g ^ word;
    sum ^= word = view.getInt32(at + 24, true);
    g ^= h ^ word;
    sum ^= word = view.getInt32(at + 28, true);
    h ^= i ^ word;
    sum ^= word = view.getInt32(at + 32, true);
    i ^= j ^ word;
    sum ^= word = view.getInt32(at + 36, true);
    j ^= k ^ word;
    sum ^= word = view.getInt32(at + 40, true);
    k ^= l ^ word;
    sum ^= word = view.getInt32(at + 44, true);
    l ^= m ^ word;
    sum ^= word = view.getInt32(at + 48, true);
    m ^= n ^ word;
    sum ^= word = view.getInt32(at + 52, true);
    n ^= o ^ word;
    sum ^= word = view.getInt32(at + 56, true);
    o ^= a ^ word;
  }
  // The first word of the last block is not to be folded: nothing follows its place in a next block.
  o ^= a;
  WORDS[0] = a;
  WORDS[1] = b;
  WORDS[2] = c;
  WORDS[3] = d;
  WORDS[4] = e;
  WORDS[5] = f;
  WORDS[6] = g;
  WORDS[7] = h;
  WORDS[8] = i;
  WORDS[9] = j;
  WORDS[10] = k;
  WORDS[11] = l;
  WORDS[12] = m;
  WORDS[13] = n;
  WORDS[14] = o;
  return sum;
}

function isOdd(word: number): boolean {
  let bits = word ^ (word >>> 16);
  bits ^= bits >>> 8;
  bits ^= bits >>> 4;
  return ((0x6996 >>> (bits & 0xf)) & 1) === 1;
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
