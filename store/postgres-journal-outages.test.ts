import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { expect, test, vi } from "vitest";
import { openEmbeddedPostgres } from "./embedded.ts";
import { migrate } from "./migrate.ts";
import type { PostgresJournalOptions } from "./postgres-journal.ts";
import { testFrame as frame, journalFixture, PATIENCE } from "./testing-journal.ts";

const LOCK_WAITERS = `select pid from pg_locks where locktype = 'advisory' and not granted
  and database = (select oid from pg_database where datname = current_database())`;

const fixture = journalFixture();

test("a second journal waits until the first lets go, and takes over where it stood", async () => {
  const first = await fixture.openJournal(fixture.url);
  const seq = await first.append(frame(1));
  const second = await fixture.openJournal(fixture.url);
  const pending = second.append(frame(2));
  const store = await fixture.openStore(fixture.url);
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
  const first = await fixture.openJournal(fixture.url);
  await first.append(frame(1));
  const second = await fixture.openJournal(fixture.url, { log, lockWaitLongMs: 50 });
  await vi.waitFor(() => expect(told).toHaveLength(1), PATIENCE);
  expect([first.standby, second.standby]).toEqual([false, true]);
  const store = await fixture.openStore(fixture.url);
  // The wait begins again with another connection; it is told once all the same.
  const cut = `select pg_terminate_backend(pid) from (${LOCK_WAITERS}) as waiter`;
  await vi.waitFor(async () => expect((await store.pool.query(cut)).rowCount).toBe(1), PATIENCE);
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
    const journal = await fixture.openJournal(fixture.url, { lockWaitLongMs });
    await journal.append(frame(1));
    const store = await fixture.openStore(fixture.url);
    const usurper = await store.pool.connect();
    const taken = usurper.query("select pg_advisory_lock(7411820002)");
    const isWaited = async () => expect((await store.pool.query(LOCK_WAITERS)).rowCount).toBe(1);
    await vi.waitFor(isWaited, PATIENCE);
    await store.pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'journal' and datname = current_database()",
    );
    await taken;
    await vi.waitFor(isWaited, PATIENCE);
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
  const journal = await fixture.openJournal(fixture.url, { log });
  await journal.append(frame(1));
  const store = await fixture.openStore(fixture.url);
  await store.pool.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'journal' and datname = current_database()",
  );
  await journal.append(frame(2));
  expect(errors).toEqual([expect.stringContaining("fsync and full_page_writes off")]);
});

test("limits that a server sets for sessions end neither a journal that is idle nor one that waits", async () => {
  const store = await fixture.openStore(fixture.url);
  const name = new URL(fixture.url).pathname.slice(1);
  for (const limit of ["idle_session_timeout", "transaction_timeout", "statement_timeout", "lock_timeout"])
    await store.pool.query(`alter database ${name} set ${limit} = '300ms'`);
  const leader = await fixture.openJournal(fixture.url);
  await leader.append(frame(1));
  const waiter = await fixture.openJournal(fixture.url);
  await vi.waitFor(async () => expect((await store.pool.query(LOCK_WAITERS)).rowCount).toBe(1), PATIENCE);
  const lost = () => [leader, waiter].map((one) => one.stats().lostConnections);
  const before = lost();
  // Sessions that begin later are over, one after the other.
  for (let round = 0; round < 2; round++) {
    const [idle, busy] = [new pg.Client(fixture.url), new pg.Client(fixture.url)];
    for (const client of [idle, busy]) client.on("error", () => undefined);
    const ended = new Promise((resolve) => idle.once("end", resolve));
    await Promise.all([idle.connect(), busy.connect()]);
    await expect(busy.query("select pg_sleep(60)")).rejects.toThrow();
    await ended;
    await busy.end();
  }
  expect(lost()).toEqual(before);
  expect([leader.ready, waiter.ready]).toEqual([true, false]);
});

test("a database that is away is no standby", async () => {
  const away = await fixture.openJournal("postgres://nobody@127.0.0.1:1/none", { lockWaitLongMs: 1 });
  await vi.waitFor(() => expect(away.stats().lostConnections).toBeGreaterThan(1), PATIENCE);
  expect([away.ready, away.standby]).toEqual([false, false]);
});

test("a journal whose connection is cut gives the lock up and gets it again", async () => {
  const journal = await fixture.openJournal(fixture.url);
  const first = await journal.append(frame(1));
  const store = await fixture.openStore(fixture.url);
  const cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'journal'";
  const appended: Promise<number>[] = [];
  for (let round = 0; round < 5; round++) {
    for (let deviceId = 0; deviceId < 50; deviceId++) appended.push(journal.append(frame(deviceId, `${round}`)));
    await store.pool.query(`${cut} and datname = current_database()`);
  }
  const seqs = await Promise.all(appended);
  expect(Math.min(...seqs)).toBeGreaterThan(first);
  expect((await fixture.readAll(fixture.url)).map((one) => one.seq)).toEqual([first, ...seqs].sort((a, b) => a - b));
});

test("an append resolves when the server has confirmed its commit, not before", async () => {
  const proxy = await fixture.openProxy(fixture.url);
  const journal = await fixture.openJournal(proxy.url);
  await journal.append(frame(1));
  const { asked, release } = proxy.hold();
  let outcome: number | "pending" = "pending";
  const appended = journal.append(frame(2)).then((seq) => {
    outcome = seq;
  });
  await asked;
  // The server has committed by now and said so; nobody has heard it.
  await vi.waitFor(async () => expect(await fixture.readAll(fixture.url)).toHaveLength(2), PATIENCE);
  expect([outcome, journal.pendingFrames]).toEqual(["pending", 1]);
  release();
  await appended;
  expect(outcome).toBe(2);
});

test("a commit whose answer was lost is found again, not repeated", async () => {
  const proxy = await fixture.openProxy(fixture.url);
  const journal = await fixture.openJournal(proxy.url);
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
  expect((await fixture.readAll(fixture.url)).map((one) => one.deviceId)).toEqual([1, 2, 3, 2, 3, 2, 3]);
});

test("every append that resolved is stored once when PostgreSQL is killed in the middle of appends", async () => {
  const folder = await mkdtemp(join(tmpdir(), "telematics-journal-"));
  fixture.closeAfter(() => rm(folder, { recursive: true, force: true }));
  const server = await openEmbeddedPostgres({ dataDir: folder });
  fixture.closeAfter(() => server.close());
  await migrate(server.url);
  const told: string[] = [];
  const log: PostgresJournalOptions["log"] = (line, level) => void (level === "error" && told.push(line));
  const journal = await fixture.openJournal(server.url, { log });
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
  const stored = await fixture.readAll(server.url);
  expect(stored).toHaveLength(resolved.size);
  expect(new Map(stored.map((one) => [Buffer.from(one.bytes).toString(), one.seq]))).toEqual(resolved);
}, 300_000);
