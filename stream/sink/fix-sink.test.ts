import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { claimSink } from "#store/sinks.ts";
import { openRecordingServer, type RecordingServer } from "./recording-server.ts";
import { cursorOf, openSinkFixture, SINK_START_MS, type SinkFixture, until } from "./sink-fixture.ts";

let fixture: SinkFixture;
let server: RecordingServer;

beforeEach(async () => {
  fixture = await openSinkFixture();
  server = await openRecordingServer();
});

afterEach(async () => {
  await fixture?.close();
  await server?.close();
});

const arrived = (ids: readonly string[]) => until(() => server.points.size >= ids.length);
const sorted = (ids: readonly string[]) => ids.toSorted((a, b) => Number(a) - Number(b));

test("every fix arrives once, in batches, under the names that the README gives", async () => {
  const ids = await fixture.storeFixes(230);
  fixture.start(server.url);
  await arrived(ids);
  expect(sorted(server.fixIds())).toEqual(ids);
  expect(server.requests).toHaveLength(5);
  expect(server.requests.map(({ lines }) => lines.length)).toEqual([50, 50, 50, 50, 30]);
  const [request] = server.requests;
  expect([request!.path, request!.token]).toEqual([
    "/api/v2/write?org=o%20g&bucket=b%26b&precision=ns",
    "Token secret",
  ]);
  const timeMs = SINK_START_MS + 1_000;
  expect([...server.points.values()].find(({ fields }) => fields.id === "1024")).toEqual({
    measurement: "fix",
    tags: { device: "device 2", protocol: "teltonika", fleet: "1" },
    fields: {
      ...{ id: "1024", kind: "fix", valid: true, late: false, buffered: false },
      ...{ lat: 41.5, lon: -8.25, receiveDelayS: -1, ignition: true },
    },
    timeNs: `${timeMs}001024`,
  });
});

test("fixes stored later follow, also after a stop, and nothing is sent twice when all goes well", async () => {
  const first = await fixture.storeFixes(60);
  const sink = fixture.start(server.url);
  await arrived(first);
  await fixture.storeFixes(10);
  await until(() => fixture.tally.sent === 70);
  await sink.close();
  const ids = await fixture.storeFixes(40);
  fixture.start(server.url);
  await arrived(ids);
  expect(sorted(server.fixIds())).toEqual(ids);
  expect(server.requests.flatMap(({ lines }) => lines)).toHaveLength(ids.length);
});

test("errors, resets and requests without an answer are repeated until every fix is there", async () => {
  const faults = [{ status: 500 }, "reset", "hang", { status: 503 }, { status: 401 }, "stored"] as const;
  let asked = 0;
  server.judge(() => (asked % 2 === 0 ? faults[(asked++ / 2) % faults.length] : void asked++));
  const ids = await fixture.storeFixes(400);
  fixture.start(server.url, { requestMsMax: 2_000 });
  await arrived(ids);
  expect(sorted(server.fixIds())).toEqual(ids);
  expect(fixture.tally.failures).toBeGreaterThanOrEqual(8);
});

test("a server that asks for patience is left alone for as long as it says", async () => {
  server.judge(() => (server.requests.length === 1 ? { status: 429, headers: { "retry-after": "1" } } : undefined));
  const ids = await fixture.storeFixes(5);
  fixture.start(server.url);
  await arrived(ids);
  const [first, second] = server.requests;
  expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(990);
});

test("an outage is caught up with, and the cursor stands still during it", async () => {
  await fixture.storeFixes(120);
  // Nothing listens on port 1 of the loopback interface.
  const sink = fixture.start("http://127.0.0.1:1");
  await until(() => fixture.tally.failures >= 3);
  const ids = await fixture.storeFixes(120);
  expect(await cursorOf(fixture.database)).toEqual({ xid: "0", id: "0" });
  expect(fixture.logged.filter(({ msg }) => msg.includes("does not take"))).toHaveLength(1);
  await sink.close();
  fixture.start(server.url);
  await arrived(ids);
  expect(sorted(server.fixIds())).toEqual(ids);
});

