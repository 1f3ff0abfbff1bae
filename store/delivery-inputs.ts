import type { Client } from "pg";
import { floorMs } from "./floor-ms.ts";
import type { Tracked } from "./measured.ts";

/** What vehicles' devices brought to the fold of routes. SI units, WGS 84 degrees, Unix milliseconds. */

/** Frames of a device from `fromSeq` to below `untilSeq`; fixes not before `sinceMs` by their own time. */
export type FrameRange = { deviceId: number; fromSeq: number; untilSeq: number; sinceMs: number };

export type RouteFixRow = Tracked & {
  /** Which of the ranges it is in. */
  range: number;
  deviceId: number;
  fixId: number;
  fixTimeMs: number;
  receivedAtMs: number;
  latDeg: number;
  lonDeg: number;
  speedMps: number | null;
  headingDeg: number | null;
  accuracyM: number | null;
  hdop: number | null;
};

type FlatFix = Omit<RouteFixRow, "smoothed" | "matched"> & {
  sLat: number | null;
  sLon: number | null;
  sSpeed: number;
  sHeading: number | null;
  sSigma: number;
  mLat: number | null;
  mLon: number | null;
  wayId: number;
  forward: boolean;
  confidence: number;
};

/** Positions that were not late, each range in the order of ids, at most `limitEach` of each. */
export async function readRouteFixes(
  client: Client,
  ranges: readonly FrameRange[],
  limitEach: number,
): Promise<RouteFixRow[]> {
  const { rows } = await client.query<FlatFix>({
    name: "delivery-fixes",
    text: `select (r.place - 1)::integer as range, f.* from unnest($1::integer[], $2::bigint[], $3::bigint[], $4::float8[])
        with ordinality as r (device_id, from_seq, until_seq, since_ms, place)
      cross join lateral (
        select f.device_id as "deviceId", f.fix_id as "fixId", ${floorMs("f.fix_time")} as "fixTimeMs",
          ${floorMs("f.received_at")} as "receivedAtMs", f.lat_deg as "latDeg", f.lon_deg as "lonDeg",
          f.speed_mps as "speedMps", f.heading_deg as "headingDeg", f.accuracy_m as "accuracyM", f.hdop,
          f.smoothed_lat_deg as "sLat", f.smoothed_lon_deg as "sLon", f.smoothed_speed_mps as "sSpeed",
          f.smoothed_heading_deg as "sHeading", f.smoothed_sigma_m as "sSigma", f.matched_lat_deg as "mLat",
          f.matched_lon_deg as "mLon", f.matched_way_id as "wayId", f.matched_forward as forward,
          f.matched_confidence as confidence
        from fix f
        where f.device_id = r.device_id and f.fix_time >= to_timestamp(r.since_ms / 1000)
          and f.fix_id >= r.from_seq * 1024 and f.fix_id < r.until_seq * 1024
          and f.valid and not f.late and f.lat_deg is not null and f.lon_deg is not null
        order by f.fix_id limit $5
      ) f order by r.place, f."fixId"`,
    values: [...rangeValues(ranges), ranges.map(({ sinceMs }) => sinceMs), limitEach],
  });
  return rows.map(fixOf);
}

function fixOf({ sLat, sLon, sSpeed, sHeading, sSigma, mLat, mLon, wayId, forward, confidence, ...fix }: FlatFix) {
  const isSmoothed = sLat !== null && sLon !== null;
  const isMatched = mLat !== null && mLon !== null;
  return {
    ...{ ...fix, fixId: Number(fix.fixId) },
    smoothed: isSmoothed
      ? { latDeg: sLat, lonDeg: sLon, speedMps: sSpeed, headingDeg: sHeading, sigmaM: sSigma }
      : null,
    matched: isMatched ? { latDeg: mLat, lonDeg: mLon, wayId: Number(wayId), forward, confidence } : null,
  };
}

export type CrossingRow = {
  range: number;
  eventId: string;
  deviceId: number;
  type: "entered" | "exited";
  geofenceId: number;
  atMs: number;
  receivedAtMs: number;
  replayed: boolean;
  supersedes: string | null;
  withdrawn: boolean;
  seq: number;
};

const CROSSING_COLUMNS = `e.event_id as "eventId", e.device_id as "deviceId", split_part(e.type, '.', 2) as type,
  (e.data ->> 'geofenceId')::integer as "geofenceId", ${floorMs("e.occurred_at")} as "atMs",
  ${floorMs("e.detected_at")} as "receivedAtMs", e.replayed, e.supersedes,
  coalesce((e.data ->> 'withdrawn')::boolean, false) as withdrawn, e.frame_seq::float8 as seq`;
const IS_CROSSING = "e.type in ('geofence.entered', 'geofence.exited')";

/** Crossings of geofences that these frames revealed, each range in the order of the journal. */
export async function readRouteCrossings(
  client: Client,
  ranges: readonly FrameRange[],
  limitEach: number,
): Promise<CrossingRow[]> {
  const { rows } = await client.query<CrossingRow>({
    name: "delivery-crossings",
    text: `select (r.place - 1)::integer as range, e.* from unnest($1::integer[], $2::bigint[], $3::bigint[])
        with ordinality as r (device_id, from_seq, until_seq, place)
      cross join lateral (
        select ${CROSSING_COLUMNS} from event e
        where e.device_id = r.device_id and e.frame_seq >= r.from_seq and e.frame_seq < r.until_seq and ${IS_CROSSING}
        order by e.frame_seq limit $4
      ) e order by r.place, e.seq`,
    values: [...rangeValues(ranges), limitEach],
  });
  return rows;
}

/** For each of these geofences where the device stood before `untilSeq`: its newest crossing, if there is one. */
export async function readCrossingsBefore(
  client: Client,
  ranges: readonly FrameRange[],
  geofenceIds: readonly number[],
): Promise<CrossingRow[]> {
  const { rows } = await client.query<CrossingRow>({
    name: "delivery-crossings-before",
    text: `select distinct on (e."deviceId", e."geofenceId") (r.place - 1)::integer as range, e.*
      from unnest($1::integer[], $2::bigint[]) with ordinality as r (device_id, until_seq, place)
      cross join lateral (
        select ${CROSSING_COLUMNS} from event e
        where e.device_id = r.device_id and e.frame_seq < r.until_seq and ${IS_CROSSING}
          and (e.data ->> 'geofenceId')::integer = any($3::integer[])
          and not exists (select from event s where s.device_id = e.device_id and s.supersedes = e.event_id
            and s.frame_seq < r.until_seq and s.type in ('geofence.entered', 'geofence.exited'))
      ) e order by e."deviceId", e."geofenceId", e."atMs" desc`,
    values: [ranges.map(({ deviceId }) => deviceId), ranges.map(({ untilSeq }) => untilSeq), geofenceIds],
  });
  return rows;
}

function rangeValues(ranges: readonly FrameRange[]): unknown[] {
  return [
    ranges.map(({ deviceId }) => deviceId),
    ranges.map(({ fromSeq }) => fromSeq),
    ranges.map(({ untilSeq }) => untilSeq),
  ];
}
