import pg from "pg";
import { expect, test, vi } from "vitest";
import type { NewFrame } from "./journal.ts";
import { openJournalReader } from "./journal-reader.ts";
import { testFrame as frame, journalFixture, PATIENCE } from "./testing-journal.ts";

const fixture = journalFixture();

test("frames of many sessions come back in the order of their seq, byte for byte", async () => {
  const journal = await fixture.openJournal(fixture.url);
  const frames = Array.from({ length: 500 }, (_, index) => frame(index % 40, `${index}`));
  const seqs = await Promise.all(frames.map((one) => journal.append(one)));
  expect(new Set(seqs).size).toBe(frames.length);
  const stored = await fixture.readAll(fixture.url, 70);
  expect(stored.map((one) => one.seq)).toEqual([...seqs].sort((a, b) => a - b));
  for (const [index, seq] of seqs.entries()) {
    const found = stored.find((one) => one.seq === seq)!;
    expect({ ...found, bytes: Buffer.from(found.bytes) }).toEqual({
      ...frames[index]!,
      seq,
      partition: frames[index]!.deviceId % 16,
    });
  }
  expect(journal.stats()).toMatchObject({ committedFrames: 500, pendingFrames: 0, pendingBytes: 0 });
  expect(journal.stats().commits).toBeLessThan(20);
});

test("a receipt that throws keeps nobody else from being told, nor the journal from leading", async () => {
  const lines: string[] = [];
  const journal = await fixture.openJournal(fixture.url, {
    log: (line, level) => lines.push(`${level} ${line}`),
  });
  const committed = () => {
    throw new Error("a defect of the caller");
  };
  const first = journal.append(frame(1));
  expect(journal.offer(frame(2), { committed, failed: committed })).toBeUndefined();
  const others = [first, journal.append(frame(3)), journal.append(frame(4))];
  expect(await Promise.all(others)).toHaveLength(3);
  expect(await journal.append(frame(5))).toBeGreaterThan(0);
  expect(journal.stats()).toMatchObject({ lostConnections: 0, pendingFrames: 0, pendingBytes: 0, committedFrames: 5 });
  expect(lines).toContainEqual(expect.stringMatching(/^error .*a defect of the caller/));
});

test("receipts are told in the order of the offers, after the call, and a refusal tells none", async () => {
  const journal = await fixture.openJournal(fixture.url, { pendingBytesMax: 3_000 });
  const told: string[] = [];
  const offer = (deviceId: number) =>
    journal.offer(frame(deviceId), {
      committed: () => told.push(`${deviceId} committed`),
      failed: () => told.push(`${deviceId} failed`),
    });
  expect(Array.from({ length: 9 }, (_, deviceId) => offer(deviceId))).toEqual(Array(9).fill(undefined));
  expect(offer(9)).toMatchObject({ code: "JOURNAL_FULL" });
  expect(told).toEqual([]);
  await vi.waitFor(() => expect(told).toHaveLength(9), PATIENCE);
  expect(told).toEqual(Array.from({ length: 9 }, (_, deviceId) => `${deviceId} committed`));
  await journal.close();
  expect(offer(1)).toMatchObject({ code: "JOURNAL_CLOSED" });
  expect(told).toHaveLength(9);
});

test("a reader stays in order with a silent partition, a late starter and a limit of one", async () => {
  const journal = await fixture.openJournal(fixture.url);
  const reader = openJournalReader(await fixture.openStore(fixture.url));
  const cursors = new Map([...Array(16).keys()].map((partition) => [partition, 0]));
  const read = async (limit: number) => {
    const found = await reader.read(cursors, limit);
    for (const one of found) cursors.set(one.partition, one.seq);
    return found.map((one) => one.deviceId);
  };
  for (const deviceId of [1, 2, 1]) await journal.append(frame(deviceId));
  expect([await read(1), await read(1), await read(5), await read(5)]).toEqual([[1], [2], [1], []]);
  for (const deviceId of [9, 1, 9]) await journal.append(frame(deviceId));
  expect(await read(2)).toEqual([9, 1]);
  // What was read and not committed is read again.
  cursors.set(1, 0);
  expect(await read(10)).toEqual([1, 1, 1, 9]);
});

