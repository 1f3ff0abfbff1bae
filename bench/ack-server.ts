import { createServer, type Socket } from "node:net";
import { pino } from "pino";
import { Registry } from "prom-client";
import { findDecoder } from "#decoders";
import { openGateway } from "#gateway";

/**
 * The server side of the socket benchmarks, in a process of its own: `echo` writes back what it reads; `gateway` is the
 * real gateway with a journal that commits at once and a directory that knows everybody. The parent asks for CPU and
 * memory figures over the channel.
 */

const PORTS_BACKLOG = 4096;

async function openEcho(): Promise<number> {
  const server = createServer({ noDelay: true }, (socket: Socket) => {
    socket.on("data", (bytes) => socket.write(bytes));
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1", backlog: PORTS_BACKLOG }, resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function openMeasuredGateway(): Promise<number> {
  let seq = 0;
  const gateway = await openGateway({
    limits: {
      HOST: "127.0.0.1",
      CONNECTIONS_MAX: 100_000,
      CONNECTIONS_PER_ADDRESS_MAX: 100_000,
      LOGIN_TIMEOUT_MS: 60_000,
      IDLE_TIMEOUT_MS: 600_000,
      FRAME_TIMEOUT_MS: 60_000,
      DRAIN_TIMEOUT_MS: 1_000,
      PROXY_PROTOCOL: false,
      AUTO_REGISTER: false,
    },
    listeners: [{ protocol: "teltonika", transport: "tcp", port: 0 }],
    findDecoder,
    journal: {
      append: () => Promise.resolve(++seq),
      standby: false,
      ready: true,
      pendingFrames: 0,
      close: () => Promise.resolve(),
    },
    findDevice: (uid) => Promise.resolve({ deviceId: Number(uid.slice(-6)), fleetId: 1, uid }),
    registerDevice: () => Promise.resolve(undefined),
    recordKnocks: () => Promise.resolve(),
    quarantineRejected: () => Promise.resolve(),
    now: Date.now,
    monotonicMs: () => performance.now(),
    log: pino({ level: "error" }),
    metrics: new Registry(),
  });
  return gateway.listeners[0]!.port;
}

const port = process.argv[2] === "echo" ? await openEcho() : await openMeasuredGateway();
process.on("message", () => {
  globalThis.gc?.();
  process.send?.({ cpu: process.cpuUsage(), rssBytes: process.memoryUsage.rss() });
});
process.on("disconnect", () => process.exit(0));
process.send?.({ port });
