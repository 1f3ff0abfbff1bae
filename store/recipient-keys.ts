import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { ClientBase } from "pg";

/**
 * Whatever is personal of a recipient is stored under a key of the stop: AES-256-GCM, as nonce, tag and text in one piece.
 * Destroying the key erases it in every copy of the tables that holds no older key.
 */

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";

type Queryable = Pick<ClientBase, "query">;

/** The key of a stop, made on first use; undefined where it was destroyed. */
export async function recipientKey(client: Queryable, stopId: string): Promise<Uint8Array | undefined> {
  await client.query("insert into recipient_key (stop_id, key) values ($1, $2) on conflict (stop_id) do nothing", [
    stopId,
    randomBytes(KEY_BYTES),
  ]);
  return findRecipientKey(client, stopId);
}

export async function findRecipientKey(client: Queryable, stopId: string): Promise<Uint8Array | undefined> {
  const { rows } = await client.query<{ key: Buffer | null }>("select key from recipient_key where stop_id = $1", [
    stopId,
  ]);
  return rows[0]?.key ?? undefined;
}

export function seal(key: Uint8Array, bytes: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce);
  const text = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]);
}

/** Throws where the bytes were not sealed by this key, or were changed since. */
export function unseal(key: Uint8Array, sealed: Uint8Array): Buffer {
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
}
