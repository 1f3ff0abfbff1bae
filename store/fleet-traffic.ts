import type { ClientBase } from "pg";

/** Traffic that a fleet's vehicles have met, in one area or (null) everywhere; sums as of a time, Unix milliseconds. */
export type TrafficRow = { fleetId: number; area: number | null; drivenS: number; expectedS: number; timeMs: number };

const EVERYWHERE = -1;

/** What was kept of these fleets and is not older than `sinceMs`; forgets the rest of it. */
export async function readFleetTraffic(
  client: Pick<ClientBase, "query">,
  fleetIds: readonly number[],
  sinceMs: number,
): Promise<TrafficRow[]> {
  await client.query(
    "delete from fleet_traffic where fleet_id = any($1::integer[]) and at < to_timestamp($2::float8 / 1000)",
    [fleetIds, sinceMs],
  );
  const { rows } = await client.query<TrafficRow>(
    `select fleet_id as "fleetId", nullif(area, ${EVERYWHERE})::float8 as area, driven_s as "drivenS",
       expected_s as "expectedS", floor(extract(epoch from at) * 1000)::float8 as "timeMs"
     from fleet_traffic where fleet_id = any($1::integer[]) order by fleet_id, area`,
    [fleetIds],
  );
  return rows;
}

/** Writes the sums of areas where something was driven, in the caller's transaction. */
export async function saveFleetTraffic(client: Pick<ClientBase, "query">, rows: readonly TrafficRow[]): Promise<void> {
  await client.query({
    name: "fleet-traffic-save",
    text: `insert into fleet_traffic (fleet_id, area, driven_s, expected_s, at)
      select n."fleetId", coalesce(n.area, ${EVERYWHERE}), n."drivenS", n."expectedS", to_timestamp(n."timeMs" / 1000)
      from json_to_recordset($1::json) as n ("fleetId" integer, area bigint, "drivenS" float8, "expectedS" float8,
        "timeMs" float8)
      on conflict (fleet_id, area) do update set driven_s = excluded.driven_s, expected_s = excluded.expected_s,
        at = excluded.at`,
    values: [JSON.stringify(rows)],
  });
}
