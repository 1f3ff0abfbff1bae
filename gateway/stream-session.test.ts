import { afterEach, describe, expect, it } from "vitest";
import { JournalFrameError, JournalFullError } from "#store/journal-errors.ts";
import {
  ackOf,
  closeTestGateways,
  data,
  hex,
  keepAlive,
  login,
  openTestGateway,
  pause,
  spoiled,
  TestClock,
  until,
} from "./test-gateway.ts";

afterEach(closeTestGateways);

describe("the promise of the ack", () => {
  it("sends no byte before the append has resolved, and the ack after it", async () => {
    const { journal, connect } = await openTestGateway();
    const device = await connect();
    await device.login("dev1");
    journal.hold();
    device.send(data(3));
    await until(() => journal.pendingFrames === 1);
    await pause();
    expect(device.receivedHex).toBe("");
    journal.release();
    await device.receives(ackOf(3));
    expect(journal.frames()).toEqual([hex(data(3))]);
  });

  it("hands over the next frame only when the last is committed, and answers in order", async () => {
    const { journal, connect } = await openTestGateway();
    const device = await connect();
    await device.login("dev1");
    journal.hold();
    device.send(data(1), data(2), data(3));
    await until(() => journal.pendingFrames === 1);
    await pause();
    expect(journal.pendingFrames).toBe(1);
    journal.release();
    await device.receives(ackOf(1) + ackOf(2) + ackOf(3));
    expect(journal.frames()).toEqual([data(1), data(2), data(3)].map(hex));
  });

  it("takes a frame that arrives in halves, byte by byte, or glued to the login and the next", async () => {
    const { journal, connect } = await openTestGateway();
    const device = await connect();
    for (const byte of login("dev1")) {
      device.send(Uint8Array.of(byte));
      await pause(2);
    }
    await device.receives("01");
    device.send(keepAlive, data(1), data(2).subarray(0, 2));
    await device.receives(`01${ackOf(1)}`);
    for (const byte of data(2).subarray(2)) {
      device.send(Uint8Array.of(byte));
      await pause(2);
    }
    await device.receives(`01${ackOf(1)}${ackOf(2)}`);
    expect(journal.frames()).toEqual([data(1), data(2)].map(hex));
  });

  it("commits and answers what a device sent before it closed its sending side", async () => {
    const { journal, connect } = await openTestGateway();
    const device = await connect();
    journal.hold();
    device.socket.end(Buffer.concat([login("dev1"), data(1), data(2)]));
    await until(() => journal.pendingFrames === 2);
    journal.release();
    await device.receives(`01${ackOf(1)}${ackOf(2)}`);
    await device.closed();
  });

  it("closes also when the end was heard of while the socket was paused", async () => {
    const { journal, connect, metric } = await openTestGateway();
    const device = await connect();
    await device.login("dev1");
    journal.hold();
    device.send(data(1));
    await until(() => journal.pendingFrames === 1);
    const before = await metric("gateway_bytes_received_total", {});
    device.send(data(2));
    await until(async () => (await metric("gateway_bytes_received_total", {})) > before);
    device.socket.end();
    await pause(20);
    journal.release();
    await device.receives(ackOf(1) + ackOf(2));
    await device.closed();
  });

  it("acks nothing while the journal is away, says so, and goes on by itself", async () => {
    const { gateway, journal, connect } = await openTestGateway();
    const device = await connect();
    await device.login("dev1");
    journal.hold();
    expect(gateway.ready()).toBe(false);
    device.send(data(1));
    await pause();
    expect(device.receivedHex).toBe("");
    expect(device.isClosed).toBe(false);
    journal.release();
    expect(gateway.ready()).toBe(true);
    await device.receives(ackOf(1));
  });

  it("offers a frame again to a journal that was full, and answers once it was taken", async () => {
    const { journal, connect } = await openTestGateway();
    const device = await connect();
    await device.login("dev1");
    journal.failWith = new JournalFullError("full");
    device.send(data(1));
    await pause();
    expect(device.receivedHex).toBe("");
    journal.failWith = undefined;
    await device.receives(ackOf(1));
    expect(journal.frames()).toEqual([hex(data(1))]);
  });

  it("sets a frame aside unanswered that the database never takes, and goes on", async () => {
    const { journal, connect, quarantined } = await openTestGateway({ limits: { FRAME_TIMEOUT_MS: 200 } });
    const device = await connect();
    await device.login("dev1");
    journal.failWith = new JournalFrameError("invalid");
    device.send(data(9));
    await until(() => quarantined.length === 1);
    journal.failWith = undefined;
    device.send(data(2));
    await device.receives(ackOf(2));
    expect(hex(quarantined[0]!.bytes)).toBe(hex(data(9)));
  });

  it("closes without an answer when the journal fails otherwise", async () => {
    const { journal, connect, metric } = await openTestGateway();
    const device = await connect();
    await device.login("dev1");
    journal.failWith = new Error("disk on fire");
    device.send(data(1));
    await device.closed();
    expect(device.receivedHex).toBe("");
    expect(await metric("gateway_acks_total", {})).toBe(0);
  });

  it("answers an empty keep-alive with nothing and keeps none of it", async () => {
    const { journal, connect } = await openTestGateway();
    const device = await connect();
    await device.login("dev1");
    device.send(keepAlive, keepAlive, data(1));
    await device.receives(ackOf(1));
    expect(journal.frames()).toHaveLength(1);
  });
});

