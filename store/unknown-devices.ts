import { int8Array, textArray, timestamptzArray } from "./binary.ts";
import type { Database } from "./database.ts";

/** Devices that knocked without being registered. */

/** How often an unregistered device called since the last batch; times are Unix milliseconds. */
export type Knock = {
  uid: string;
  protocol: string;
  knocks: number;
  firstSeenAtMs: number;
  lastSeenAtMs: number;
  lastAddress: string | null;
};

export type UnknownDevice = {
  uid: string;
  protocol: string;
  firstSeenAt: Date;
  lastSeenAt: Date;
  knocks: number;
  lastAddress: string | null;
};

/** Adds a batch up. One batch names a uid and protocol once; registered devices are left out. */
export async function recordKnocks(database: Database, knocks: readonly Knock[]): Promise<void> {
  if (knocks.length === 0) return;
  await database.pool.query(
    `insert into unknown_device as known (uid, protocol, knocks, first_seen_at, last_seen_at, last_address)
    select k.* from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::text[])
      as k (uid, protocol, knocks, first_seen_at, last_seen_at, last_address)
    where not exists (select from device d where d.uid = k.uid)
    order by k.uid, k.protocol
    on conflict (uid, protocol) do update set
      knocks = known.knocks + excluded.knocks,
      last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at),
      last_address = excluded.last_address`,
    [
      textArray(knocks.map((knock) => knock.uid)),
      textArray(knocks.map((knock) => knock.protocol)),
      int8Array(knocks.map((knock) => knock.knocks)),
      timestamptzArray(knocks.map((knock) => knock.firstSeenAtMs)),
      timestamptzArray(knocks.map((knock) => knock.lastSeenAtMs)),
      textArray(knocks.map((knock) => knock.lastAddress)),
    ],
  );
}

/** In the order in which they first knocked; `after` is how many to pass over. */
export async function listUnknownDevices(
  database: Database,
  page: { after?: number; limit: number },
): Promise<UnknownDevice[]> {
  const listed = await database.pool.query<UnknownDevice>(
    `select uid, protocol, first_seen_at as "firstSeenAt", last_seen_at as "lastSeenAt", knocks,
      last_address as "lastAddress"
    from unknown_device order by first_seen_at, uid, protocol limit $1 offset $2`,
    [page.limit, page.after ?? 0],
  );
  return listed.rows;
}
