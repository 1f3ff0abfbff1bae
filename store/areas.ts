import type { Database } from "./database.ts";

/** What is known of an area: counts of fixes, and speeds of those that moved. */
export type AreaCounts = {
  /** H3 index as hexadecimal digits. */
  cell: string;
  fixes: number;
  /** Fixes that came late or were kept back by the device: where coverage is poor. */
  delayedFixes: number;
  movingFixes: number;
  /** Sum over the moving fixes, metres per second: a mean is that over their number. */
  movingSpeedMpsSum: number;
  speedMpsMax: number | null;
};

/** Areas with fixes of this fleet (null: of any) in whole hours of this time (Unix ms), the busiest first. */
export async function readAreas(
  database: Database,
  fleetId: number | null,
  range: { fromMs: number; toMs: number; limit: number },
): Promise<AreaCounts[]> {
  const { rows } = await database.pool.query<AreaCounts>(
    `select to_hex(cell) as cell, fixes::float8, delayed_fixes::float8 as "delayedFixes",
       moving_fixes::float8 as "movingFixes", moving_speed_mps_sum as "movingSpeedMpsSum", speed_mps_max as "speedMpsMax"
     from area_counts($1, $2, $3) order by fixes desc, cell limit $4`,
    [new Date(range.fromMs), new Date(range.toMs), fleetId, range.limit],
  );
  return rows;
}
