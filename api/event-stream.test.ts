import { get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { openDatabase } from "#store/database.ts";
import { openTestApi, settleFeeds, storeEvents, storeFixes, TEST_NOW_MS, type TestApi } from "./testing.ts";

const STREAMS_MAX = 3;

let api: TestApi;
let port: number;
let secret: string;
const readers: Reader[] = [];

beforeAll(async () => {
  api = await openTestApi({ limits: { streamHeartbeatMs: 50, streamPollMs: 5_000, streamsPerKeyMax: STREAMS_MAX } });
  await api.app.listen({ host: "127.0.0.1", port: 0 });
  port = portOf(api);
  secret = await api.key({ fleetId: 1 });
});

afterEach(async () => {
  for (const reader of readers.splice(0)) reader.close();
  await settleFeeds(api.database);
});

afterAll(() => api?.close());

type Message = { id: string; event: string | undefined; data: string | undefined };
type Reader = {
  status: number;
  messages: Message[];
  /** The last id seen, on a heartbeat too. */
  lastId: () => string | undefined;
  response: IncomingMessage;
  closed: Promise<void>;
  close: () => void;
};

/** A client on a real socket. */
function follow(path: string, headers: Record<string, string> = {}, key = secret, at = port): Promise<Reader> {
  return new Promise((resolve, reject) => {
    const options = { port: at, path, agent: false as const, headers: { authorization: `Bearer ${key}`, ...headers } };
    const request = get(options, (response) => {
      const messages: Message[] = [];
      let text = "";
      let lastId: string | undefined;
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        const parts = (text + chunk).split("\n\n");
        text = parts.pop()!;
        for (const part of parts) {
          const field = (name: string) => part.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1];
          lastId = field("id") ?? lastId;
          if (field("data") !== undefined) {
            messages.push({ id: lastId!, event: field("event"), data: field("data") });
          }
        }
      });
      const closed = new Promise<void>((done) => response.once("close", done));
      response.on("error", () => undefined);
      const close = () => request.destroy();
      const reader = { status: response.statusCode!, messages, lastId: () => lastId, response, closed, close };
      readers.push(reader);
      resolve(reader);
    });
    request.on("error", reject);
  });
}

const portOf = ({ app }: TestApi) => (app.server.address() as AddressInfo).port;
const eventually = <T>(read: () => T) => expect.poll(read, { interval: 20 });
const eventIds = (reader: Reader) => reader.messages.map((message) => JSON.parse(message.data!).id);

async function announce(ids: string[], fleetId = 1): Promise<void> {
  await storeEvents(
    api.database,
    fleetId,
    ids.map((id) => ({ id })),
  );
  api.stored();
}

test("a stream begins now and names each message by its type", async () => {
  await announce(["before"]);
  await settleFeeds(api.database);
  const reader = await follow("/v1/events/stream");
  expect(reader.response.headers["content-type"]).toContain("text/event-stream");
  await eventually(reader.lastId).toBeDefined();
  await announce(["after"]);
  await eventually(() => eventIds(reader)).toEqual(["after"]);
  expect(reader.messages[0]!.event).toBe("device.connected");
});

test("a stream that would not look by itself for an hour is woken by what is stored", async () => {
  const patient = await openTestApi({ limits: { streamHeartbeatMs: 3_600_000, streamPollMs: 3_600_000 } });
  await patient.app.listen({ host: "127.0.0.1", port: 0 });
  const reader = await follow("/v1/events/stream", {}, await patient.key(), portOf(patient));
  await eventually(reader.lastId).toBeDefined();
  for (const id of ["first", "second"]) {
    await storeEvents(patient.database, 1, [{ id }]);
    // What others on the server have open hides a commit, and is waited for only so long.
    await settleFeeds(patient.database);
    patient.stored();
    await eventually(() => eventIds(reader).at(-1)).toBe(id);
  }
  await patient.close();
});

test("a reader that went away resumes with Last-Event-ID: nothing is lost and nothing comes twice", async () => {
  const first = await follow("/v1/events/stream");
  await eventually(first.lastId).toBeDefined();
  const ids = Array.from({ length: 30 }, (_, n) => `resumed ${n}`);
  await announce(ids.slice(0, 10));
  await eventually(() => first.messages.length).toBe(10);
  first.close();
  // Resume in the middle of what was received: at the fourth message.
  await announce(ids.slice(10, 20));
  const second = await follow("/v1/events/stream", { "last-event-id": first.messages[3]!.id });
  await eventually(() => second.messages.length).toBe(16);
  await announce(ids.slice(20));
  await eventually(() => second.messages.length).toBe(26);
  expect([...eventIds(first).slice(0, 4), ...eventIds(second)]).toEqual(ids);
});

