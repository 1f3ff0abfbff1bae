import type { Database } from "./database.ts";
import { EVENT_COLUMNS, type StoredEvent } from "./events.ts";
import { inTransaction, type Query } from "./transaction.ts";
import { type DisabledReason, disableEndpoint, giveUpWaiting } from "./webhooks.ts";

/**
 * The outbox as those who deliver it see it. An endpoint is leased to one process at a time, which renews its lease with
 * every step; a step runs in one transaction that holds the endpoint's row, so that steps, and what the API changes of an
 * endpoint, follow one another. Writers of events only insert `new` rows.
 *
 *     new ──▶ waiting ──▶ ready ⇄ under way ──▶ delivered | dead
 *       └──────────────────▲
 *
 * Of each subject at most one delivery is `ready`, and it is the oldest: that is what keeps a subject in order.
 */

/** Rows that one step puts in order. */
const SORTED_ROWS_MAX = 2_000;
/** Endpoints that one call leases. */
const LEASED_ENDPOINTS_MAX = 100;

export type Claimed = {
  deliveryId: string;
  /** Counts all attempts of this delivery, from 1; given out once. */
  attempt: number;
  /** Failed attempts of its schedule so far. */
  failures: number;
  /** Null when the event is not kept any more. */
  event: StoredEvent | null;
};

/** How an attempt ended. `interrupted`: it was broken off here, and does not count as a failure. */
export type Settled = {
  deliveryId: string;
  attempt: number;
  result: "delivered" | "retry" | "dead" | "interrupted";
  /** Unix milliseconds; null unless it is tried again. */
  nextAttemptAtMs: number | null;
  startedAtMs: number;
  durationMs: number;
  /** One word of a closed list; the API's. */
  outcome: string;
  status: number | null;
  detail: string | null;
  answer: string | null;
};

export type StepOptions = {
  endpointId: number;
  token: string;
  leaseMs: number;
  nowMs: number;
  settled: readonly Settled[];
  /** Deliveries whose attempts have not ended yet. */
  underWay: readonly string[];
  /** How many deliveries may be begun. */
  slots: number;
  /** Failures for this long, without one delivery taken, disable the endpoint. */
  failingMsMax: number;
  /** The endpoint has said that it is gone. */
  isGone: boolean;
};

export type Step =
  /** Another process has the endpoint, or it is deleted. */
  | { kind: "lost" }
  | { kind: "disabled"; reason: DisabledReason }
  | {
      kind: "held";
      url: string;
      /** The secrets to sign with, the newest first. */
      secrets: string[];
      claimed: Claimed[];
      /** When the next delivery is due, Unix milliseconds; null when none waits. */
      nextDueMs: number | null;
    };

/** Takes the endpoints that have something due and that no living process delivers to. Leases run by the server's clock. */
export async function leaseEndpoints(
  database: Database,
  lease: { token: string; leaseMs: number; nowMs: number },
): Promise<number[]> {
  const { rows } = await database.pool.query<{ endpointId: number }>({
    name: "webhook-lease",
    text: `update webhook_endpoint set lease_token = $1, leased_until = clock_timestamp() + make_interval(secs => $2)
      where endpoint_id in (
        select e.endpoint_id from webhook_endpoint e
        where (e.lease_token is null or e.leased_until < clock_timestamp())
          and (exists (select from webhook_delivery d where d.endpoint_id = e.endpoint_id and d.status = 'new')
            or exists (select from webhook_delivery d where d.endpoint_id = e.endpoint_id and d.status = 'ready'
              and d.next_attempt_at <= $3))
        order by e.endpoint_id limit ${LEASED_ENDPOINTS_MAX} for no key update skip locked)
      returning endpoint_id as "endpointId"`,
    values: [lease.token, lease.leaseMs / 1000, new Date(lease.nowMs)],
  });
  return rows.map((row) => row.endpointId);
}

export async function releaseEndpoint(database: Database, endpointId: number, token: string): Promise<void> {
  await database.pool.query({
    name: "webhook-release",
    text: `update webhook_endpoint set lease_token = null, leased_until = null where endpoint_id = $1 and lease_token = $2`,
    values: [endpointId, token],
  });
}

