import type { Database } from "./database.ts";

/** The raw frames of these journal positions that are still kept, by position. */
export async function readFrameBytes({ pool }: Database, seqs: readonly number[]): Promise<Map<number, Buffer>> {
  const { rows } = await pool.query<{ seq: number; bytes: Buffer }>(
    "select seq::float8 as seq, bytes from frames_at($1::bigint[])",
    [seqs],
  );
  return new Map(rows.map(({ seq, bytes }) => [seq, bytes]));
}
