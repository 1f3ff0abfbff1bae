import { expect, test } from "vitest";
import { PARTITIONS, partitionOf } from "#store/journal.ts";
import { at, START_MS, useStreamFixture } from "./stream-fixture.ts";

const { fixture, first, second } = await useStreamFixture();

test("reports become rows with their journal position, and the device's state follows", async () => {
  const note = await fixture.append(first, '{"sessions":1,"authLevel":"id"}', { kind: "connected" });
  const seq = await fixture.append(first, [at(20, { attributes: { ignition: true } }), at(10)]);
  await fixture.foldAll();
  const { fix, device_state, event } = await fixture.outcome();
  expect(fix).toMatchObject([
    { row: { fix_id: seq * 1024, late: false, speed_mps: 13.9, satellites: 9, attributes: { ignition: true } } },
    { row: { fix_id: seq * 1024 + 1, late: false, lat_deg: 41.001, lon_deg: -8.6, hdop: 0.9, kind: "fix" } },
  ]);
  expect(device_state).toMatchObject([
    {
      row: {
        device_id: first,
        fix_id: seq * 1024,
        connected: true,
        last_seq: seq,
        attributes: { ignition: true },
        counters: { frames: 1, fixes: 2, late: 0 },
      },
    },
  ]);
  expect(event!.slice(0, 1)).toMatchObject([
    { row: { type: "device.connected", frame_seq: note, data: { authLevel: "id" } } },
  ]);
});

test("fixes carry the id of the transaction that made them visible", async () => {
  await fixture.append(first, [at(1), at(2)]);
  await fixture.foldAll();
  const found = await fixture.rows("select distinct commit_xid::text = xmin::text as same from fix");
  expect(found).toEqual([{ same: true }]);
});

test("a frame sent again, whole or in other company, stores nothing again", async () => {
  await fixture.append(first, [at(1), at(2), at(3)]);
  await fixture.append(first, [at(1), at(2), at(3)]);
  await fixture.foldAll();
  await fixture.append(first, [at(3), at(4), at(2), at(2)]);
  await fixture.foldAll();
  const times = await fixture.rows<{ second: number }>(
    "select extract(epoch from fix_time - $1)::float8 as second from fix order by 1",
    [new Date(START_MS)],
  );
  expect(times.map((row) => row.second)).toEqual([1, 2, 3, 4]);
  const { device_state } = await fixture.outcome();
  expect(device_state).toMatchObject([{ row: { counters: { fixes: 4, duplicates: 6, frames: 3 } } }]);
});

test("a second connection that ends leaves the device connected, the last one does not", async () => {
  await fixture.append(first, '{"sessions":1}', { kind: "connected" });
  await fixture.append(first, "{}", { kind: "conflict" });
  await fixture.append(first, '{"sessions":1}', { kind: "connected" });
  await fixture.append(first, '{"sessions":1,"closeReason":"superseded"}', { kind: "disconnected" });
  await fixture.foldAll();
  expect(await fixture.rows("select connected from device_state")).toEqual([{ connected: true }]);
  await fixture.append(first, '{"sessions":0,"closeReason":"idle"}', { kind: "disconnected" });
  await fixture.foldAll();
  expect(await fixture.rows("select connected, last_close_reason from device_state")).toEqual([
    { connected: false, last_close_reason: "idle" },
  ]);
  const events = await fixture.rows<{ type: string }>("select type from event order by event_seq");
  expect(events.map((event) => event.type)).toEqual([
    "device.connected",
    "device.identity_conflict",
    "device.connected",
    "device.disconnected",
    "device.disconnected",
  ]);
});

test("a fix that somebody else has stored is found out by the unique index and counts as a duplicate", async () => {
  await fixture.append(first, [at(1), at(2)]);
  await fixture.foldAll();
  await fixture.rows("update stream_cursor set seq = 0");
  await fixture.rows("truncate device_state");
  await fixture.append(second, [at(3)]);
  await fixture.foldAll();
  const { fix, device_state } = await fixture.outcome();
  expect(fix).toHaveLength(3);
  expect(device_state).toMatchObject([{ row: { counters: { duplicates: 2 } } }, { row: { counters: { fixes: 1 } } }]);
});

test("the state survives a restart: one stream after each frame ends where one stream for all ends", async () => {
  const contents = [[at(10)], [at(5), at(20)], [at(20)], "garbage", [{ ...at(1), timeMs: 5 }], [at(15), at(30)]];
  for (const content of contents) {
    await fixture.append(first, content);
    await fixture.foldAll();
  }
  const piecewise = await fixture.outcome();
  await fixture.forget();
  await fixture.foldAll();
  expect(await fixture.outcome()).toEqual(piecewise);
});

