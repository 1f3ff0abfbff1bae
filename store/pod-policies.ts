import type { Database } from "./database.ts";

export type StopPolicy = {
  fleetId: number;
  policy: unknown;
  routePolicy: unknown;
};

/** What is asked of the proof of a stop of this fleet (null: any). */
export async function findStopPolicy(
  { pool }: Database,
  fleetId: number | null,
  stopId: string,
): Promise<StopPolicy | undefined> {
  const { rows } = await pool.query<StopPolicy>(
    `select s.fleet_id as "fleetId", s.policy, r.policy as "routePolicy"
    from stop s left join route r on r.route_id = s.route_id
    where s.stop_id = $2 and ($1::integer is null or s.fleet_id = $1)`,
    [fleetId, stopId],
  );
  return rows[0];
}

/** Whether one more PIN may be looked at. It counts as wrong until `forgivePin`: guesses at the same time are counted too. */
export async function mayTryPin({ pool }: Database, stopId: string, failuresMax: number): Promise<boolean> {
  const { rowCount } = await pool.query(
    `insert into pin_failure as p (stop_id, failures) values ($1, 1)
    on conflict (stop_id) do update set failures = p.failures + 1 where p.failures < $2`,
    [stopId, failuresMax],
  );
  return rowCount === 1;
}

/** The PIN that was looked at was the right one. */
export async function forgivePin({ pool }: Database, stopId: string): Promise<void> {
  await pool.query("update pin_failure set failures = failures - 1 where stop_id = $1", [stopId]);
}