/** Writes how attempts ended, puts what is new in order, and begins what is due: one transaction. */
export async function stepEndpoint(database: Database, options: StepOptions): Promise<Step> {
  return inTransaction(database, async (query, client) => {
    const { endpointId, nowMs, settled } = options;
    const endpoint = await holdEndpoint(query, options);
    if (endpoint === undefined) return { kind: "lost" };
    await freeAbandoned(query, options);
    if (settled.length > 0) await settle(query, options);
    if (endpoint.disabledReason !== null) {
      await giveUpWaiting(query, endpointId, nowMs);
      return { kind: "disabled", reason: endpoint.disabledReason };
    }
    const failingSinceMs = failingSince(endpoint.failingSince?.getTime() ?? null, settled);
    if (settled.length > 0) {
      const since = failingSinceMs === null ? null : new Date(failingSinceMs);
      await query("update webhook_endpoint set failing_since = $2 where endpoint_id = $1", [endpointId, since]);
    }
    const isFailing = failingSinceMs !== null && nowMs - failingSinceMs >= options.failingMsMax;
    if (options.isGone || (isFailing && settled.length > 0)) {
      const reason = options.isGone ? "gone" : "failing";
      await disableEndpoint(query, client, endpoint, reason, nowMs);
      return { kind: "disabled", reason };
    }
    await putInOrder(query, endpointId, nowMs);
    const claimed = options.slots > 0 ? await claim(query, options) : [];
    const [due] = await query<{ at: Date | null }>(
      `select min(next_attempt_at) as at from webhook_delivery
       where endpoint_id = $1 and status = 'ready' and lease_token is null`,
      [endpointId],
    );
    const secrets = [endpoint.secret, ...(endpoint.previousSecret === null ? [] : [endpoint.previousSecret])];
    return { kind: "held", url: endpoint.url, secrets, claimed, nextDueMs: due?.at?.getTime() ?? null };
  });
}

type HeldEndpoint = {
  endpointId: number;
  fleetId: number;
  url: string;
  secret: string;
  previousSecret: string | null;
  disabledReason: DisabledReason | null;
  failingSince: Date | null;
};

async function holdEndpoint(
  query: Query,
  { endpointId, token, leaseMs, nowMs }: StepOptions,
): Promise<HeldEndpoint | undefined> {
  const rows = await query<HeldEndpoint>(
    `update webhook_endpoint set leased_until = clock_timestamp() + make_interval(secs => $3)
     where endpoint_id = $1 and lease_token = $2
     returning endpoint_id as "endpointId", fleet_id as "fleetId", url, secret,
       case when previous_secret_until > $4 then previous_secret end as "previousSecret",
       disabled_reason as "disabledReason", failing_since as "failingSince"`,
    [endpointId, token, leaseMs / 1000, new Date(nowMs)],
  );
  return rows[0];
}

/** What was begun by a process that is gone, or in a step whose answer was lost: how it ended is not known. */
async function freeAbandoned(query: Query, options: StepOptions): Promise<void> {
  const { endpointId, token, nowMs, underWay, settled } = options;
  const known = [...underWay, ...settled.map(({ deliveryId }) => deliveryId)];
  await query(
    `with freed as (
       update webhook_delivery set lease_token = null, next_attempt_at = $3, last_outcome = 'interrupted'
       where endpoint_id = $1 and lease_token is not null and (lease_token <> $2 or delivery_id <> all($4::bigint[]))
       returning delivery_id, attempts)
     insert into webhook_attempt (delivery_id, attempt, started_at, duration_ms, outcome, detail)
     select delivery_id, attempts, $3, 0, 'interrupted', 'how it ended is not known' from freed
     on conflict do nothing`,
    [endpointId, token, new Date(nowMs), known],
  );
}

