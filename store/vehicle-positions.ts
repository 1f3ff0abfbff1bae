import type { Database } from "./database.ts";
import type { StoredPosition } from "./positions.ts";
import { selectTracked } from "./track-columns.ts";

/** The last known position of a vehicle: a fix of the device that spoke for it. Attributes are the newest of that device. */
export type VehiclePosition = StoredPosition & {
  vehicleId: number;
  externalId: string | null;
  /** Why this device speaks for the vehicle, and since when. */
  reason: string;
  since: Date;
};

/** A device that is no longer bound shows nothing, even before the fold has looked again. */
const SELECT_POSITION = `select v.vehicle_id as "vehicleId", v.external_id as "externalId", s.reason, s.since,
  d.device_id as "deviceId", d.uid as "deviceUid", s.fix_id::text as "fixId", s.protocol, s.fix_time as "fixTime",
  s.received_at as "receivedAt", true as valid, s.lat_deg as "latDeg", s.lon_deg as "lonDeg",
  s.altitude_m as "altitudeM", s.speed_mps as "speedMps", s.heading_deg as "headingDeg", s.satellites, s.hdop,
  s.accuracy_m as "accuracyM", s.event, coalesce(ds.attributes, '{}') as attributes, ${selectTracked("s")}
  from vehicle v
  join vehicle_state s using (vehicle_id)
  join vehicle_device b on b.vehicle_id = v.vehicle_id and b.device_id = s.device_id and b.bound_to is null
  join device d on d.device_id = s.device_id
  left join device_state ds on ds.device_id = s.device_id
  where ($1::integer is null or v.fleet_id = $1)`;

/** Undefined before the first fix of a bound device. */
export async function findVehiclePosition(
  database: Database,
  fleetId: number | null,
  vehicleId: number,
): Promise<VehiclePosition | undefined> {
  const { rows } = await database.pool.query<VehiclePosition>({
    name: "find-vehicle-position",
    text: `${SELECT_POSITION} and v.vehicle_id = $2`,
    values: [fleetId, vehicleId],
  });
  return rows[0];
}

/** In the order of vehicle ids. */
export async function listVehiclePositions(
  database: Database,
  fleetId: number | null,
  page: { afterVehicleId: number; limit: number },
): Promise<VehiclePosition[]> {
  const { rows } = await database.pool.query<VehiclePosition>({
    name: "list-vehicle-positions",
    text: `${SELECT_POSITION} and v.vehicle_id > $2 order by v.vehicle_id limit $3`,
    values: [fleetId, page.afterVehicleId, page.limit],
  });
  return rows;
}
