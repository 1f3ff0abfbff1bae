import { createServer, type Socket } from "node:net";
import { Aedes } from "aedes";
import { pino } from "pino";
import { Registry } from "prom-client";
import { findDecoder } from "#decoders";
import { type ListenerSpec, openGateway } from "#gateway";

/**
 * The server side of the socket benchmarks, in a process of its own: `echo` writes back what it reads; `aedes` is the
 * broker library of the gateway by itself; `gateway` and `mqtt` are the real gateway with a journal that commits at once
 * and a directory that knows everybody. The parent asks for CPU and memory figures over the channel.
 */
export type ServerMode = "echo" | "aedes" | "gateway" | "mqtt";

/** What the parent may ask for. The collection of garbage before a look at memory is no part of a CPU figure. */
export type ServerFigure = "cpuSeconds" | "rssBytes";

const PORTS_BACKLOG = 4096;

function openEcho(): Promise<number> {
  return listen((socket) => {
    socket.on("data", (bytes) => socket.write(bytes));
    socket.on("error", () => socket.destroy());
  });
}

async function openAedes(): Promise<number> {
  const broker = await Aedes.createBroker();
  return listen((socket) => void broker.handle(socket));
}

async function listen(take: (socket: Socket) => void): Promise<number> {
  const server = createServer({ noDelay: true }, take);
  await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1", backlog: PORTS_BACKLOG }, resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function openMeasuredGateway(listener: ListenerSpec): Promise<number> {
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
      // Phones without a password are let in only so.
      AUTO_REGISTER: true,
    },
    listeners: [listener],
    findDecoder,
    journal: {
      offer: (_frame, receipt) => {
        queueMicrotask(() => receipt.committed(++seq));
        return undefined;
      },
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

function open(mode: ServerMode): Promise<number> {
  switch (mode) {
    case "echo":
      return openEcho();
    case "aedes":
      return openAedes();
    case "gateway":
      return openMeasuredGateway({ protocol: "teltonika", transport: "tcp", port: 0 });
    case "mqtt":
      return openMeasuredGateway({ protocol: "owntracks", transport: "mqtt", port: 0 });
  }
}

function figureOf(figure: ServerFigure): number {
  if (figure === "cpuSeconds") {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

const port = await open(process.argv[2] as ServerMode);
process.on("message", (figure: ServerFigure) => {
  process.send?.(figureOf(figure));
});
process.on("disconnect", () => process.exit(0));
process.send?.({ port });
