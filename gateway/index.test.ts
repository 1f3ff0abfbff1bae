import { afterEach, describe, expect, it } from "vitest";
import {
  ackOf,
  closeTestGateways,
  data,
  hex,
  login,
  openTestGateway,
  pause,
  TestDevice,
  until,
} from "./test-gateway.ts";

afterEach(closeTestGateways);

describe("a drain", () => {
  it("lets the frames in flight be committed and answered, then closes everything and takes nobody", async () => {
    const { gateway, journal, connect, port } = await openTestGateway();
    const [busy, idle, unnamed] = [await connect(), await connect(), await connect()];
    await busy.login("dev1");
    await idle.login("dev2");
    journal.hold();
    busy.send(data(1));
    await until(() => journal.pendingFrames === 1);
    const drained = gateway.drain();
    expect(gateway.ready()).toBe(false);
    await Promise.all([idle.closed(), unnamed.closed()]);
    await expect(TestDevice.connect(port)).rejects.toThrow("ECONNREFUSED");
    expect(busy.isClosed).toBe(false);
    journal.release();
    await drained;
    await busy.closed();
    expect(busy.receivedHex).toBe(ackOf(1));
    expect(journal.frames()).toEqual([hex(data(1))]);
    expect(journal.notes().filter((note) => note.closeReason === "drain")).toHaveLength(2);
  });

  it("waits for the rest of a begun frame", async () => {
    const { gateway, connect, metric } = await openTestGateway();
    const device = await connect();
    await device.login("dev1");
    const received = () => metric("gateway_bytes_received_total", {});
    const before = await received();
    device.send(data(5).subarray(0, 3));
    await until(async () => (await received()) === before + 3);
    const drained = gateway.drain();
    await pause();
    expect(device.isClosed).toBe(false);
    device.send(data(5).subarray(3));
    await drained;
    await device.closed();
    expect(device.receivedHex).toBe(ackOf(5));
  });

  it("ends at its deadline with what is uncommitted unanswered", async () => {
    const { gateway, journal, connect } = await openTestGateway({ limits: { DRAIN_TIMEOUT_MS: 100 } });
    const device = await connect();
    await device.login("dev1");
    journal.hold();
    device.send(data(1));
    await until(() => journal.pendingFrames === 1);
    await gateway.drain();
    await device.closed();
    journal.release();
    expect(device.receivedHex).toBe("");
  });

  it("asked for twice is one drain", async () => {
    const { gateway } = await openTestGateway();
    expect(gateway.drain()).toBe(gateway.drain());
    await gateway.close();
  });
});

describe("while another process leads the journal", () => {
  it("connections are closed at once and counted, those there stay, and newcomers are taken when it leads", async () => {
    const { journal, connect, metric } = await openTestGateway();
    const early = await connect();
    await early.login("dev1");
    journal.standby = true;
    const refused = await connect();
    await refused.closed();
    expect(await metric("gateway_refused_total", { reason: "standby" })).toBe(1);
    early.send(data(2));
    await early.receives(ackOf(2));
    journal.standby = false;
    await (await connect()).login("dev2");
  });
});

describe("opening", () => {
  it("names every listener with its real port", async () => {
    const { gateway } = await openTestGateway({
      listeners: [
        { protocol: "teltonika", transport: "tcp", port: 0 },
        { protocol: "teltonika", transport: "udp", port: 0 },
      ],
    });
    expect(gateway.listeners).toMatchObject([
      { protocol: "teltonika", transport: "tcp", address: "127.0.0.1" },
      { protocol: "teltonika", transport: "udp", address: "127.0.0.1" },
    ]);
    for (const listener of gateway.listeners) expect(listener.port).toBeGreaterThan(0);
  });

  it("gives the datagrams of a protocol the number that its connections were given", async () => {
    const { gateway } = await openTestGateway({
      listeners: [
        { protocol: "teltonika", transport: "tcp", port: 0 },
        { protocol: "teltonika", transport: "udp", port: 0 },
        { protocol: "queclink", transport: "tcp", port: 0 },
        { protocol: "queclink", transport: "udp", port: 0 },
      ],
    });
    const portOf = (protocol: string, transport: string) =>
      gateway.listeners.find((one) => one.protocol === protocol && one.transport === transport)?.port;
    expect(portOf("teltonika", "udp")).toBe(portOf("teltonika", "tcp"));
    expect(portOf("queclink", "udp")).toBe(portOf("queclink", "tcp"));
    expect(portOf("queclink", "udp")).not.toBe(portOf("teltonika", "udp"));
  });

  it("leaves plain connections plain where there is a certificate", async () => {
    const { connect } = await openTestGateway({ tls: { cert: "none", key: "none" } });
    await (await connect()).login("dev1");
  });

  it("fails as a whole when one port is taken", async () => {
    const { port } = await openTestGateway();
    const attempt = openTestGateway({
      listeners: [
        { protocol: "teltonika", transport: "udp", port: 0 },
        { protocol: "teltonika", transport: "tcp", port },
      ],
    });
    await expect(attempt).rejects.toThrow("EADDRINUSE");
  });

  it("fails for a protocol without a decoder and for TLS without a certificate", async () => {
    await expect(openTestGateway({ findDecoder: () => undefined })).rejects.toThrow("no decoder");
    const listeners = [{ protocol: "teltonika", transport: "tls", port: 0 } as const];
    await expect(openTestGateway({ listeners })).rejects.toThrow("certificate");
  });
});

describe("metrics", () => {
  it("count bytes, records, sessions and acks, and name every reason from the start", async () => {
    const { connect, metric, metrics } = await openTestGateway();
    const device = await connect();
    await device.login("dev1");
    device.send(data(3));
    await device.receives(ackOf(3));
    expect(await metric("gateway_sessions", { protocol: "teltonika" })).toBe(1);
    expect(await metric("gateway_records_total", {})).toBe(3);
    expect(await metric("gateway_acks_total", {})).toBe(1);
    expect(await metric("gateway_bytes_received_total", {})).toBe(login("dev1").length + data(3).length);
    expect(await metric("gateway_bytes_sent_total", {})).toBe(3);
    const text = await metrics.metrics();
    for (const line of ['outcome="checksum"', 'reason="superseded"', 'reason="datagramRate"', 'kind="conflict"']) {
      expect(text).toContain(line);
    }
    expect(text).toContain('gateway_ack_seconds_count{protocol="teltonika"} 1');
    expect(text).toContain('gateway_ack_seconds_bucket{le="+Inf",protocol="teltonika"} 1');
  });
});
