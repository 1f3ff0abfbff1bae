import { afterEach, describe, expect, it } from "vitest";
import { closeTestGateways, pause, TestClock, until } from "../test-gateway.ts";
import {
  closePhones,
  connectBytes,
  framed,
  location,
  loggedIn,
  openPhoneGateway,
  puback,
  publishBytes,
  subscribeBytes,
  TOPIC,
} from "./test-phones.ts";

afterEach(async () => {
  closePhones();
  await closeTestGateways();
});

describe("a last will", () => {
  const will = { topic: TOPIC, payload: Buffer.from('{"_type":"lwt","tst":1}'), qos: 1, retain: false } as const;

  it("is journalled like a publish when the connection breaks, and not after a DISCONNECT", async () => {
    const { phone, journal } = await openPhoneGateway();
    const polite = await phone("ana", { will });
    await polite.endAsync();
    await until(() => journal.notes().some((note) => note.kind === "disconnected"));
    await pause();
    expect(journal.frames()).toEqual([]);
    const broken = await phone("ana", { will });
    broken.stream.destroy();
    await until(() => journal.frames().length === 1);
    expect(journal.frames()).toEqual([framed('{"_type":"lwt","tst":1}')]);
  });

  it("for another device's topic is dropped", async () => {
    const { phone, journal, metric } = await openPhoneGateway();
    const broken = await phone("ana", { will: { ...will, topic: "owntracks/bo/phone" }, username: "ana/phone" });
    broken.stream.destroy();
    await until(async () => (await metric("gateway_frames_total", { outcome: "foreignTopic" })) === 1);
    expect(journal.frames()).toEqual([]);
  });
});

describe("a connection", () => {
  it("is noted with how the device proved itself and why it ended", async () => {
    const { phone, journal } = await openPhoneGateway();
    await (await phone()).endAsync();
    await until(() => journal.notes().length === 2);
    expect(journal.notes()).toMatchObject([
      { kind: "connected", authLevel: "password", transport: "mqtt", sessions: 1 },
      { kind: "disconnected", closeReason: "peer", frames: 0, sessions: 0 },
    ]);
  });

  it("takes over from the device's older one, whichever client id they gave, and says so", async () => {
    const { phone, journal } = await openPhoneGateway();
    const first = await phone();
    const second = await phone("ana", { clientId: "ana/phone" });
    await until(() => !first.connected);
    await second.publishAsync(TOPIC, location(1), { qos: 1 });
    const last = journal.notes().find((note) => note.kind === "disconnected");
    expect(last).toMatchObject({ closeReason: "takeover", sessions: 1 });
  });

  it("is closed by its own keep-alive, and within our limit where it asked for none", async () => {
    const { raw, metric } = await openPhoneGateway({ limits: { IDLE_TIMEOUT_MS: 1_500 } });
    const silent = await loggedIn(await raw(), { keepAliveS: 1 });
    const endless = await loggedIn(await raw(), { user: "bo", keepAliveS: 0 });
    await Promise.all([silent.closed(), endless.closed()]);
    expect(await metric("gateway_closed_total", { reason: "idle" })).toBe(2);
  });

  it("lives as long as it publishes, without a ping", async () => {
    const clock = new TestClock();
    const { raw } = await openPhoneGateway({ monotonicMs: clock.monotonicMs });
    const phone = await loggedIn(await raw(), { keepAliveS: 3 });
    const silent = await loggedIn(await raw(), { user: "bo", keepAliveS: 3 });
    for (let messageId = 1; messageId <= 2; messageId += 1) {
      clock.nowMs += 3_000;
      phone.send(publishBytes({ messageId }));
      await phone.receives(puback(messageId));
      phone.receivedHex = "";
    }
    await silent.closed();
    expect(phone.isClosed).toBe(false);
  });

  it("keeps nothing from one time to the next: a session is never present", async () => {
    const { raw } = await openPhoneGateway();
    const first = await loggedIn(await raw(), { isClean: false });
    first.send(subscribeBytes(`${TOPIC}/cmd`));
    await first.receives("9003000901");
    await loggedIn(await raw(), { isClean: false });
  });
});

describe("a drain", () => {
  it("lets publishes in flight be committed and acknowledged, then closes all connections", async () => {
    const { raw, journal, gateway } = await openPhoneGateway();
    const busy = await loggedIn(await raw());
    const idle = await loggedIn(await raw(), { user: "bo" });
    journal.hold();
    busy.send(publishBytes({ messageId: 9 }));
    await until(() => journal.pendingFrames > 2 || journal.pendingFrames === 1);
    const drained = gateway.drain();
    await idle.closed();
    expect(busy.isClosed).toBe(false);
    journal.release();
    await busy.receives(puback(9));
    await Promise.all([drained, busy.closed()]);
  });
});

describe("while the database is away", () => {
  it("acknowledgements are withheld, connections stay, and all goes on when it is back", async () => {
    const { raw, journal } = await openPhoneGateway();
    const phones = await Promise.all(
      ["ana", "bo", "cleo"].map(async (user) => ({ user, device: await loggedIn(await raw(), { user }) })),
    );
    journal.hold();
    for (const { user, device } of phones)
      device.send(publishBytes({ topic: `owntracks/${user}/phone`, messageId: 2 }));
    await until(() => journal.pendingFrames === 3);
    await pause(200);
    for (const { device } of phones) expect([device.isClosed, device.receivedHex]).toEqual([false, ""]);
    journal.release();
    for (const { device } of phones) await device.receives(puback(2));
  });

  it("a login waits for the directory, and is told to come again after its time", async () => {
    let isAway = true;
    let asked = 0;
    const clock = new TestClock();
    const LOGIN_TIMEOUT_MS = 30_000;
    const { raw } = await openPhoneGateway({
      findDevice: (uid) => {
        asked += 1;
        if (isAway) return Promise.reject(new Error("away"));
        return Promise.resolve({ deviceId: 5, fleetId: 1, uid, settings: { "auth.passwordHash": "right ana" } });
      },
      limits: { LOGIN_TIMEOUT_MS },
      monotonicMs: clock.monotonicMs,
    });
    const impatient = await raw();
    impatient.send(connectBytes());
    await until(() => asked === 1);
    clock.nowMs += LOGIN_TIMEOUT_MS;
    await impatient.receives("20020003");
    const patient = await raw();
    patient.send(connectBytes());
    await until(() => asked === 2);
    expect(patient.receivedHex).toBe("");
    isAway = false;
    await patient.receives("20020000");
  });
});

describe("a subscription", () => {
  it("is granted to the device's own commands and to nothing else", async () => {
    const { raw, metric } = await openPhoneGateway();
    const phone = await loggedIn(await raw());
    phone.send(subscribeBytes(`${TOPIC}/cmd`));
    await phone.receives("9003000901");
    for (const topic of ["#", "owntracks/+/+", "owntracks/bo/phone/cmd", "$SYS/#", TOPIC]) {
      phone.receivedHex = "";
      phone.send(subscribeBytes(topic));
      await phone.receives("9003000980");
    }
    expect(await metric("gateway_refused_total", { reason: "subscription" })).toBe(5);
  });
});
