import { afterEach, describe, expect, it } from "vitest";
import { JournalFullError } from "#store/journal-errors.ts";
import {
  ackOf,
  closeTestGateways,
  data,
  FakeJournal,
  hex,
  keepAlive,
  login,
  naming,
  openTestGateway,
  pause,
  TestClock,
  until,
} from "./test-gateway.ts";

afterEach(closeTestGateways);

describe("naming", () => {
  it("refuses an unknown device with the protocol's refusal, closes, and records the knock", async () => {
    const { journal, connect, knocks, metric } = await openTestGateway();
    const device = await connect();
    device.send(login("stranger"), data(1));
    await device.closed();
    expect(device.receivedHex).toBe("00");
    expect(journal.committed).toEqual([]);
    await until(() => knocks.length === 1);
    expect(knocks[0]).toMatchObject({ uid: "stranger", protocol: "teltonika", knocks: 1, lastAddress: "127.0.0.1" });
    expect(await metric("gateway_refused_total", { reason: "unknownDevice" })).toBe(1);
  });

  it("registers no more strangers by itself than the limit, and counts the others; the known come in all the same", async () => {
    const { connect, metric } = await openTestGateway({ limits: { AUTO_REGISTER: true, AUTO_REGISTER_MAX: 2 } });
    await (await connect()).login("stranger 1");
    await (await connect()).login("stranger 2");
    const third = await connect();
    third.send(login("stranger 3"));
    await third.closed();
    expect(third.receivedHex).toBe("00");
    await (await connect()).login("dev1");
    expect(await metric("gateway_auto_registrations_total", { outcome: "registered" })).toBe(2);
    expect(await metric("gateway_auto_registrations_total", { outcome: "refused" })).toBe(1);
  });

  it("registers an unknown device in the default fleet when told to", async () => {
    const { journal, connect } = await openTestGateway({ limits: { AUTO_REGISTER: true } });
    const device = await connect();
    await device.login("stranger");
    device.send(data(1));
    await device.receives(ackOf(1));
    expect(journal.committed.at(-1)).toMatchObject({ deviceId: 1_008 });
  });

  it("takes a frame that names its device as the login, and commits it", async () => {
    const { journal, connect } = await openTestGateway();
    const device = await connect();
    device.send(naming("dev4"), naming("dev4"));
    await device.receives(ackOf(1) + ackOf(1));
    expect(journal.frames()).toEqual([hex(naming("dev4")), hex(naming("dev4"))]);
  });

  it("closes a session whose frames name another device", async () => {
    const { journal, connect } = await openTestGateway();
    const device = await connect();
    await device.login("dev4");
    device.send(naming("dev5"));
    await device.closed();
    expect(device.receivedHex).toBe("");
    expect(journal.frames()).toEqual([]);
  });

  it("closes on data before a login, unanswered and unkept", async () => {
    const { journal, connect, metric } = await openTestGateway();
    const device = await connect();
    device.send(keepAlive, data(1), login("dev1"));
    await device.closed();
    expect(device.receivedHex).toBe("");
    expect(journal.committed).toEqual([]);
    expect(await metric("gateway_frames_total", { outcome: "beforeLogin" })).toBe(1);
  });

  it("closes who does not say who calls, keep-alives or not", async () => {
    const { connect, metric } = await openTestGateway({ limits: { LOGIN_TIMEOUT_MS: 150 } });
    const device = await connect();
    const ping = setInterval(() => device.send(keepAlive), 20);
    await device.closed();
    clearInterval(ping);
    expect(await metric("gateway_closed_total", { reason: "loginTimeout" })).toBe(1);
  });

  it("lets a login wait while the directory is away, then accepts it", async () => {
    let isAway = true;
    const { connect } = await openTestGateway({
      findDevice: (uid) =>
        isAway ? Promise.reject(new Error("away")) : Promise.resolve({ deviceId: 1, fleetId: 1, uid }),
    });
    const device = await connect();
    device.send(login("dev1"));
    await pause();
    expect(device.receivedHex).toBe("");
    expect(device.isClosed).toBe(false);
    isAway = false;
    await device.receives("01");
  });

  it("closes a login without refusing it when the directory stays away past the time to log in", async () => {
    const clock = new TestClock();
    const LOGIN_TIMEOUT_MS = 200;
    let isAsked = false;
    const { connect, knocks, metric } = await openTestGateway({
      limits: { LOGIN_TIMEOUT_MS },
      monotonicMs: clock.monotonicMs,
      findDevice: () => {
        isAsked = true;
        return Promise.reject(new Error("away"));
      },
    });
    const device = await connect();
    device.send(login("dev1"));
    await until(() => isAsked);
    clock.nowMs += LOGIN_TIMEOUT_MS + 1;
    await device.closed();
    expect(device.receivedHex).toBe("");
    expect(knocks).toEqual([]);
    expect(await metric("gateway_closed_total", { reason: "directoryAway" })).toBe(1);
  });
});

