import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectionSettings } from "./database.ts";
import { PARTITIONS } from "./journal.ts";
import { claimPartitions, findShare, joinStreams, releasePartitions } from "./partition-claims.ts";
import { openTestDatabase, type TestDatabase } from "./testing.ts";

let database: TestDatabase;
const clients: pg.Client[] = [];

beforeEach(async () => {
  database = await openTestDatabase();
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
  await database?.close();
});

async function join(): Promise<pg.Client> {
  const client = new pg.Client(connectionSettings(database.url, "test"));
  clients.push(client);
  await client.connect();
  await joinStreams(client);
  return client;
}

const claim = async (client: pg.Client, held: number[] = []) =>
  (await claimPartitions(client, held)).map(({ partition }) => partition);

test("each stream's share is what leaves as much to the others, and nobody claims what another holds", async () => {
  const one = await join();
  expect(await findShare(one)).toBe(PARTITIONS);
  expect(await claim(one)).toHaveLength(PARTITIONS);
  const [two, three] = [await join(), await join()];
  expect(await Promise.all([one, two, three].map(findShare))).toEqual(Array(3).fill(Math.ceil(PARTITIONS / 3)));
  expect(await claim(two)).toEqual([]);
  await releasePartitions(one, [0, 5]);
  const [first, second] = await Promise.all([claim(two), claim(three)]);
  expect([...first!, ...second!].toSorted((a, b) => a - b)).toEqual([0, 5]);
  expect(await claim(one, [1, 2])).toEqual(expect.not.arrayContaining([0, 5]));
});

test("the server soon misses a stream that vanished without a word, and frees what it held", async () => {
  const one = await join();
  const { rows } = await one.query(
    "select name, setting from pg_settings where name like 'tcp_keepalives%' or name = 'tcp_user_timeout' order by name",
  );
  expect(rows.map(({ name, setting }) => `${name} ${setting}`)).toEqual([
    "tcp_keepalives_count 3",
    "tcp_keepalives_idle 5",
    "tcp_keepalives_interval 2",
    "tcp_user_timeout 11000",
  ]);
});
