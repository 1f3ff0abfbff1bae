import { createHash } from "node:crypto";

/**
 * A link of a fleet's chain: SHA-256 of the link before it (32 zero bytes before the first), its position (8 bytes, big
 * endian) and the SHA-256 of its content.
 */
export type ChainLink = { readonly position: number; readonly contentSha256: string; readonly chainSha256: string };

export const CHAIN_START = "0".repeat(64);

export function chainSha256(before: string, position: number, contentSha256: string): string {
  const place = Buffer.alloc(8);
  place.writeBigUInt64BE(BigInt(position));
  const hash = createHash("sha256").update(Buffer.from(before, "hex")).update(place);
  return hash.update(Buffer.from(contentSha256, "hex")).digest("hex");
}
