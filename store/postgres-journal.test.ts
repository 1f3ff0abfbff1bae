import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import { openEmbeddedPostgres } from "./embedded.ts";
import type { JournalFrame, NewFrame } from "./journal.ts";
import { openJournalReader } from "./journal-reader.ts";
import { migrate } from "./migrate.ts";
import { openPostgresJournal, type PostgresJournal, type PostgresJournalOptions } from "./postgres-journal.ts";
import { openTestDatabase, type TestDatabase } from "./testing.ts";

const PENDING_BYTES_MAX = 50_000_000;
const RECEIVED_AT_MS = 1_790_000_000_123;
const LOCK_WAITERS = `select pid from pg_locks where locktype = 'advisory' and not granted
  and database = (select oid from pg_database where datname = current_database())`;
/** The message with which the server ends every answer, and its length. */
const READY = "Z".charCodeAt(0);
const READY_BYTES = 6;
const PATIENCE = { timeout: 15_000, interval: 10 };

let database: TestDatabase;
const closers: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  database = await openTestDatabase();
  closers.push(() => database.close());
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function frame(deviceId: number, text = `frame of ${deviceId}`): NewFrame {
  return {
    deviceId,
    kind: "frame",
    protocol: "teltonika",
    transport: "tcp",
    receivedAtMs: RECEIVED_AT_MS,
    remoteAddress: deviceId % 2 === 0 ? null : "10.1.2.3",
    bytes: Buffer.from(text),
  };
}

async function openJournal(
  url: string,
  pendingBytesMax = PENDING_BYTES_MAX,
  others: Partial<PostgresJournalOptions> = {},
): Promise<PostgresJournal> {
  const journal = await openPostgresJournal({ url, pendingBytesMax, closePatienceMs: 1_000, ...others });
  closers.push(() => journal.close());
  return journal;
}

type Proxy = {
  url: string;
  /** Cuts the connection where the server should next be heard to be ready: what was asked of it is done. */
  swallowNextAnswer(): void;
  /** Keeps what the server says back until released; `asked` resolves when the client has said something. */
  hold(): { asked: Promise<void>; release(): void };
};

