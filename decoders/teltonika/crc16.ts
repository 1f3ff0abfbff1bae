import { FRAME_BYTES_MAX } from "./layout.ts";

/**
 * CRC-16/IBM (ARC): reflected polynomial 0xA001, initial value 0, no final xor.
 *
 * Two ideas make it cheap enough not to dominate decoding (`bench/decode-teltonika.ts` prints the rates):
 *
 * - **Folding.** P = x^16 + x^15 + x^2 + 1. In characteristic two P^(2^k) = x^(16·2^k) + x^(15·2^k) + x^(2·2^k) + 1, so
 *   that modulo P a word may be added to three later words instead. For k = 5 these lie 1, 14 and 16 words of 32 bits
 *   further on: without a table or a shift a packet of any length becomes 16 words. k = 4 and k = 3 make 8 and 4 of them,
 *   by shifts of 16 and 8 bits.
 * - **Slicing by eight** for what is left: eight tables let one step take eight bytes.
 *
 * The bytes are copied to one place first, behind zeros that fill up the first block (zeros in front do not change a
 * checksum): constant arrays let the compiler write address and length into the code, whatever the caller's array is.
 */

const POLYNOMIAL = 0xa001;
const BLOCK_BYTES = 64;
const BLOCK_WORDS = BLOCK_BYTES / 4;
/** Where blocks begin. What a packet has before its data field lies in front; later the folded block does. */
const FIRST_BLOCK_BYTE = BLOCK_BYTES;
const FIRST_BLOCK_WORD = BLOCK_WORDS;
/** Bytes around the wanted ones that are rather copied along than cut off. */
const SURROUNDING_BYTES_MAX = 16;

const BYTES = new Uint8Array(FIRST_BLOCK_BYTE + FRAME_BYTES_MAX + BLOCK_BYTES);
/** Little-endian, as all processors that Node runs on. */
const WORDS = new Int32Array(BYTES.buffer);
const VIEW = new DataView(BYTES.buffer);

type Table = Uint16Array<ArrayBuffer>;

const TABLES = buildTables();
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [Table, Table, Table, Table, Table, Table, Table, Table];

/** Checksum of the half-open range `start..end` of `bytes`, at most `FRAME_BYTES_MAX` bytes. */
export function crc16(bytes: Uint8Array, start: number, end: number): number {
  foldBlocks(placeBlocks(bytes, start, end));
  foldSixteenWords();
  foldEightWords();
  return sliced(sliced(0, WORDS[12]!, WORDS[13]!), WORDS[14]!, WORDS[15]!);
}

/** Copies the range so that it ends with a block, at least one, and zeros before it; returns the word where blocks end. */
function placeBlocks(bytes: Uint8Array, start: number, end: number): number {
  const byteCount = (end - start) | 0;
  const blocks = (Math.max(byteCount, 1) + BLOCK_BYTES - 1) >> 6;
  const endWord = FIRST_BLOCK_WORD + blocks * BLOCK_WORDS;
  const at = endWord * 4 - byteCount;
  if (start <= SURROUNDING_BYTES_MAX && bytes.length - end <= SURROUNDING_BYTES_MAX) BYTES.set(bytes, at - start);
  else BYTES.set(bytes.subarray(start, end), at);
  // Eight bytes a step, of which the last may begin before the first block.
  for (let zeros = at - 8; zeros > FIRST_BLOCK_BYTE - 8; zeros -= 8) VIEW.setFloat64(zeros, 0, true);
  return endWord;
}

/**
 * k = 5: folds all blocks into one, which is left in the first words. The sixteen words of the block are variables, so
 * that each word of the packet is read once.
 */
