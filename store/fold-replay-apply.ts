import type { Client } from "pg";
import type { Attributes } from "#decoders/decoder.ts";
import { COMPARED_COLUMNS, NEWLY_UNUSABLE, RESOLVED, type ReplayWindow, windowValues } from "./fold-replay.ts";
import { applyTracks } from "./fold-replay-track.ts";
import { TRACK_COLUMNS } from "./track-columns.ts";

/**
 * Writes the differences in one transaction: changed fixes keep their id, extra ones go, missing ones come (late when the
 * device has a newer position). Live positions and attributes that rested on them follow. The streams forget what they
 * remember of all partitions. `attributes`: the last value of each attribute by the end of the replay, by device.
 */
export async function applyReplay(
  client: Client,
  window: ReplayWindow,
  attributes: ReadonlyMap<number, Attributes>,
): Promise<void> {
  await client.query("begin");
  await client.query("update stream_cursor set revision = revision + 1");
  await client.query(`delete from fix f using kept k, (select old_id from changed
      union all select old_id from pairing where new_id is null) p
    where k.fix_id = p.old_id and f.device_id = k.device_id and f.fix_time = k.fix_time and f.fingerprint = k.fingerprint`);
  const columns = COMPARED_COLUMNS.join(", ");
  await client.query(`insert into fix (fix_id, device_id, received_at, stored_at, commit_xid, late, ${columns})
    select coalesce(p.old_id, p.new_id), r.device_id, coalesce(k.received_at, r.received_at),
      coalesce(k.stored_at, now()), pg_current_xact_id()::text::bigint,
      coalesce(k.late, r.fix_time < s.fix_time, false), ${COMPARED_COLUMNS.map((column) => `r.${column}`).join(", ")}
    from (select * from changed union all select * from pairing where old_id is null) p
    join replayed r on r.fix_id = p.new_id left join kept k on k.fix_id = p.old_id
    left join device_state s on s.device_id = r.device_id`);
  await client.query(`create temp table touched as select distinct coalesce(r.device_id, k.device_id) as device_id
    from (select * from changed union all select * from pairing where new_id is null or old_id is null) p
    left join replayed r on r.fix_id = p.new_id left join kept k on k.fix_id = p.old_id`);
  await refreshAttributes(client, attributes);
  await refreshPositions(client);
  await applyTracks(client, window);
  await client.query(
    `update quarantine q set resolved_at = now(), retry_requested_at = null where ${RESOLVED}`,
    windowValues(window),
  );
  await client.query(`insert into quarantine (source, frame_seq, device_id, fleet_id, protocol, transport, received_at,
      remote_address, reason, detail, bytes)
    select 'stream', f.seq, f.device_id, d.fleet_id, f.protocol, f.transport, f.received_at, f.remote_address, u.reason,
      u.detail, f.bytes
    from unusable u cross join lateral frames_at(array[u.seq]) f left join device d using (device_id) where ${NEWLY_UNUSABLE}
    on conflict (frame_seq) where frame_seq is not null
      do update set resolved_at = null, reason = excluded.reason, detail = excluded.detail`);
  await client.query("select pg_notify('fixes', '')");
  await client.query("commit");
}

/** Names that only the old versions had go; the new values come, unless frames after the window have said otherwise. */
async function refreshAttributes(client: Client, attributes: ReadonlyMap<number, Attributes>): Promise<void> {
  const given = [...attributes].map(([deviceId, values]) => ({ device_id: deviceId, values }));
  await client.query(
    `with gone as (
       select k.device_id, array_agg(distinct a.name) as names
       from (select old_id, new_id from changed union all select old_id, new_id from pairing where new_id is null) p
       join kept k on k.fix_id = p.old_id cross join lateral jsonb_object_keys(k.attributes) a (name)
       left join replayed r on r.fix_id = p.new_id
       where not coalesce(r.attributes ? a.name, false) group by k.device_id)
     update device_state s set attributes = case
         when s.fix_id between (select min(fix_id) from replayed) and (select max(fix_id) from replayed)
         then (s.attributes - coalesce(g.names, '{}')) || v.values
         else v.values || (s.attributes - coalesce(g.names, '{}')) end
     from touched t join json_to_recordset($1::json) as v (device_id integer, values jsonb) using (device_id)
     left join gone g using (device_id)
     where s.device_id = t.device_id`,
    [JSON.stringify(given)],
  );
}

const POSITION_COLUMNS = `fix_id, fix_time, received_at, protocol, lat_deg, lon_deg, altitude_m, speed_mps, heading_deg,
  satellites, hdop, accuracy_m, event, ${TRACK_COLUMNS.join(", ")}`;

async function refreshPositions(client: Client): Promise<void> {
  await client.query(`update device_state s set (valid, ${POSITION_COLUMNS}) =
      (select valid, ${POSITION_COLUMNS} from fix f where f.device_id = s.device_id and f.valid and not f.late
        and f.kind = 'fix' and f.lat_deg is not null order by f.fix_time desc, f.fix_id desc limit 1)
    from touched t where t.device_id = s.device_id`);
}
