import { afterAll, beforeAll, expect, test } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import { readStreamLagS } from "./stream-lag.ts";
import { openTestDatabase, type TestDatabase } from "./testing.ts";

const NOW_MS = Date.UTC(2026, 10, 22);

let test_: TestDatabase;
let database: Database;
beforeAll(async () => {
  test_ = await openTestDatabase();
  database = await openDatabase({ url: test_.url, applicationName: "test", connectionsMax: 2 });
});
afterAll(async () => {
  await database?.close();
  await test_?.close();
});

test("the lag of the stream is the wait of the oldest frame not folded, whatever its partition", async () => {
  expect(await readStreamLagS(database, NOW_MS)).toBe(0);
  await database.pool.query(
    `insert into frame_batch (seq, last_seq, partition, received_from, received_to, device_id, received_at, kind, protocol,
      transport, remote_address, bytes)
    select i, i, i % 3, at, at, array[i], array[at], '{frame}', '{teltonika}', '{tcp}', '{null}', array[''::bytea]
    from generate_series(1, 90) i, lateral (select $1::timestamptz - (100 - i) * interval '1 second' as at)`,
    [new Date(NOW_MS)],
  );
  expect(await readStreamLagS(database, NOW_MS)).toBe(99);
  await database.pool.query("update stream_cursor set seq = case partition when 1 then 70 else 90 end");
  expect(await readStreamLagS(database, NOW_MS)).toBe(27);
  await database.pool.query("update stream_cursor set seq = 90");
  expect(await readStreamLagS(database, NOW_MS)).toBe(0);
});
