import { randomBytes } from "node:crypto";
import type { Database } from "./database.ts";

const SECRET_BYTES = 32;

/** The secret of this installation for a purpose; whoever asks first makes it. */
export async function ownSecret({ pool }: Database, purpose: string): Promise<Uint8Array> {
  const insert = "insert into own_secret (purpose, secret) values ($1, $2) on conflict (purpose) do nothing";
  await pool.query(insert, [purpose, randomBytes(SECRET_BYTES)]);
  const { rows } = await pool.query<{ secret: Buffer }>("select secret from own_secret where purpose = $1", [purpose]);
  return rows[0]!.secret;
}
