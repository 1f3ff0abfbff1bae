import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { findFreePort } from "#store/embedded/server.ts";
import { openSinkFixture, SINK_START_MS, type SinkFixture, until } from "./sink-fixture.ts";

/**
 * The sink against VictoriaMetrics, which speaks the write API of InfluxDB 2 and keeps each numeric field as a series
 * `fix_<field>`.
 */

const BINARY = "victoria-metrics";
const isInstalled = spawnSync(BINARY, ["-version"]).error === undefined;
if (!isInstalled) console.warn(`${BINARY} is not installed: the sink is tested against the recording server only`);

let fixture: SinkFixture | undefined;
let server: ChildProcess | undefined;
let folder: string | undefined;

afterEach(async () => {
  await fixture?.close();
  if (server !== undefined && server.exitCode === null) {
    const ended = new Promise((resolve) => server?.once("exit", resolve));
    server.kill("SIGKILL");
    await ended;
  }
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

function start(port: number): void {
  const settings = [`-storageDataPath=${folder}`, `-httpListenAddr=127.0.0.1:${port}`, "-retentionPeriod=100y"];
  server = spawn(BINARY, [...settings, "-search.disableCache", "-memory.allowedPercent=10"], { stdio: "ignore" });
}

async function kill(): Promise<void> {
  const ended = new Promise((resolve) => server?.once("exit", resolve));
  server?.kill("SIGTERM");
  await ended;
}

type Series = { metric: Record<string, string>; values: number[]; timestamps: number[] };

async function exported(url: string, name: string): Promise<Series[]> {
  await fetch(`${url}/internal/force_flush`);
  const answer = await fetch(`${url}/api/v1/export?match[]=${name}`);
  const text = await answer.text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Series);
}

test.skipIf(!isInstalled)("VictoriaMetrics holds every fix once, also after it was away", async () => {
  folder = await mkdtemp(join(tmpdir(), "telematics-victoria-"));
  fixture = await openSinkFixture();
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  await fixture.storeFixes(120);
  fixture.start(url);
  start(port);
  const count = async () =>
    (await exported(url, "fix_lat").catch(() => [])).reduce((sum, { values }) => sum + values.length, 0);
  await until(async () => (await count()) === 120);
  await kill();
  const failures = fixture.tally.failures;
  await fixture.storeFixes(130);
  await until(() => (fixture?.tally.failures ?? 0) > failures);
  start(port);
  await until(async () => (await count()) === 250);
  const series = await exported(url, "fix_lat");
  expect(series.map(({ metric }) => [metric.device, metric.protocol, metric.fleet]).toSorted()).toEqual(
    [1, 2, 3].map((n) => [`device ${n}`, "teltonika", "1"]),
  );
  const times = series.flatMap(({ timestamps }) => timestamps).toSorted((a, b) => a - b);
  expect(times).toEqual(Array.from({ length: 250 }, (_, n) => SINK_START_MS + (n + 1) * 1_000));
  expect(fixture.tally).toMatchObject({ sent: 250, refused: 0, reduced: 0 });
});
