import { createHmac, timingSafeEqual } from "node:crypto";
import { SIGNED_URL_S } from "./pod-limits.ts";

/** URLs that open one artefact for a day, for whom they were given to: that stands in the record of custody. */

export type SignedQuery = { expires: number; for: string; signature: string };

export function signedUrl(secret: Uint8Array, artefactId: string, who: string, nowMs: number): string {
  const expires = Math.floor(nowMs / 1000) + SIGNED_URL_S;
  const query = new URLSearchParams({
    expires: String(expires),
    for: who,
    signature: signatureOf(secret, artefactId, who, expires).toString("base64url"),
  });
  return `/artefacts/${artefactId}?${query}`;
}

/** True for a URL that was signed here and has not expired. */
export function isSigned(secret: Uint8Array, artefactId: string, query: SignedQuery, nowMs: number): boolean {
  const given = Buffer.from(query.signature, "base64url");
  const wanted = signatureOf(secret, artefactId, query.for, query.expires);
  const isOurs = given.length === wanted.length && timingSafeEqual(given, wanted);
  return isOurs && query.expires * 1000 > nowMs;
}

function signatureOf(secret: Uint8Array, artefactId: string, who: string, expires: number): Buffer {
  return createHmac("sha256", secret)
    .update(JSON.stringify([artefactId, expires, who]))
    .digest();
}