test("a heartbeat moves the place of a quiet reader on and the feed takes the same cursor", async () => {
  const reader = await follow("/v1/events/stream");
  await eventually(reader.lastId).toBeDefined();
  const start = reader.lastId();
  await announce(["of another fleet"], await api.fleet());
  await eventually(reader.lastId).not.toBe(start);
  await announce(["of the feed"]);
  await eventually(() => eventIds(reader)).toEqual(["of the feed"]);
  const feed = (await api.call(secret, "GET", `/v1/feeds/events?after=${start}`)).json();
  expect(feed.data.map((event: { id: string }) => event.id)).toEqual(["of the feed"]);
  const rest = (await api.call(secret, "GET", `/v1/feeds/events?after=${reader.messages[0]!.id}`)).json();
  expect(rest.data).toEqual([]);
});

test("the fixes of the fleet can be followed too", async () => {
  const mine = await api.device(1, "followed");
  const theirs = await api.device(await api.fleet(), "not followed");
  const reader = await follow("/v1/events/stream?feed=fixes");
  await eventually(reader.lastId).toBeDefined();
  await storeFixes(api.database, [
    { deviceId: theirs, fixId: 5001, timeMs: TEST_NOW_MS },
    { deviceId: mine, fixId: 5002, timeMs: TEST_NOW_MS },
  ]);
  api.stored();
  await eventually(() => reader.messages.map((message) => message.event)).toEqual(["fix"]);
  expect(JSON.parse(reader.messages[0]!.data!)).toMatchObject({ id: "5002", deviceUid: "followed" });
});

test("a commit that older open transactions hide is delivered when those are over", async () => {
  const reader = await follow("/v1/events/stream");
  await eventually(reader.lastId).toBeDefined();
  const older = await api.database.pool.connect();
  try {
    await older.query("begin");
    await older.query("select pg_current_xact_id()");
    await announce(["hidden at first"]);
    expect(eventIds(reader)).toEqual([]);
  } finally {
    await older.query("commit");
    older.release();
  }
  await eventually(() => eventIds(reader)).toEqual(["hidden at first"]);
});

test("a reader that takes nothing is closed, and resumes where it was", async () => {
  // A process beside the other, that has no patience; the reader comes back to the other.
  const database = await openDatabase({ url: api.database.url, applicationName: "api test, impatient" });
  const impatient = await openTestApi({ database, limits: { streamHeartbeatMs: 50, streamStalledMsMax: 1 } });
  await impatient.app.listen({ host: "127.0.0.1", port: 0 });
  const reader = await follow("/v1/events/stream", {}, secret, portOf(impatient));
  await eventually(reader.lastId).toBeDefined();
  const start = reader.lastId()!;
  reader.response.pause();
  const events = Array.from({ length: 100 }, (_, n) => ({ id: `slow ${n}`, data: { filler: "x".repeat(200_000) } }));
  await storeEvents(api.database, 1, events);
  impatient.stored();
  const ends = async () => {
    const metric = await impatient.registry.getSingleMetric("api_event_streams_ended_total")!.get();
    return metric.values.find((value) => value.labels.reason === "stalled")?.value;
  };
  await eventually(ends).toBe(1);
  reader.response.resume();
  await reader.closed;
  const received = eventIds(reader);
  expect(received.length).toBeLessThan(events.length);

  const resumed = await follow("/v1/events/stream", { "last-event-id": reader.messages.at(-1)?.id ?? start });
  await eventually(() => received.length + resumed.messages.length).toBe(events.length);
  expect([...received, ...eventIds(resumed)]).toEqual(events.map((event) => event.id));
  await impatient.close();
});

test("a stream ends when its key is revoked", async () => {
  const key = await api.key({ fleetId: 1 });
  const reader = await follow("/v1/events/stream", {}, key);
  await eventually(reader.lastId).toBeDefined();
  await api.database.pool.query("update api_key set revoked_at = now() where prefix = $1", [key.slice(0, 12)]);
  await reader.closed;
});

test("a key may hold only so many streams open", async () => {
  const key = await api.key({ fleetId: 1 });
  for (let n = 0; n < STREAMS_MAX; n++) expect((await follow("/v1/events/stream", {}, key)).status).toBe(200);
  expect((await follow("/v1/events/stream", {}, key)).status).toBe(429);
  readers[readers.length - 2]!.close();
  await eventually(async () => (await follow("/v1/events/stream", {}, key)).status).toBe(200);
});

test("closing the server ends every stream", async () => {
  const closing = await openTestApi();
  await closing.app.listen({ host: "127.0.0.1", port: 0 });
  const reader = await follow("/v1/events/stream", {}, await closing.key(), portOf(closing));
  await closing.close();
  await reader.closed;
});