test("a full commit of large frames is stored and read", async () => {
  const journal = await fixture.openJournal(fixture.url);
  const frames = Array.from({ length: 2_000 }, (_, index) => frame(index % 50, `${index} `.repeat(300)));
  const seqs = await Promise.all(frames.map((one) => journal.append(one)));
  const stored = new Map((await fixture.readAll(fixture.url, 700)).map((one) => [one.seq, one]));
  expect(stored.size).toBe(frames.length);
  for (const [index, seq] of seqs.entries()) {
    expect(Buffer.compare(stored.get(seq)!.bytes, frames[index]!.bytes)).toBe(0);
  }
});

test("seq goes on after every frame was dropped", async () => {
  const first = await fixture.openJournal(fixture.url);
  const last = Math.max(...(await Promise.all([1, 2, 3].map((deviceId) => first.append(frame(deviceId))))));
  await first.close();
  const store = await fixture.openStore(fixture.url);
  await store.pool.query("delete from frame_batch");
  const second = await fixture.openJournal(fixture.url);
  expect(await second.append(frame(1))).toBe(last + 1);
});

test("every commit notifies the readers", async () => {
  const client = new pg.Client(fixture.url);
  await client.connect();
  fixture.closeAfter(() => client.end());
  let heard = 0;
  client.on("notification", () => {
    heard += 1;
  });
  await client.query("listen frames");
  const journal = await fixture.openJournal(fixture.url);
  await journal.append(frame(1));
  await vi.waitFor(() => expect(heard).toBe(1), PATIENCE);
});

test("a full journal refuses, and accepts again when frames have been committed", async () => {
  const away = await fixture.openJournal("postgres://nobody@127.0.0.1:1/none", { pendingBytesMax: 1_000 });
  const first = away.append(frame(1));
  first.catch(() => undefined);
  const second = away.append(frame(2));
  second.catch(() => undefined);
  const third = away.append(frame(3));
  third.catch(() => undefined);
  await expect(away.append(frame(4))).rejects.toMatchObject({ code: "JOURNAL_FULL" });
  expect([away.ready, away.pendingFrames]).toEqual([false, 3]);

  const journal = await fixture.openJournal(fixture.url, { pendingBytesMax: 1_000 });
  await Promise.all([1, 2, 3].map((deviceId) => journal.append(frame(deviceId))));
  expect(await journal.append(frame(4))).toBeGreaterThan(0);
});

test("closing commits what waits, and refuses what comes after", async () => {
  const journal = await fixture.openJournal(fixture.url, { closePatienceMs: 30_000 });
  const pending = [1, 2, 3].map((deviceId) => journal.append(frame(deviceId)));
  await journal.close();
  expect(await Promise.all(pending)).toHaveLength(3);
  await expect(journal.append(frame(4))).rejects.toMatchObject({ code: "JOURNAL_CLOSED" });
  expect(await fixture.readAll(fixture.url)).toHaveLength(3);
});

test("closing while the database is away rejects what waits", async () => {
  const journal = await fixture.openJournal("postgres://nobody@127.0.0.1:1/none");
  const pending = journal.append(frame(1));
  const rejected = expect(pending).rejects.toMatchObject({ code: "JOURNAL_CLOSED" });
  await journal.close();
  await rejected;
});

test("a frame that the database can't hold is refused alone", async () => {
  const journal = await fixture.openJournal(fixture.url);
  const bad: NewFrame = { ...frame(7), remoteAddress: "10.0.0.1\0" };
  const outcomes = await Promise.allSettled(
    [frame(1), frame(2), bad, frame(3), { ...frame(4), deviceId: 2 ** 40 }].map((one) => journal.append(one)),
  );
  expect(outcomes.map((one) => one.status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled", "rejected"]);
  expect(outcomes[2]).toMatchObject({ reason: { code: "JOURNAL_FRAME" } });
  expect((await fixture.readAll(fixture.url)).map((one) => one.deviceId).sort()).toEqual([1, 2, 3]);
  expect([journal.ready, journal.pendingFrames]).toEqual([true, 0]);
});
