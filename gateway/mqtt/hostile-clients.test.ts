import { afterEach, describe, expect, it } from "vitest";
import type { CommandLink } from "../commands/command-deps.ts";
import type { CloseReason } from "../index.ts";
import { closeTestGateways, deviceOf, pause, TestClock, type TestDevice, until } from "../test-gateway.ts";
import {
  closePhones,
  connectBytes,
  loggedIn,
  openLooseBroker,
  openPhoneGateway,
  type PhoneGateway,
  packetBytes,
  phoneOf,
  puback,
  publishBytes,
  StuckConnection,
  subscribeBytes,
} from "./test-phones.ts";

afterEach(async () => {
  closePhones();
  await closeTestGateways();
});

const closes = (gateway: PhoneGateway, reason: CloseReason) => gateway.metric("gateway_closed_total", { reason });

describe("a login", () => {
  const refusals: [what: string, login: Parameters<typeof connectBytes>[0], connack: string, reason: CloseReason][] = [
    ["a wrong password", { password: "wrong" }, "20020004", "password"],
    ["no password of its own", { user: "open" }, "20020004", "password"],
    ["a client id of another device", { clientId: "bo phone" }, "20020005", "unknownDevice"],
    [
      "a client id of another device under its uid",
      { user: "ana/phone", clientId: "bo phone" },
      "20020002",
      "clientId",
    ],
    ["a name that is not registered", { user: "stranger", clientId: "stranger phone" }, "20020005", "unknownDevice"],
  ];
  for (const [what, login, connack, reason] of refusals) {
    it(`with ${what} is refused in so many words, and its publishes are not taken`, async () => {
      const gateway = await openPhoneGateway();
      const client = await gateway.raw();
      client.send(connectBytes(login), publishBytes());
      await client.closed();
      expect(client.receivedHex).toBe(connack);
      expect(gateway.journal.committed).toEqual([]);
      expect(await closes(gateway, reason)).toBe(1);
    });
  }

  it("in MQTT 5 is told that the version is not spoken", async () => {
    const { raw } = await openPhoneGateway();
    const client = await raw();
    const properties = Buffer.from("00044d5154540502003c00" + "0003616e61", "hex");
    client.send(packetBytes(0x10, properties));
    await client.closed();
    expect(client.receivedHex).toBe("20020001");
  });

  it("that is refused as unknown leaves a knock under the uid that it meant", async () => {
    const { raw, knocks } = await openPhoneGateway();
    const client = await raw();
    client.send(connectBytes({ user: "stranger", clientId: "stranger phone" }));
    await client.closed();
    await until(() => knocks.length === 1);
    expect(knocks).toMatchObject([{ uid: "stranger/phone", protocol: "owntracks", knocks: 1 }]);
  });

  it("may not try passwords without end", async () => {
    let checks = 0;
    const gateway = await openPhoneGateway({
      monotonicMs: new TestClock().monotonicMs,
      verifyPassword: () => {
        checks += 1;
        return Promise.resolve(false);
      },
    });
    for (let attempt = 0; attempt < 30; attempt += 1) {
      const client = await gateway.raw();
      client.send(connectBytes({ password: `guess ${attempt}` }));
      await client.closed();
    }
    expect(checks).toBe(10);
    expect(await gateway.metric("gateway_refused_total", { reason: "passwordChecks" })).toBe(20);
  });

  it("checks a password that was right before only once", async () => {
    let checks = 0;
    const { raw } = await openPhoneGateway({
      verifyPassword: () => {
        checks += 1;
        return Promise.resolve(true);
      },
    });
    for (let time = 0; time < 3; time += 1) await loggedIn(await raw());
    expect(checks).toBe(1);
  });

  it("does not come: the connection is closed after its time, half a CONNECT or none", async () => {
    const gateway = await openPhoneGateway({ limits: { LOGIN_TIMEOUT_MS: 200 } });
    const silent = await gateway.raw();
    const slow = await gateway.raw();
    slow.send(connectBytes().subarray(0, 20));
    await Promise.all([silent.closed(), slow.closed()]);
    expect(await closes(gateway, "loginTimeout")).toBe(2);
  });
});

