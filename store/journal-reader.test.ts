import { afterEach, beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import type { JournalFrame, NewFrame } from "./journal.ts";
import { openJournalReader } from "./journal-reader.ts";
import type { Sequencer } from "./sequencer.ts";
import { openTestDatabase, type TestDatabase } from "./testing.ts";
import { openTestSequencer } from "./testing-journal.ts";

let test_: TestDatabase;
let database: Database;
let sequencer: Sequencer;
beforeEach(async () => {
  test_ = await openTestDatabase();
  database = await openDatabase({ url: test_.url, applicationName: "test", connectionsMax: 1 });
  sequencer = await openTestSequencer(test_.url);
});
afterEach(async () => {
  await sequencer?.end();
  await database?.close();
  await test_?.close();
});

function frame(deviceId: number, index: number): NewFrame {
  return {
    ...{ deviceId, protocol: "gt06", transport: "tcp", receivedAtMs: 1_790_000_000_000 + index },
    kind: index % 5 === 0 ? "connected" : "frame",
    remoteAddress: index % 3 === 0 ? null : `10.0.0.${index}`,
    bytes: Buffer.from(`${index}`),
  };
}

test("a reader goes on inside a row, from every place of it and with any limit", async () => {
  await sequencer.append([frame(9, 0)]);
  // Rows of seven, four and one frames.
  const commit = [2, 18, 5, 2, 4, 34, 4, 2, 20, 18, 2, 4].map(frame);
  const seqs = await sequencer.append(commit);
  const reader = openJournalReader(database);
  const none = [9, 2, 4, 5].map((partition): [number, number] => [partition, 0]);
  const all = await reader.read(new Map(none), 100);
  expect(all.map(({ seq }) => seq)).toEqual(Array.from({ length: 13 }, (_, index) => index + 1));
  expect(seqs.map((seq) => all.find((one) => one.seq === seq))).toEqual(
    commit.map((one, index) => ({ ...one, seq: seqs[index], partition: one.deviceId % 16 })),
  );
  for (let done = 0; done < all.length; done++) {
    const cursors = new Map(none);
    for (const { partition, seq } of all.slice(0, done)) cursors.set(partition, seq);
    for (const limit of [1, 2, 5, all.length]) {
      expect(await reader.read(cursors, limit)).toEqual(all.slice(done, done + limit));
    }
  }
});

const APART: readonly { partitions: readonly number[]; others: number }[] = [
  { partitions: [3], others: 0 },
  { partitions: [3, 4, 12], others: 60 },
  { partitions: [0, 15], others: 120 },
];

test.each(APART)("a reader of $partitions passes over the others, with cursors apart to $others", async (apart) => {
  const devices = Array.from({ length: 120 }, (_, index) => (index * 7) % 50);
  for (let first = 0; first < devices.length; first += 12) {
    await sequencer.append(devices.slice(first, first + 12).map(frame));
  }
  const everybody = new Map(Array.from({ length: 16 }, (_, partition) => [partition, 0]));
  const all = await openJournalReader(database).read(everybody, 1_000);
  expect(all).toHaveLength(120);
  const cursors = new Map(
    apart.partitions.map((partition, index) => [partition, index === 0 ? 0 : apart.others] as const),
  );
  const expected = all.filter(({ partition, seq }) => seq > (cursors.get(partition) ?? Number.POSITIVE_INFINITY));
  const reader = openJournalReader(database);
  const read: JournalFrame[] = [];
  for (let next = await reader.read(cursors, 5); next.length > 0; next = await reader.read(cursors, 5)) {
    for (const one of next) cursors.set(one.partition, one.seq);
    expect(next.length).toBeLessThanOrEqual(5);
    read.push(...next);
  }
  expect(read).toEqual(expected);
});
