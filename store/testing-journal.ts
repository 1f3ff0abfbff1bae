import { afterEach, beforeEach } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import type { JournalFrame, NewFrame } from "./journal.ts";
import { openJournalReader } from "./journal-reader.ts";
import { openPostgresJournal, type PostgresJournal, type PostgresJournalOptions } from "./postgres-journal.ts";
import { openSequencer, type Sequencer } from "./sequencer.ts";
import { openTestDatabase, type TestDatabase } from "./testing.ts";
import { openTestProxy, type TestProxy } from "./testing-proxy.ts";

const PENDING_BYTES_MAX = 50_000_000;
const RECEIVED_AT_MS = 1_790_000_000_123;
/** For what takes as long as it takes. */
export const PATIENCE = { timeout: 50_000, interval: 10 };

export type JournalFixture = {
  /** Of the test's own database. */
  readonly url: string;
  openJournal(url: string, options?: Partial<PostgresJournalOptions>): Promise<PostgresJournal>;
  openStore(url: string): Promise<Database>;
  openProxy(url: string): Promise<TestProxy>;
  /** Every frame of every partition, read up to `limit` at a time. */
  readAll(url: string, limit?: number): Promise<JournalFrame[]>;
  closeAfter(close: () => Promise<unknown>): void;
};

/** A database for every test of a file, and what the test opens: all is closed after it, the last first. */
export function journalFixture(): JournalFixture {
  let database: TestDatabase;
  const closers: (() => Promise<unknown>)[] = [];
  const closing = <T extends { close(): Promise<unknown> }>(opened: T): T => {
    closers.push(() => opened.close());
    return opened;
  };
  beforeEach(async () => {
    database = closing(await openTestDatabase());
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  return {
    get url() {
      return database.url;
    },
    openJournal: async (url, options = {}) =>
      closing(
        await openPostgresJournal({ url, pendingBytesMax: PENDING_BYTES_MAX, closePatienceMs: 1_000, ...options }),
      ),
    openStore: async (url) => closing(await openDatabase({ url, applicationName: "test", connectionsMax: 2 })),
    openProxy: async (url) => closing(await openTestProxy(url)),
    readAll: async (url, limit = 1_000) => {
      const store = await openDatabase({ url, applicationName: "test", connectionsMax: 1 });
      try {
        return await readAll(store, limit);
      } finally {
        await store.close();
      }
    },
    closeAfter: (close) => void closers.push(close),
  };
}

async function readAll(store: Database, limit: number): Promise<JournalFrame[]> {
  const reader = openJournalReader(store);
  const cursors = new Map(Array.from({ length: 16 }, (_, partition) => [partition, 0]));
  const all: JournalFrame[] = [];
  for (;;) {
    const read = await reader.read(cursors, limit);
    if (read.length === 0) return all;
    for (const one of read) cursors.set(one.partition, one.seq);
    all.push(...read);
  }
}

export function testFrame(deviceId: number, text = `frame of ${deviceId}`): NewFrame {
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

/** A sequencer that nobody listens to. */
export async function openTestSequencer(url: string): Promise<Sequencer> {
  return await openSequencer(url, new AbortController().signal, {
    ...{ lost: () => undefined, waits: () => undefined, unsafe: () => undefined },
    longWaitMs: 1_000,
  });
}
