import { BlockList } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import {
  Command,
  IPv4Address,
  IPv4ProxyAddress,
  TransportProtocol,
  UnspecProxyAddress,
  V2ProxyProtocol,
} from "proxy-protocol-js";
import { generate } from "selfsigned";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TlsFiles } from "./index.ts";
import {
  ackOf,
  closeTestGateways,
  data,
  login,
  openTestGateway,
  pause,
  TestDevice,
  testDecoder,
  until,
} from "./test-gateway.ts";

afterEach(closeTestGateways);

describe("connection limits", () => {
  it("turn away who comes after the total is reached, until one leaves", async () => {
    const { connect, metric } = await openTestGateway({ limits: { CONNECTIONS_MAX: 2 } });
    const first = await connect();
    await first.login("dev1");
    await (await connect({ from: "127.0.0.2" })).login("dev2");
    await (await connect({ from: "127.0.0.3" })).closed();
    expect(await metric("gateway_refused_total", { reason: "total" })).toBe(1);
    first.socket.destroy();
    await until(async () => (await metric("gateway_sessions", {})) === 1);
    await (await connect()).login("dev3");
  });

  it("turn away who comes after one address has its share, and nobody else", async () => {
    const { connect, metric } = await openTestGateway({ limits: { CONNECTIONS_PER_ADDRESS_MAX: 1 } });
    await (await connect()).login("dev1");
    await (await connect()).closed();
    expect(await metric("gateway_refused_total", { reason: "perAddress" })).toBe(1);
    await (await connect({ from: "127.0.0.2" })).login("dev2");
  });

  it("close a peer that does not take its acks off us", async () => {
    const longAck = new Uint8Array(2_000);
    const { connect, journal } = await openTestGateway({
      findDecoder: () => ({
        ...testDecoder,
        envelope: (frame, transport) => {
          const envelope = testDecoder.envelope(frame, transport);
          return envelope.kind === "data" ? { ...envelope, ack: longAck } : envelope;
        },
      }),
    });
    const device = await connect();
    await device.login("dev1");
    device.socket.pause();
    const frames = Buffer.concat(Array.from({ length: 500 }, () => data(1)));
    await until(() => {
      if (device.socket.writableLength === 0) device.socket.write(frames);
      return journal.notes().some((note) => note.closeReason === "slowReader");
    });
  });
});

describe("auth level", () => {
  it("is the network where the device comes from a trusted one", async () => {
    const trustedNetworks = new BlockList();
    trustedNetworks.addAddress("127.0.0.2");
    const { connect, journal } = await openTestGateway({ trustedNetworks });
    await (await connect({ from: "127.0.0.2" })).login("dev1");
    await (await connect({ from: "127.0.0.3" })).login("dev2");
    expect(journal.notes()).toMatchObject([{ authLevel: "network" }, { authLevel: "id" }]);
  });
});

describe("TLS", () => {
  let server: Awaited<ReturnType<typeof generate>>;
  let tls: TlsFiles;
  beforeAll(async () => {
    server = await generate([{ name: "commonName", value: "localhost" }], {
      keyType: "ec",
      algorithm: "sha256",
      clientCertificate: { cn: "dev1" },
      extensions: [{ name: "basicConstraints", cA: true }],
    });
    tls = { cert: server.cert, key: server.private };
  });
  const listeners = [{ protocol: "teltonika", transport: "tls", port: 0 } as const];

  const connectSecurely = async (port: number, options: object = {}): Promise<TestDevice> => {
    const socket: TLSSocket = connectTls({
      port,
      host: "127.0.0.1",
      ca: server.cert,
      servername: "localhost",
      ...options,
    });
    const device = new TestDevice(socket);
    await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
    return device;
  };

  it("carries the same session, whose notes and frames say so", async () => {
    const { port, journal } = await openTestGateway({ listeners, tls });
    const device = await connectSecurely(port, { checkServerIdentity: () => undefined });
    await device.login("dev1");
    device.send(data(1), data(2));
    await device.receives(ackOf(1) + ackOf(2));
    device.socket.end();
    await until(() => journal.committed.length === 4);
    expect(journal.notes()).toMatchObject([
      { authLevel: "tls", transport: "tls" },
      { authLevel: "tls", transport: "tls", closeReason: "peer" },
    ]);
  });

  it("proves the device by a client certificate of its own name, and by no other", async () => {
    const { port, journal } = await openTestGateway({ listeners, tls: { ...tls, clientAuthority: server.cert } });
    const certificate = {
      cert: server.clientcert,
      key: server.clientprivate,
      checkServerIdentity: () => undefined,
    };
    await (await connectSecurely(port, certificate)).login("dev1");
    await (await connectSecurely(port, certificate)).login("dev2");
    expect(journal.notes()).toMatchObject([{ authLevel: "clientCertificate" }, { authLevel: "tls" }]);
  });

  it("turns away who speaks something else, and gives the place back", async () => {
    const { connect, metric } = await openTestGateway({
      listeners,
      tls,
      limits: { CONNECTIONS_MAX: 1, LOGIN_TIMEOUT_MS: 2_000 },
    });
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const plain = await connect();
      plain.send(login("dev1"), data(1));
      await plain.closed();
      await until(async () => (await metric("gateway_refused_total", { reason: "tlsHandshake" })) === attempt);
    }
  });

  it("works behind a load balancer's PROXY header", async () => {
    const { port, journal } = await openTestGateway({ listeners, tls, limits: { PROXY_PROTOCOL: true } });
    const raw = await TestDevice.connect(port);
    raw.send(proxyHeader([203, 0, 113, 9]));
    raw.socket.removeAllListeners("data");
    const device = await connectSecurely(port, { socket: raw.socket, checkServerIdentity: () => undefined });
    await device.login("dev1");
    expect(journal.committed[0]).toMatchObject({ kind: "connected", remoteAddress: "203.0.113.9" });
  });
});

