import type { Client } from "pg";
import { boolArray, float4Array, int2Array, int4Array, int8Array, textArray, timestamptzArray } from "./binary.ts";
import { jsonbTextOf } from "./fold-rows.ts";
import type { PathSegmentRow, TripRow } from "./track-rows.ts";

/** Writes segments of paths; each comes once, with the frame by which it was decided. */
export async function insertPath(
  client: Pick<Client, "query">,
  rows: readonly PathSegmentRow[],
  table: "path" | "replayed_path" = "path",
): Promise<void> {
  await client.query({
    name: `fold-insert-${table}`,
    text: `insert into ${table} (device_id, frame_seq, number, way_id, forward, entered_at, left_at, length_m, line,
        revised_from, revised_to)
      select * from unnest($1::int4[], $2::int8[], $3::int2[], $4::int8[], $5::bool[], $6::timestamptz[], $7::timestamptz[],
        $8::float4[], $9::text[], $10::timestamptz[], $11::timestamptz[])`,
    values: [
      int4Array(rows.map((row) => row.deviceId)),
      int8Array(rows.map((row) => row.frameSeq)),
      int2Array(rows.map((row) => row.number)),
      int8Array(rows.map((row) => row.wayId)),
      boolArray(rows.map((row) => row.forward)),
      timestamptzArray(rows.map((row) => row.enteredMs)),
      timestamptzArray(rows.map((row) => row.leftMs)),
      float4Array(rows.map((row) => row.lengthM)),
      textArray(rows.map((row) => row.line)),
      timestamptzArray(rows.map((row) => row.revisedFromMs)),
      timestamptzArray(rows.map((row) => row.revisedToMs)),
    ],
  });
}

/** A row of a trip with the fleet of its device. */
export type FleetTripRow = TripRow & { fleetId: number };

/** Writes versions of trips; the end of a trip completes the version that its start made. */
export async function upsertTrips(
  client: Pick<Client, "query">,
  trips: readonly FleetTripRow[],
  table: "trip" | "replayed_trip" = "trip",
): Promise<void> {
  // One statement can't touch a row twice: of a trip that began and ended in one batch the end counts.
  const newest = [...new Map(trips.map((trip) => [`${trip.tripId}|${trip.version}`, trip])).values()];
  await client.query({
    name: `fold-upsert-${table}`,
    text: `insert into ${table} (trip_id, version, fleet_id, device_id, frame_seq, commit_xid, started_at, ended_at,
        start_lat_deg, start_lon_deg, end_lat_deg, end_lon_deg, start_reason, end_reason, distance_m, odometer_m, idle_s,
        stops, max_speed_mps, fixes, replayed, withdrawn)
      select t."tripId", t.version, t."fleetId", t."deviceId", t."frameSeq", pg_current_xact_id()::text::bigint,
        to_timestamp(t."startedMs" / 1000), to_timestamp(t."endedMs" / 1000), t."startLatDeg", t."startLonDeg",
        t."endLatDeg", t."endLonDeg", t."startReason", t."endReason", t."distanceM", t."odometerM", t."idleS", t.stops,
        t."maxSpeedMps", t.fixes, t.replayed, t.withdrawn
      from json_to_recordset($1::json) as t ("tripId" text, version integer, "fleetId" integer, "deviceId" integer,
        "frameSeq" bigint, "startedMs" float8, "endedMs" float8, "startLatDeg" float8, "startLonDeg" float8,
        "endLatDeg" float8, "endLonDeg" float8, "startReason" text, "endReason" text, "distanceM" float8,
        "odometerM" float8, "idleS" integer, stops jsonb, "maxSpeedMps" real, fixes integer, replayed boolean,
        withdrawn boolean)
      on conflict (trip_id, version) do update set (frame_seq, commit_xid, ended_at, end_lat_deg, end_lon_deg, end_reason,
          distance_m, odometer_m, idle_s, stops, max_speed_mps, fixes, replayed, withdrawn)
        = (excluded.frame_seq, excluded.commit_xid, excluded.ended_at, excluded.end_lat_deg, excluded.end_lon_deg,
          excluded.end_reason, excluded.distance_m, excluded.odometer_m, excluded.idle_s, excluded.stops,
          excluded.max_speed_mps, excluded.fixes, excluded.replayed, excluded.withdrawn)`,
    values: [jsonbTextOf(newest)],
  });
}
