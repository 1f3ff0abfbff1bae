import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/**
 * Tokens of links: whoever has one needs no key. A token is shown once, when it is made; tables keep its SHA-256, which
 * suffices for 128 random bits.
 */

/** 22 characters of base64url. */
export const TOKEN_RANDOM_BYTES = 16;
/** Of the hash, what the indexes hold. */
const LOOKUP_BYTES = 8;

export function newToken(random: Uint8Array = randomBytes(TOKEN_RANDOM_BYTES)): string {
  return Buffer.from(random.subarray(0, TOKEN_RANDOM_BYTES)).toString("base64url");
}

export function tokenHash(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** Finds rows `l` that may be of the token `$1`, as `lookupOf` gives it. */
export const MAY_BE_OF_TOKEN = `substring(l.token_hash for ${LOOKUP_BYTES}) = $1`;

export function lookupOf(token: string): Buffer {
  return tokenHash(token).subarray(0, LOOKUP_BYTES);
}

/** The one that is of the token; all are compared in constant time. */
export function rowOfToken<Row extends { tokenHash: Buffer }>(rows: readonly Row[], token: string): Row | undefined {
  const hash = tokenHash(token);
  return rows.find((row) => timingSafeEqual(row.tokenHash, hash));
}
