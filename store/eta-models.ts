import type { Client, Pool } from "pg";

/** Models of what fleets have learned for their ETAs. A model is JSON of the stream's making. */

export type StoredModel = { fleetId: number; version: number; learnedUntilMs: number; model: unknown };

/** Versions that are kept: ETAs name theirs, and a mistake can be looked into. */
const VERSIONS_KEPT = 30;

/** Fleets and their time zones. */
export async function readFleetZones(pool: Pool | Client): Promise<{ fleetId: number; timeZone: string }[]> {
  const { rows } = await pool.query<{ fleetId: number; timeZone: string }>(
    `select fleet_id as "fleetId", time_zone as "timeZone" from fleet order by fleet_id`,
  );
  return rows;
}

/** Version and end of the newest model of a fleet. */
export async function findModelEnd(
  client: Client,
  fleetId: number,
): Promise<{ version: number; learnedUntilMs: number } | undefined> {
  const { rows } = await client.query<{ version: number; learnedUntilMs: number }>(
    `select version, floor(extract(epoch from learned_until) * 1000)::float8 as "learnedUntilMs"
     from eta_model where fleet_id = $1 order by version desc limit 1`,
    [fleetId],
  );
  return rows[0];
}

/** Writes a model in the caller's transaction and forgets the oldest. */
export async function insertModel(
  client: Client,
  { fleetId, version, learnedUntilMs, model }: StoredModel,
): Promise<void> {
  await client.query(
    `insert into eta_model (fleet_id, version, learned_until, model) values ($1, $2, to_timestamp($3::float8 / 1000), $4)`,
    [fleetId, version, learnedUntilMs, JSON.stringify(model)],
  );
  await client.query("delete from eta_model where fleet_id = $1 and version <= $2", [fleetId, version - VERSIONS_KEPT]);
}