describe("the PROXY protocol", () => {
  it("gives sessions the device's address, glued to the login or byte by byte", async () => {
    const { connect, journal } = await openTestGateway({ limits: { PROXY_PROTOCOL: true } });
    const glued = await connect();
    glued.send(proxyHeader([203, 0, 113, 9]), login("dev1"));
    await glued.receives("01");
    const slow = await connect();
    for (const byte of proxyHeader([203, 0, 113, 10])) {
      slow.send(Uint8Array.of(byte));
      await pause(1);
    }
    await slow.login("dev2");
    expect(journal.committed.map((note) => note.remoteAddress)).toEqual(["203.0.113.9", "203.0.113.10"]);
  });

  it("counts the limits by the device's address, not the balancer's", async () => {
    const { connect, metric } = await openTestGateway({
      limits: { PROXY_PROTOCOL: true, CONNECTIONS_PER_ADDRESS_MAX: 1 },
    });
    for (const [last, uid] of [
      [1, "dev1"],
      [2, "dev2"],
    ] as const) {
      const device = await connect();
      device.send(proxyHeader([203, 0, 113, last]), login(uid));
      await device.receives("01");
    }
    const third = await connect();
    third.send(proxyHeader([203, 0, 113, 1]), login("dev3"));
    await third.closed();
    expect(await metric("gateway_refused_total", { reason: "perAddress" })).toBe(1);
  });

  it("takes the balancer's own connection by its socket address", async () => {
    const { connect, journal } = await openTestGateway({ limits: { PROXY_PROTOCOL: true } });
    const device = await connect();
    const unspecified = new UnspecProxyAddress();
    device.send(new V2ProxyProtocol(Command.LOCAL, TransportProtocol.UNSPEC, unspecified).build(), login("dev1"));
    await device.receives("01");
    expect(journal.committed[0]?.remoteAddress).toBe("127.0.0.1");
  });

  it("is refused when it does not come in time", async () => {
    const { connect, metric } = await openTestGateway({
      limits: { PROXY_PROTOCOL: true, PROXY_HEADER_TIMEOUT_MS: 50 },
    });
    const device = await connect();
    device.send(proxyHeader([203, 0, 113, 9]).subarray(0, 20));
    await device.closed();
    expect(await metric("gateway_refused_total", { reason: "proxyHeader" })).toBe(1);
  });

  it("is refused when missing, and off by default", async () => {
    const { connect, metric } = await openTestGateway({ limits: { PROXY_PROTOCOL: true, CONNECTIONS_MAX: 1 } });
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const device = await connect();
      device.send(login("dev1"));
      await device.closed();
      expect(await metric("gateway_refused_total", { reason: "proxyHeader" })).toBe(attempt);
    }
    const plain = await openTestGateway();
    const forger = await plain.connect();
    forger.send(proxyHeader([203, 0, 113, 9]), login("dev1"));
    await forger.closed();
    expect(plain.journal.committed).toEqual([]);
  });
});

function proxyHeader(source: number[]): Uint8Array {
  const local = IPv4Address.createFrom([127, 0, 0, 1]);
  const addresses = new IPv4ProxyAddress(IPv4Address.createFrom(source), 40_000, local, 5_027);
  return new V2ProxyProtocol(Command.PROXY, TransportProtocol.STREAM, addresses).build();
}
