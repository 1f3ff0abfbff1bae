/**
 * Fingerprint of a report's bytes: cyrb53 (public domain, by bryc) over `bytes[start, end)`, as a 53-bit safe integer;
 * another one for each `seed`.
 * It tells a resent report from another one of the same second of the same device; it is no defence against forgery.
 */
export function fingerprintOf(bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number {
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ seed;
  for (let index = start; index < end; index++) {
    const byte = bytes[index] as number;
    high = Math.imul(high ^ byte, 2654435761);
    low = Math.imul(low ^ byte, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}
