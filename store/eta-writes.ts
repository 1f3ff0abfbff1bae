import type { ClientBase } from "pg";

/** An ETA as it was issued. Unix milliseconds, seconds; ids as decimal text. */
export type NewEta = {
  fleetId: number;
  routeId: string;
  stopId: string;
  computedMs: number;
  p10Ms: number;
  p50Ms: number;
  p90Ms: number;
  basis: string;
  reason: string;
  told: boolean;
  expectedMs: number;
  spreadS: number;
  restShare: number;
  restS: number;
  bucket: string;
  traffic: number;
  modelVersion: number;
};

const COLUMNS = [
  ["fleetId", "integer"],
  ["routeId", "bigint"],
  ["stopId", "bigint"],
  ["computedMs", "float8"],
  ["p10Ms", "float8"],
  ["p50Ms", "float8"],
  ["p90Ms", "float8"],
  ["basis", "text"],
  ["reason", "text"],
  ["told", "boolean"],
  ["expectedMs", "float8"],
  ["spreadS", "float8"],
  ["restShare", "float8"],
  ["restS", "float8"],
  ["bucket", "text"],
  ["traffic", "real"],
  ["modelVersion", "integer"],
] as const satisfies readonly (readonly [keyof NewEta, string])[];

/** Writes ETAs in the caller's transaction, in their order. */
export async function insertEtas(client: ClientBase, etas: readonly NewEta[]): Promise<void> {
  if (etas.length === 0) return;
  const arrays = COLUMNS.map(([, type], n) => `$${n + 1}::${type}[]`).join(", ");
  await client.query({
    name: "eta-insert",
    text: `insert into eta (commit_xid, fleet_id, route_id, stop_id, computed_at, p10, p50, p90, basis, reason, told,
        expected_ms, spread_s, rest_share, rest_s, bucket, traffic, model_version)
      select pg_current_xact_id()::text::bigint, fleet_id, route_id, stop_id, to_timestamp(computed_ms / 1000),
        to_timestamp(p10_ms / 1000), to_timestamp(p50_ms / 1000), to_timestamp(p90_ms / 1000), basis, reason, told,
        expected_ms, spread_s, rest_share, rest_s, bucket, traffic, model_version
      from unnest(${arrays}) with ordinality as e (fleet_id, route_id, stop_id, computed_ms, p10_ms, p50_ms, p90_ms, basis,
        reason, told, expected_ms, spread_s, rest_share, rest_s, bucket, traffic, model_version, place)
      order by place`,
    values: COLUMNS.map(([name]) => etas.map((eta) => eta[name])),
  });
}
