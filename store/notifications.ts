import type { Database } from "./database.ts";
import { eventIdOf, insertEvents } from "./event-writes.ts";
import type { StoredEvent } from "./events.ts";
import { type FeedPlace, readEventFeed, readFeedEnd } from "./feeds.ts";
import { inTransaction, type Query } from "./transaction.ts";

/** What the person waiting is told, each thing once: what is due, and the messages that say so. */

export const NOTIFICATION_TRIGGERS = [
  "routeStarted",
  "stopsAway",
  "minutesAway",
  "arrived",
  "delivered",
  "failed",
  "delayed",
] as const;
export type NotificationTrigger = (typeof NOTIFICATION_TRIGGERS)[number];

export const NOTIFICATION_CHANNELS = ["email", "sms"] as const;
export type NotificationChannel = (typeof NOTIFICATION_CHANNELS)[number];

/** A stop that somebody waits at, as far as notifications go. */
export type AwaitedStop = {
  stopId: number;
  fleetId: number;
  routeId: number;
  /** Settings of the brand, as the API keeps them. */
  notifications: {
    channels?: readonly NotificationChannel[];
    quietHours?: { from: string; to: string } | null;
    triggers?: {
      routeStarted?: boolean;
      stopsAway?: readonly number[];
      minutesAway?: readonly number[];
      arrived?: boolean;
      delivered?: boolean;
      failed?: boolean;
      delayed?: boolean;
    };
  };
  status: string | null;
  stopsBefore: number | null;
  etaP50: Date | null;
  etaComputedAt: Date | null;
  etaBasis: string | null;
  /** Since when it is waited for again after an attempt that failed, as the database writes it. */
  attempt: string;
};

/** A trigger that was reached. `expiresAt`: when it is not worth telling any more. */
export type DueNotification = {
  stop: AwaitedStop;
  trigger: NotificationTrigger;
  threshold: number;
  /** Reached together with a nearer threshold: never told. */
  passed: boolean;
  expiresAtMs: number;
};

const EVENTS_PER_ROUND = 500;
const STOPS_PER_ROUND = 20_000;
const LOCK = 7_411_820_014;

const FIRST_ATTEMPT = "-infinity";

const AWAITED = `select s.stop_id as "stopId", s.fleet_id as "fleetId", s.route_id as "routeId", b.notifications,
    ss.status, ss.stops_before as "stopsBefore", ss.eta_p50 as "etaP50", ss.eta_computed_at as "etaComputedAt",
    ss.eta_basis as "etaBasis", coalesce(failed_before(s), '${FIRST_ATTEMPT}')::text as attempt
  from stop s join route r on r.route_id = s.route_id
  join brand b on b.brand_id = coalesce(r.brand_id,
    (select d.brand_id from brand d where d.fleet_id = s.fleet_id and d.is_default))
  left join stop_state ss on ss.stop_id = s.stop_id and ss.route_id = s.route_id
  where s.status = 'planned' and r.status = 'planned' and s.kind <> 'depot' and b.notifications ? 'triggers'`;

/** What `judge` is shown: new events, the stops that they are about, and the stops that routes under way have ahead. */
export type NotificationNews = {
  events: readonly StoredEvent[];
  /** Stops of the events and of the routes of the events. */
  touched: readonly AwaitedStop[];
  ahead: readonly AwaitedStop[];
};

/**
 * One round: looks through the events since the last, asks `judge` what is due, and writes it with its messages, the
 * events `notification.due` and the cursor in one transaction. Undefined while another process does a round. True when
 * there is more to look through.
 */
