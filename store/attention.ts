import type { Database } from "./database.ts";

/** What an operator should look at: devices that say nothing or nothing sensible, and webhooks that do not arrive. */
export const ATTENTION_KINDS = [
  "identity_conflict",
  "clock_wrong",
  "quarantined",
  "refused",
  "webhook_disabled",
  "webhook_failing",
  "silent",
] as const;

export type AttentionKind = (typeof ATTENTION_KINDS)[number];

export type Attention = {
  kind: AttentionKind;
  /** Null for a webhook. */
  deviceUid: string | null;
  webhookId: number | null;
  /** What people call it: the device's name, or the host that a webhook goes to. */
  name: string | null;
  /** Null: it was never heard. */
  since: Date | null;
  /** How often: frames, refusals, conflicts; null where there is nothing to count. */
  count: number | null;
  /** Which fault of the clock, which reason of a quarantine, why a webhook was disabled. */
  reason: string | null;
};

/** More of one kind than this are not looked at one by one. */
export const ATTENTION_ROWS_MAX = 200;

export type AttentionQuery = {
  fleetId: number | null;
  /** No position received since then: silent. */
  silentBeforeMs: number;
  /** Conflicts and refused frames before this time are history. */
  sinceMs: number;
};

const CLOCK_FIXES = 20;

const DEVICES = `
  (select 'silent' as kind, d.uid as "deviceUid", null::integer as "webhookId", d.name, s.received_at as since,
     null::float8 as count, s.last_close_reason as reason
   from device d left join device_state s on s.device_id = d.device_id
   where ($1::integer is null or d.fleet_id = $1) and coalesce(s.received_at, '-infinity') < $2
   order by s.received_at desc nulls last limit $4)
  union all
  (select 'clock_wrong', d.uid, null, d.name, max(f.fix_time), count(*)::float8, max(f.clock_fault)
   from device d join device_state s on s.device_id = d.device_id
   cross join lateral (
     select fix_time, clock_fault from fix where device_id = d.device_id order by fix_time desc limit ${CLOCK_FIXES}) f
   where ($1::integer is null or d.fleet_id = $1) and coalesce((s.counters->>'clockFaults')::float8, 0) > 0
     and f.clock_fault is not null
   group by d.device_id having count(*) * 2 >= least(${CLOCK_FIXES}, max((s.counters->>'fixes')::float8))
   order by max(f.fix_time) desc limit $4)
  union all
  (select 'quarantined', d.uid, null, d.name, max(q.received_at), count(*)::float8,
     (array_agg(q.reason order by q.received_at desc))[1]
   from quarantine q join device d on d.device_id = q.device_id
   where q.resolved_at is null and ($1::integer is null or d.fleet_id = $1)
     and (q.source = 'stream' or q.received_at >= $3)
   group by d.device_id order by max(q.received_at) desc limit $4)
  union all
  (select 'identity_conflict', d.uid, null, d.name, max(e.occurred_at), count(*)::float8, null
   from event e join device d on d.device_id = e.device_id
   where e.type = 'device.identity_conflict' and e.occurred_at >= $3 and ($1::integer is null or e.fleet_id = $1)
   group by d.device_id order by max(e.occurred_at) desc limit $4)
  union all
  (select 'refused', u.uid, null, null, max(u.last_seen_at), sum(u.knocks)::float8, null
   from unknown_device u
   where $1::integer is null and u.last_seen_at >= $3 and not exists (select from device d where d.uid = u.uid)
   group by u.uid order by max(u.last_seen_at) desc limit $4)`;

const WEBHOOKS = `
  select case when w.disabled_at is null then 'webhook_failing' else 'webhook_disabled' end as kind,
    null as "deviceUid", w.endpoint_id as "webhookId",
    coalesce(w.description, substring(w.url from '^[a-z]+://([^/]+)')) as name,
    coalesce(w.disabled_at, w.failing_since) as since, null::float8 as count, w.disabled_reason as reason
  from webhook_endpoint w
  where ($1::integer is null or w.fleet_id = $1) and (w.disabled_at is not null or w.failing_since is not null)
  order by since desc limit $2`;

/** The devices that need somebody, newest first within a kind. Uids that are not registered belong to no fleet. */
export async function listDeviceAttention(database: Database, query: AttentionQuery): Promise<Attention[]> {
  const values = [query.fleetId, new Date(query.silentBeforeMs), new Date(query.sinceMs), ATTENTION_ROWS_MAX];
  return (await database.pool.query<Attention>(DEVICES, values)).rows;
}

/** The webhooks that take nothing. */
export async function listWebhookAttention(database: Database, fleetId: number | null): Promise<Attention[]> {
  return (await database.pool.query<Attention>(WEBHOOKS, [fleetId, ATTENTION_ROWS_MAX])).rows;
}
