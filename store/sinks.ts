import type { Client } from "pg";
import type { FeedPlace } from "./feeds.ts";

/** First key of the advisory locks that say which process sends; the second is made of the sink's name. */
const SINK_LOCK = 0x73696e6b;

/** Another process has moved the cursor: it sends now. */
export class SinkTakenError extends Error {
  readonly code = "sink_taken";
}

/** Where a sink stands in the feed. `ageS`: since it stood there last, seconds, by the server's clock. */
export type SinkCursor = { place: FeedPlace; ageS: number };

/** Claims the sink for as long as this session lives; false while another session holds it. */
export async function claimSink(client: Client, sink: string): Promise<boolean> {
  const { rows } = await client.query<{ claimed: boolean }>(
    "select pg_try_advisory_lock($1, hashtext($2)) as claimed",
    [SINK_LOCK, sink],
  );
  return rows[0]!.claimed;
}

/** Undefined for a sink that has never sent anything. */
export async function readSinkCursor(client: Client, sink: string): Promise<SinkCursor | undefined> {
  const { rows } = await client.query<{ xid: string; id: string; ageS: number }>(
    `select commit_xid::text as xid, fix_id::text as id,
      extract(epoch from clock_timestamp() - saved_at)::float8 as "ageS" from sink_cursor where sink = $1`,
    [sink],
  );
  const row = rows[0];
  return row && { place: { xid: row.xid, id: row.id }, ageS: row.ageS };
}

/** Moves the cursor; throws `SinkTakenError` unless it stands where this process left it (`from` undefined: nowhere). */
export async function saveSinkCursor(
  client: Client,
  sink: string,
  from: FeedPlace | undefined,
  to: FeedPlace,
): Promise<void> {
  const { rowCount } =
    from === undefined
      ? await client.query(
          "insert into sink_cursor (sink, commit_xid, fix_id) values ($1, $2, $3) on conflict do nothing",
          [sink, to.xid, to.id],
        )
      : await client.query(
          `update sink_cursor set commit_xid = $4, fix_id = $5, saved_at = clock_timestamp()
           where sink = $1 and commit_xid = $2 and fix_id = $3`,
          [sink, from.xid, from.id, to.xid, to.id],
        );
  if (rowCount !== 1) throw new SinkTakenError("another process moved the cursor of the sink");
}
