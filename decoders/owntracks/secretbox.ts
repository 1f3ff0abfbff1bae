import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";

/**
 * The encrypted payload of OwnTracks: libsodium's `crypto_secretbox_easy` (XSalsa20-Poly1305) under a passphrase padded
 * with zero bytes. On the wire: base64 of nonce (24 bytes), then authenticator (16) and ciphertext.
 * Source: OwnTracks booklet, Features: Encryption.
 */
const KEY_BYTES = 32;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;

/** The plaintext, or undefined where the passphrase is not the one that sealed it or the bytes were changed. */
export function openSecretbox(data: string, passphrase: string): Uint8Array | undefined {
  const key = keyOf(passphrase);
  const sealed = Buffer.from(data, "base64");
  if (!key || sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const nonce = Uint8Array.from(sealed.subarray(0, NONCE_BYTES));
  try {
    return xsalsa20poly1305(key, nonce).decrypt(Uint8Array.from(sealed.subarray(NONCE_BYTES)));
  } catch (error) {
    // The library has one way to say that the authenticator does not match.
    if (error instanceof Error && error.message.includes("tag")) return undefined;
    throw error;
  }
}

/** Seals a payload as the app does; `nonce` is 24 random bytes, never used twice with one passphrase. */
export function sealSecretbox(plain: Uint8Array, passphrase: string, nonce: Uint8Array): string {
  const key = keyOf(passphrase);
  if (!key) throw new RangeError(`a passphrase has at most ${KEY_BYTES} bytes`);
  return Buffer.concat([nonce, xsalsa20poly1305(key, nonce).encrypt(plain)]).toString("base64");
}

function keyOf(passphrase: string): Uint8Array | undefined {
  const bytes = Buffer.from(passphrase, "utf8");
  if (bytes.length === 0 || bytes.length > KEY_BYTES) return undefined;
  const key = new Uint8Array(KEY_BYTES);
  key.set(bytes);
  return key;
}
