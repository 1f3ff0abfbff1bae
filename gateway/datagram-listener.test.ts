import { createSocket, type Socket } from "node:dgram";
import { afterEach, describe, expect, it } from "vitest";
import { JournalFullError } from "#store/journal-errors.ts";
import {
  DATAGRAMS_PENDING_BYTES_MAX,
  DATAGRAMS_PER_ADDRESS_BURST,
  DATAGRAMS_PER_ADDRESS_PER_SECOND,
} from "./maxima.ts";
import {
  ackOf,
  closeTestGateways,
  hex,
  keepAlive,
  login,
  naming,
  openTestGateway,
  pause,
  spoiled,
  TestClock,
  testDecoder,
  until,
} from "./test-gateway.ts";

const listeners = [{ protocol: "teltonika", transport: "udp", port: 0 } as const];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close();
  await closeTestGateways();
});

describe("datagrams", () => {
  it("are answered only after their append has resolved", async () => {
    const { port, journal } = await openTestGateway({ listeners });
    const device = openDevice(port);
    journal.hold();
    device.send(naming("dev3"));
    await until(() => journal.pendingFrames === 1);
    await pause();
    expect(device.received).toEqual([]);
    journal.release();
    await until(() => device.received.length === 1);
    expect(device.received).toEqual([ackOf(1)]);
    expect(journal.committed).toMatchObject([{ deviceId: 3, transport: "udp", kind: "frame" }]);
    expect(journal.frames()).toEqual([hex(naming("dev3"))]);
  });

  it("of unknown devices get no answer and are recorded as knocks", async () => {
    const { port, journal, knocks } = await openTestGateway({ listeners });
    const device = openDevice(port);
    device.send(naming("stranger"));
    device.send(naming("stranger"));
    // They may come in two batches.
    await until(() => knocks.reduce((sum, knock) => sum + knock.knocks, 0) === 2);
    expect(device.received).toEqual([]);
    expect(journal.committed).toEqual([]);
  });

  it("that are not sound are quarantined, unanswered; keep-alives are ignored", async () => {
    const { port, quarantined, metric } = await openTestGateway({ listeners });
    const device = openDevice(port);
    device.send(keepAlive);
    device.send(Buffer.from("D"));
    device.send(spoiled(naming("dev3")));
    await until(() => quarantined.length === 2);
    expect(quarantined.map((row) => row.reason)).toEqual(["length", "checksum"]);
    expect(quarantined[0]).toMatchObject({ deviceId: null, transport: "udp" });
    expect(await metric("gateway_frames_total", { outcome: "unkept" })).toBe(1);
    expect(device.received).toEqual([]);
  });

  it("stay unanswered when the journal is full, and are taken when sent again", async () => {
    const { port, journal, metric } = await openTestGateway({ listeners });
    const device = openDevice(port);
    journal.failWith = new JournalFullError("full");
    device.send(naming("dev3"));
    await until(async () => (await metric("gateway_refused_total", { reason: "journal" })) === 1);
    journal.failWith = undefined;
    device.send(naming("dev3"));
    await until(() => device.received.length === 1);
  });

  it("are left alone while another process leads the journal", async () => {
    const { port, journal, metric } = await openTestGateway({ listeners });
    const device = openDevice(port);
    journal.standby = true;
    device.send(naming("dev3"));
    await until(async () => (await metric("gateway_refused_total", { reason: "standby" })) === 1);
    expect(journal.committed).toEqual([]);
    journal.standby = false;
    device.send(naming("dev3"));
    await until(() => device.received.length === 1);
  });

  it("that wait for their commit are bounded in bytes, and are taken again when there is room", async () => {
    const { port, journal, metric } = await openTestGateway({
      listeners,
      findDecoder: () => ({
        ...testDecoder,
        readDatagram: (bytes) => ({ kind: "frame", frame: bytes, consumed: bytes.length }),
        envelope: () => ({ kind: "data", deviceUid: "dev3", keep: true, recordCount: 1, ack: Uint8Array.of(1) }),
      }),
    });
    const device = openDevice(port);
    journal.hold();
    const large = new Uint8Array(60_000);
    const most = Math.floor(DATAGRAMS_PENDING_BYTES_MAX / large.length);
    const refused = () => metric("gateway_refused_total", { reason: "datagramsPending" });
    // A few at a time: what finds the socket's buffer full is lost.
    await until(async () => {
      for (let index = 0; index < 5; index += 1) device.send(large);
      return (await refused()) > 0;
    });
    expect(journal.pendingFrames).toBe(most);
    journal.release();
    await until(() => device.received.length > 0);
    const answered = device.received.length;
    device.send(large);
    await until(() => device.received.length > answered);
  });

  it("never draw an answer longer than themselves", async () => {
    const { port, journal } = await openTestGateway({
      listeners,
      findDecoder: () => ({
        ...testDecoder,
        envelope: () => ({ kind: "data", deviceUid: "dev3", keep: true, recordCount: 1, ack: new Uint8Array(400) }),
      }),
    });
    const device = openDevice(port);
    device.send(naming("dev3"));
    await until(() => journal.committed.length === 1);
    await pause();
    expect(device.received).toEqual([]);
  });

  it("of one address are taken at a bounded rate", async () => {
    const clock = new TestClock();
    const { port, metric, journal } = await openTestGateway({ listeners, monotonicMs: clock.monotonicMs });
    const device = openDevice(port);
    const refused = () => metric("gateway_refused_total", { reason: "datagramRate" });
    const taken = () => metric("gateway_frames_total", { outcome: "unkept" });
    const sendUntilRefused = async () => {
      const before = await refused();
      await until(async () => {
        for (let index = 0; index < 50; index += 1) device.send(login("dev1"));
        return (await refused()) > before;
      });
    };
    await sendUntilRefused();
    expect(await taken()).toBe(DATAGRAMS_PER_ADDRESS_BURST);
    clock.nowMs += 500;
    await sendUntilRefused();
    expect(await taken()).toBe(DATAGRAMS_PER_ADDRESS_BURST + DATAGRAMS_PER_ADDRESS_PER_SECOND / 2);
    expect(journal.frames()).toEqual([]);
  });

  it("in flight are committed and answered by a drain, later ones are not", async () => {
    const { port, gateway, journal } = await openTestGateway({ listeners });
    const device = openDevice(port);
    journal.hold();
    device.send(naming("dev3"));
    await until(() => journal.pendingFrames === 1);
    const drained = gateway.drain();
    device.send(naming("dev4"));
    await pause();
    journal.release();
    await drained;
    await until(() => device.received.length === 1);
    expect(journal.frames()).toEqual([hex(naming("dev3"))]);
  });
});

function openDevice(port: number): { received: string[]; send(bytes: Uint8Array): void } {
  const socket = createSocket("udp4");
  sockets.push(socket);
  const received: string[] = [];
  socket.on("message", (message) => received.push(hex(message)));
  return { received, send: (bytes) => socket.send(bytes, port, "127.0.0.1") };
}
