import type { ClientBase, Pool } from "pg";

type Queryable = Pick<Pool, "query"> | Pick<ClientBase, "query">;

/** The stream's reads of geofences: their versions, with the time of which each is the rule. */

export type FenceVersionRow = {
  fenceId: number;
  version: number;
  /** Geometry and properties of a GeoJSON Feature that the API has accepted. */
  feature: { geometry: unknown; properties: unknown };
  /** Half-open interval, Unix milliseconds; null: until today. */
  validFromMs: number;
  validToMs: number | null;
  /** The newest revision of the fleet's geofences that touched this version. */
  revision: number;
};

/** How far the geofences of each fleet have come; fleets that never had any are left out. */
export async function readFenceRevisions(database: Queryable): Promise<{ fleetId: number; revision: number }[]> {
  const { rows } = await database.query<{ fleetId: number; revision: number }>({
    name: "fold-fence-revisions",
    text: `select fleet_id as "fleetId", revision::float8 as revision from geofence_revision`,
  });
  return rows;
}

export type FencePage = {
  after: { revision: number; fenceId: number; version: number };
  /** The newest revision to read. */
  revision: number;
  /** Versions that ended before are left out, Unix milliseconds. */
  horizonMs: number;
  limit: number;
};

/** Versions that are new or have ended since a revision, in the order of (revision, fence, version). */
export async function readFenceChanges(
  database: Queryable,
  fleetId: number,
  { after, revision, horizonMs, limit }: FencePage,
): Promise<FenceVersionRow[]> {
  const { rows } = await database.query<FenceVersionRow>({
    name: "fold-fence-changes",
    text: `select geofence_id as "fenceId", version, json_build_object('geometry', geometry, 'properties', properties) as feature,
        extract(epoch from valid_from)::float8 * 1000 as "validFromMs",
        extract(epoch from valid_to)::float8 * 1000 as "validToMs", revision::float8 as revision
      from geofence_version
      where fleet_id = $1 and (revision, geofence_id, version) > ($2, $3, $4) and revision <= $5
        and (valid_to is null or valid_to > to_timestamp($6 / 1000.0))
      order by revision, geofence_id, version limit $7`,
    values: [fleetId, after.revision, after.fenceId, after.version, revision, horizonMs, limit],
  });
  return rows;
}
