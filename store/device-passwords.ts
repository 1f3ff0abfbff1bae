import { type BinaryLike, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";

/**
 * Passwords of devices, kept as scrypt hashes in their settings: `scrypt$<log2 N>$<r>$<p>$<salt>$<hash>`, base64url. The
 * cost stands in the hash, so that it can rise without a change to those there are. One check takes 16 MB and about
 * 40 ms of a core.
 */

/** Setting of a device that holds the hash of its password. */
export const PASSWORD_HASH_SETTING = "auth.passwordHash";

export const PASSWORD_CHARACTERS_MIN = 8;
export const PASSWORD_CHARACTERS_MAX = 200;

const COST_LOG2 = 14;
const COST_LOG2_MAX = 17;
const BLOCK_SIZE = 8;
const PARALLELISM = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, salt, { N: 2 ** COST_LOG2, r: BLOCK_SIZE, p: PARALLELISM });
  return ["scrypt", COST_LOG2, BLOCK_SIZE, PARALLELISM, salt.toString("base64url"), hash.toString("base64url")].join(
    "$",
  );
}

/** False for a wrong password and for a `stored` that is no hash of ours. */
export async function verifyPassword(password: Uint8Array | string, stored: string): Promise<boolean> {
  const [scheme, costLog2, blockSize, parallelism, salt, hash] = stored.split("$");
  const cost = Number(costLog2);
  if (scheme !== "scrypt" || !salt || !hash || !(cost >= 1 && cost <= COST_LOG2_MAX)) return false;
  const expected = Buffer.from(hash, "base64url");
  if (expected.length !== HASH_BYTES || Number(blockSize) !== BLOCK_SIZE || Number(parallelism) !== PARALLELISM) {
    return false;
  }
  const options = { N: 2 ** cost, r: BLOCK_SIZE, p: PARALLELISM };
  return timingSafeEqual(expected, await derive(password, Buffer.from(salt, "base64url"), options));
}

function derive(password: BinaryLike, salt: Buffer, options: { N: number; r: number; p: number }): Promise<Buffer> {
  const bounded: ScryptOptions = { ...options, maxmem: 256 * options.N * options.r };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, bounded, (error, hash) => (error === null ? resolve(hash) : reject(error)));
  });
}
