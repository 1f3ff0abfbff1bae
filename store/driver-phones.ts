import type { Attributes } from "#decoders/decoder.ts";
import type { Database } from "./database.ts";
import { updateDevice } from "./devices.ts";
import { inTransaction } from "./transaction.ts";
import { bindDevice, unbindDevice } from "./vehicles.ts";

/** The device that a driver's page reports positions as. */

export type DriverPhone = { deviceId: number; uid: string };

export async function findDriverPhone(database: Database, driverId: number): Promise<DriverPhone | undefined> {
  const { rows } = await database.pool.query<DriverPhone>(
    `select d.device_id as "deviceId", d.uid from driver_phone p join device d on d.device_id = p.device_id
     where p.driver_id = $1`,
    [driverId],
  );
  return rows[0];
}

type NewPhone = { driverId: number; uids: readonly string[]; name: string; protocol: string; settings: Attributes };

/**
 * Registers the phone of a driver under the first of the uids that no device has; the one that there is, when somebody was
 * faster. Undefined: no such driver, or every uid is taken.
 */
export async function registerDriverPhone(database: Database, phone: NewPhone): Promise<DriverPhone | undefined> {
  const { driverId, uids, name, protocol, settings } = phone;
  return inTransaction(database, async (query) => {
    const [driver] = await query<{ fleetId: number; uid: string | null; deviceId: number }>(
      `select r.fleet_id as "fleetId", d.uid, d.device_id as "deviceId" from driver r
       left join driver_phone p on p.driver_id = r.driver_id left join device d on d.device_id = p.device_id
       where r.driver_id = $1 for no key update of r`,
      [driverId],
    );
    if (driver === undefined) return undefined;
    if (driver.uid !== null) return { deviceId: driver.deviceId, uid: driver.uid };
    for (const uid of uids) {
      const [made] = await query<DriverPhone>(
        `with made as (
          insert into device (fleet_id, uid, protocol, name, settings) values ($1, $2, $3, $4, $5)
          on conflict (uid) do nothing returning device_id, uid
        ), known as (delete from unknown_device where uid in (select uid from made)),
        held as (insert into driver_phone (driver_id, device_id) select $6, device_id from made)
        select device_id as "deviceId", uid, pg_notify('devices', uid) from made`,
        [driver.fleetId, uid, protocol, name, settings, driverId],
      );
      if (made !== undefined) return { deviceId: made.deviceId, uid: made.uid };
    }
    return undefined;
  });
}

/** Gives the phone its settings again, after somebody else has changed them. */
export async function resetDriverPhone(database: Database, uid: string, settings: Attributes): Promise<void> {
  await updateDevice(database, null, uid, { settings });
}

/**
 * Puts the phone into this vehicle (null: into none) for fixes from `fromMs` on. A vehicle that is full keeps the devices
 * that it has.
 */
export async function movePhone(
  database: Database,
  deviceId: number,
  to: { vehicleId: number | null; priority: number; fromMs: number },
): Promise<void> {
  const { rows } = await database.pool.query<{ vehicleId: number }>(
    `select vehicle_id as "vehicleId" from vehicle_device where device_id = $1 and bound_to is null`,
    [deviceId],
  );
  const held = rows[0]?.vehicleId ?? null;
  if (held === to.vehicleId) return;
  if (held !== null) await unbindDevice(database, held, deviceId);
  if (to.vehicleId === null) return;
  const { vehicleId, priority, fromMs } = to;
  await bindDevice(database, { vehicleId, deviceId, priority, boundFromMs: fromMs });
}
