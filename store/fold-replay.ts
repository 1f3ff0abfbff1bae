import type { Client } from "pg";
import type { Attributes, ProtocolName, Transport } from "#decoders/decoder.ts";
import { applyTracks, beginTrackReplay } from "./fold-replay-track.ts";
import { type FrameKind, type JournalFrame, PARTITIONS } from "./journal.ts";
import { TRACK_COLUMNS } from "./track-columns.ts";

/**
 * What a replay needs of the store. It works on temporary tables of one connection and touches nothing else until
 * `applyReplay`:
 *
 *     replayed   the fixes that the kept frames give now
 *     unusable   the frames that give none, with the reason
 *     kept       the fixes that the same frames gave when they were folded
 *     pairing    new_id and old_id of one fix, by its identity or else by its id; null on one side: missing or extra
 */
export type ReplayWindow = {
  /** Half-open interval of the time of receipt, Unix milliseconds. */
  fromMs: number;
  toMs: number;
  /** Null replays all devices. */
  deviceId: number | null;
};

/** Columns that say what a frame means. The rest says when and in which order it was folded: not compared, kept. */
export const COMPARED_COLUMNS = [
  "fix_time",
  "fingerprint",
  "kind",
  "protocol",
  "valid",
  "buffered",
  "clock_fault",
  "device_time",
  "lat_deg",
  "lon_deg",
  "altitude_m",
  "speed_mps",
  "heading_deg",
  "satellites",
  "hdop",
  "accuracy_m",
  "event",
  "attributes",
  "cell",
  ...TRACK_COLUMNS,
] as const;

/** Rests on the fixes before, too: compared where the window holds them all, see `fold-replay-track.ts`. */
const isTracked = (column: string): boolean => (TRACK_COLUMNS as readonly string[]).includes(column);

const FIX_WINDOW = `received_at >= $1 and received_at < $2 and ($3::integer is null or device_id = $3)`;

function windowValues({ fromMs, toMs, deviceId }: ReplayWindow): unknown[] {
  return [new Date(fromMs), new Date(toMs), deviceId];
}

/** Makes the temporary tables and fixes how far the streams have come: frames beyond are not theirs yet. */
export async function beginReplay(client: Client, window: ReplayWindow): Promise<void> {
  await client.query("begin");
  await client.query(`create temp table replayed (like fix);
    create unique index on replayed (device_id, fix_time, fingerprint);
    create temp table unusable (seq bigint primary key, reason text not null, detail text not null);
    create temp table reached as select partition, seq from stream_cursor`);
  await client.query(
    `create temp table kept as select * from fix where ${FIX_WINDOW}
    and device_id in (select d.device_id from device d)
    and exists (select from reached r where r.partition = device_id % ${PARTITIONS} and r.seq >= fix_id / 1024)`,
    windowValues(window),
  );
  await beginTrackReplay(client, window);
  await client.query("commit");
}

/** The next kept frames of registered devices after `afterSeq`, in journal order; notes of the gateway are left out. */
export async function readReplayFrames(
  client: Client,
  window: ReplayWindow,
  afterSeq: number,
  limit: number,
): Promise<JournalFrame[]> {
  type Row = Omit<JournalFrame, "receivedAtMs"> & { receivedAt: Date; kind: FrameKind; protocol: ProtocolName };
  const { rows } = await client.query<Row & { transport: Transport }>(
    `select f.seq, f.partition, f.device_id as "deviceId", f.kind, f.protocol, f.transport,
      f.received_at as "receivedAt", f.remote_address as "remoteAddress", f.bytes
     from frame f join reached r on r.partition = f.partition and f.seq <= r.seq
     where ${FIX_WINDOW} and f.batch > $4 and f.seq > $4 and f.kind = 'frame'
       and f.device_id in (select d.device_id from device d)
     order by f.batch, f.seq limit $5`,
    [...windowValues(window), afterSeq, limit],
  );
  return rows.map(({ receivedAt, seq, ...row }) => ({ ...row, seq: Number(seq), receivedAtMs: receivedAt.getTime() }));
}

/** Which of these fixes the replay has made already, or a frame before the window, by their place in the list. */
export async function findReplayedFixes(
  client: Client,
  window: ReplayWindow,
  fixes: readonly { deviceId: number; fixTimeMs: number; fingerprint: number }[],
): Promise<Set<number>> {
  const { rows } = await client.query<{ place: number | string }>({
    name: "replay-find",
    text: `select u.place from unnest($1::integer[], $2::bigint[], $3::bigint[])
        with ordinality as u (device_id, time_ms, fingerprint, place)
      where exists (select from replayed f where f.device_id = u.device_id
          and f.fix_time = to_timestamp(u.time_ms / 1000.0) and f.fingerprint = u.fingerprint)
        or exists (select from fix f where f.device_id = u.device_id and f.received_at < $4
          and f.fix_time = to_timestamp(u.time_ms / 1000.0) and f.fingerprint = u.fingerprint)`,
    values: [
      fixes.map((fix) => fix.deviceId),
      fixes.map((fix) => fix.fixTimeMs),
      fixes.map((fix) => fix.fingerprint),
      new Date(window.fromMs),
    ],
  });
  return new Set(rows.map((row) => Number(row.place) - 1));
}

export async function addUnusable(
  client: Client,
  frames: readonly { frameSeq: number; reason: string; detail: string }[],
): Promise<void> {
  if (frames.length === 0) return;
  await client.query(`insert into unusable select * from unnest($1::bigint[], $2::text[], $3::text[])`, [
    frames.map((frame) => frame.frameSeq),
    frames.map((frame) => frame.reason),
    frames.map((frame) => frame.detail),
  ]);
}

