import type { Database } from "./database.ts";
import { inTransaction } from "./transaction.ts";

/**
 * Geofences and their history. Every change is a new version that takes effect `EFFECT_DELAY_S` after it was made, so that
 * whoever judges fixes has heard of it by then; it is announced on the channel `geofences` with the fleet as payload.
 * The geofences of stops come and go with their stops (`stop-fences.ts`): they can be looked at here, not changed.
 */

export type Geofence = {
  geofenceId: number;
  fleetId: number;
  version: number;
  /** GeoJSON, as given. */
  geometry: unknown;
  properties: { [name: string]: unknown };
  createdAt: Date;
  updatedAt: Date;
  /** From when on fixes are judged by this version. */
  effectiveAt: Date;
};

export type GeofenceContent = Pick<Geofence, "geometry" | "properties">;

export const EFFECT_DELAY_S = 2;
/** Geofences of one fleet. */
export const GEOFENCES_MAX = 100_000;

const COLUMNS = `g.geofence_id as "geofenceId", g.fleet_id as "fleetId", g.created_at as "createdAt", v.version,
  v.geometry, v.properties, v.made_at as "updatedAt", v.valid_from as "effectiveAt"`;

/**
 * Moves a fleet's revision ($1), $2 more geofences. The row of the fleet is locked: revisions are in the order of commits.
 * Times are whole milliseconds, as fixes have.
 */
export const MOVE_REVISION = `insert into geofence_revision as r (fleet_id, revision, geofences) values ($1, 1, $2)
  on conflict (fleet_id) do update set revision = r.revision + 1, geofences = r.geofences + $2
  returning revision::float8 as revision, geofences, pg_notify('geofences', fleet_id::text),
    date_trunc('milliseconds', clock_timestamp()) + make_interval(secs => ${EFFECT_DELAY_S}) as "effectiveAt"`;

const COUNT_DOWN = "update geofence_revision set geofences = geofences - 1 where fleet_id = $1";

export type Moved = { revision: number; geofences: number; effectiveAt: Date };

/** `full` when the fleet has as many as it may have. */
export async function createGeofence(
  database: Database,
  fleetId: number,
  content: GeofenceContent,
): Promise<{ kind: "created"; geofence: Geofence } | { kind: "full" }> {
  return inTransaction(database, async (query) => {
    const moved = (await query<Moved>(MOVE_REVISION, [fleetId, 1]))[0]!;
    if (moved.geofences > GEOFENCES_MAX) {
      await query(COUNT_DOWN, [fleetId]);
      return { kind: "full" };
    }
    const made = await query<{ geofenceId: number }>(
      `insert into geofence (fleet_id, version) values ($1, 1) returning geofence_id as "geofenceId"`,
      [fleetId],
    );
    const { geofenceId } = made[0]!;
    await query(INSERT_VERSION, [geofenceId, fleetId, 1, ...contentOf(content), moved.effectiveAt, moved.revision]);
    return { kind: "created", geofence: (await query<Geofence>(SELECT_ONE, [geofenceId, fleetId]))[0]! };
  });
}

/** Undefined when the fleet (null: any) has no such geofence. `change` gets the content that there is. */
export async function changeGeofence(
  database: Database,
  fleetId: number | null,
  geofenceId: number,
  change: (content: GeofenceContent) => GeofenceContent,
): Promise<Geofence | undefined> {
  return inTransaction(database, async (query) => {
    const found = (await query<Geofence>(SELECT_CHANGEABLE, [geofenceId, fleetId]))[0];
    if (found === undefined) return undefined;
    const { revision, effectiveAt } = (await query<Moved>(MOVE_REVISION, [found.fleetId, 0]))[0]!;
    // Read again under the lock: another change may have come between.
    const current = (await query<Geofence>(SELECT_ONE, [geofenceId, fleetId]))[0];
    if (current === undefined) return undefined;
    await query(END_VERSION, [geofenceId, effectiveAt, revision]);
    const version = current.version + 1;
    const content = contentOf(change(current));
    await query(INSERT_VERSION, [geofenceId, current.fleetId, version, ...content, effectiveAt, revision]);
    await query("update geofence set version = $2 where geofence_id = $1", [geofenceId, version]);
    return (await query<Geofence>(SELECT_ONE, [geofenceId, fleetId]))[0];
  });
}

