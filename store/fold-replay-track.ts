import type { Client } from "pg";
import type { ReplayWindow } from "./fold-replay.ts";
import { type EventRow, jsonbTextOf } from "./fold-rows.ts";

/**
 * Events, trips and paths in a replay. They rest on the state of the stages, which starts afresh at the window's begin: only
 * devices whose whole history lies in the window can be compared. Temporary tables, besides those of `fold-replay.ts`:
 *
 *     whole             devices without a fix from before the window
 *     replayed_event, replayed_trip, replayed_path      what the kept frames give now
 *     kept_event, kept_trip                             what the same frames gave
 */

/** What the stages make; the rest of the events tells of frames and sessions, or is not the stream's. */
const OF_STAGES = "(e.type like 'geofence.%' or e.type like 'trip.%')";

export async function beginTrackReplay(client: Client, { fromMs, toMs, deviceId }: ReplayWindow): Promise<void> {
  await client.query(`create temp table whole (device_id integer primary key);
    create temp table replayed_event (event_id text primary key, fleet_id integer, device_id integer, type text,
      occurred_at timestamptz, detected_at timestamptz, replayed boolean, supersedes text, frame_seq bigint, data jsonb);
    create temp table replayed_trip (like trip including indexes);
    create temp table replayed_path (like path)`);
  await client.query(
    `insert into whole select d.device_id from device d where ($1::integer is null or d.device_id = $1)
     and not exists (select from fix f where f.device_id = d.device_id and f.received_at < $2)`,
    [deviceId, new Date(fromMs)],
  );
  await client.query(
    `create temp table kept_event as select e.* from event e join whole using (device_id)
     where ${OF_STAGES} and e.detected_at < '${new Date(toMs).toISOString()}'`,
  );
  await client.query(
    `create temp table kept_trip as select t.* from trip t join whole using (device_id)
     where exists (select from frames_at(array[t.frame_seq]) f where f.received_at < '${new Date(toMs).toISOString()}')`,
  );
}

export async function addReplayedEvents(client: Client, events: readonly EventRow[]): Promise<void> {
  await client.query(
    `insert into replayed_event
     select e."eventId", e."fleetId", e."deviceId", e.type, to_timestamp(e."occurredAtMs" / 1000.0),
       to_timestamp(e."detectedAtMs" / 1000.0), e.replayed, e.supersedes, e."frameSeq", e.data
     from json_to_recordset($1::json) as e ("eventId" text, "fleetId" integer, "deviceId" integer, type text,
       "occurredAtMs" float8, "detectedAtMs" float8, replayed boolean, supersedes text, "frameSeq" bigint, data jsonb)
     where ${OF_STAGES} and e."deviceId" in (select device_id from whole) on conflict do nothing`,
    [jsonbTextOf(events)],
  );
}

/** Rows that are the same, differ, are new, and are no more. */
export type TrackCounts = { same: number; changed: number; missing: number; extra: number };

const EVENT_MEANING = "type, occurred_at, replayed, supersedes, data";
const TRIP_MEANING = `device_id, started_at, ended_at, start_lat_deg, start_lon_deg, end_lat_deg, end_lon_deg, start_reason,
  end_reason, distance_m, odometer_m, idle_s, stops, max_speed_mps, fixes, replayed, withdrawn`;

export async function compareTracks(client: Client): Promise<{ events: TrackCounts; trips: TrackCounts }> {
  await client.query(`delete from replayed_trip r using trip t
      where t.trip_id = r.trip_id and t.version = r.version
        and not exists (select from kept_trip k where k.trip_id = t.trip_id and k.version = t.version);
    delete from replayed_trip r where r.device_id not in (select device_id from whole);
    delete from replayed_path r where r.device_id not in (select device_id from whole)`);
  return {
    events: await compareRows(client, "event", ["event_id"], EVENT_MEANING),
    trips: await compareRows(client, "trip", ["trip_id", "version"], TRIP_MEANING),
  };
}

async function compareRows(client: Client, table: string, key: string[], meaning: string): Promise<TrackCounts> {
  const columns = (row: string) =>
    `(${meaning
      .split(",")
      .map((column) => `${row}.${column.trim()}`)
      .join(", ")})`;
  const { rows } = await client.query<TrackCounts>(
    `select count(*) filter (where k.${key[0]} is not null and r.${key[0]} is not null
         and ${columns("k")} is not distinct from ${columns("r")})::float8 as same,
       count(*) filter (where k.${key[0]} is not null and r.${key[0]} is not null
         and ${columns("k")} is distinct from ${columns("r")})::float8 as changed,
       count(*) filter (where k.${key[0]} is null)::float8 as missing,
       count(*) filter (where r.${key[0]} is null)::float8 as extra
     from kept_${table} k full join replayed_${table} r using (${key.join(", ")})`,
  );
  return rows[0] as TrackCounts;
}

/** Puts what the kept frames give now in the place of what they gave. History: nobody is notified. */
export async function applyTracks(client: Client, { toMs }: ReplayWindow): Promise<void> {
  const before = [new Date(toMs)];
  await client.query("delete from event where event_id in (select event_id from kept_event)");
  await client.query(`insert into event (event_id, fleet_id, device_id, type, occurred_at, detected_at, replayed, supersedes,
      frame_seq, commit_xid, data)
    select event_id, fleet_id, device_id, type, occurred_at, detected_at, replayed, supersedes, frame_seq,
      pg_current_xact_id()::text::bigint, data from replayed_event order by frame_seq, event_id`);
  await client.query(`delete from trip t using kept_trip k where k.trip_id = t.trip_id and k.version = t.version`);
  await client.query("insert into trip select * from replayed_trip on conflict do nothing");
  await client.query(
    `delete from path p using whole w where p.device_id = w.device_id
       and exists (select from frames_at(array[p.frame_seq]) f where f.received_at < $1)`,
    before,
  );
  await client.query("insert into path select * from replayed_path");
}