describe("a device that calls twice", () => {
  it("is served on its newest connection, and from the same address that is no conflict", async () => {
    const { journal, connect } = await openTestGateway();
    const first = await connect();
    await first.login("dev1");
    const second = await connect();
    await second.login("dev1");
    await first.closed();
    second.send(data(1));
    await second.receives(ackOf(1));
    expect(journal.notes().map(({ kind, closeReason, sessions }) => ({ kind, closeReason, sessions }))).toEqual([
      { kind: "connected", closeReason: undefined, sessions: 1 },
      { kind: "disconnected", closeReason: "takeover", sessions: 1 },
      { kind: "connected", closeReason: undefined, sessions: 1 },
    ]);
  });

  it("is noted as a conflict when the addresses differ, once while the two supersede each other", async () => {
    const { journal, connect } = await openTestGateway();
    for (const from of ["127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2"])
      await (await connect({ from })).login("dev1");
    const notes = journal.notes();
    expect(notes.filter((note) => note.kind === "conflict")).toMatchObject([
      { previousAddress: "127.0.0.1", authLevel: "id", previousAuthLevel: "id" },
    ]);
    expect(notes.filter((note) => note.closeReason === "superseded")).toHaveLength(3);
  });

  it("does not get the ack of a frame that was committed after it had left", async () => {
    const { journal, connect, metric } = await openTestGateway();
    const first = await connect();
    await first.login("dev1");
    journal.hold();
    first.send(data(1));
    await until(() => journal.pendingFrames === 1);
    const second = await connect();
    await second.login("dev1");
    journal.release();
    await first.closed();
    expect(first.receivedHex).toBe("");
    expect(journal.frames()).toHaveLength(1);
    expect(await metric("gateway_acks_total", {})).toBe(0);
  });
});

describe("notes", () => {
  it("say when and how a device connected and why it left, in the order of its frames", async () => {
    const { journal, connect } = await openTestGateway();
    const device = await connect();
    await device.login("dev1");
    device.send(data(1));
    await device.receives(ackOf(1));
    device.socket.end();
    await until(() => journal.committed.length === 3);
    expect(journal.committed.map((frame) => frame.kind)).toEqual(["connected", "frame", "disconnected"]);
    expect(journal.notes()).toMatchObject([
      { authLevel: "id", transport: "tcp", sessions: 1 },
      { authLevel: "id", transport: "tcp", sessions: 0, closeReason: "peer", frames: 1, rejectedFrames: 0 },
    ]);
  });

  it("never hold up a login, and one that fails is counted", async () => {
    const journal = new FakeJournal();
    journal.failWith = new JournalFullError("full");
    const { connect, metric } = await openTestGateway({ journal });
    const device = await connect();
    await device.login("dev1");
    expect(await metric("gateway_notes_total", { kind: "connected", outcome: "failed" })).toBe(1);
  });
});