/** Pairs new and old fixes. Copies with an unset clock whose first came before the window are not new. */
export async function pairReplayed(client: Client, window: ReplayWindow): Promise<void> {
  await client.query(
    `delete from replayed r where r.clock_fault in ('unsynchronised', 'future')
       and not exists (select from kept k where k.fix_id = r.fix_id)
       and exists (select from fix f where f.device_id = r.device_id and f.received_at < $1
         and f.device_time = r.device_time and f.fingerprint = r.fingerprint)`,
    [new Date(window.fromMs)],
  );
  await client.query(`create temp table pairing as
    with by_identity as (
      select r.fix_id as new_id, k.fix_id as old_id from replayed r full join kept k using (device_id, fix_time, fingerprint)
    ), unpaired as (select * from by_identity where new_id is null or old_id is null)
    select * from by_identity where new_id is not null and old_id is not null
    union all
    select n.new_id, o.old_id from (select new_id from unpaired where old_id is null) n
      full join (select old_id from unpaired where new_id is null) o on n.new_id = o.old_id;
    create index on replayed (fix_id); create index on kept (fix_id);
    analyze replayed; analyze kept; analyze pairing`);
  const differs = (columns: readonly string[]) =>
    columns.map((column) => `r.${column} is distinct from k.${column}`).join(" or ");
  const isChanged = `${differs(COMPARED_COLUMNS.filter((column) => !isTracked(column)))}
    or (r.device_id in (select device_id from whole) and (${differs(TRACK_COLUMNS)}))`;
  await client.query(`create temp table changed as select p.new_id, p.old_id
    from pairing p join replayed r on r.fix_id = p.new_id join kept k on k.fix_id = p.old_id where ${isChanged}`);
}

export type ReplayCounts = {
  same: number;
  changed: number;
  missing: number;
  extra: number;
  /** Frames understood now that wait in the quarantine, and the other way round. */
  resolved: number;
  unusable: number;
};

export async function countReplayed(client: Client, window: ReplayWindow): Promise<ReplayCounts> {
  const { rows } = await client.query<ReplayCounts>(
    `select count(*) filter (where new_id is not null and old_id is not null)::float8
        - (select count(*) from changed)::float8 as same,
      (select count(*) from changed)::float8 as changed,
      count(*) filter (where old_id is null)::float8 as missing,
      count(*) filter (where new_id is null)::float8 as extra,
      (select count(*) from quarantine q where ${RESOLVED})::float8 as resolved,
      (select count(*) from unusable u where ${NEWLY_UNUSABLE})::float8 as unusable
     from pairing`,
    windowValues(window),
  );
  return rows[0] as ReplayCounts;
}

const RESOLVED = `q.source = 'stream' and q.resolved_at is null and ${FIX_WINDOW}
  and exists (select from frames_at(array[q.frame_seq]) f join reached r using (partition) where f.seq <= r.seq)
  and not exists (select from unusable u where u.seq = q.frame_seq)`;
const NEWLY_UNUSABLE = `not exists (select from quarantine q where q.frame_seq = u.seq and q.resolved_at is null)`;

/** How many changed fixes differ in each column; attributes are counted one by one. */
export async function countChangedColumns(client: Client): Promise<{ column: string; fixes: number }[]> {
  const columns = COMPARED_COLUMNS.filter((column) => column !== "attributes");
  const { rows } = await client.query<Record<string, number>>(
    `select ${columns.map((c) => `count(*) filter (where r.${c} is distinct from k.${c})::float8 as ${c}`).join(", ")}
     from changed p join replayed r on r.fix_id = p.new_id join kept k on k.fix_id = p.old_id`,
  );
  const counts = rows[0] as Record<string, number>;
  return columns.map((column) => ({ column, fixes: counts[column] ?? 0 })).filter(({ fixes }) => fixes > 0);
}

export type AttributeChange = { name: string; added: number; removed: number; changed: number };

const ATTRIBUTE_PAIRS = `changed p join replayed r on r.fix_id = p.new_id join kept k on k.fix_id = p.old_id
  cross join lateral (select coalesce(n.key, o.key) as name, n.value as now, o.value as was
    from jsonb_each(r.attributes) n full join jsonb_each(k.attributes) o on n.key = o.key) a
  where a.now is distinct from a.was`;

export async function countChangedAttributes(client: Client): Promise<AttributeChange[]> {
  const { rows } = await client.query<AttributeChange>(
    `select a.name, count(*) filter (where a.was is null)::float8 as added,
      count(*) filter (where a.now is null)::float8 as removed,
      count(*) filter (where a.now is not null and a.was is not null)::float8 as changed
     from ${ATTRIBUTE_PAIRS} group by a.name order by a.name`,
  );
  return rows;
}

export type ReplayExample = {
  fixId: number;
  uid: string;
  fixTime: Date;
  was: Record<string, unknown> | null;
  now: Record<string, unknown> | null;
};

/** A few fixes that differ, old and new rows side by side; null on the side that has none. */
export async function readReplayExamples(client: Client, limit: number): Promise<ReplayExample[]> {
  const { rows } = await client.query<ReplayExample>(
    `select coalesce(k.fix_id, r.fix_id) as "fixId", d.uid, coalesce(k.fix_time, r.fix_time) as "fixTime",
      case when k.fix_id is not null then to_jsonb(k) end as was, case when r.fix_id is not null then to_jsonb(r) end as now
     from (select * from changed union all select * from pairing where new_id is null or old_id is null) p
     left join replayed r on r.fix_id = p.new_id left join kept k on k.fix_id = p.old_id
     join device d on d.device_id = coalesce(k.device_id, r.device_id)
     order by 1 limit $1`,
    [limit],
  );
  return rows;
}

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
