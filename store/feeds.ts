import type { Database } from "./database.ts";
import { EVENT_COLUMNS, type StoredEvent } from "./events.ts";
import { FIX_COLUMNS, type StoredFix } from "./fixes.ts";
import { POD_COLUMNS, type StoredPod } from "./pods.ts";

/**
 * Feeds in commit order. A row carries the id of the transaction that wrote it (`commit_xid`). Below the oldest
 * transaction still open (the horizon) the set of rows is final, so reading it in the order (commit_xid, id) and never
 * beyond gives every row once, however the writers' commits interleave: nothing can appear before a cursor.
 */

/** A place between two rows of a feed. Digits, because both may exceed 2^53. */
export type FeedPlace = { xid: string; id: string };

export const FEED_START: FeedPlace = { xid: "0", id: "0" };

/** Rows of other fleets that one read passes over at most, so that a small fleet's read is bounded too. */
const SCANNED_ROWS_MAX = 20_000;

export type FeedPage<Row> = {
  rows: (Row & { place: FeedPlace })[];
  /** Where the next read goes on; moves although `rows` is empty. */
  next: FeedPlace;
  hasMore: boolean;
};

/**
 * A table with `commit_xid` and an id that rises within a transaction, and an index on both. `columns`, `join` and `fleet`
 * speak of the row as `r` and of its device as `d`. The `limit` in the join keeps the
 * planner from joining everything scanned before it sorts: rows come in order and the read stops at a full page.
 */
type FeedSource = { table: string; id: string; columns: string; join: string; fleet: string };

const FIXES: FeedSource = {
  table: "fix",
  id: "fix_id",
  columns: FIX_COLUMNS,
  join: "join lateral (select * from device where device_id = r.device_id limit 1) d on true",
  fleet: "d.fleet_id",
};

const EVENTS: FeedSource = {
  table: "event",
  id: "event_seq",
  columns: EVENT_COLUMNS,
  join: "left join lateral (select * from device where device_id = r.device_id limit 1) d on true",
  fleet: "r.fleet_id",
};

/** An ETA as it was issued for a stop; times are null, with the reason, where none could be given. */
export type StoredEta = {
  etaId: string;
  fleetId: number;
  routeId: string;
  stopId: string;
  computedAt: Date;
  p10: Date | null;
  p50: Date | null;
  p90: Date | null;
  basis: string | null;
  reason: string;
  /** The person waiting was told. */
  told: boolean;
};

const ETAS: FeedSource = {
  table: "eta",
  id: "eta_id",
  columns: `r.eta_id::text as "etaId", r.fleet_id as "fleetId", r.route_id::text as "routeId",
    r.stop_id::text as "stopId", r.computed_at as "computedAt", r.p10, r.p50, r.p90, r.basis, r.reason, r.told`,
  join: "",
  fleet: "r.fleet_id",
};

const PODS: FeedSource = { table: "pod", id: "pod_id", columns: POD_COLUMNS, join: "", fleet: "r.fleet_id" };

export function readFixFeed(
  database: Database,
  fleetId: number | null,
  after: FeedPlace,
  limit: number,
): Promise<FeedPage<StoredFix>> {
  return readFeed<StoredFix>(database, FIXES, fleetId, after, limit);
}

export function readEventFeed(
  database: Database,
  fleetId: number | null,
  after: FeedPlace,
  limit: number,
): Promise<FeedPage<StoredEvent>> {
  return readFeed<StoredEvent>(database, EVENTS, fleetId, after, limit);
}

export function readEtaFeed(
  database: Database,
  fleetId: number | null,
  after: FeedPlace,
  limit: number,
): Promise<FeedPage<StoredEta>> {
  return readFeed<StoredEta>(database, ETAS, fleetId, after, limit);
}

export function readPodFeed(
  database: Database,
  fleetId: number | null,
  after: FeedPlace,
  limit: number,
): Promise<FeedPage<StoredPod>> {
  return readFeed<StoredPod>(database, PODS, fleetId, after, limit);
}

/**
 * `horizon`: every transaction below it is over. `next`: the first id not given yet, so whatever has been announced is
 * readable once the horizon has reached the `next` of that moment.
 */
export async function readFeedHorizon(database: Database): Promise<{ horizon: bigint; next: bigint }> {
  const { rows } = await database.pool.query<{ horizon: string; next: string }>({
    name: "feed-horizon",
    text: `select pg_snapshot_xmin(s)::text as horizon, pg_snapshot_xmax(s)::text as next from pg_current_snapshot() s`,
  });
  return { horizon: BigInt(rows[0]!.horizon), next: BigInt(rows[0]!.next) };
}

/** The place after everything that is readable now. */
export async function readFeedEnd(database: Database): Promise<FeedPlace> {
  const { horizon } = await readFeedHorizon(database);
  return { xid: horizon.toString(), id: "0" };
}

async function readFeed<Row extends StoredFix | StoredEvent | StoredEta | StoredPod>(
  database: Database,
  source: FeedSource,
  fleetId: number | null,
  after: FeedPlace,
  limit: number,
): Promise<FeedPage<Row>> {
  // The horizon is read first and fixed: what lies below it does not change between this statement and the next two.
  const end = await readFeedEnd(database);
  const { table, id, columns, join, fleet } = source;
  const scanned = `(select * from ${table} where (commit_xid, ${id}) > ($1::bigint, $2::bigint)
    and commit_xid < $3::bigint order by commit_xid, ${id} limit ${SCANNED_ROWS_MAX}) r`;
  const { rows: found } = await database.pool.query<Row & FeedPlace>({
    name: `feed-${table}`,
    text: `select ${columns}, r.commit_xid::text as xid, r.${id}::text as id from ${scanned} ${join}
      where $4::integer is null or ${fleet} = $4 order by r.commit_xid, r.${id} limit $5`,
    values: [after.xid, after.id, end.xid, fleetId, limit + 1],
  });
  const rows = found.slice(0, limit).map(({ xid, id, ...row }) => ({ ...(row as unknown as Row), place: { xid, id } }));
  if (found.length > limit) return { rows, next: rows.at(-1)!.place, hasMore: true };

  const { rows: stopped } = await database.pool.query<FeedPlace>({
    name: `feed-${table}-scanned`,
    text: `select commit_xid::text as xid, ${id}::text as id from ${scanned} order by commit_xid, r.${id}
      offset ${SCANNED_ROWS_MAX - 1} limit 1`,
    values: [after.xid, after.id, end.xid],
  });
  const next = stopped[0] ?? later(end, after);
  return { rows, next, hasMore: stopped.length > 0 };
}

/** A reader that was ahead (a server restored from an older copy) is never sent back by an empty page. */
function later(end: FeedPlace, after: FeedPlace): FeedPlace {
  return BigInt(end.xid) > BigInt(after.xid) ? end : after;
}
