import type { Database } from "./database.ts";

/** The registry of drivers. What a driver is called in a vehicle's device is not known here. */

export type DriverContent = {
  externalId: string | null;
  givenName: string;
  familyName: string | null;
  phone: string | null;
  email: string | null;
};

export type Driver = DriverContent & { driverId: number; fleetId: number; createdAt: Date; updatedAt: Date };

export type DriverResult = { kind: "done"; driver: Driver } | { kind: "taken" } | { kind: "missing" };

const COLUMNS = `driver_id as "driverId", fleet_id as "fleetId", external_id as "externalId", given_name as "givenName",
  family_name as "familyName", phone, email, created_at as "createdAt", updated_at as "updatedAt"`;

const UNIQUE_VIOLATION = "23505";

/** `taken` when another driver of the fleet has this external id. Rejects when there is no such fleet. */
export async function createDriver(
  database: Database,
  fleetId: number,
  { externalId, givenName, familyName, phone, email }: DriverContent,
): Promise<DriverResult> {
  const { rows } = await database.pool.query<Driver>(
    `insert into driver (fleet_id, external_id, given_name, family_name, phone, email) values ($1, $2, $3, $4, $5, $6)
     on conflict (fleet_id, external_id) do nothing returning ${COLUMNS}`,
    [fleetId, externalId, givenName, familyName, phone, email],
  );
  return rows[0] === undefined ? { kind: "taken" } : { kind: "done", driver: rows[0] };
}

export async function findDriver(
  database: Database,
  fleetId: number | null,
  driverId: number,
): Promise<Driver | undefined> {
  const { rows } = await database.pool.query<Driver>(
    `select ${COLUMNS} from driver where driver_id = $2 and ($1::integer is null or fleet_id = $1)`,
    [fleetId, driverId],
  );
  return rows[0];
}

/** In the order of their ids. */
export async function listDrivers(
  database: Database,
  page: { fleetId: number | null; afterDriverId: number; limit: number; externalId: string | null },
): Promise<Driver[]> {
  const { rows } = await database.pool.query<Driver>(
    `select ${COLUMNS} from driver where driver_id > $2 and ($1::integer is null or fleet_id = $1)
      and ($4::text is null or external_id = $4) order by driver_id limit $3`,
    [page.fleetId, page.afterDriverId, page.limit, page.externalId],
  );
  return rows;
}

/** What is left out stays as it is. */
export async function updateDriver(
  database: Database,
  fleetId: number | null,
  driverId: number,
  change: Partial<DriverContent>,
): Promise<DriverResult> {
  const found = await findDriver(database, fleetId, driverId);
  if (found === undefined) return { kind: "missing" };
  const { externalId, givenName, familyName, phone, email } = { ...found, ...change };
  try {
    const { rows } = await database.pool.query<Driver>(
      `update driver set external_id = $2, given_name = $3, family_name = $4, phone = $5, email = $6, updated_at = now()
       where driver_id = $1 returning ${COLUMNS}`,
      [driverId, externalId, givenName, familyName, phone, email],
    );
    return rows[0] === undefined ? { kind: "missing" } : { kind: "done", driver: rows[0] };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === UNIQUE_VIOLATION) return { kind: "taken" };
    throw error;
  }
}

/** True when there was such a driver. Routes stay, without a driver. */
export async function removeDriver(database: Database, fleetId: number | null, driverId: number): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    "delete from driver where driver_id = $2 and ($1::integer is null or fleet_id = $1)",
    [fleetId, driverId],
  );
  return rowCount === 1;
}