export async function planNotifications(
  database: Database,
  { nowMs, judge }: { nowMs: number; judge: (news: NotificationNews) => readonly DueNotification[] },
): Promise<boolean | undefined> {
  return inTransaction(database, async (query, client) => {
    const [lock] = await query<{ held: boolean }>("select pg_try_advisory_xact_lock($1) as held", [LOCK]);
    if (!lock!.held) return undefined;
    const place = await readCursor(database, query);
    const page = await readEventFeed(database, null, place, EVENTS_PER_ROUND);
    const stopIds = page.rows.flatMap(({ data }) => idsIn(data.stopId));
    const routeIds = page.rows.flatMap(({ type, data }) => (type === "route.started" ? idsIn(data.routeId) : []));
    const touched = await query<AwaitedStop>(
      `${AWAITED} and (s.stop_id = any($1::bigint[]) or s.route_id = any($2::bigint[]))`,
      [stopIds, routeIds],
    );
    const ahead = await query<AwaitedStop>(
      `${AWAITED} and ss.status in ('planned', 'en_route', 'approaching') and ss.eta_basis = 'live'
         and exists (select from route_state rs where rs.route_id = s.route_id and rs.status = 'started')
         and (b.notifications -> 'triggers' ? 'stopsAway' or b.notifications -> 'triggers' ? 'minutesAway')
       order by s.stop_id limit ${STOPS_PER_ROUND}`,
      [],
    );
    const made = await insertDue(query, nowMs, judge({ events: page.rows, touched, ahead }));
    await insertEvents(
      client,
      made.map((due) => eventOf(due, nowMs)),
    );
    await query("update notification_cursor set commit_xid = $1, event_seq = $2", [page.next.xid, page.next.id]);
    return page.hasMore;
  });
}

/** Begins at the end of the feed: what happened before anybody asked for notifications is no news. */
async function readCursor(database: Database, query: Query): Promise<FeedPlace> {
  const read = `select commit_xid::text as xid, event_seq::text as id from notification_cursor`;
  const [known] = await query<FeedPlace>(read, []);
  if (known !== undefined) return known;
  const end = await readFeedEnd(database);
  await query("insert into notification_cursor (commit_xid, event_seq) values ($1, $2)", [end.xid, end.id]);
  return end;
}

/** Those that were not there yet. */
async function insertDue(query: Query, nowMs: number, due: readonly DueNotification[]): Promise<DueNotification[]> {
  const made: DueNotification[] = [];
  for (const one of due) {
    const { stop, trigger, threshold, passed, expiresAtMs } = one;
    const inserted = await query<{ id: string }>(
      `insert into notification (fleet_id, stop_id, trigger, threshold, passed, due_at, attempt)
       values ($1, $2, $3, $4, $5, $6, $7) on conflict (stop_id, trigger, threshold, attempt) do nothing
       returning notification_id as id`,
      [stop.fleetId, stop.stopId, trigger, threshold, passed, new Date(nowMs), stop.attempt],
    );
    if (inserted.length === 0 || passed) continue;
    made.push(one);
    await query(
      `insert into notification_message (notification_id, channel, next_at, expires_at)
       select $1, channel, $3, $4 from unnest($2::text[]) as channel`,
      [inserted[0]!.id, stop.notifications.channels ?? [], new Date(nowMs), new Date(expiresAtMs)],
    );
  }
  return made;
}

function eventOf({ stop, trigger, threshold }: DueNotification, nowMs: number) {
  const isFirst = stop.attempt === FIRST_ATTEMPT;
  return {
    eventId: eventIdOf("notification.due", stop.stopId, trigger, threshold, ...(isFirst ? [] : [stop.attempt])),
    fleetId: stop.fleetId,
    deviceId: null,
    type: "notification.due",
    occurredAtMs: nowMs,
    detectedAtMs: nowMs,
    replayed: false,
    supersedes: null,
    frameSeq: null,
    data: { stopId: String(stop.stopId), routeId: String(stop.routeId), trigger, threshold },
  };
}

function idsIn(id: unknown): string[] {
  return typeof id === "string" && /^\d{1,18}$/.test(id) ? [id] : [];
}

/** A message to be sent, leased to the caller. */
export type LeasedMessage = {
  messageId: string;
  channel: NotificationChannel;
  attempts: number;
  expiresAt: Date;
  trigger: NotificationTrigger;
  threshold: number;
  stopId: number;
  contact: { name?: string; phone?: string; email?: string; locale?: string };
  quietHours: { from: string; to: string } | null;
  /** Whether anybody still comes to the stop, for a brand that tells of it. */
  awaited: boolean;
};