test("a sink that is killed between sending and saving sends again, and the points are the same", async () => {
  const blocker = new pg.Client({ connectionString: fixture.url });
  await blocker.connect();
  const sink = fixture.start(server.url);
  await until(async () => (await cursorOf(fixture.database)) !== undefined);
  await blocker.query("begin");
  // Nobody can write; unlike a stronger lock it takes no transaction id, which would hold back the feed.
  await blocker.query("lock table sink_cursor in share mode");
  const ids = await fixture.storeFixes(50);
  await arrived(ids);
  const killed = await blocker.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'influx sink' and datname = current_database()",
  );
  expect(killed.rows).toHaveLength(1);
  await blocker.query("rollback");
  await blocker.end();
  await until(() => server.requests.flatMap(({ lines }) => lines).length >= 100);
  const more = await fixture.storeFixes(10);
  await arrived(more);
  await sink.close();
  expect(sorted(server.fixIds())).toEqual(more);
  expect(fixture.tally.restarts).toBe(1);
});

test("only the process that holds the claim sends; the next takes over where it stood", async () => {
  const other = new pg.Client({ connectionString: fixture.url });
  await other.connect();
  expect(await claimSink(other, "influx")).toBe(true);
  const ids = await fixture.storeFixes(10);
  const idle = fixture.start(server.url);
  await until(async () => {
    const { rows } = await fixture.database.pool.query(
      "select from pg_stat_activity where application_name = 'influx sink' and query like '%try_advisory%' and state = 'idle' and datname = current_database()",
    );
    return rows.length > 0;
  });
  expect(server.requests).toEqual([]);
  await other.end();
  await arrived(ids);
  await idle.close();
  expect(sorted(server.fixIds())).toEqual(ids);
});

test("a cursor older than the feed keeps is reported and everything kept is sent", async () => {
  const ids = await fixture.storeFixes(20);
  await fixture.database.pool.query(
    "insert into sink_cursor values ('influx', (select max(commit_xid) from fix), 10240, now() - interval '61 days')",
  );
  fixture.start(server.url);
  await arrived(ids);
  expect(sorted(server.fixIds())).toEqual(ids);
  expect(fixture.tally.cursorsExpired).toBe(1);
  expect(fixture.logged).toContainEqual(
    expect.objectContaining({ level: 50, isForeign: false, msg: expect.stringContaining("older than what the feed") }),
  );
});

test("a cursor from another database server does not silence the sink", async () => {
  const ids = await fixture.storeFixes(20);
  await fixture.database.pool.query("insert into sink_cursor values ('influx', 9000000000000000, 1, now())");
  fixture.start(server.url);
  await arrived(ids);
  expect(fixture.logged).toContainEqual(expect.objectContaining({ level: 50, isForeign: true }));
});

test("one fix that the server refuses neither stops nor takes others; its own fields are kept", async () => {
  await fixture.storeFixes(30);
  await fixture.storeFixes(1, { poison: "pill" });
  const ids = await fixture.storeFixes(30);
  server.judge((lines) => (lines.some((line) => line.includes("poison")) ? { status: 422, body: "no" } : undefined));
  fixture.start(server.url);
  await arrived(ids);
  expect(sorted(server.fixIds())).toEqual(ids);
  expect([fixture.tally.reduced, fixture.tally.refused]).toEqual([1, 0]);
});

test("a fix refused in every form is given up loudly; one that the bucket no longer keeps is counted", async () => {
  const ids = await fixture.storeFixes(30);
  server.judge((lines) => {
    if (lines.some((line) => line.includes('id="5120"'))) return { status: 400, body: "no" };
    if (lines.length === 30) throw new Error("the fix with id 5120 is missing");
    return undefined;
  });
  const sink = fixture.start(server.url);
  await until(() => server.points.size === 29 && fixture.tally.refused === 1);
  expect(sorted(server.fixIds())).toEqual(ids.filter((id) => id !== "5120"));
  expect(fixture.logged).toContainEqual(expect.objectContaining({ level: 50, reason: expect.stringContaining("400") }));
  await fixture.storeFixes(5);
  server.judge(() => ({ status: 422, body: "partial write: points beyond retention policy dropped=3" }));
  await until(() => fixture.tally.expiredThere === 3);
  expect(fixture.tally.sent).toBe(31);
  await sink.close();
});
