import type { Database } from "./database.ts";

/** How long the oldest frame that no stream has folded yet has waited at `nowMs`, in seconds; 0 when none waits. */
export async function readStreamLagS(database: Database, nowMs: number): Promise<number> {
  // One look-up in the index of each partition.
  const { rows } = await database.pool.query<{ oldest: Date | null }>(
    `select min(unfolded.received_at) as oldest from stream_cursor c cross join lateral (
      select f.received_at from frame f where f.partition = c.partition and f.seq > c.seq order by f.seq limit 1
    ) unfolded`,
  );
  const oldest = rows[0]?.oldest;
  return oldest == null ? 0 : Math.max(0, (nowMs - oldest.getTime()) / 1_000);
}