describe("devices that may register themselves", () => {
  it("come in without a password and are known by their first publish", async () => {
    const { raw, journal } = await openPhoneGateway({ limits: { AUTO_REGISTER: true } });
    const client = await raw();
    const anonymous = Buffer.from("00044d5154540402003c0003616263", "hex");
    client.send(packetBytes(0x10, anonymous), publishBytes({ topic: "owntracks/stranger/phone", messageId: 2 }));
    await client.receives(`20020000${puback(2)}`);
    expect(journal.frames()).toHaveLength(1);
    client.send(publishBytes({ topic: "owntracks/bo/phone", messageId: 3 }));
    await client.closed();
    expect(journal.frames()).toHaveLength(1);
  });

  it("are not taken for a device that has a password", async () => {
    const { raw, journal } = await openPhoneGateway({ limits: { AUTO_REGISTER: true } });
    const client = await raw();
    client.send(packetBytes(0x10, Buffer.from("00044d5154540402003c0003616263", "hex")), publishBytes());
    await client.closed();
    expect(journal.committed).toEqual([]);
    const wrong = await raw();
    wrong.send(connectBytes({ password: "wrong" }));
    await wrong.receives("20020004");
  });
});

describe("a client that is logged in is closed unanswered, and nothing of it kept, when it", () => {
  const violations: [what: string, bytes: Uint8Array, reason: CloseReason][] = [
    ["publishes under another device's topic", publishBytes({ topic: "owntracks/bo/phone" }), "foreignTopic"],
    ["publishes beside its topic", publishBytes({ topic: "owntracks/ana/phone2" }), "foreignTopic"],
    ["publishes under no device's topic", publishBytes({ topic: "$SYS/broker" }), "foreignTopic"],
    ["publishes a retained message", publishBytes({ retain: true }), "retained"],
    ["publishes more than 64 kB", publishBytes({ payload: Buffer.alloc(65_537) }), "oversize"],
    [
      "publishes under a very long topic",
      publishBytes({ topic: `owntracks/ana/phone/${"x".repeat(600)}` }),
      "foreignTopic",
    ],
    ["claims a packet of 200 MB", packetBytes(0x32, Buffer.of(0), 200_000_000), "oversize"],
    ["claims a large subscription", packetBytes(0x82, Buffer.of(0), 5_000), "oversize"],
    ["writes a length of five bytes", Buffer.of(0x32, 0x80, 0x80, 0x80, 0x80, 0x01), "framing"],
    ["says CONNECT again", connectBytes(), "framing"],
    ["publishes to a wildcard", publishBytes({ topic: "owntracks/ana/phone/#" }), "framing"],
    ["publishes with QoS 3", packetBytes(0x36, Buffer.from("0001610001", "hex")), "framing"],
    ["subscribes with reserved flags", packetBytes(0x80, Buffer.from("0001000161", "hex")), "framing"],
    ["sends a packet for clients", packetBytes(0x20, Buffer.of(0, 0)), "peer"],
    ["sends a reserved packet type", packetBytes(0x00, Buffer.of(0, 0)), "framing"],
    ["sends an empty topic", publishBytes({ topic: "" }), "framing"],
  ];
  for (const [what, bytes, reason] of violations) {
    it(what, async () => {
      const gateway = await openPhoneGateway();
      const client = await loggedIn(await gateway.raw());
      const other = await loggedIn(await gateway.raw(), { user: "bo" });
      client.send(bytes);
      await client.closed();
      expect(client.receivedHex).toBe("");
      expect(gateway.journal.frames()).toEqual([]);
      expect(await closes(gateway, reason)).toBe(1);
      other.send(publishBytes({ topic: "owntracks/bo/phone", messageId: 8 }));
      await other.receives(puback(8));
    });
  }

  it("begins a packet and does not go on", async () => {
    const gateway = await openPhoneGateway({ limits: { FRAME_TIMEOUT_MS: 200 } });
    const client = await loggedIn(await gateway.raw());
    client.send(publishBytes({ payload: "x".repeat(5_000) }).subarray(0, 3_000));
    await client.closed();
    expect(await closes(gateway, "slowSender")).toBe(1);
  });
});

