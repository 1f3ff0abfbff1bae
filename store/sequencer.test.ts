import { afterAll, beforeAll, expect, test } from "vitest";
import type { NewFrame } from "./journal.ts";
import type { Sequencer } from "./sequencer.ts";
import { openTestDatabase, type TestDatabase } from "./testing.ts";
import { openTestSequencer } from "./testing-journal.ts";

let database: TestDatabase;
let sequencer: Sequencer;
beforeAll(async () => {
  database = await openTestDatabase();
  sequencer = await openTestSequencer(database.url);
});
afterAll(async () => {
  await sequencer?.end();
  await database?.close();
});

const frame = (deviceId: number, text: string, others: Partial<NewFrame> = {}): NewFrame => ({
  ...{ deviceId, kind: "frame", protocol: "owntracks", transport: "mqtt", remoteAddress: null },
  receivedAtMs: 1_790_000_000_123.456,
  bytes: Buffer.from(text),
  ...others,
});

test("a commit goes by partitions, and within one as it came: each frame is told its own seq", async () => {
  const firstSeq = sequencer.nextSeq;
  const devices = [5, 3, 21, 5, 19, 3, 0, 37];
  const seqs = await sequencer.append(devices.map((deviceId, index) => frame(deviceId, `${index}`)));
  expect(seqs.map((seq) => seq - firstSeq)).toEqual([4, 1, 5, 6, 2, 3, 0, 7]);
  expect(sequencer.nextSeq).toBe(firstSeq + devices.length);
});

test("a commit in doubt is found when exactly its frames are stored where it would have put them", async () => {
  const commit = [
    frame(18, "a"),
    frame(1, "b", { kind: "connected", remoteAddress: "10.0.0.1" }),
    frame(2, "c", { protocol: "osmand", transport: "http" }),
    frame(18, "d", { receivedAtMs: 1_790_000_000_124 }),
    frame(1, "e"),
  ];
  const firstSeq = sequencer.nextSeq;
  expect(await sequencer.findStored(commit, firstSeq)).toBeUndefined();
  const seqs = await sequencer.append(commit);
  expect(await sequencer.findStored(commit, firstSeq)).toEqual(seqs);
  await sequencer.append([frame(18, "a")]);
  expect(await sequencer.findStored(commit, firstSeq)).toEqual(seqs);

  const others: readonly (readonly NewFrame[])[] = [
    commit.with(3, frame(18, "D", { receivedAtMs: 1_790_000_000_124 })),
    commit.with(3, frame(18, "d", { receivedAtMs: 1_790_000_000_125 })),
    commit.with(0, frame(34, "a")),
    commit.with(4, frame(1, "e", { kind: "conflict" })),
    [...commit, frame(18, "f")],
    [commit[3]!, commit[1]!, commit[2]!, commit[0]!, commit[4]!],
  ];
  for (const other of others) expect(await sequencer.findStored(other, firstSeq)).toBeUndefined();
  expect(await sequencer.findStored(commit, firstSeq + 1)).toBeUndefined();
});
