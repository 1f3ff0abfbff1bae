import { MOVE_REVISION, type Moved } from "./geofences.ts";
import type { Query } from "./transaction.ts";

/**
 * The geofences of stops: circles that come, move and go in the transaction that changes the stop. They don't count among
 * the geofences that a fleet may have.
 */

export type StopPlace = { latDeg: number; lonDeg: number; radiusM: number };

export type FenceChanges = {
  made: readonly StopPlace[];
  moved: readonly (StopPlace & { geofenceId: number })[];
  ended: readonly number[];
};

/** A vehicle that passes by at a walking pace, or waits at a light, is not there yet. */
const MIN_INSIDE_S = 20;

/** Makes, moves and ends geofences of one fleet; gives the ids of those made, in their order. */
export async function changeStopFences(query: Query, fleetId: number, changes: FenceChanges): Promise<number[]> {
  const { made, moved, ended } = changes;
  if (made.length + moved.length + ended.length === 0) return [];
  const { revision, effectiveAt } = (await query<Moved>(MOVE_REVISION, [fleetId, 0]))[0]!;
  const at = [fleetId, effectiveAt, revision] as const;
  const ids = await makeFences(query, made, at);
  await query(END_VERSIONS, [[...ended, ...moved.map(({ geofenceId }) => geofenceId)], effectiveAt, revision]);
  if (ended.length > 0) await query("delete from geofence where geofence_id = any($1::integer[])", [ended]);
  if (moved.length > 0)
    await query(MOVE_FENCES, [
      ...at,
      ...columnsOf(
        moved,
        moved.map((one) => one.geofenceId),
      ),
    ]);
  return ids;
}

async function makeFences(
  query: Query,
  made: readonly StopPlace[],
  at: readonly [fleetId: number, effectiveAt: Date, revision: number],
): Promise<number[]> {
  if (made.length === 0) return [];
  const rows = await query<{ id: number }>(
    "select nextval(pg_get_serial_sequence('geofence', 'geofence_id'))::integer as id from generate_series(1, $1::integer)",
    [made.length],
  );
  const ids = rows.map(({ id }) => id);
  await query(MAKE_FENCES, [...at, ...columnsOf(made, ids)]);
  return ids;
}

function columnsOf(places: readonly StopPlace[], ids: readonly number[]): unknown[] {
  return [
    ids,
    places.map(({ latDeg }) => latDeg),
    places.map(({ lonDeg }) => lonDeg),
    places.map(({ radiusM }) => radiusM),
  ];
}

const CIRCLES = `unnest($4::integer[], $5::float8[], $6::float8[], $7::float8[]) as c (id, lat, lon, radius)`;

const GEOMETRY = `jsonb_build_object('type', 'Point', 'coordinates', jsonb_build_array(c.lon, c.lat))`;

const PROPERTIES = `jsonb_build_object('kind', 'stop', 'radius_m', c.radius, 'min_inside_s', ${MIN_INSIDE_S})`;

const VERSION_COLUMNS = "(geofence_id, fleet_id, version, geometry, properties, valid_from, revision)";

const MAKE_FENCES = `with made as (
    insert into geofence (geofence_id, fleet_id, version, of_stop) overriding system value
    select c.id, $1, 1, true from ${CIRCLES})
  insert into geofence_version ${VERSION_COLUMNS}
  select c.id, $1, 1, ${GEOMETRY}, ${PROPERTIES}, $2, $3 from ${CIRCLES}`;

const MOVE_FENCES = `with moved as (
    update geofence g set version = g.version + 1 from ${CIRCLES} where g.geofence_id = c.id
    returning g.geofence_id, g.version)
  insert into geofence_version ${VERSION_COLUMNS}
  select c.id, $1, m.version, ${GEOMETRY}, ${PROPERTIES}, $2, $3 from ${CIRCLES} join moved m on m.geofence_id = c.id`;

/** A version that ends before it took effect never was: its interval is empty. */
const END_VERSIONS = `update geofence_version set valid_to = greatest($2, valid_from), revision = $3
  where geofence_id = any($1::integer[]) and valid_to is null`;
