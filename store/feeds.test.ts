import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import { FEED_START, type FeedPlace, readFeedEnd, readFeedHorizon, readFixFeed } from "./feeds.ts";
import { openTestDatabase } from "./testing.ts";

let server: Awaited<ReturnType<typeof openTestDatabase>>;
let database: Database;
let deviceId: number;
let strangerId: number;
let nextFixId = 1024;

beforeAll(async () => {
  server = await openTestDatabase();
  database = await openDatabase({ url: server.url, applicationName: "feeds test", connectionsMax: 12 });
  await database.pool.query("insert into fleet (fleet_id, name) values (7, 'stranger')");
  const { rows } = await database.pool.query<{ device_id: number }>(
    "insert into device (fleet_id, uid) values (1, 'a'), (7, 'b') returning device_id",
  );
  [deviceId, strangerId] = [rows[0]!.device_id, rows[1]!.device_id];
});

afterAll(async () => {
  await database?.close();
  await server?.close();
});

const INSERT_FIX = `insert into fix (fix_id, device_id, fix_time, fingerprint, received_at, stored_at, commit_xid, kind,
    protocol, valid, late, buffered, attributes)
  select id, $2, now(), id, now(), now(), pg_current_xact_id()::text::bigint, 'fix', 'teltonika', false, false, false, '{}'
  from unnest($1::bigint[]) as id`;

/** Resolves when everything committed so far is readable: transactions in other databases hold the horizon back too. */
async function settle(): Promise<void> {
  const { next } = await readFeedHorizon(database);
  while ((await readFeedHorizon(database)).horizon < next) await sleep(5);
}

async function settledEnd(): Promise<FeedPlace> {
  await settle();
  return readFeedEnd(database);
}

/** What one writer does: it stores some fixes, dawdles, and then commits or gives up. */
type Writing = { fixes: number; delayMs: number; commits: boolean };

/** The ids that were committed, in no particular order. */
async function write(writings: readonly Writing[]): Promise<string[]> {
  const committed: string[] = [];
  const client = await database.pool.connect();
  try {
    for (const { fixes, delayMs, commits } of writings) {
      const ids = Array.from({ length: fixes }, () => nextFixId++);
      await client.query("begin");
      await client.query(INSERT_FIX, [ids, deviceId]);
      await sleep(delayMs);
      await client.query(commits ? "commit" : "rollback");
      if (commits) committed.push(...ids.map(String));
    }
  } finally {
    client.release();
  }
  return committed;
}

/** Follows the feed as a client does until `stop` says that the writers are done and nothing is left. */
async function follow(
  start: FeedPlace,
  limit: number,
  stop: () => boolean,
): Promise<{ id: string; place: FeedPlace }[]> {
  const seen: { id: string; place: FeedPlace }[] = [];
  let place = start;
  for (;;) {
    const done = stop();
    const page = await readFixFeed(database, 1, place, limit);
    seen.push(...page.rows.map((row) => ({ id: row.fixId, place: row.place })));
    place = page.next;
    if (done && !page.hasMore) return seen;
  }
}

const writing = fc.record({
  fixes: fc.integer({ min: 1, max: 5 }),
  delayMs: fc.integer({ min: 0, max: 12 }),
  commits: fc.boolean(),
});

test("readers that follow the feed while writers commit in any order see each committed fix exactly once", async () => {
  const plans = fc.array(fc.array(writing, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(plans, fc.integer({ min: 1, max: 4 }), async (writers, limit) => {
      const start = await settledEnd();
      let written = false;
      const reading = [follow(start, limit, () => written), follow(start, 1000, () => written)];
      const committed = (await Promise.all(writers.map(write))).flat().toSorted();
      await settle();
      written = true;
      for (const seen of await Promise.all(reading)) {
        expect(seen.map((row) => row.id).toSorted()).toEqual(committed);
        const again = await readFixFeed(database, 1, start, 1000);
        expect(seen.map((row) => row.id)).toEqual(again.rows.map((row) => row.fixId));
      }
    }),
    { numRuns: 25, endOnFailure: true },
  );
}, 300_000);

test("a fix stored by a transaction that began early and commits late appears after the cursor, not before it", async () => {
  const start = await settledEnd();
  const early = await database.pool.connect();
  let cursor: FeedPlace;
  try {
    await early.query("begin");
    await early.query(INSERT_FIX, [[nextFixId++], deviceId]);
    await write([{ fixes: 1, delayMs: 0, commits: true }]);
    const meanwhile = await readFixFeed(database, 1, start, 10);
    expect(meanwhile.rows).toEqual([]);
    cursor = meanwhile.next;
  } finally {
    await early.query("commit");
    early.release();
  }
  await settle();
  expect((await readFixFeed(database, 1, cursor, 10)).rows).toHaveLength(2);
});

test("a page is full before more is announced, and the cursor of each row goes on right after it", async () => {
  const start = await settledEnd();
  const ids = await write([{ fixes: 5, delayMs: 0, commits: true }]);
  await settle();
  const first = await readFixFeed(database, 1, start, 3);
  expect([first.rows.length, first.hasMore]).toEqual([3, true]);
  const second = await readFixFeed(database, 1, first.next, 2);
  expect([second.rows.length, second.hasMore]).toEqual([2, false]);
  const inside = await readFixFeed(database, 1, first.rows[1]!.place, 10);
  expect(inside.rows.map((row) => row.fixId)).toEqual(ids.slice(2));
});

test("a fleet sees its own fixes only, and its place moves past the others'", async () => {
  const start = await settledEnd();
  await database.pool.query(INSERT_FIX, [[nextFixId++, nextFixId++], strangerId]);
  await settle();
  const mine = await readFixFeed(database, 1, start, 10);
  expect(mine.rows).toEqual([]);
  expect(BigInt(mine.next.xid)).toBeGreaterThan(BigInt(start.xid));
  expect((await readFixFeed(database, 7, start, 10)).rows).toHaveLength(2);
  expect((await readFixFeed(database, null, start, 10)).rows).toHaveLength(2);
});

test("many rows of another fleet are passed over a bounded number at a time", async () => {
  const start = await settledEnd();
  const theirs = Array.from({ length: 20_001 }, () => nextFixId++);
  await database.pool.query(INSERT_FIX, [theirs, strangerId]);
  const [own] = await write([{ fixes: 1, delayMs: 0, commits: true }]);
  await settle();
  const first = await readFixFeed(database, 1, start, 10);
  expect([first.rows, first.hasMore]).toEqual([[], true]);
  const second = await readFixFeed(database, 1, first.next, 10);
  expect(second.rows.map((row) => row.fixId)).toEqual([own]);
  expect(second.hasMore).toBe(false);
});

test("an empty page never sends a reader back", async () => {
  const ahead = { xid: String((await readFeedHorizon(database)).next + 1_000_000n), id: "5" };
  expect((await readFixFeed(database, 1, ahead, 10)).next).toEqual(ahead);
  expect((await readFixFeed(database, 1, FEED_START, 1)).rows).toHaveLength(1);
});
