import type { ClientBase } from "pg";

/** What a fleet's ETAs rest on: its clock and the newest of what it has learned. `model` null: nothing yet. */
export type FleetModelRow = { fleetId: number; timeZone: string; version: number; model: unknown };

/** Of these fleets, those whose model or time zone is another than known; `version` 0 stands for no model. */
export async function readFleetModels(
  client: Pick<ClientBase, "query">,
  known: readonly { fleetId: number; version: number; timeZone: string }[],
): Promise<FleetModelRow[]> {
  const { rows } = await client.query<FleetModelRow>({
    name: "fleet-models",
    text: `select f.fleet_id as "fleetId", f.time_zone as "timeZone", coalesce(m.version, 0) as version, m.model
      from unnest($1::integer[], $2::integer[], $3::text[]) as k (fleet_id, version, time_zone)
      join fleet f using (fleet_id)
      left join lateral (
        select e.version, e.model from eta_model e where e.fleet_id = f.fleet_id order by e.version desc limit 1
      ) m on true
      where coalesce(m.version, 0) <> k.version or f.time_zone <> k.time_zone`,
    values: [
      known.map(({ fleetId }) => fleetId),
      known.map(({ version }) => version),
      known.map(({ timeZone }) => timeZone),
    ],
  });
  return rows;
}