/**
 * Messages that are due, for `leaseMs`: another process takes them after that, so one may be sent twice after a crash. Those
 * of stops that have left their route are among them: left where they are they would keep others from their turn.
 */
export async function leaseMessages(
  database: Database,
  { nowMs, leaseMs, limit }: { nowMs: number; leaseMs: number; limit: number },
): Promise<LeasedMessage[]> {
  const { rows } = await database.pool.query<LeasedMessage>(
    `with due as (
       select message_id from notification_message
       where state = 'waiting' and next_at <= $1 and (lease_until is null or lease_until < $1)
       order by next_at limit $3 for update skip locked
     )
     update notification_message m set lease_until = $2, attempts = m.attempts + 1
     from due, notification n
       join stop s on s.stop_id = n.stop_id
       left join route r on r.route_id = s.route_id
       left join brand b on b.brand_id = coalesce(r.brand_id,
         (select d.brand_id from brand d where d.fleet_id = s.fleet_id and d.is_default))
     where m.message_id = due.message_id and n.notification_id = m.notification_id
     returning m.message_id::text as "messageId", m.channel, m.attempts, m.expires_at as "expiresAt", n.trigger, n.threshold,
       s.stop_id as "stopId", s.contact, b.notifications -> 'quietHours' as "quietHours",
       s.status = 'planned' and coalesce(r.status = 'planned', false) and b.brand_id is not null as awaited`,
    [new Date(nowMs), new Date(nowMs + leaseMs), limit],
  );
  return rows;
}

export const MESSAGE_STATES = ["waiting", "sent", "failed", "skipped"] as const;
type MessageState = (typeof MESSAGE_STATES)[number];

/** What became of an attempt; `waiting` with the time of the next. */
export type MessageOutcome =
  | { state: "sent" }
  | { state: "skipped" | "failed"; reason: string }
  | { state: "waiting"; reason: string; nextAtMs: number };

export async function settleMessage(
  database: Database,
  messageId: string,
  outcome: MessageOutcome,
  nowMs: number,
): Promise<void> {
  const nextAt = outcome.state === "waiting" ? new Date(outcome.nextAtMs) : null;
  await database.pool.query(
    `update notification_message set state = $2, reason = $3, next_at = coalesce($4, next_at), lease_until = null,
       ended_at = case when $2 <> 'waiting' then $5::timestamptz end
     where message_id = $1`,
    [messageId, outcome.state, outcome.state === "sent" ? null : outcome.reason, nextAt, new Date(nowMs)],
  );
}

/** A notification of a stop with its messages, for those who ask what the person waiting was told. */
export type StopNotification = {
  trigger: NotificationTrigger;
  threshold: number;
  dueAt: Date;
  messages: { channel: NotificationChannel; state: MessageState; reason: string | null; endedAt: string | null }[];
};

/** Undefined when the fleet (null: any) has no such stop. */
export async function listNotifications(
  database: Database,
  fleetId: number | null,
  stopId: number,
): Promise<StopNotification[] | undefined> {
  const { rows } = await database.pool.query<{ notifications: StopNotification[] }>(
    `select coalesce((
       select json_agg(json_build_object('trigger', n.trigger, 'threshold', n.threshold, 'dueAt', n.due_at, 'messages', (
         select coalesce(json_agg(json_build_object('channel', m.channel, 'state', m.state, 'reason', m.reason,
           'endedAt', m.ended_at) order by m.message_id), '[]')
         from notification_message m where m.notification_id = n.notification_id)) order by n.notification_id)
       from notification n where n.stop_id = s.stop_id and not n.passed), '[]') as notifications
     from stop s where s.stop_id = $2 and ($1::integer is null or s.fleet_id = $1)`,
    [fleetId, stopId],
  );
  return rows[0]?.notifications.map((one) => ({ ...one, dueAt: new Date(one.dueAt) }));
}
