import { type AddressInfo, connect as connectTcp, createServer } from "node:net";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { connectionSettings } from "#store/database.ts";
import { at, openStreamFixture, type StreamFixture } from "./stream-fixture.ts";

/** Hundreds of batches, each with a connection of its own, take their time on a slow machine. */
const TEST_MS_MAX = 240_000;
/** A batch makes fewer queries than this on its connection, claims and retries included. */
const QUERIES_MAX = 40;

let fixture: StreamFixture;
let expected: Record<string, unknown[]>;

beforeAll(async () => {
  fixture = await openStreamFixture();
  const [first, second, third] = fixture.deviceIds as [number, number, number];
  await fixture.append(first, '{"sessions":1}', { kind: "connected" });
  await fixture.append(first, [at(20), at(10)]);
  await fixture.append(second, [at(1, { attributes: { ignition: true } })]);
  await fixture.append(first, "throw");
  await fixture.append(first, [at(10), at(5), at(30)]);
  await fixture.append(third, [
    { ...at(1), timeMs: 77 },
    { ...at(2), timeMs: null },
  ]);
  await fixture.append(third, [{ ...at(1), timeMs: 77 }]);
  await fixture.append(second, '{"sessions":0}', { kind: "disconnected" });
  await fixture.foldAll();
  expected = await fixture.outcome();
  expect(expected.fix).toHaveLength(7);
});

beforeEach(() => fixture.forget());
afterAll(() => fixture.close());

/** Connections of which the first is cut off at its query number `fatal`: before it is sent, or just after. */
function failingAt(
  fatal: number,
  moment: "before" | "after",
): { connect: () => Promise<pg.Client>; queries: () => number } {
  let queries = 0;
  let connections = 0;
  return {
    queries: () => queries,
    connect: async () => {
      const client = new pg.Client(connectionSettings(fixture.url, "stream-test"));
      await client.connect();
      if (connections++ > 0) return client;
      const query = client.query.bind(client) as (...given: unknown[]) => unknown;
      const cut = () =>
        (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      client.query = ((...given: unknown[]) => {
        queries++;
        if (queries === fatal && moment === "before") cut();
        const result = query(...given);
        // The server has got the query, and nobody learns what became of it.
        if (queries === fatal && moment === "after") setImmediate(cut);
        return result;
      }) as typeof client.query;
      return client;
    },
  };
}

test.each(["before", "after"] as const)(
  "a connection lost %s any of its queries repeats nothing and loses nothing",
  async (moment) => {
    let fatal = 1;
    for (; fatal <= QUERIES_MAX; fatal++) {
      await fixture.forget();
      const { connect, queries } = failingAt(fatal, moment);
      await fixture.foldAll({ connect });
      expect(await fixture.outcome(), `query ${fatal}`).toEqual(expected);
      if (queries() < fatal) break;
    }
    expect(fatal).toBeGreaterThan(8);
    expect(fatal).toBeLessThan(QUERIES_MAX);
  },
  TEST_MS_MAX,
);

test("a journal that can't be read for a while delays the stream and changes nothing", async () => {
  let reads = 0;
  const read: typeof fixture.journal.read = (cursors, limit) =>
    ++reads < 3 ? Promise.reject(new Error("the database is away")) : fixture.journal.read(cursors, limit);
  await fixture.foldAll({ journal: { read } });
  expect(await fixture.outcome()).toEqual(expected);
});

test("a server that shuts down as a stream comes in ends neither the stream nor its process", async () => {
  const target = new URL(fixture.url);
  const { port, hostname } = target;
  // AuthenticationOk, ReadyForQuery and the end of it at once: PostgreSQL manual, "Message Formats".
  const end = Buffer.from("SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0");
  const greeting = Buffer.from(`520000000800000000${"5a0000000549"}45000000${(4 + end.length).toString(16)}`, "hex");
  let connections = 0;
  const server = createServer((client) => {
    client.on("error", () => client.destroy());
    if (++connections === 1) return void client.once("data", () => client.end(Buffer.concat([greeting, end])));
    const real = connectTcp(Number(port), hostname);
    real.on("error", () => client.destroy());
    client.on("close", () => real.destroy());
    client.pipe(real).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  target.port = String((server.address() as AddressInfo).port);
  await fixture.foldAll({ database: { ...fixture.database, url: target.href } });
  expect(connections).toBe(2);
  expect(await fixture.outcome()).toEqual(expected);
  await new Promise((resolve) => server.close(resolve));
});

test(
  "batches of one frame, each commit cut off now and then, end where one batch ends",
  async () => {
    const read: typeof fixture.journal.read = (cursors) => fixture.journal.read(cursors, 1);
    let connections = 0;
    const connect = () => failingAt(++connections % 4 === 0 ? QUERIES_MAX : 7 + connections, "after").connect();
    await fixture.foldAll({ journal: { read }, connect });
    expect(connections).toBeGreaterThan(2);
    expect(await fixture.outcome()).toEqual(expected);
  },
  TEST_MS_MAX,
);

test("a writer whose cursor was moved by another commits nothing of its own", async () => {
  const zombie = await fixture.openWriter(Date.now);
  await zombie.writer.claim();
  await fixture.rows("update stream_cursor set revision = revision + 1");
  await zombie.writer.step();
  await expect(zombie.writer.settle()).rejects.toThrow("another writer moved a cursor");
  expect((await fixture.outcome()).fix).toEqual([]);
  await zombie.close();
});
