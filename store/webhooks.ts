import type { Database } from "./database.ts";
import { eventIdOf, insertEvents } from "./event-writes.ts";
import { inTransaction, type Query } from "./transaction.ts";

/** Endpoints of webhooks: where events are delivered to, and what makes them stop. */

export type WebhookEndpoint = {
  endpointId: number;
  fleetId: number;
  url: string;
  description: string | null;
  /** Names of events, or `stop.*` for a family; null: every event. */
  events: string[] | null;
  disabledReason: DisabledReason | null;
  disabledAt: Date | null;
  /** The first failed attempt since the last one that was taken. */
  failingSince: Date | null;
  /** Until then deliveries are signed with the secret before, too. */
  previousSecretUntil: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

/** `asked`: by its owner; `gone`: it answered 410; `failing`: nothing was taken for days. */
export type DisabledReason = "asked" | "gone" | "failing";

/** Every event of a fleet becomes a row for each of its endpoints that wants it. */
export const ENDPOINTS_PER_FLEET_MAX = 50;

const COLUMNS = `endpoint_id as "endpointId", fleet_id as "fleetId", url, description, events,
  disabled_reason as "disabledReason", disabled_at as "disabledAt", failing_since as "failingSince",
  previous_secret_until as "previousSecretUntil", created_at as "createdAt", updated_at as "updatedAt"`;

const MINE = "endpoint_id = $1 and ($2::integer is null or fleet_id = $2)";

export type NewEndpoint = {
  url: string;
  description: string | null;
  events: readonly string[] | null;
  /** `whsec_…`, kept in clear because it signs. */
  secret: string;
};

/** `full` when the fleet has as many as it may have. Rejects when there is no such fleet. */
export async function createEndpoint(
  database: Database,
  fleetId: number,
  { url, description, events, secret }: NewEndpoint,
): Promise<{ kind: "created"; endpoint: WebhookEndpoint } | { kind: "full" }> {
  return inTransaction(database, async (query) => {
    // Two that are made at once are counted one after the other.
    await query("select from fleet where fleet_id = $1 for no key update", [fleetId]);
    const rows = await query<WebhookEndpoint>(
      `insert into webhook_endpoint (fleet_id, url, description, events, secret)
       select $1, $2, $3, $4, $5
       where (select count(*) from webhook_endpoint where fleet_id = $1) < ${ENDPOINTS_PER_FLEET_MAX}
       returning ${COLUMNS}`,
      [fleetId, url, description, events, secret],
    );
    return rows[0] === undefined ? { kind: "full" } : { kind: "created", endpoint: rows[0] };
  });
}

/** Undefined when the fleet (null: any) has no such endpoint. */
export async function findEndpoint(
  database: Database,
  fleetId: number | null,
  endpointId: number,
): Promise<WebhookEndpoint | undefined> {
  const sql = `select ${COLUMNS} from webhook_endpoint where ${MINE}`;
  return (await database.pool.query<WebhookEndpoint>(sql, [endpointId, fleetId])).rows[0];
}

/** In the order of their ids, above `after`. */
export async function listEndpoints(
  database: Database,
  page: { fleetId: number | null; after: number; limit: number },
): Promise<WebhookEndpoint[]> {
  const { rows } = await database.pool.query<WebhookEndpoint>(
    `select ${COLUMNS} from webhook_endpoint where endpoint_id > $1 and ($2::integer is null or fleet_id = $2)
     order by endpoint_id limit $3`,
    [page.after, page.fleetId, page.limit],
  );
  return rows;
}

/** Changes what is given. Deliveries that wait already go to the new address, whatever the new filter says. */
export async function changeEndpoint(
  database: Database,
  fleetId: number | null,
  endpointId: number,
  change: { url?: string; description?: string | null; events?: readonly string[] | null },
): Promise<WebhookEndpoint | undefined> {
  const { rows } = await database.pool.query<WebhookEndpoint>(
    `update webhook_endpoint set url = coalesce($3, url), description = case when $4 then $5 else description end,
       events = case when $6 then $7::text[] else events end, updated_at = now()
     where ${MINE} returning ${COLUMNS}`,
    [
      ...[endpointId, fleetId, change.url ?? null],
      ...["description" in change, change.description ?? null, "events" in change, change.events ?? null],
    ],
  );
  return rows[0];
}

/** True when there was such an endpoint; its deliveries and their log go with it. */
export async function removeEndpoint(database: Database, fleetId: number | null, endpointId: number): Promise<boolean> {
  return inTransaction(database, async (query) => {
    const removed = await query(`delete from webhook_endpoint where ${MINE} returning 1`, [endpointId, fleetId]);
    if (removed.length > 0) await query("delete from webhook_delivery where endpoint_id = $1", [endpointId]);
    return removed.length > 0;
  });
}

/** Gives the endpoint a new secret; the one before signs too until `previousUntil`. */
export async function rotateSecret(
  database: Database,
  fleetId: number | null,
  endpointId: number,
  next: { secret: string; previousUntil: Date },
): Promise<WebhookEndpoint | undefined> {
  const { rows } = await database.pool.query<WebhookEndpoint>(
    `update webhook_endpoint set previous_secret = secret, previous_secret_until = $3, secret = $4, updated_at = now()
     where ${MINE} returning ${COLUMNS}`,
    [endpointId, fleetId, next.previousUntil, next.secret],
  );
  return rows[0];
}

/** What happened while it was disabled is not delivered by itself: it can be asked for by its time. */
export async function enableEndpoint(
  database: Database,
  fleetId: number | null,
  endpointId: number,
): Promise<WebhookEndpoint | undefined> {
  const { rows } = await database.pool.query<WebhookEndpoint>(
    `update webhook_endpoint set disabled_reason = null, disabled_at = null, failing_since = null, updated_at = now()
     where ${MINE} returning ${COLUMNS}`,
    [endpointId, fleetId],
  );
  return rows[0];
}

/** As its owner asks. What is under way is finished, what waits is given up. */
export async function pauseEndpoint(
  database: Database,
  fleetId: number | null,
  endpointId: number,
  nowMs: number,
): Promise<WebhookEndpoint | undefined> {
  return inTransaction(database, async (query) => {
    const rows = await query<WebhookEndpoint>(
      `update webhook_endpoint set disabled_reason = coalesce(disabled_reason, 'asked'),
         disabled_at = coalesce(disabled_at, $3), updated_at = now() where ${MINE} returning ${COLUMNS}`,
      [endpointId, fleetId, new Date(nowMs)],
    );
    if (rows.length > 0) await giveUpWaiting(query, endpointId, nowMs);
    return rows[0];
  });
}

/**
 * Disables an endpoint that can't be delivered to and says so with an event, inside the transaction of its last attempt.
 * The endpoint is disabled first: it is not told of its own end.
 */
export async function disableEndpoint(
  query: Query,
  client: Parameters<typeof insertEvents>[0],
  endpoint: { endpointId: number; fleetId: number; url: string },
  reason: Exclude<DisabledReason, "asked">,
  nowMs: number,
): Promise<void> {
  const { endpointId, fleetId, url } = endpoint;
  await query(
    `update webhook_endpoint set disabled_reason = $2, disabled_at = $3, updated_at = now() where endpoint_id = $1`,
    [endpointId, reason, new Date(nowMs)],
  );
  await giveUpWaiting(query, endpointId, nowMs);
  await insertEvents(client, [
    {
      eventId: eventIdOf("webhook.disabled", endpointId, nowMs),
      type: "webhook.disabled",
      ...{ fleetId, deviceId: null, frameSeq: null, replayed: false, supersedes: null },
      ...{ occurredAtMs: nowMs, detectedAtMs: nowMs },
      // Paths of such URLs are secrets as often as not, and others read the event.
      data: { webhookId: String(endpointId), origin: new URL(url).origin, reason },
    },
  ]);
}

/** Everything that waits for this endpoint becomes a dead letter; what is under way is left to its attempt. */
export async function giveUpWaiting(query: Query, endpointId: number, nowMs: number): Promise<void> {
  await query(
    `update webhook_delivery set status = 'dead', last_outcome = coalesce(last_outcome, 'disabled'), finished_at = $2,
       next_attempt_at = null
     where endpoint_id = $1 and status in ('new', 'waiting', 'ready') and lease_token is null`,
    [endpointId, new Date(nowMs)],
  );
}
