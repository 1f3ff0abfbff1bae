import { connectAsync } from "mqtt";
import { generate } from "selfsigned";
import { afterEach, expect, it } from "vitest";
import { closeTestGateways, pause, TestDevice, until } from "../test-gateway.ts";
import { closePhones, location, loggedIn, openPhoneGateway, puback, publishBytes } from "./test-phones.ts";

const TOPIC = "owntracks/ana/phone";
const login = { username: "ana", password: "right ana", clientId: "ana/phone", reconnectPeriod: 0 };

afterEach(async () => {
  closePhones();
  await closeTestGateways();
});

const openTls = async (limits = {}) => {
  const { cert, private: key } = await generate([{ name: "commonName", value: "localhost" }]);
  const listeners = [{ protocol: "owntracks", transport: "mqttTls", port: 0 } as const];
  return openPhoneGateway({ listeners, tls: { cert, key }, limits });
};
const openWebSocket = (limits = {}) =>
  openPhoneGateway({ listeners: [{ protocol: "owntracks", transport: "mqttWs", port: 0 }], limits });

it("behind a load balancer the client is who the PROXY header says", async () => {
  const { raw, journal } = await openPhoneGateway({ limits: { PROXY_PROTOCOL: true } });
  const phone = await raw();
  const addresses = Buffer.from("c0000207" + "7f000001" + "1234" + "075b", "hex");
  phone.send(Buffer.from("0d0a0d0a000d0a515549540a2111000c", "hex"), addresses);
  await loggedIn(phone);
  phone.send(publishBytes({ messageId: 6 }));
  await phone.receives(puback(6));
  expect(journal.committed.find((frame) => frame.kind === "frame")?.remoteAddress).toBe("192.0.2.7");
});

it("MQTT over TLS acknowledges what is committed", async () => {
  const { rawTls, journal, metric } = await openTls();
  const phone = await loggedIn(await rawTls());
  journal.hold();
  phone.send(publishBytes({ messageId: 6 }));
  await until(() => journal.pendingFrames === 1);
  await pause();
  expect(phone.receivedHex).toBe("");
  journal.release();
  await phone.receives(puback(6));
  expect(journal.notes()[0]).toMatchObject({ authLevel: "password", transport: "mqttTls" });
  phone.socket.destroy();
  await until(async () => (await metric("gateway_sessions", { transport: "mqttTls" })) === 0);
});

it("MQTT over TLS gives the place of a broken handshake back", async () => {
  const { portOf, rawTls, metric } = await openTls({ CONNECTIONS_MAX: 1 });
  const stranger = await TestDevice.connect(portOf("mqttTls"));
  stranger.send(Buffer.from("no handshake at all, whatever its length"));
  await stranger.closed();
  expect(await metric("gateway_refused_total", { reason: "tlsHandshake" })).toBe(1);
  await loggedIn(await rawTls());
});

it("MQTT over WebSocket acknowledges what is committed, and its place is given back", async () => {
  const { portOf, journal, metric } = await openWebSocket({ CONNECTIONS_MAX: 1 });
  for (let round = 1; round <= 2; round += 1) {
    const client = await connectAsync(`ws://127.0.0.1:${portOf("mqttWs")}`, login);
    const large = "x".repeat(60_000);
    for (let tst = 1; tst <= 20; tst += 1) await client.publishAsync(TOPIC, location(tst), { qos: 1 });
    await client.publishAsync(TOPIC, large, { qos: 1 });
    await client.endAsync();
    await until(async () => (await metric("gateway_sessions", { transport: "mqttWs" })) === 0);
    expect(journal.frames()).toHaveLength(21 * round);
  }
});

it("MQTT over WebSocket withholds acknowledgements as well", async () => {
  const { portOf, journal } = await openWebSocket();
  const client = await connectAsync(`ws://127.0.0.1:${portOf("mqttWs")}`, login);
  client.on("error", () => client.end(true));
  journal.hold();
  let isAcknowledged = false;
  const published = client.publishAsync(TOPIC, location(1), { qos: 1 }).then(() => {
    isAcknowledged = true;
  });
  await until(() => journal.pendingFrames > 0);
  await pause();
  expect(isAcknowledged).toBe(false);
  journal.release();
  await published;
  client.end(true);
});

it.each(["mqttTls", "mqttWs"] as const)(
  "%s: publishes past the broker wait for their commit and for room",
  async (transport) => {
    const { portOf, journal } = transport === "mqttTls" ? await openTls() : await openWebSocket();
    const scheme = transport === "mqttTls" ? "mqtts" : "ws";
    const client = await connectAsync(`${scheme}://127.0.0.1:${portOf(transport)}`, {
      ...login,
      rejectUnauthorized: false,
    });
    client.on("error", () => client.end(true));
    await client.publishAsync(TOPIC, location(0), { qos: 1 });
    journal.hold();
    const acknowledged: number[] = [];
    const published = Array.from({ length: 500 }, async (_, index) => {
      await client.publishAsync(TOPIC, location(1 + index) + " ".repeat((index * 37) % 900), { qos: 1 });
      acknowledged.push(index);
    });
    await until(() => journal.pendingFrames === 64);
    await pause();
    expect([journal.pendingFrames, acknowledged]).toEqual([64, []]);
    journal.release();
    await Promise.all(published);
    expect(acknowledged).toEqual(acknowledged.toSorted((a, b) => a - b));
    expect(journal.frames()).toHaveLength(501);
    client.end(true);
  },
);

it("a WebSocket listener refuses what is no WebSocket, and closes who does not upgrade", async () => {
  const { portOf, metric } = await openWebSocket();
  const answer = await fetch(`http://127.0.0.1:${portOf("mqttWs")}/`);
  expect(answer.status).toBe(426);
  expect(await metric("gateway_refused_total", { reason: "request" })).toBe(1);
  const hasty = await openWebSocket({ LOGIN_TIMEOUT_MS: 200 });
  const silent = await TestDevice.connect(hasty.portOf("mqttWs"));
  silent.send(Buffer.from("GET / HTTP/1.1\r\nX: "));
  await silent.closed();
});

it("a WebSocket that sends a message larger than may be is closed", async () => {
  const { portOf, metric } = await openWebSocket();
  const socket = new WebSocket(`ws://127.0.0.1:${portOf("mqttWs")}`, "mqtt");
  await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }));
  socket.send(new Uint8Array(200_000));
  await new Promise((resolve) => socket.addEventListener("close", resolve, { once: true }));
  await until(async () => (await metric("gateway_sessions", { transport: "mqttWs" })) === 0);
});