async function settle(query: Query, { endpointId, token, nowMs, settled }: StepOptions): Promise<void> {
  const given = settled.map((row) => ({
    ...row,
    started_at: new Date(row.startedAtMs),
    next_at: row.nextAttemptAtMs === null ? null : new Date(row.nextAttemptAtMs),
  }));
  await query(
    `with s as (
       select * from json_to_recordset($3::json) as s ("deliveryId" bigint, attempt integer, result text, next_at timestamptz,
         started_at timestamptz, "durationMs" integer, outcome text, status smallint, detail text, answer text)
     ), moved as (
       update webhook_delivery d set lease_token = null, last_outcome = s.outcome,
         status = case s.result when 'delivered' then 'delivered' when 'dead' then 'dead' else 'ready' end,
         failures = d.failures + case when s.result in ('retry', 'dead') then 1 else 0 end,
         next_attempt_at = s.next_at, finished_at = case when s.result in ('delivered', 'dead') then $4::timestamptz end
       from s where d.delivery_id = s."deliveryId" and d.lease_token = $2 and d.attempts = s.attempt
       returning d.delivery_id, d.attempts, d.subject, d.status
     ), logged as (
       insert into webhook_attempt (delivery_id, attempt, started_at, duration_ms, outcome, status, detail, answer)
       select s."deliveryId", s.attempt, s.started_at, s."durationMs", s.outcome, s.status, s.detail, s.answer
       from s join moved m on m.delivery_id = s."deliveryId"
     )
     update webhook_delivery d set status = 'ready', next_attempt_at = $4::timestamptz
     from moved m cross join lateral (
       select n.delivery_id from webhook_delivery n
       where n.endpoint_id = $1 and n.subject = m.subject and n.status = 'waiting'
       order by n.event_seq limit 1) next
     where m.status in ('delivered', 'dead') and d.delivery_id = next.delivery_id`,
    [endpointId, token, JSON.stringify(given), new Date(nowMs)],
  );
}

/** Since when nothing is taken: unbroken by anything that was. */
function failingSince(sinceMs: number | null, settled: readonly Settled[]): number | null {
  let found = sinceMs;
  for (const { result, startedAtMs } of settled) {
    if (result === "delivered") found = null;
    else if (result !== "interrupted") found ??= startedAtMs;
  }
  return found;
}

async function putInOrder(query: Query, endpointId: number, nowMs: number): Promise<void> {
  await query(
    `with fresh as (
       select delivery_id, subject, row_number() over (partition by subject order by event_seq) = 1 as is_first
       from (select * from webhook_delivery where endpoint_id = $1 and status = 'new'
         order by event_seq limit ${SORTED_ROWS_MAX}) n
     ), sorted as (
       select f.delivery_id, f.is_first and not exists (select from webhook_delivery o where o.endpoint_id = $1
         and o.subject = f.subject and o.status in ('waiting', 'ready')) as is_ready
       from fresh f
     )
     update webhook_delivery d set status = case when s.is_ready then 'ready' else 'waiting' end,
       next_attempt_at = case when s.is_ready then $2::timestamptz end
     from sorted s where d.delivery_id = s.delivery_id`,
    [endpointId, new Date(nowMs)],
  );
}

async function claim(query: Query, { endpointId, token, nowMs, slots }: StepOptions): Promise<Claimed[]> {
  type Row = Omit<Claimed, "event"> & { [Name in keyof StoredEvent]: StoredEvent[Name] | null };
  const rows = await query<Row>(
    `with due as (
       select delivery_id from webhook_delivery
       where endpoint_id = $1 and status = 'ready' and lease_token is null and next_attempt_at <= $3
       order by next_attempt_at, event_seq limit $4
     ), begun as (
       update webhook_delivery d set lease_token = $2, attempts = attempts + 1 from due
       where d.delivery_id = due.delivery_id returning d.delivery_id, d.attempts, d.failures, d.event_id)
     select b.delivery_id::text as "deliveryId", b.attempts as attempt, b.failures, ${EVENT_COLUMNS}
     from begun b left join event r on r.event_id = b.event_id left join device d on d.device_id = r.device_id
     order by b.delivery_id`,
    [endpointId, token, new Date(nowMs), slots],
  );
  return rows.map(({ deliveryId, attempt, failures, ...event }) => ({
    ...{ deliveryId, attempt, failures },
    event: event.eventId === null ? null : (event as StoredEvent),
  }));
}
