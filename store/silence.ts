import type { Database } from "./database.ts";

/** Newest fixes of a device that are looked at for clock faults and missing positions. */
export const RECENT_FIXES = 20;

/** What the store knows about why a device says nothing; times that never were are null. */
export type SilenceFacts = {
  connected: boolean;
  lastConnectedAt: Date | null;
  lastDisconnectedAt: Date | null;
  lastCloseReason: string | null;
  lastFrameAt: Date | null;
  lastPositionAt: Date | null;
  framesTotal: number;
  /** Reports without a position since the last one with. */
  noFixStreak: number;
  /** Refused logins under this uid. */
  knocks: number;
  lastKnockAt: Date | null;
  /** Frames refused before the ack, by reason, since `sinceMs`. */
  rejected: { reason: string; frames: number; lastAt: Date }[];
  /** Frames acknowledged and not understood, still open. */
  undecodable: number;
  lastUndecodableAt: Date | null;
  undecodableReason: string | null;
  /** Of the newest `RECENT_FIXES` fixes. */
  recentFixes: number;
  recentClockFaults: number;
  clockFault: string | null;
};

export const NOTHING_SEEN: SilenceFacts = {
  connected: false,
  lastConnectedAt: null,
  lastDisconnectedAt: null,
  lastCloseReason: null,
  lastFrameAt: null,
  lastPositionAt: null,
  framesTotal: 0,
  noFixStreak: 0,
  knocks: 0,
  lastKnockAt: null,
  rejected: [],
  undecodable: 0,
  lastUndecodableAt: null,
  undecodableReason: null,
  recentFixes: 0,
  recentClockFaults: 0,
  clockFault: null,
};

const SELECT_STATE = `select coalesce(s.connected, false) as connected, s.last_connected_at as "lastConnectedAt",
    s.last_disconnected_at as "lastDisconnectedAt", s.last_close_reason as "lastCloseReason",
    s.last_frame_at as "lastFrameAt", s.received_at as "lastPositionAt",
    coalesce((s.counters->>'frames')::float8, 0) as "framesTotal",
    coalesce((s.counters->>'noFixStreak')::float8, 0) as "noFixStreak",
    k.knocks, k.last_knock_at as "lastKnockAt",
    u.undecodable, u.last_undecodable_at as "lastUndecodableAt", u.reason as "undecodableReason",
    r.fixes as "recentFixes", r.clock_faults as "recentClockFaults", r.clock_fault as "clockFault"
  from device d
  left join device_state s on s.device_id = d.device_id
  cross join lateral (
    select coalesce(sum(knocks), 0)::float8 as knocks, max(last_seen_at) as last_knock_at
    from unknown_device where uid = d.uid) k
  cross join lateral (
    select count(*)::float8 as undecodable, max(received_at) as last_undecodable_at,
      (array_agg(reason order by received_at desc))[1] as reason
    from quarantine where device_id = d.device_id and source = 'stream' and resolved_at is null) u
  cross join lateral (
    select count(*)::float8 as fixes, count(f.clock_fault)::float8 as clock_faults, max(f.clock_fault) as clock_fault
    from (select clock_fault from fix where device_id = d.device_id order by fix_time desc limit ${RECENT_FIXES}) f) r
  where d.device_id = $2 and ($1::integer is null or d.fleet_id = $1)`;

const SELECT_REJECTED = `select q.reason, count(*)::float8 as frames, max(q.received_at) as "lastAt"
  from quarantine q join device d on d.device_id = q.device_id
  where q.device_id = $2 and ($1::integer is null or d.fleet_id = $1) and q.source = 'gateway'
    and q.received_at >= $3
  group by q.reason order by frames desc, q.reason`;

/** Everything the store can say about the silence of a device of this fleet (null: any). `sinceMs` bounds `rejected`. */
export async function readSilenceFacts(
  database: Database,
  fleetId: number | null,
  deviceId: number,
  sinceMs: number,
): Promise<SilenceFacts | undefined> {
  const { rows } = await database.pool.query<Omit<SilenceFacts, "rejected">>(SELECT_STATE, [fleetId, deviceId]);
  if (rows[0] === undefined) return undefined;
  const rejected = await database.pool.query<SilenceFacts["rejected"][number]>(SELECT_REJECTED, [
    fleetId,
    deviceId,
    new Date(sinceMs),
  ]);
  return { ...rows[0], rejected: rejected.rows };
}

/** What is known of a uid that is not registered but knocked; undefined when it never did. It belongs to no fleet. */
export async function readKnockFacts(database: Database, uid: string): Promise<SilenceFacts | undefined> {
  const { rows } = await database.pool.query<{ knocks: number; lastKnockAt: Date | null }>(
    `select coalesce(sum(knocks), 0)::float8 as knocks, max(last_seen_at) as "lastKnockAt"
     from unknown_device where uid = $1`,
    [uid],
  );
  const { knocks, lastKnockAt } = rows[0]!;
  return lastKnockAt === null ? undefined : { ...NOTHING_SEEN, knocks, lastKnockAt };
}
