import type { Database } from "./database.ts";
import type { Measured, Tracked } from "./measured.ts";
import { selectTracked } from "./track-columns.ts";

/** A row of `fix` as it is read: SI units, WGS 84 degrees, `fixId` as digits because it may exceed 2^53. */
export type StoredFix = Measured &
  Tracked & {
    fixId: string;
    deviceUid: string;
    fleetId: number;
    protocol: string;
    kind: string;
    /** GNSS time after the correction of known clock faults. */
    fixTime: Date;
    receivedAt: Date;
    storedAt: Date;
    valid: boolean;
    late: boolean;
    buffered: boolean;
    clockFault: string | null;
    /** What the device's clock said, where that differs from `fixTime`. */
    deviceTime: Date | null;
  };

/** The columns of a `StoredFix` from `fix r` joined with `device d`. */
export const FIX_COLUMNS = `r.fix_id::text as "fixId", d.uid as "deviceUid", d.fleet_id as "fleetId", r.protocol, r.kind, r.fix_time as "fixTime",
  r.received_at as "receivedAt", r.stored_at as "storedAt", r.valid, r.late, r.buffered, r.clock_fault as "clockFault",
  r.device_time as "deviceTime", r.lat_deg as "latDeg", r.lon_deg as "lonDeg", r.altitude_m as "altitudeM",
  r.speed_mps as "speedMps", r.heading_deg as "headingDeg", r.satellites, r.hdop, r.accuracy_m as "accuracyM", r.event,
  r.attributes, ${selectTracked("r")}`;

export type FixRange = {
  /** Half-open interval of `fixTime`, Unix milliseconds; null leaves that side open. */
  fromMs: number | null;
  toMs: number | null;
  /** Only what comes after this fix in the order (time, id). */
  after: { timeMs: number; fixId: string } | null;
  limit: number;
};

/** Fixes of one device of this fleet (null: any), in the order of (time, id). Served by the index `fix_identity`. */
export async function readDeviceFixes(
  database: Database,
  fleetId: number | null,
  deviceId: number,
  range: FixRange,
): Promise<StoredFix[]> {
  const { after } = range;
  const { rows } = await database.pool.query<StoredFix>({
    name: "read-device-fixes",
    text: `select ${FIX_COLUMNS} from fix r join device d on d.device_id = r.device_id
      where r.device_id = $2 and ($1::integer is null or d.fleet_id = $1)
        and r.fix_time >= coalesce($3::timestamptz, '-infinity') and r.fix_time < coalesce($4::timestamptz, 'infinity')
        and r.fix_time >= coalesce($5::timestamptz, '-infinity')
        and ($5::timestamptz is null or (r.fix_time, r.fix_id) > ($5, $6::bigint))
      order by r.fix_time, r.fix_id limit $7`,
    values: [
      fleetId,
      deviceId,
      dateOf(range.fromMs),
      dateOf(range.toMs),
      dateOf(after?.timeMs ?? null),
      after?.fixId ?? null,
      range.limit,
    ],
  });
  return rows;
}

function dateOf(timeMs: number | null): Date | null {
  return timeMs === null ? null : new Date(timeMs);
}
