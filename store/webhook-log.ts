import type { Database } from "./database.ts";
import { ENDPOINT_WANTS, SUBJECT_OF_EVENT } from "./event-writes.ts";
import { inTransaction, type Query } from "./transaction.ts";

/** What was delivered to an endpoint, what was not, and how it is asked for again. */

export type StoredDelivery = {
  deliveryId: string;
  eventId: string;
  eventType: string;
  subject: string;
  status: DeliveryStatus;
  attempts: number;
  lastOutcome: string | null;
  nextAttemptAt: Date | null;
  isUnderWay: boolean;
  createdAt: Date;
  finishedAt: Date | null;
};

export const DELIVERY_STATUSES = ["new", "waiting", "ready", "delivered", "dead"] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

export type StoredAttempt = {
  attempt: number;
  startedAt: Date;
  durationMs: number;
  outcome: string;
  status: number | null;
  detail: string | null;
  answer: string | null;
};

/** Events that one call asks for again. */
export const RESENT_EVENTS_MAX = 10_000;

const COLUMNS = `d.delivery_id::text as "deliveryId", d.event_id as "eventId", d.event_type as "eventType", d.subject,
  d.status, d.attempts, d.last_outcome as "lastOutcome", d.next_attempt_at as "nextAttemptAt",
  d.lease_token is not null as "isUnderWay", d.created_at as "createdAt", d.finished_at as "finishedAt"`;

/** The newest first, below `before`. The caller has seen that the endpoint may be read. */
export async function listDeliveries(
  database: Database,
  endpointId: number,
  page: { statuses: readonly DeliveryStatus[]; isFailedOnly: boolean; before: string | null; limit: number },
): Promise<StoredDelivery[]> {
  const { rows } = await database.pool.query<StoredDelivery>(
    `select ${COLUMNS} from webhook_delivery d
     where d.endpoint_id = $1 and d.status = any($2) and ($3::bigint is null or d.delivery_id < $3)
       and (not $5 or d.status = 'dead' or d.failures > 0)
     order by d.delivery_id desc limit $4`,
    [endpointId, page.statuses, page.before, page.limit, page.isFailedOnly],
  );
  return rows;
}

export async function findDelivery(
  database: Database,
  endpointId: number,
  deliveryId: string,
): Promise<(StoredDelivery & { log: StoredAttempt[] }) | undefined> {
  const { rows } = await database.pool.query<StoredDelivery>(
    `select ${COLUMNS} from webhook_delivery d where d.endpoint_id = $1 and d.delivery_id = $2`,
    [endpointId, deliveryId],
  );
  if (rows[0] === undefined) return undefined;
  const { rows: log } = await database.pool.query<StoredAttempt>(
    `select attempt, started_at as "startedAt", duration_ms as "durationMs", outcome, status, detail, answer
     from webhook_attempt where delivery_id = $1 order by attempt`,
    [deliveryId],
  );
  return { ...rows[0], log };
}

/**
 * Asks for one delivery again, from the beginning of its schedule: what was finished comes anew in its subject's order,
 * what waits for its next attempt has it now. False when the endpoint has no such delivery.
 */
export async function resendDelivery(
  database: Database,
  endpointId: number,
  deliveryId: string,
  nowMs: number,
): Promise<boolean> {
  return inTransaction(database, async (query) => {
    await holdEndpoint(query, endpointId);
    const found = await query(
      `update webhook_delivery set failures = case when lease_token is null then 0 else failures end,
         status = case when status in ('delivered', 'dead') then 'new' else status end,
         next_attempt_at = case when status = 'ready' and lease_token is null then $3 when status = 'ready'
           then next_attempt_at end,
         finished_at = null
       where endpoint_id = $1 and delivery_id = $2 returning 1`,
      [endpointId, deliveryId, new Date(nowMs)],
    );
    await announce(query);
    return found.length > 0;
  });
}

/**
 * Asks again for the events that were detected in a half-open interval (Unix milliseconds) and that the endpoint wants:
 * those given up or never queued, and with `isAll` those delivered too. The oldest come first, in their subjects' order.
 */
export async function resendRange(
  database: Database,
  endpointId: number,
  range: { fromMs: number; toMs: number; isAll: boolean },
): Promise<{ queued: number; hasMore: boolean }> {
  return inTransaction(database, async (query) => {
    await holdEndpoint(query, endpointId);
    const queued = await query(
      `insert into webhook_delivery (endpoint_id, event_id, event_seq, event_type, subject)
       select e.endpoint_id, w.event_id, w.event_seq, w.type, ${SUBJECT_OF_EVENT}
       from webhook_endpoint e
       join event w on w.fleet_id = e.fleet_id and w.detected_at >= $2 and w.detected_at < $3 and ${ENDPOINT_WANTS}
       left join webhook_delivery d on d.endpoint_id = e.endpoint_id and d.event_id = w.event_id
       where e.endpoint_id = $1 and (d.status is null or d.status = 'dead' or $4 and d.status = 'delivered')
       order by w.event_seq limit ${RESENT_EVENTS_MAX}
       on conflict (endpoint_id, event_id) do update
         set status = 'new', failures = 0, next_attempt_at = null, finished_at = null
       returning 1`,
      [endpointId, new Date(range.fromMs), new Date(range.toMs), range.isAll],
    );
    await announce(query);
    return { queued: queued.length, hasMore: queued.length === RESENT_EVENTS_MAX };
  });
}

/** Drops deliveries that were finished before `keepSince`, and those of endpoints that are gone. Gives how many. */
export async function dropOldDeliveries(database: Database, keepSince: Date, rowsMax: number): Promise<number> {
  const { rowCount } = await database.pool.query(
    `delete from webhook_delivery where delivery_id in (
       (select delivery_id from webhook_delivery where finished_at < $1 order by finished_at limit $2)
       union all
       (select d.delivery_id from webhook_delivery d where d.status = 'new'
         and not exists (select from webhook_endpoint e where e.endpoint_id = d.endpoint_id) limit $2))`,
    [keepSince, rowsMax],
  );
  return rowCount ?? 0;
}

/** Steps of whoever delivers, and what is asked for here, follow one another. */
async function holdEndpoint(query: Query, endpointId: number): Promise<void> {
  await query("select from webhook_endpoint where endpoint_id = $1 for no key update", [endpointId]);
}

async function announce(query: Query): Promise<void> {
  await query("select pg_notify('webhooks', '')", []);
}