describe("a client that does not read", () => {
  it("what it asks for is asked no more, and is closed after its time", async () => {
    const { broker, context, tally } = await openLooseBroker({ FRAME_TIMEOUT_MS: 300 });
    const client = new StuckConnection();
    broker.handle(context, client, "192.0.2.1");
    client.push(connectBytes());
    await until(() => client.written > 0);
    const pings = Buffer.concat(Array.from({ length: 1_000 }, () => Buffer.of(0xc0, 0)));
    for (let sent = 0; sent < 100; sent += 1) client.push(pings);
    await until(() => client.destroyed);
    expect(client.readableLength).toBeGreaterThan(100_000);
    expect(tally.closes.slowReader).toBe(1);
  });

  it("the commands that it subscribed to is closed when they pile up, and holds up nobody else", async () => {
    const links = new Map<number, CommandLink>();
    const { broker, context, tally } = await openLooseBroker({}, links);
    const slow = new StuckConnection();
    const quick = new StuckConnection();
    quick.isRead = true;
    for (const [user, client] of Object.entries({ ana: slow, bo: quick })) {
      broker.handle(context, client, "192.0.2.1");
      client.push(Buffer.concat([connectBytes({ user }), subscribeBytes(`owntracks/${user}/phone/cmd`)]));
    }
    await until(() => links.size === 2);
    const command = Buffer.alloc(10_000, "x");
    const [toSlow, toQuick] = ["ana/phone", "bo/phone"].map((uid) => links.get(phoneOf(uid)!.deviceId)!);
    expect(toSlow?.sendCommand(command)).toBe(true);
    for (let sent = 0; sent < 100 && toSlow?.sendCommand(command); sent += 1) await pause(1);
    expect(slow.destroyed).toBe(true);
    expect(slow.writableLength).toBeLessThan(200_000);
    expect(tally.closes.slowReader).toBe(1);
    expect(toQuick?.sendCommand(command)).toBe(true);
    await until(() => quick.written > command.length);
  });
});

describe("garbage", () => {
  it("before a login ends the connection at its first byte", async () => {
    const gateway = await openPhoneGateway();
    for (const bytes of [
      Buffer.from("GET / HTTP/1.1\r\n\r\n"),
      Buffer.of(0xff),
      publishBytes(),
      Buffer.of(0x10, 0xff, 0xff, 0x7f),
    ]) {
      const client = await gateway.raw();
      client.send(bytes);
      await client.closed();
      expect(client.receivedHex).toBe("");
    }
    expect((await closes(gateway, "framing")) + (await closes(gateway, "oversize"))).toBe(4);
  });

  it("of every kind leaves the gateway alive", async () => {
    const gateway = await openPhoneGateway();
    let seed = 42;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    for (let round = 0; round < 300; round += 1) {
      const bytes = Buffer.concat([
        round % 2 === 0 ? connectBytes() : Buffer.alloc(0),
        round % 3 === 0 ? publishBytes() : subscribeBytes("owntracks/ana/phone/cmd"),
        packetBytes((random(15) + 1) << 4, Buffer.alloc(random(40), random(256))),
      ]);
      for (let flips = random(6); flips > 0; flips -= 1) bytes[random(bytes.length)] = random(256);
      const client = await gateway.raw();
      client.socket.end(bytes);
      if (round % 50 === 0) await pause(20);
    }
    await until(async () => (await gateway.metric("gateway_sessions", { transport: "mqtt" })) === 0);
    const client = await loggedIn(await gateway.raw());
    client.send(publishBytes({ messageId: 77 }));
    await client.receives(puback(77));
  });
});

describe("many clients", () => {
  it("sit idle without keeping others from being served", async () => {
    const count = 300;
    const gateway = await openPhoneGateway({
      limits: { CONNECTIONS_MAX: count + 2, CONNECTIONS_PER_ADDRESS_MAX: 1_000 },
    });
    const clients: TestDevice[] = [];
    for (let index = 0; index < count; index += 1) {
      clients.push(await loggedIn(await gateway.raw(), { user: `idle${index}` }));
    }
    const busy = await loggedIn(await gateway.raw());
    busy.send(publishBytes({ messageId: 1 }));
    await busy.receives(puback(1));
    expect(await gateway.metric("gateway_sessions", { transport: "mqtt" })).toBe(count + 1);
    const last = await loggedIn(await gateway.raw(), { user: "bo" });
    const tooMany = await gateway.raw();
    await tooMany.closed();
    expect(await gateway.metric("gateway_refused_total", { reason: "total" })).toBe(1);
    for (const client of [...clients, last]) client.socket.destroy();
    await until(async () => (await gateway.metric("gateway_sessions", { transport: "mqtt" })) === 1);
    await loggedIn(await gateway.raw(), { user: "cleo" });
  });

  it("that are of no registered device do not fill the directory with questions", async () => {
    const asked: string[] = [];
    const { raw } = await openPhoneGateway({
      findDevice: (uid) => {
        asked.push(uid);
        return Promise.resolve(deviceOf(uid));
      },
    });
    const client = await raw();
    client.send(connectBytes({ user: "x".repeat(50), clientId: "y".repeat(50) }));
    await client.closed();
    expect(asked.length).toBeLessThanOrEqual(3);
  });
});