describe("frames that are not what they say", () => {
  it("are not answered, are counted and kept with their bytes, and the session goes on", async () => {
    const { journal, connect, quarantined, metric } = await openTestGateway({ limits: { FRAME_TIMEOUT_MS: 200 } });
    const device = await connect();
    await device.login("dev7");
    device.send(spoiled(data(9)), data(2));
    await device.receives(ackOf(2));
    expect(journal.frames()).toEqual([hex(data(2))]);
    await until(() => quarantined.length === 1);
    expect(quarantined[0]).toMatchObject({ deviceId: 7, fleetId: 1, reason: "checksum", transport: "tcp" });
    expect(hex(quarantined[0]!.bytes)).toBe(hex(spoiled(data(9))));
    expect(await metric("gateway_frames_total", { outcome: "checksum" })).toBe(1);
  });

  it("are kept at a bounded rate, the rest is only counted", async () => {
    const { connect, quarantined, metric } = await openTestGateway({ monotonicMs: new TestClock().monotonicMs });
    const device = await connect();
    await device.login("dev7");
    device.send(...Array.from({ length: 50 }, () => spoiled(data(9))), data(2));
    await device.receives(ackOf(2));
    await until(() => quarantined.length > 0);
    expect(quarantined).toHaveLength(10);
    expect(await metric("gateway_frames_total", { outcome: "checksum" })).toBe(50);
    expect(await metric("gateway_quarantined_total", { outcome: "limited" })).toBe(40);
  });

  it("end the connection when the framing is lost", async () => {
    const { connect, quarantined, metric } = await openTestGateway({ limits: { FRAME_TIMEOUT_MS: 200 } });
    const device = await connect();
    await device.login("dev1");
    device.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    await device.closed();
    expect(device.receivedHex).toBe("");
    expect(await metric("gateway_closed_total", { reason: "framing" })).toBe(1);
    await until(() => quarantined.length === 1);
    expect(quarantined[0]).toMatchObject({ reason: "preamble" });
  });

  it("let the oldest begun frame go when all of them together take too much memory", async () => {
    const { connect, journal, metric } = await openTestGateway({ limits: { BEGUN_FRAMES_BYTES_MAX: 9 } });
    const whole = data(1);
    const devices = [];
    for (const uid of ["dev1", "dev2", "dev3", "dev4", "dev5"]) {
      const device = await connect();
      await device.login(uid);
      device.send(whole.subarray(0, 2));
      devices.push(device);
      await pause(20);
    }
    await devices[0]!.closed();
    expect(await metric("gateway_closed_total", { reason: "crowdedOut" })).toBe(1);
    devices[1]!.send(whole.subarray(2));
    await devices[1]!.receives(ackOf(1));
    const late = await connect();
    await late.login("dev6");
    late.send(whole.subarray(0, 2));
    await pause(20);
    expect(late.isClosed || devices[2]!.isClosed).toBe(false);
    expect(journal.frames()).toEqual([hex(whole)]);
  });

  it("end the connection when longer than any frame may be", async () => {
    const { connect, metric } = await openTestGateway();
    const device = await connect();
    await device.login("dev1");
    device.send(Uint8Array.of(0x44, 255, 0, 0));
    await device.closed();
    expect(await metric("gateway_frames_total", { outcome: "oversize" })).toBe(1);
  });
});

describe("time limits", () => {
  it("close an idle session", async () => {
    const { journal, connect } = await openTestGateway({ limits: { IDLE_TIMEOUT_MS: 150 } });
    const device = await connect();
    await device.login("dev1");
    await device.closed();
    await until(() => journal.notes().length === 2);
    expect(journal.notes()[1]).toMatchObject({ kind: "disconnected", closeReason: "idle" });
  });

  it("close a sender that never completes its frame, however steadily it drips", async () => {
    const { connect, metric } = await openTestGateway({ limits: { FRAME_TIMEOUT_MS: 150 } });
    const device = await connect();
    await device.login("dev1");
    device.send(Uint8Array.of(0x44, 200));
    const drip = setInterval(() => device.send(Uint8Array.of(1)), 20);
    await device.closed();
    clearInterval(drip);
    expect(await metric("gateway_closed_total", { reason: "slowSender" })).toBe(1);
  });

  it("do not count the time that the journal takes", async () => {
    const clock = new TestClock();
    const limits = { FRAME_TIMEOUT_MS: 100, IDLE_TIMEOUT_MS: 100 };
    const { journal, connect } = await openTestGateway({ limits, monotonicMs: clock.monotonicMs });
    const [device, idle] = [await connect(), await connect()];
    await device.login("dev1");
    await idle.login("dev2");
    journal.hold();
    device.send(data(1), data(2).subarray(0, 2));
    await until(() => journal.pendingFrames === 1);
    clock.nowMs += 1_000;
    await idle.closed();
    expect(device.isClosed).toBe(false);
    journal.release();
    await device.receives(ackOf(1));
    await pause();
    expect(device.isClosed).toBe(false);
    device.send(data(2).subarray(2));
    await device.receives(ackOf(1) + ackOf(2));
  });
});
