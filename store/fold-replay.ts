import type { Client } from "pg";
import type { ProtocolName, Transport } from "#decoders/decoder.ts";
import { beginTrackReplay } from "./fold-replay-track.ts";
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

export function windowValues({ fromMs, toMs, deviceId }: ReplayWindow): unknown[] {
  return [new Date(fromMs), new Date(toMs), deviceId];
}

/** Frames in quarantine that the replay understands: rows `q`. */
export const RESOLVED = `q.source = 'stream' and q.resolved_at is null and ${FIX_WINDOW}
  and exists (select from frames_at(array[q.frame_seq]) f join reached r using (partition) where f.seq <= r.seq)
  and not exists (select from unusable u where u.seq = q.frame_seq)`;
/** Frames that were understood and are not any more: rows `u` of `unusable`. */
export const NEWLY_UNUSABLE = `not exists (select from quarantine q where q.frame_seq = u.seq and q.resolved_at is null)`;

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

/** The newest time that each of these devices had given before the window, Unix milliseconds; wrong clocks don't count. */
export async function readTimesBefore(
  client: Client,
  window: ReplayWindow,
  deviceIds: readonly number[],
): Promise<Map<number, number>> {
  const { rows } = await client.query<{ deviceId: number; newest: Date }>(
    `select device_id as "deviceId", max(fix_time) as newest from fix
     where device_id = any($1::integer[]) and received_at < $2 and coalesce(clock_fault, 'rollover') = 'rollover'
     group by device_id`,
    [deviceIds, new Date(window.fromMs)],
  );
  return new Map(rows.map(({ deviceId, newest }) => [deviceId, newest.getTime()]));
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
