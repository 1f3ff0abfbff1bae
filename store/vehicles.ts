import type { Database } from "./database.ts";

/**
 * The registry of vehicles and the devices in them. A change of bindings is announced on the channel `vehicles`, so that
 * the fold of vehicles looks at once.
 */

export type Vehicle = {
  vehicleId: number;
  fleetId: number;
  externalId: string | null;
  name: string | null;
  kind: string;
  devices: BoundDevice[];
  createdAt: Date;
  updatedAt: Date;
};

export type BoundDevice = {
  uid: string;
  protocol: string | null;
  priority: number;
  boundFromMs: number;
};

export type NewVehicle = { fleetId: number; kind: string; externalId?: string | null; name?: string | null };

/** What is left out stays as it is. */
export type VehicleChange = { kind?: string; externalId?: string | null; name?: string | null };

/** Devices that one vehicle may have at a time. */
export const VEHICLE_DEVICES_MAX = 10;

const SELECT_VEHICLE = `select v.vehicle_id as "vehicleId", v.fleet_id as "fleetId", v.external_id as "externalId", v.name,
    v.kind, coalesce(bound.devices, '[]') as devices, v.created_at as "createdAt", v.updated_at as "updatedAt"
  from vehicle v left join lateral (
    select json_agg(json_build_object('uid', d.uid, 'protocol', d.protocol, 'priority', b.priority,
      'boundFromMs', floor(extract(epoch from b.bound_from) * 1000)) order by b.priority, d.uid) as devices
    from vehicle_device b join device d using (device_id) where b.vehicle_id = v.vehicle_id and b.bound_to is null
  ) bound on true
  where ($1::integer is null or v.fleet_id = $1)`;

const UNIQUE_VIOLATION = "23505";

/** The vehicle if it is of this fleet (null: any). */
export async function findVehicle(
  database: Database,
  fleetId: number | null,
  vehicleId: number,
): Promise<Vehicle | undefined> {
  const { rows } = await database.pool.query<Vehicle>(`${SELECT_VEHICLE} and v.vehicle_id = $2`, [fleetId, vehicleId]);
  return rows[0];
}

/** In the order of their ids; `externalId` picks the one of that name (of each fleet, for a key of all). */
export async function listVehicles(
  database: Database,
  page: { fleetId: number | null; afterVehicleId: number; limit: number; externalId: string | null },
): Promise<Vehicle[]> {
  const { rows } = await database.pool.query<Vehicle>(
    `${SELECT_VEHICLE} and v.vehicle_id > $2 and ($4::text is null or v.external_id = $4) order by v.vehicle_id limit $3`,
    [page.fleetId, page.afterVehicleId, page.limit, page.externalId],
  );
  return rows;
}

/** `taken` when another vehicle of the fleet has this external id. Rejects when there is no such fleet. */
export async function createVehicle(
  database: Database,
  { fleetId, kind, externalId = null, name = null }: NewVehicle,
): Promise<{ kind: "created"; vehicle: Vehicle } | { kind: "taken" }> {
  const { rows } = await database.pool.query<{ id: number }>(
    `insert into vehicle (fleet_id, external_id, name, kind) values ($1, $2, $3, $4)
     on conflict (fleet_id, external_id) do nothing returning vehicle_id as id`,
    [fleetId, externalId, name, kind],
  );
  const vehicle = rows[0] && (await findVehicle(database, fleetId, rows[0].id));
  return vehicle === undefined ? { kind: "taken" } : { kind: "created", vehicle };
}

/** Undefined when the fleet (null: any) has no such vehicle. */
export async function updateVehicle(
  database: Database,
  fleetId: number | null,
  vehicleId: number,
  change: VehicleChange,
): Promise<{ kind: "changed"; vehicle: Vehicle } | { kind: "taken" } | undefined> {
  try {
    await database.pool.query(
      `update vehicle set kind = coalesce($3, kind),
        external_id = case when $4 then $5 else external_id end, name = case when $6 then $7 else name end,
        updated_at = now()
       where vehicle_id = $2 and ($1::integer is null or fleet_id = $1)`,
      [fleetId, vehicleId, change.kind ?? null, ...given(change.externalId), ...given(change.name)],
    );
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === UNIQUE_VIOLATION) return { kind: "taken" };
    throw error;
  }
  const vehicle = await findVehicle(database, fleetId, vehicleId);
  return vehicle && { kind: "changed", vehicle };
}

/** True when there was such a vehicle. Its devices and what they reported stay. */
export async function removeVehicle(database: Database, fleetId: number | null, vehicleId: number): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    "delete from vehicle where vehicle_id = $2 and ($1::integer is null or fleet_id = $1)",
    [fleetId, vehicleId],
  );
  return rowCount === 1;
}

export type Binding = { vehicleId: number; deviceId: number; priority: number; boundFromMs: number | null };

/**
 * Binds a device to a vehicle, both of one fleet (the caller has seen to that), from `boundFromMs` on (null: from now on,
 * or as before where it is bound already). `elsewhere`: it is bound to another vehicle. `full`: the vehicle has as many
 * devices as it may have.
 */
export async function bindDevice(
  database: Database,
  { vehicleId, deviceId, priority, boundFromMs }: Binding,
): Promise<{ kind: "bound" } | { kind: "elsewhere"; vehicleId: number } | { kind: "full" }> {
  const from = boundFromMs === null ? null : new Date(boundFromMs);
  const { rows } = await database.pool.query<{ vehicleId: number | null; bound: boolean }>(
    `with held as (select vehicle_id from vehicle_device where device_id = $2 and bound_to is null),
      room as (select count(*) < $5 as free from vehicle_device where vehicle_id = $1 and bound_to is null),
      made as (
        insert into vehicle_device as b (vehicle_id, device_id, priority, bound_from)
        select $1, $2, $3, coalesce($4, now()) from room
        where free or exists (select from held where vehicle_id = $1)
        on conflict (device_id) where bound_to is null do update
          set priority = excluded.priority, bound_from = coalesce($4, b.bound_from) where b.vehicle_id = $1
        returning pg_notify('vehicles', $1::text)
      )
     select (select vehicle_id from held) as "vehicleId", exists (select from made) as bound`,
    [vehicleId, deviceId, priority, from, VEHICLE_DEVICES_MAX],
  );
  const { vehicleId: heldBy, bound } = rows[0]!;
  if (bound) return { kind: "bound" };
  return heldBy === null ? { kind: "full" } : { kind: "elsewhere", vehicleId: heldBy };
}

/** Ends a binding; false when there was none. It stays in the history of the vehicle. */
export async function unbindDevice(database: Database, vehicleId: number, deviceId: number): Promise<boolean> {
  const { rows } = await database.pool.query(
    `with ended as (
      update vehicle_device set bound_to = greatest(now(), bound_from)
      where vehicle_id = $1 and device_id = $2 and bound_to is null returning 1
    )
    select pg_notify('vehicles', $1::text) from ended`,
    [vehicleId, deviceId],
  );
  return rows.length > 0;
}

function given(value: string | null | undefined): [isGiven: boolean, value: string | null] {
  return [value !== undefined, value ?? null];
}