test("two streams share the partitions without doubling, and each goes on with what the other leaves", async () => {
  const appendAll = async (...rounds: number[]) => {
    for (const round of rounds) for (const deviceId of fixture.deviceIds) await fixture.append(deviceId, [at(round)]);
  };
  const one = await fixture.start();
  await fixture.until(() => one.partitions.length === PARTITIONS);
  await appendAll(0, 1);
  const two = await fixture.start();
  await appendAll(2, 3);
  await fixture.until(() => one.partitions.length === PARTITIONS / 2 && two.partitions.length === PARTITIONS / 2);
  const held = [...one.partitions, ...two.partitions].sort((a, b) => a - b);
  expect(held).toEqual(Array.from({ length: PARTITIONS }, (_, partition) => partition));
  expect(two.partitions).toEqual(expect.arrayContaining(fixture.deviceIds.map(partitionOf)));
  await appendAll(4, 5);
  await fixture.settled();
  // The first gets back what it had, and must not go on from where it stood then.
  await fixture.stop(two);
  await fixture.until(() => one.partitions.length === PARTITIONS);
  await appendAll(6);
  await fixture.settled();
  await fixture.stop(one);
  expect((await fixture.outcome()).fix).toHaveLength(3 * 7);
  const counted = await fixture.rows("select counters->'fixes' as fixes from device_state");
  expect(counted).toEqual(fixture.deviceIds.map(() => ({ fixes: 7 })));
});

test("a commit notifies of the devices that it wrote", async () => {
  const client = await fixture.database.pool.connect();
  const heard: (string | undefined)[] = [];
  client.on("notification", (message) => heard.push(message.payload));
  await client.query("listen fixes");
  await fixture.append(second, [at(1)]);
  await fixture.foldAll();
  await fixture.until(async () => {
    await client.query("select 1");
    return heard.length > 0;
  });
  await client.query("unlisten fixes");
  client.release();
  expect(heard).toEqual([JSON.stringify([second])]);
});

test("a silence is told once, and a new one again", async () => {
  let nowMs = START_MS + 86_400_000;
  const types = () => fixture.rows("select type, data from event");
  await fixture.append(first, [at(1)], { receivedAtMs: nowMs });
  const { writer, close } = await fixture.openWriter(() => nowMs);
  await writer.claim();
  await writer.step();
  await writer.reportSilent(60_000);
  expect(await types()).toEqual([]);
  nowMs += 100_000;
  await writer.reportSilent(60_000);
  await writer.reportSilent(60_000);
  expect(await types()).toEqual([{ type: "device.silent", data: { silentS: 60 } }]);
  await fixture.append(first, [at(2)], { receivedAtMs: nowMs });
  await writer.step();
  await writer.reportSilent(60_000);
  expect(await types()).toHaveLength(1);
  nowMs += 60_001;
  await writer.reportSilent(60_000);
  expect(await types()).toHaveLength(2);
  await close();
});

test("a silence that no sweep saw is told by the frame that ends it, as the sweep would have", async () => {
  const startedMs = START_MS + 86_400_000;
  const silences = () => fixture.rows("select * from event where type = 'device.silent' order by event_seq");
  await fixture.append(second, [at(1)], { receivedAtMs: startedMs });
  await fixture.append(second, '{"sessions":0}', { kind: "disconnected", receivedAtMs: startedMs + 50_000 });
  await fixture.append(second, [at(2)], { receivedAtMs: startedMs + 100_000 });
  await fixture.append(second, [at(3)], { receivedAtMs: startedMs + 130_000 });
  await fixture.foldAll({ silentS: 60 });
  const told = await silences();
  expect(told).toMatchObject([{ occurred_at: new Date(startedMs), detected_at: new Date(startedMs + 60_000) }]);
  await fixture.forget();
  await fixture.rows("delete from frame_batch where received_to > $1", [new Date(startedMs + 50_000)]);
  await fixture.foldAll({ silentS: 60 });
  const { writer, close } = await fixture.openWriter(() => startedMs + 500_000);
  await writer.claim();
  await writer.reportSilent(60_000);
  expect((await silences()).map(({ event_id }) => event_id)).toEqual(told.map(({ event_id }) => event_id));
  await close();
});