function foldBlocks(endWord: number): void {
  let a = WORDS[FIRST_BLOCK_WORD]!;
  let b = WORDS[FIRST_BLOCK_WORD + 1]! ^ a;
  let c = WORDS[FIRST_BLOCK_WORD + 2]! ^ b;
  let d = WORDS[FIRST_BLOCK_WORD + 3]! ^ c;
  let e = WORDS[FIRST_BLOCK_WORD + 4]! ^ d;
  let f = WORDS[FIRST_BLOCK_WORD + 5]! ^ e;
  let g = WORDS[FIRST_BLOCK_WORD + 6]! ^ f;
  let h = WORDS[FIRST_BLOCK_WORD + 7]! ^ g;
  let i = WORDS[FIRST_BLOCK_WORD + 8]! ^ h;
  let j = WORDS[FIRST_BLOCK_WORD + 9]! ^ i;
  let k = WORDS[FIRST_BLOCK_WORD + 10]! ^ j;
  let l = WORDS[FIRST_BLOCK_WORD + 11]! ^ k;
  let m = WORDS[FIRST_BLOCK_WORD + 12]! ^ l;
  let n = WORDS[FIRST_BLOCK_WORD + 13]! ^ m;
  let o = WORDS[FIRST_BLOCK_WORD + 14]! ^ n ^ a;
  let p = WORDS[FIRST_BLOCK_WORD + 15]! ^ o ^ b;
  for (let at = FIRST_BLOCK_WORD + BLOCK_WORDS; at < endWord; at += BLOCK_WORDS) {
    a ^= c ^ WORDS[at]! ^ p;
    b ^= d ^ WORDS[at + 1]! ^ a;
    c ^= e ^ WORDS[at + 2]! ^ b;
    d ^= f ^ WORDS[at + 3]! ^ c;
    e ^= g ^ WORDS[at + 4]! ^ d;
    f ^= h ^ WORDS[at + 5]! ^ e;
    g ^= i ^ WORDS[at + 6]! ^ f;
    h ^= j ^ WORDS[at + 7]! ^ g;
    i ^= k ^ WORDS[at + 8]! ^ h;
    j ^= l ^ WORDS[at + 9]! ^ i;
    k ^= m ^ WORDS[at + 10]! ^ j;
    l ^= n ^ WORDS[at + 11]! ^ k;
    m ^= o ^ WORDS[at + 12]! ^ l;
    n ^= p ^ WORDS[at + 13]! ^ m;
    o ^= a ^ WORDS[at + 14]! ^ n;
    p ^= b ^ WORDS[at + 15]! ^ o;
  }
  // The last block itself is not to be folded: no block follows that would take it.
  WORDS[15] = p ^ o ^ b;
  WORDS[14] = o ^ n ^ a;
  WORDS[13] = n ^ m;
  WORDS[12] = m ^ l;
  WORDS[11] = l ^ k;
  WORDS[10] = k ^ j;
  WORDS[9] = j ^ i;
  WORDS[8] = i ^ h;
  WORDS[7] = h ^ g;
  WORDS[6] = g ^ f;
  WORDS[5] = f ^ e;
  WORDS[4] = e ^ d;
  WORDS[3] = d ^ c;
  WORDS[2] = c ^ b;
  WORDS[1] = b ^ a;
  WORDS[0] = a;
}

/** k = 4: each half-word is added 1, 14 and 16 half-words further on; words 8 to 15 are left. */
function foldSixteenWords(): void {
  const a = sumOfHalves(WORDS[0]!);
  const b = sumOfHalves(WORDS[1]! ^ (a >>> 16));
  const c = sumOfHalves(WORDS[2]! ^ (b >>> 16));
  const d = sumOfHalves(WORDS[3]! ^ (c >>> 16));
  const e = sumOfHalves(WORDS[4]! ^ (d >>> 16));
  const f = sumOfHalves(WORDS[5]! ^ (e >>> 16));
  const g = sumOfHalves(WORDS[6]! ^ (f >>> 16));
  const h = sumOfHalves(WORDS[7]! ^ (g >>> 16) ^ a);
  WORDS[8]! ^= (h >>> 16) ^ a ^ b;
  WORDS[9]! ^= b ^ c;
  WORDS[10]! ^= c ^ d;
  WORDS[11]! ^= d ^ e;
  WORDS[12]! ^= e ^ f;
  WORDS[13]! ^= f ^ g;
  WORDS[14]! ^= g ^ h;
  WORDS[15]! ^= h;
}

/** k = 3: each byte is added 1, 14 and 16 bytes further on; words 12 to 15 are left. */
function foldEightWords(): void {
  const a = sumOfBytes(WORDS[8]!);
  const b = sumOfBytes(WORDS[9]! ^ (a >>> 24));
  const c = sumOfBytes(WORDS[10]! ^ (b >>> 24));
  const d = sumOfBytes(WORDS[11]! ^ (c >>> 24) ^ (a << 16));
  WORDS[12]! ^= (d >>> 24) ^ a ^ (a >>> 16) ^ (b << 16);
  WORDS[13]! ^= b ^ (b >>> 16) ^ (c << 16);
  WORDS[14]! ^= c ^ (c >>> 16) ^ (d << 16);
  WORDS[15]! ^= d ^ (d >>> 16);
}

/** Each half-word with those before it in the word added. */
function sumOfHalves(word: number): number {
  return word ^ (word << 16);
}

/** Each byte with those before it in the word added. */
function sumOfBytes(word: number): number {
  const pairs = word ^ (word << 8);
  return pairs ^ (pairs << 16);
}

/** Continues the checksum `crc` over two words. */
function sliced(crc: number, first: number, second: number): number {
  const low = first ^ crc;
  return (
    T7[low & 0xff]! ^
    T6[(low >>> 8) & 0xff]! ^
    T5[(low >>> 16) & 0xff]! ^
    T4[low >>> 24]! ^
    T3[second & 0xff]! ^
    T2[(second >>> 8) & 0xff]! ^
    T1[(second >>> 16) & 0xff]! ^
    T0[second >>> 24]!
  );
}

/** Table n holds the checksum of each byte followed by n zero bytes. */
function buildTables(): Table[] {
  const first = Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    return crc;
  });
  const tables: Table[] = [first];
  while (tables.length < 8) tables.push(tables.at(-1)!.map((crc) => (crc >>> 8) ^ first[crc & 0xff]!));
  return tables;
}