/** True when there was such a geofence. Its versions stay: fixes of their time may still come, or be judged again. */
export async function removeGeofence(database: Database, fleetId: number | null, geofenceId: number): Promise<boolean> {
  return inTransaction(database, async (query) => {
    const found = (await query<Geofence>(SELECT_CHANGEABLE, [geofenceId, fleetId]))[0];
    if (found === undefined) return false;
    const { revision, effectiveAt } = (await query<Moved>(MOVE_REVISION, [found.fleetId, 0]))[0]!;
    const removed = await query("delete from geofence where geofence_id = $1 returning 1", [geofenceId]);
    if (removed.length === 0) return false;
    await query(COUNT_DOWN, [found.fleetId]);
    await query(END_VERSION, [geofenceId, effectiveAt, revision]);
    return true;
  });
}

export async function findGeofence(
  database: Database,
  fleetId: number | null,
  geofenceId: number,
): Promise<Geofence | undefined> {
  return (await database.pool.query<Geofence>(SELECT_ONE, [geofenceId, fleetId])).rows[0];
}

/** In the order of their ids, above `after`. */
export async function listGeofences(
  database: Database,
  page: { fleetId: number | null; after: number; limit: number },
): Promise<Geofence[]> {
  const { rows } = await database.pool.query<Geofence>(
    `select ${COLUMNS} from geofence g join geofence_version v using (geofence_id, version)
    where g.geofence_id > $1 and ($2::integer is null or g.fleet_id = $2) and not g.of_stop
    order by g.geofence_id limit $3`,
    [page.after, page.fleetId, page.limit],
  );
  return rows;
}

export type Presence = { geofenceId: number; name: string | null; enteredAt: Date; dwelled: boolean };

/** The geofences that a device is inside of, as the stream knows them: in the order of their ids, above `after`. */
export async function listPresences(
  database: Database,
  deviceId: number,
  page: { after: number; limit: number },
): Promise<Presence[]> {
  const { rows } = await database.pool.query<Presence>(
    `select g.geofence_id as "geofenceId", v.properties ->> 'name' as name, (f.value ->> 'dwelled')::boolean as dwelled,
      to_timestamp((f.value ->> 'enteredAtMs')::float8 / 1000) as "enteredAt"
    from device_state s
    cross join lateral json_each(s.stage_state #> '{stages,geofence,state,history,now,fences}') f
    join geofence g on g.geofence_id = f.key::integer join geofence_version v using (geofence_id, version)
    where s.device_id = $1 and (f.value ->> 'inside')::boolean and g.geofence_id > $2
    order by g.geofence_id limit $3`,
    [deviceId, page.after, page.limit],
  );
  return rows;
}

const SELECT_ONE = `select ${COLUMNS} from geofence g join geofence_version v using (geofence_id, version)
  where g.geofence_id = $1 and ($2::integer is null or g.fleet_id = $2)`;

const SELECT_CHANGEABLE = `${SELECT_ONE} and not g.of_stop`;

const INSERT_VERSION = `insert into geofence_version (geofence_id, fleet_id, version, geometry, properties, valid_from, revision)
  values ($1, $2, $3, $4, $5, $6, $7)`;

/** A version that is replaced before it took effect never was: its interval is empty. */
const END_VERSION = `update geofence_version set valid_to = greatest($2, valid_from), revision = $3
  where geofence_id = $1 and valid_to is null`;

function contentOf({ geometry, properties }: GeofenceContent): [geometry: string, properties: string] {
  return [JSON.stringify(geometry), JSON.stringify(properties)];
}
