import type { Attributes } from "#decoders/decoder.ts";
import type { Database } from "./database.ts";

export { type Knock, listUnknownDevices, recordKnocks, type UnknownDevice } from "./unknown-devices.ts";

/** The registry of devices. Every change is announced on the channel `devices` with the uid as payload. */

export type Device = {
  deviceId: number;
  fleetId: number;
  uid: string;
  protocol: string | null;
  model: string | null;
  name: string | null;
  /** Secrets and options of this device by name. */
  settings: Attributes;
  createdAt: Date;
  updatedAt: Date;
};

export type NewDevice = {
  fleetId: number;
  uid: string;
  model?: string | null;
  name?: string | null;
  protocol?: string | null;
  settings?: Attributes;
};

/** What is left out stays as it is. */
export type DeviceChange = {
  model?: string | null;
  name?: string | null;
  protocol?: string | null;
  /** Merged into the settings there are; one that is null is taken out. */
  settings?: Attributes;
};

const COLUMNS = `device_id as "deviceId", fleet_id as "fleetId", uid, protocol, model, name, settings,
  created_at as "createdAt", updated_at as "updatedAt"`;

export async function findDeviceByUid(database: Database, uid: string): Promise<Device | undefined> {
  return findDevice(database, null, uid);
}

/** The device if it is of this fleet; with fleet null, of any. */
export async function findDevice(database: Database, fleetId: number | null, uid: string): Promise<Device | undefined> {
  const found = await database.pool.query<Device>(
    `select ${COLUMNS} from device where uid = $1 and ($2::integer is null or fleet_id = $2)`,
    [uid, fleetId],
  );
  return found.rows[0];
}

/** `exists` when any fleet has this uid. A registered device is no unknown device any more. */
export async function registerDevice(
  database: Database,
  device: NewDevice,
): Promise<{ kind: "registered"; device: Device } | { kind: "exists" }> {
  const { fleetId, uid, protocol = null, model = null, name = null, settings = {} } = device;
  const made = await database.pool.query<Device>(
    `with made as (
      insert into device (fleet_id, uid, protocol, model, name, settings) values ($1, $2, $3, $4, $5, $6)
      on conflict (uid) do nothing returning *
    ), known as (delete from unknown_device where uid in (select uid from made))
    select ${COLUMNS}, pg_notify('devices', uid) from made`,
    [fleetId, uid, protocol, model, name, settings],
  );
  const registered = made.rows[0];
  return registered === undefined ? { kind: "exists" } : { kind: "registered", device: withoutNotice(registered) };
}

/** Undefined when the fleet (null: any) has no such device. */
export async function updateDevice(
  database: Database,
  fleetId: number | null,
  uid: string,
  change: DeviceChange,
): Promise<Device | undefined> {
  const changed = await database.pool.query<Device>(
    `with changed as (
      update device set
        model = case when $3 then $4 else model end,
        name = case when $5 then $6 else name end,
        protocol = case when $7 then $8 else protocol end,
        settings = jsonb_strip_nulls(settings || coalesce($9::jsonb, '{}')),
        updated_at = now()
      where uid = $1 and ($2::integer is null or fleet_id = $2)
      returning *
    )
    select ${COLUMNS}, pg_notify('devices', uid) from changed`,
    [uid, fleetId, ...given(change.model), ...given(change.name), ...given(change.protocol), change.settings ?? null],
  );
  const device = changed.rows[0];
  return device === undefined ? undefined : withoutNotice(device);
}

/** True when there was such a device. What it reported stays until its retention ends. */
export async function removeDevice(database: Database, fleetId: number | null, uid: string): Promise<boolean> {
  const removed = await database.pool.query(
    `with removed as (
      delete from device where uid = $1 and ($2::integer is null or fleet_id = $2) returning uid
    )
    select pg_notify('devices', uid) from removed`,
    [uid, fleetId],
  );
  return removed.rows.length > 0;
}

/** In the order of their ids, above `after`. */
export async function listDevices(
  database: Database,
  page: { fleetId: number | null; after?: number; limit: number },
): Promise<Device[]> {
  const listed = await database.pool.query<Device>(
    `select ${COLUMNS} from device
    where device_id > $1 and ($2::integer is null or fleet_id = $2) order by device_id limit $3`,
    [page.after ?? 0, page.fleetId, page.limit],
  );
  return listed.rows;
}

function given(value: string | null | undefined): [isGiven: boolean, value: string | null] {
  return [value !== undefined, value ?? null];
}

// The notification is a column of the statement, and no property of the device.
function withoutNotice(row: Device): Device {
  const { pg_notify: _, ...device } = row as Device & { pg_notify?: unknown };
  return device;
}
