import type { Database } from "./database.ts";

export type StopPolicy = {
  fleetId: number;
  policy: unknown;
  routePolicy: unknown;
  /** Wrong PINs so far. */
  pinFailures: number;
};

/** What is asked of the proof of a stop of this fleet (null: any). */
export async function findStopPolicy(
  { pool }: Database,
  fleetId: number | null,
  stopId: string,
): Promise<StopPolicy | undefined> {
  const { rows } = await pool.query<StopPolicy>(
    `select s.fleet_id as "fleetId", s.policy, r.policy as "routePolicy", coalesce(p.failures, 0) as "pinFailures"
    from stop s left join route r on r.route_id = s.route_id left join pin_failure p on p.stop_id = s.stop_id
    where s.stop_id = $2 and ($1::integer is null or s.fleet_id = $1)`,
    [fleetId, stopId],
  );
  return rows[0];
}

export async function notePinFailure({ pool }: Database, stopId: string): Promise<void> {
  await pool.query(
    `insert into pin_failure as p (stop_id, failures) values ($1, 1)
    on conflict (stop_id) do update set failures = p.failures + 1`,
    [stopId],
  );
}
