import type { Database } from "./database.ts";
import type { PathSegmentRow, TripReason, TripStop } from "./track-rows.ts";

/** The newest version of a trip. */
export type StoredTrip = {
  tripId: string;
  version: number;
  startedAt: Date;
  endedAt: Date | null;
  startLatDeg: number;
  startLonDeg: number;
  endLatDeg: number | null;
  endLonDeg: number | null;
  startReason: TripReason;
  endReason: TripReason | null;
  distanceM: number | null;
  odometerM: number | null;
  idleS: number | null;
  stops: TripStop[] | null;
  maxSpeedMps: number | null;
  fixes: number | null;
  replayed: boolean;
};

const SELECT_TRIP = `select t.trip_id as "tripId", t.version, t.started_at as "startedAt", t.ended_at as "endedAt",
    t.start_lat_deg as "startLatDeg", t.start_lon_deg as "startLonDeg", t.end_lat_deg as "endLatDeg",
    t.end_lon_deg as "endLonDeg", t.start_reason as "startReason", t.end_reason as "endReason",
    t.distance_m as "distanceM", t.odometer_m as "odometerM", t.idle_s as "idleS", t.stops,
    t.max_speed_mps as "maxSpeedMps", t.fixes, t.replayed
  from trip t join device d on d.device_id = t.device_id
  where ($1::integer is null or d.fleet_id = $1) and t.device_id = $2 and not t.withdrawn
    and not exists (select from trip later where later.trip_id = t.trip_id and later.version > t.version)`;

export type TripRange = {
  /** Trips that began in this half-open interval (Unix ms); null leaves that side open. */
  fromMs: number | null;
  toMs: number | null;
  /** Only trips that began before this one of the list. */
  before: { startedMs: number; tripId: string } | null;
  limit: number;
};

/** The trips of a device of this fleet (null: any), newest first. */
export async function listTrips(
  database: Database,
  fleetId: number | null,
  deviceId: number,
  { fromMs, toMs, before, limit }: TripRange,
): Promise<StoredTrip[]> {
  const { rows } = await database.pool.query<StoredTrip>(
    `${SELECT_TRIP} and t.started_at >= coalesce($3::timestamptz, '-infinity')
       and t.started_at < coalesce($4::timestamptz, 'infinity')
       and ($5::timestamptz is null or (t.started_at, t.trip_id) < ($5, $6))
     order by t.started_at desc, t.trip_id desc limit $7`,
    [fleetId, deviceId, dateOf(fromMs), dateOf(toMs), dateOf(before?.startedMs ?? null), before?.tripId ?? "", limit],
  );
  return rows;
}

export async function findTrip(
  database: Database,
  fleetId: number | null,
  deviceId: number,
  tripId: string,
): Promise<StoredTrip | undefined> {
  const { rows } = await database.pool.query<StoredTrip>(`${SELECT_TRIP} and t.trip_id = $3`, [
    fleetId,
    deviceId,
    tripId,
  ]);
  return rows[0];
}

/** Segments lie at most this far outside of the time that they, or the revision they belong to, reach into. */
const REACH = "interval '1 hour'";

/**
 * What was said of the path of a device of this fleet (null: any) in this time (Unix ms), in the order of driving: live
 * segments, and revisions of them with all that these take the place of.
 */
export async function readPath(
  database: Database,
  fleetId: number | null,
  deviceId: number,
  range: { fromMs: number; toMs: number; limit: number },
): Promise<PathSegmentRow[]> {
  const { rows } = await database.pool.query<PathSegmentRow>(
    `select p.device_id as "deviceId", p.frame_seq::float8 as "frameSeq", p.number, p.way_id::float8 as "wayId", p.forward,
       ${msOf("p.entered_at")} as "enteredMs", ${msOf("p.left_at")} as "leftMs", p.length_m as "lengthM", p.line,
       ${msOf("p.revised_from")} as "revisedFromMs", ${msOf("p.revised_to")} as "revisedToMs"
     from path p join device d on d.device_id = p.device_id
     where ($1::integer is null or d.fleet_id = $1) and p.device_id = $2
       and p.entered_at >= $3::timestamptz - ${REACH} and p.entered_at < $4::timestamptz + ${REACH}
       and greatest(p.left_at, p.revised_to) > $3 and least(p.entered_at, p.revised_from) < $4
     order by p.entered_at, p.frame_seq, p.number limit $5`,
    [fleetId, deviceId, new Date(range.fromMs), new Date(range.toMs), range.limit],
  );
  return rows;
}

/** SQL for a time as Unix milliseconds. */
function msOf(column: string): string {
  return `(extract(epoch from ${column}) * 1000)::float8`;
}

function dateOf(timeMs: number | null): Date | null {
  return timeMs === null ? null : new Date(timeMs);
}
