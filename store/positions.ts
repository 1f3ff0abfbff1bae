import type { Database } from "./database.ts";
import type { Measured, Tracked } from "./measured.ts";
import { selectTracked } from "./track-columns.ts";

/** The last known fix of a device, as `device_state` keeps it. */
export type StoredPosition = Measured &
  Tracked & {
    deviceId: number;
    deviceUid: string;
    fixId: string;
    protocol: string;
    fixTime: Date;
    receivedAt: Date;
    valid: boolean;
  };

const SELECT_POSITION = `select d.device_id as "deviceId", d.uid as "deviceUid", s.fix_id::text as "fixId", s.protocol,
  s.fix_time as "fixTime", s.received_at as "receivedAt", s.valid, s.lat_deg as "latDeg", s.lon_deg as "lonDeg",
  s.altitude_m as "altitudeM", s.speed_mps as "speedMps", s.heading_deg as "headingDeg", s.satellites, s.hdop,
  s.accuracy_m as "accuracyM", s.event, s.attributes, ${selectTracked("s")}
  from device d join device_state s on s.device_id = d.device_id and s.fix_id is not null
  where ($1::integer is null or d.fleet_id = $1)`;

/** The last known position of a device of this fleet (null: any); undefined before its first fix. */
export async function findPosition(
  database: Database,
  fleetId: number | null,
  deviceId: number,
): Promise<StoredPosition | undefined> {
  const { rows } = await database.pool.query<StoredPosition>({
    name: "find-position",
    text: `${SELECT_POSITION} and d.device_id = $2`,
    values: [fleetId, deviceId],
  });
  return rows[0];
}

/** The last known position of every device of this fleet (null: of all fleets), in the order of device ids. */
export async function listPositions(
  database: Database,
  fleetId: number | null,
  page: { afterDeviceId: number; limit: number },
): Promise<StoredPosition[]> {
  const { rows } = await database.pool.query<StoredPosition>({
    name: "list-positions",
    text: `${SELECT_POSITION} and d.device_id > $2 order by d.device_id limit $3`,
    values: [fleetId, page.afterDeviceId, page.limit],
  });
  return rows;
}
