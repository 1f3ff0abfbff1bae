import { setTimeout as sleep } from "node:timers/promises";
import type { PoolClient } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FEED_NAMES, type FeedName } from "./cursor.ts";
import { openTestApi, settleFeeds, type TestApi } from "./testing.ts";

/** A consumer that dies again and again, under writers whose commits interleave as they please. */

const LIVES = 100;
const WRITERS = 5;

let api: TestApi;
let secret: string;
let deviceId: number;
let stopId: string;
let nextId = 1;

beforeAll(async () => {
  api = await openTestApi();
  secret = await api.key({ fleetId: 1 });
  deviceId = await api.device(1, "352093081234567");
  const { rows } = await api.database.pool.query(
    "insert into stop (fleet_id, lat_deg, lon_deg) values (1, -33.1, 151.2) returning stop_id::text as id",
  );
  stopId = rows[0].id;
});

afterAll(() => api?.close());

const XID = "pg_current_xact_id()::text::bigint";
/** Inserts one row of a feed; `$1` names it in what the feed says of it, `$2` is a device or a stop. */
const INSERTS: Record<FeedName, string> = {
  fixes: `insert into fix (fix_id, device_id, fix_time, fingerprint, received_at, stored_at, commit_xid, kind, protocol,
      valid, late, buffered, attributes)
    values ($1::bigint, $2, now(), $1::bigint, now(), now(), ${XID}, 'fix', 'teltonika', false, false, false, '{}')`,
  events: `insert into event (event_id, fleet_id, device_id, type, occurred_at, detected_at, commit_xid)
    values ($1::text, 1, $2, 'stop.arrived', now(), now(), ${XID})`,
  etas: `insert into eta (fleet_id, route_id, stop_id, computed_at, basis, reason, model_version, commit_xid)
    values (1, 1, $2::bigint, now(), 'live', $1::text, 1, ${XID})`,
  pods: `insert into pod (fleet_id, stop_id, content_hash, outcome, reason, device_time, received_at, sealed, commit_xid)
    values (1, $2::bigint, '', 'failed', $1::text, now(), now(), '', ${XID})`,
};
/** Where the feed says the name that a writer gave. */
const NAMED: Record<FeedName, string> = { fixes: "id", events: "id", etas: "changeReason", pods: "reason" };

/** Commits and takes back in turn, dawdling; gives the names of what it committed, in its own order. */
async function write(feed: FeedName, seed: number, isOver: () => boolean): Promise<string[]> {
  const committed: string[] = [];
  const client: PoolClient = await api.database.pool.connect();
  const random = mulberry(seed);
  try {
    while (!isOver()) {
      const names = Array.from({ length: 1 + Math.floor(random() * 4) }, () => String(nextId++));
      await client.query("begin");
      for (const name of names) {
        await client.query(INSERTS[feed], [name, feed === "etas" || feed === "pods" ? stopId : deviceId]);
        if (random() < 0.3) await sleep(random() * 4);
      }
      const commits = random() < 0.8;
      await client.query(commits ? "commit" : "rollback");
      if (commits) committed.push(...names);
      await sleep(random() * 6);
    }
  } finally {
    client.release();
  }
  return committed;
}

type Kept = { cursor: string | undefined; seen: string[] };

/** One page, and what the consumer keeps of it: rows and cursor together, as in one transaction of its own. */
async function consume(
  feed: FeedName,
  kept: Kept,
  limit: number,
  dies: boolean,
): Promise<{ kept: Kept; more: boolean }> {
  const after = kept.cursor === undefined ? "" : `&after=${kept.cursor}`;
  const answer = await api.call(secret, "GET", `/v1/feeds/${feed}?limit=${limit}${after}`);
  expect(answer.statusCode).toBe(200);
  const page = answer.json();
  if (dies) return { kept, more: page.has_more };
  const names = page.data.map((row: Record<string, string>) => row[NAMED[feed]]!);
  return { kept: { cursor: page.next_cursor, seen: [...kept.seen, ...names] }, more: page.has_more };
}

test.each(FEED_NAMES)(
  "a consumer of %s that is killed and resumed 100 times under concurrent writing sees every row once, in order",
  async (feed) => {
    let isOver = false;
    const writing = Array.from({ length: WRITERS }, (_, n) => write(feed, n + 1, () => isOver));
    const random = mulberry(99);
    let kept: Kept = { cursor: undefined, seen: [] };
    // As many lives more as it takes to see something of what is written meanwhile, which others on the server may hide for a while.
    for (let life = 0; life < LIVES || kept.seen.length <= LIVES; life++) {
      const pages = 1 + Math.floor(random() * 2);
      // Every life ends with a page that was read and is lost.
      for (let page = 0; page <= pages; page++) {
        ({ kept } = await consume(feed, kept, 1 + Math.floor(random() * 8), page === pages));
      }
    }
    isOver = true;
    const byWriter = await Promise.all(writing);
    await settleFeeds(api.database);
    for (let more = true; more; ) ({ kept, more } = await consume(feed, kept, 1_000, false));

    expect(kept.seen.toSorted()).toEqual(byWriter.flat().toSorted());
    for (const own of byWriter) expect(kept.seen.filter((name) => own.includes(name))).toEqual(own);
    const inOneGo = await consume(feed, { cursor: undefined, seen: [] }, 1_000, false);
    expect(kept.seen.slice(0, 1_000)).toEqual(inOneGo.kept.seen);
    expect(kept.seen.length).toBeGreaterThan(LIVES);
  },
);

/** A small generator with a seed, so that a failure comes back. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