async function openProxy(url: string): Promise<Proxy> {
  const target = new URL(url);
  const serverPort = Number(target.port);
  let swallow = false;
  let held: Promise<void> | undefined;
  let heard: (() => void) | undefined;
  const proxy = createServer((client) => {
    const server = connect(serverPort, target.hostname);
    const cut = () => {
      client.destroy();
      server.destroy();
    };
    client.on("error", cut).on("close", cut);
    server.on("error", cut).on("close", cut);
    client.on("data", (bytes) => {
      server.write(bytes);
      heard?.();
    });
    const answer = (bytes: Uint8Array) => {
      if (!swallow || bytes.at(-READY_BYTES) !== READY) return void client.write(bytes);
      swallow = false;
      cut();
    };
    server.on("data", (bytes) => (held === undefined ? answer(bytes) : void held.then(() => answer(bytes))));
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  closers.push(() => new Promise((resolve) => proxy.close(resolve)));
  target.port = String((proxy.address() as AddressInfo).port);
  return {
    url: target.href,
    swallowNextAnswer: () => {
      swallow = true;
    },
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      held = promise;
      heard = asked.resolve;
      return { asked: asked.promise, release: resolve };
    },
  };
}

async function openStore(url: string): Promise<Database> {
  const store = await openDatabase({ url, applicationName: "test", connectionsMax: 2 });
  closers.push(() => store.close());
  return store;
}

async function readAll(url: string, limit = 1_000): Promise<JournalFrame[]> {
  const reader = openJournalReader(await openStore(url));
  const cursors = new Map(Array.from({ length: 16 }, (_, partition) => [partition, 0]));
  const all: JournalFrame[] = [];
  for (;;) {
    const read = await reader.read(cursors, limit);
    if (read.length === 0) return all;
    for (const one of read) cursors.set(one.partition, one.seq);
    all.push(...read);
  }
}

test("frames of many sessions come back in the order of their seq, byte for byte", async () => {
  const journal = await openJournal(database.url);
  const frames = Array.from({ length: 500 }, (_, index) => frame(index % 40, `${index}`));
  const seqs = await Promise.all(frames.map((one) => journal.append(one)));
  expect(new Set(seqs).size).toBe(frames.length);
  const stored = await readAll(database.url, 70);
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
  const journal = await openJournal(database.url, PENDING_BYTES_MAX, {
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
  const journal = await openJournal(database.url, 3_000);
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
  const journal = await openJournal(database.url);
  const reader = openJournalReader(await openStore(database.url));
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
  const journal = await openJournal(database.url);
  const frames = Array.from({ length: 2_000 }, (_, index) => frame(index % 50, `${index} `.repeat(300)));
  const seqs = await Promise.all(frames.map((one) => journal.append(one)));
  const stored = new Map((await readAll(database.url, 700)).map((one) => [one.seq, one]));
  expect(stored.size).toBe(frames.length);
  for (const [index, seq] of seqs.entries()) {
    expect(Buffer.compare(stored.get(seq)!.bytes, frames[index]!.bytes)).toBe(0);
  }
});

test("seq goes on after every frame was dropped", async () => {
  const first = await openJournal(database.url);
  const last = Math.max(...(await Promise.all([1, 2, 3].map((deviceId) => first.append(frame(deviceId))))));
  await first.close();
  const store = await openStore(database.url);
  await store.pool.query("delete from frame_batch");
  const second = await openJournal(database.url);
  expect(await second.append(frame(1))).toBe(last + 1);
});

test("every commit notifies the readers", async () => {
  const client = new pg.Client(database.url);
  await client.connect();
  closers.push(() => client.end());
  let heard = 0;
  client.on("notification", () => {
    heard += 1;
  });
  await client.query("listen frames");
  const journal = await openJournal(database.url);
  await journal.append(frame(1));
  await vi.waitFor(() => expect(heard).toBe(1), PATIENCE);
});

test("a second journal waits until the first lets go, and takes over where it stood", async () => {
  const first = await openJournal(database.url);
  const seq = await first.append(frame(1));
  const second = await openJournal(database.url);
  const pending = second.append(frame(2));
  const store = await openStore(database.url);
  await vi.waitFor(async () => expect((await store.pool.query(LOCK_WAITERS)).rowCount).toBe(1), PATIENCE);
  await first.append(frame(3));
  expect([first.ready, second.ready, second.pendingFrames]).toEqual([true, false, 1]);
  await first.close();
  expect(await pending).toBe(seq + 2);
  expect(second.ready).toBe(true);
});

test("a journal stands by while another leads, says so once and says when it leads", async () => {
  const told: string[] = [];
  const log: PostgresJournalOptions["log"] = (line, level) =>
    void (level === "error" || told.push(`${level}: ${line}`));
  const first = await openJournal(database.url);
  await first.append(frame(1));
  const second = await openJournal(database.url, PENDING_BYTES_MAX, { log, lockWaitLongMs: 50 });
  await vi.waitFor(() => expect(told).toHaveLength(1), PATIENCE);
  expect([first.standby, second.standby]).toEqual([false, true]);
  const store = await openStore(database.url);
  // The wait begins again with another connection; it is told once all the same.
  await store.pool.query(`select pg_terminate_backend(pid) from (${LOCK_WAITERS}) as waiter`);
  await vi.waitFor(() => expect(told).toHaveLength(2), PATIENCE);
  await first.close();
  await second.append(frame(2));
  expect(second.standby).toBe(false);
  expect(told).toEqual([
    expect.stringMatching(/^warn: another process leads the journal/),
    expect.stringMatching(/^warn: journal is not ready/),
    "info: journal is ready, this process leads",
  ]);
});

test.each([
  { lockWaitLongMs: 60_000, standby: false },
  { lockWaitLongMs: 20, standby: true },
])(
  "a journal that has led stands by only when the lock stays taken for long ($lockWaitLongMs ms: $standby)",
  async ({ lockWaitLongMs, standby }) => {
    const journal = await openJournal(database.url, PENDING_BYTES_MAX, { lockWaitLongMs });
    await journal.append(frame(1));
    const store = await openStore(database.url);
    const usurper = await store.pool.connect();
    const taken = usurper.query("select pg_advisory_lock(7411820002)");
    await store.pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'journal' and datname = current_database()",
    );
    await taken;
    await vi.waitFor(async () => expect((await store.pool.query(LOCK_WAITERS)).rowCount).toBe(1), PATIENCE);
    await vi.waitFor(() => expect(journal.standby).toBe(standby), PATIENCE);
    usurper.release(true);
    await journal.append(frame(2));
    expect(journal.standby).toBe(false);
  },
);

test("a server that does not keep what it confirms is told as an error, once", async () => {
  const errors: string[] = [];
  const log: PostgresJournalOptions["log"] = (line, level) => void (level === "error" && errors.push(line));
  // The server of the tests runs so.
  const journal = await openJournal(database.url, PENDING_BYTES_MAX, { log });
  await journal.append(frame(1));
  const store = await openStore(database.url);
  await store.pool.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'journal' and datname = current_database()",
  );
  await journal.append(frame(2));
  expect(errors).toEqual([expect.stringContaining("fsync and full_page_writes off")]);
});

test("limits that a server sets for sessions end neither a journal that is idle nor one that waits", async () => {
  const store = await openStore(database.url);
  const name = new URL(database.url).pathname.slice(1);
  for (const limit of ["idle_session_timeout", "transaction_timeout", "statement_timeout", "lock_timeout"])
    await store.pool.query(`alter database ${name} set ${limit} = '300ms'`);
  const leader = await openJournal(database.url);
  await leader.append(frame(1));
  const waiter = await openJournal(database.url);
  await vi.waitFor(async () => expect((await store.pool.query(LOCK_WAITERS)).rowCount).toBe(1), PATIENCE);
  // Sessions that begin later are over, one after the other.
  for (let round = 0; round < 2; round++) {
    const [idle, busy] = [new pg.Client(database.url), new pg.Client(database.url)];
    for (const client of [idle, busy]) client.on("error", () => undefined);
    await Promise.all([idle.connect(), busy.connect()]);
    const ended = new Promise((resolve) => idle.once("end", resolve));
    await expect(busy.query("select pg_sleep(60)")).rejects.toMatchObject({ code: expect.any(String) });
    await ended;
    await busy.end();
  }
  expect([leader, waiter].map((one) => one.stats().lostConnections)).toEqual([0, 0]);
  expect([leader.ready, waiter.ready]).toEqual([true, false]);
});

test("a database that is away is no standby", async () => {
  const away = await openJournal("postgres://nobody@127.0.0.1:1/none", PENDING_BYTES_MAX, { lockWaitLongMs: 1 });
  await vi.waitFor(() => expect(away.stats().lostConnections).toBeGreaterThan(1), PATIENCE);
  expect([away.ready, away.standby]).toEqual([false, false]);
});

test("a journal whose connection is cut gives the lock up and gets it again", async () => {
  const journal = await openJournal(database.url);
  const first = await journal.append(frame(1));
  const store = await openStore(database.url);
  const cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'journal'";
  const appended: Promise<number>[] = [];
  for (let round = 0; round < 5; round++) {
    for (let deviceId = 0; deviceId < 50; deviceId++) appended.push(journal.append(frame(deviceId, `${round}`)));
    await store.pool.query(`${cut} and datname = current_database()`);
  }
  const seqs = await Promise.all(appended);
  expect(Math.min(...seqs)).toBeGreaterThan(first);
  expect((await readAll(database.url)).map((one) => one.seq)).toEqual([first, ...seqs].sort((a, b) => a - b));
});

test("an append resolves when the server has confirmed its commit, not before", async () => {
  const proxy = await openProxy(database.url);
  const journal = await openJournal(proxy.url);
  await journal.append(frame(1));
  const { asked, release } = proxy.hold();
  let outcome: number | "pending" = "pending";
  const appended = journal.append(frame(2)).then((seq) => {
    outcome = seq;
  });
  await asked;
  // The server has committed by now and said so; nobody has heard it.
  await vi.waitFor(async () => expect(await readAll(database.url)).toHaveLength(2), PATIENCE);
  expect([outcome, journal.pendingFrames]).toEqual(["pending", 1]);
  release();
  await appended;
  expect(outcome).toBe(2);
});

test("a commit whose answer was lost is found again, not repeated", async () => {
  const proxy = await openProxy(database.url);
  const journal = await openJournal(proxy.url);
  const first = await journal.append(frame(1));
  for (let round = 1; round <= 3; round++) {
    proxy.swallowNextAnswer();
    // By partition, not as they came.
    expect(await Promise.all([journal.append(frame(3)), journal.append(frame(2))])).toEqual([
      first + round * 2,
      first + round * 2 - 1,
    ]);
  }
  expect(journal.stats().lostConnections).toBe(3);
  expect((await readAll(database.url)).map((one) => one.deviceId)).toEqual([1, 2, 3, 2, 3, 2, 3]);
});

test("a full journal refuses, and accepts again when frames have been committed", async () => {
  const away = await openJournal("postgres://nobody@127.0.0.1:1/none", 1_000);
  const first = away.append(frame(1));
  first.catch(() => undefined);
  const second = away.append(frame(2));
  second.catch(() => undefined);
  const third = away.append(frame(3));
  third.catch(() => undefined);
  await expect(away.append(frame(4))).rejects.toMatchObject({ code: "JOURNAL_FULL" });
  expect([away.ready, away.pendingFrames]).toEqual([false, 3]);

  const journal = await openJournal(database.url, 1_000);
  await Promise.all([1, 2, 3].map((deviceId) => journal.append(frame(deviceId))));
  expect(await journal.append(frame(4))).toBeGreaterThan(0);
});

test("closing commits what waits, and refuses what comes after", async () => {
  const journal = await openJournal(database.url, PENDING_BYTES_MAX, { closePatienceMs: 30_000 });
  const pending = [1, 2, 3].map((deviceId) => journal.append(frame(deviceId)));
  await journal.close();
  expect(await Promise.all(pending)).toHaveLength(3);
  await expect(journal.append(frame(4))).rejects.toMatchObject({ code: "JOURNAL_CLOSED" });
  expect(await readAll(database.url)).toHaveLength(3);
});

test("closing while the database is away rejects what waits", async () => {
  const journal = await openJournal("postgres://nobody@127.0.0.1:1/none");
  const pending = journal.append(frame(1));
  const rejected = expect(pending).rejects.toMatchObject({ code: "JOURNAL_CLOSED" });
  await journal.close();
  await rejected;
});

test("a frame that the database can't hold is refused alone", async () => {
  const journal = await openJournal(database.url);
  const bad: NewFrame = { ...frame(7), remoteAddress: "10.0.0.1\0" };
  const outcomes = await Promise.allSettled(
    [frame(1), frame(2), bad, frame(3), { ...frame(4), deviceId: 2 ** 40 }].map((one) => journal.append(one)),
  );
  expect(outcomes.map((one) => one.status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled", "rejected"]);
  expect(outcomes[2]).toMatchObject({ reason: { code: "JOURNAL_FRAME" } });
  expect((await readAll(database.url)).map((one) => one.deviceId).sort()).toEqual([1, 2, 3]);
  expect([journal.ready, journal.pendingFrames]).toEqual([true, 0]);
});

test("every append that resolved is stored once when PostgreSQL is killed in the middle of appends", async () => {
  const folder = await mkdtemp(join(tmpdir(), "telematics-journal-"));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const server = await openEmbeddedPostgres({ dataDir: folder });
  closers.push(() => server.close());
  await migrate(server.url);
  const told: string[] = [];
  const log: PostgresJournalOptions["log"] = (line, level) => void (level === "error" && told.push(line));
  const journal = await openJournal(server.url, PENDING_BYTES_MAX, { log });
  const resolved = new Map<string, number>();
  let appending = true;
  const session = async (deviceId: number) => {
    for (let count = 0; appending; count++) {
      const text = `${deviceId}/${count}`;
      resolved.set(text, await journal.append(frame(deviceId, text)));
    }
  };
  const sessions = Array.from({ length: 30 }, (_, deviceId) => session(deviceId));
  for (let kill = 0; kill < 2; kill++) {
    const before = resolved.size;
    await vi.waitFor(() => expect(resolved.size).toBeGreaterThan(before + 300), PATIENCE);
    process.kill(server.processId, "SIGKILL");
    await vi.waitFor(() => expect(journal.ready).toBe(false), PATIENCE);
    await vi.waitFor(() => expect(journal.ready).toBe(true), PATIENCE);
  }
  appending = false;
  expect(told).toEqual([]);
  await Promise.all(sessions);
  const stored = await readAll(server.url);
  expect(stored).toHaveLength(resolved.size);
  expect(new Map(stored.map((one) => [Buffer.from(one.bytes).toString(), one.seq]))).toEqual(resolved);
});
