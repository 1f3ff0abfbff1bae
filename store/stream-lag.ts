import type { Database } from "./database.ts";

/** How long the oldest frame that no stream has folded yet has waited at `nowMs`, in seconds; 0 when none waits. */
export async function readStreamLagS(database: Database, nowMs: number): Promise<number> {
  // One look-up in the index of each partition.
  const { rows } = await database.pool.query<{ oldest: Date | null }>(
    "select min(received_at) as oldest from unfolded_frame",
  );
  const oldest = rows[0]?.oldest;
  return oldest == null ? 0 : Math.max(0, (nowMs - oldest.getTime()) / 1_000);
}
