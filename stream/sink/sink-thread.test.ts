import { pino } from "pino";
import { Gauge, Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openInfluxWriter } from "./influx-writer.ts";
import { openMetricsSink } from "./metrics-sink.ts";
import { openRecordingServer, type RecordingServer } from "./recording-server.ts";
import { openSinkFixture, type SinkFixture, until } from "./sink-fixture.ts";
import { openSinkThread } from "./sink-thread.ts";

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

const log = pino({ level: "silent" });
const target = () => ({ url: server.url, token: "secret", org: "o", bucket: "b" });

test("the sink runs in a thread of its own, is counted outside, and ends when asked", async () => {
  const ids = await fixture.storeFixes(30);
  const registry = new Registry();
  const settings = { databaseUrl: fixture.url, target: target(), retentionDays: 60, logLevel: "silent" };
  const thread = openSinkThread(settings, { log, registry });
  await until(() => server.points.size >= 30);
  expect(server.fixIds().toSorted()).toEqual(ids.toSorted());
  await thread.close();
  expect(await registry.metrics()).toContain("sink_fixes_total 30");
  expect(await registry.metrics()).toContain("sink_sending 0");
});

test("readings of the metrics wait for a server that is away and keep their times", async () => {
  const registry = new Registry();
  new Gauge({ name: "gateway_sessions", help: "s", registers: [registry] }).set(3);
  server.judge(() => (server.requests.length < 4 ? { status: 503 } : undefined));
  const writer = openInfluxWriter(target());
  let nowMs = 0;
  const now = () => ++nowMs;
  const tags = { host: "h" };
  const sink = openMetricsSink({ registry, write: writer.write, tags, log, now, intervalMs: 5 });
  await until(() => server.points.size >= 4);
  await sink.close();
  await writer.close();
  const times = [...server.points.values()].map(({ timeNs }) => timeNs);
  expect(times.slice(0, 4)).toEqual(["1000000", "2000000", "3000000", "4000000"]);
  const point = [...server.points.values()][0];
  expect(point).toMatchObject({ measurement: "gateway", tags: { host: "h" }, fields: { gateway_sessions: 3 } });
});
