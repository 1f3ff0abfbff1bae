import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { afterEach, expect, test } from "vitest";
import { findDecoder } from "#decoders";
import { frameOf } from "#decoders/owntracks/index.ts";
import { openCommandBench } from "../commands/test-bench.ts";
import { closeTestGateways, FakeJournal, hex, openTestGateway, pause, until } from "../test-gateway.ts";
import { location, phoneOf } from "./test-phones.ts";

/** The client of an external broker against a real Mosquitto, where one is installed. */

const TOPIC = "owntracks/ana/phone";
const mosquitto = findMosquitto();
if (mosquitto === undefined) console.warn("skipped: no mosquitto is installed");
const testWithBroker = test.skipIf(mosquitto === undefined);

const brokers: ChildProcess[] = [];
const clients: MqttClient[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.end(true);
  await closeTestGateways();
  for (const broker of brokers.splice(0)) broker.kill("SIGKILL");
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

testWithBroker("a message is acknowledged to the broker only when its frame is committed", async () => {
  const url = await openMosquitto();
  const journal = new FakeJournal();
  await openUpstreamGateway(url, journal);
  const phone = await connectPhone(url);
  journal.hold();
  await phone.publishAsync(TOPIC, location(1), { qos: 1 });
  await until(() => journal.pendingFrames === 1);
  await closeTestGateways();

  // The commit was never seen: the broker delivers again to the next gateway, which has the same client id.
  const next = new FakeJournal();
  await openUpstreamGateway(url, next);
  await until(() => next.frames().length === 1);
  expect(next.frames()).toEqual([hex(frameOf(TOPIC, Buffer.from(location(1))))]);
  await pause();
  await closeTestGateways();

  const last = new FakeJournal();
  await openUpstreamGateway(url, last);
  await phone.publishAsync(TOPIC, location(2), { qos: 1 });
  await until(() => last.frames().length > 0);
  expect(last.frames()).toEqual([hex(frameOf(TOPIC, Buffer.from(location(2))))]);
});

testWithBroker(
  "a message that could not be committed comes again, without the gateway being started again",
  async () => {
    const url = await openMosquitto();
    const journal = new FakeJournal();
    await openUpstreamGateway(url, journal);
    const phone = await connectPhone(url);
    journal.failWith = new Error("no commit");
    await phone.publishAsync(TOPIC, location(1), { qos: 1 });
    await pause();
    journal.failWith = undefined;
    await until(() => journal.frames().length > 0);
    expect(journal.frames()).toEqual([hex(frameOf(TOPIC, Buffer.from(location(1))))]);
  },
);

testWithBroker("a gateway that stands by leaves the broker to the one that leads, and takes over from it", async () => {
  const url = await openMosquitto();
  const leader = new FakeJournal();
  const first = await openUpstreamGateway(url, leader);
  const follower = new FakeJournal();
  Object.assign(follower, { ready: false, standby: true });
  const second = await openUpstreamGateway(url, follower, false);
  const phone = await connectPhone(url);
  await phone.publishAsync(TOPIC, location(1), { qos: 1 });
  await until(() => leader.frames().length === 1);
  expect(await second.metric("gateway_upstream_connected", {})).toBe(0);
  Object.assign(leader, { ready: false, standby: true });
  await untilConnected(first, 0);
  Object.assign(follower, { ready: true, standby: false });
  await untilConnected(second, 1);
  await phone.publishAsync(TOPIC, location(2), { qos: 1 });
  await until(() => follower.frames().length === 1);
  expect(leader.frames()).toHaveLength(1);
});

testWithBroker(
  "a phone gets its command through the broker when it is heard, and its answer is the command's",
  async () => {
    const url = await openMosquitto();
    const bench = await openCommandBench();
    try {
      const deviceId = await bench.register("ana/phone", "owntracks");
      const id = await bench.queue(deviceId, "owntracks", "reportLocation");
      await bench.openGateway({ mqttUpstreamUrl: url });
      const phone = await connectPhone(url);
      await phone.subscribeAsync(`${TOPIC}/cmd`, { qos: 1 });
      const heard: string[] = [];
      phone.on("message", (_topic, payload) => {
        heard.push(payload.toString());
        const asked = { ...JSON.parse(location(2)), t: "r" };
        void phone.publishAsync(TOPIC, JSON.stringify(asked), { qos: 1 });
      });
      await until(async () => {
        await phone.publishAsync(TOPIC, location(1), { qos: 1 });
        return (await bench.read(id)).state !== "queued";
      });
      expect(await bench.reaches(id, "answered")).toMatchObject({ result: "ok", attempts: 1 });
      expect(heard.map((text) => JSON.parse(text))).toEqual([{ _type: "cmd", action: "reportLocation" }]);
    } finally {
      await bench.close();
    }
  },
);

testWithBroker("what was published while the gateway was away comes when it is back", async () => {
  const url = await openMosquitto();
  await openUpstreamGateway(url, new FakeJournal());
  const phone = await connectPhone(url);
  await closeTestGateways();
  for (let tst = 1; tst <= 50; tst += 1) await phone.publishAsync(TOPIC, location(tst), { qos: 1 });
  const journal = new FakeJournal();
  await openUpstreamGateway(url, journal);
  await until(() => journal.frames().length === 50);
  const expected = Array.from({ length: 50 }, (_, index) => hex(frameOf(TOPIC, Buffer.from(location(index + 1)))));
  expect(journal.frames()).toEqual(expected);
});

testWithBroker("messages of strangers are dropped with a knock, and do not stop those of others", async () => {
  const url = await openMosquitto();
  const journal = new FakeJournal();
  const { knocks, metric } = await openUpstreamGateway(url, journal);
  const phone = await connectPhone(url);
  for (let count = 0; count < 100; count += 1)
    await phone.publishAsync("owntracks/stranger/phone", location(1), { qos: 1 });
  await phone.publishAsync("owntracks/ana", location(1), { qos: 1 });
  await phone.publishAsync(`${TOPIC}/cmd`, "{}", { qos: 1 });
  await phone.publishAsync(TOPIC, Buffer.alloc(65_537, "x"), { qos: 1 });
  await phone.publishAsync(TOPIC, location(1), { qos: 1 });
  await until(() => journal.frames().length === 1);
  await until(() => knocks.reduce((sum, knock) => sum + knock.knocks, 0) === 100);
  const frames = (outcome: string) => metric("gateway_frames_total", { transport: "mqttUpstream", outcome });
  expect(await Promise.all(["unknownDevice", "foreignTopic", "unkept", "oversize"].map(frames))).toEqual([
    100, 1, 1, 1,
  ]);
});

testWithBroker("a broker that restarts is connected to again", async () => {
  const port = await freePort();
  const url = await openMosquitto(port);
  const journal = new FakeJournal();
  await openUpstreamGateway(url, journal);
  const broker = brokers.pop()!;
  broker.kill("SIGKILL");
  await once(broker, "exit");
  await openMosquitto(port);
  const phone = await connectPhone(url);
  await until(async () => {
    await phone.publishAsync(TOPIC, location(1), { qos: 1 });
    await pause(100);
    return journal.frames().length > 0;
  });
});

async function openUpstreamGateway(url: string, journal: FakeJournal, connects = true) {
  const gateway = await openTestGateway({
    listeners: [],
    mqttUpstreamUrl: url,
    journal,
    findDecoder,
    findDevice: (uid) => Promise.resolve(phoneOf(uid)),
  });
  if (connects) await untilConnected(gateway, 1);
  return gateway;
}

const untilConnected = ({ metric }: Awaited<ReturnType<typeof openTestGateway>>, value: 0 | 1) =>
  until(async () => (await metric("gateway_upstream_connected", {})) === value);

async function connectPhone(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await connectAsync(url, { reconnectPeriod: 0, ...options });
  clients.push(client);
  return client;
}

/** On a port that is free, or on the given one. */
async function openMosquitto(givenPort?: number): Promise<string> {
  for (;;) {
    const url = await startMosquitto(givenPort ?? (await freePort()));
    if (url !== undefined) return url;
  }
}

/** Undefined where it ended: another process was given the port meanwhile. */
async function startMosquitto(port: number): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "telematics-mosquitto-"));
  folders.push(folder);
  const file = join(folder, "mosquitto.conf");
  await writeFile(file, `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
  const broker = spawn(mosquitto ?? "", ["-c", file], { stdio: "ignore" });
  brokers.push(broker);
  const url = `mqtt://127.0.0.1:${port}`;
  let isReached = false;
  await until(async () => {
    const client = await connectAsync(url, { reconnectPeriod: 0, connectTimeout: 10_000 }, false).catch(
      () => undefined,
    );
    client?.end(true);
    isReached = client !== undefined;
    return isReached || broker.exitCode !== null;
  });
  return broker.exitCode === null ? url : undefined;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function findMosquitto(): string | undefined {
  try {
    return execFileSync("sh", ["-c", "command -v mosquitto || ls /usr/sbin/mosquitto"], { encoding: "utf8" }).trim();
  } catch {
    // Not installed: the command says so by its exit code.
    return undefined;
  }
}
