import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import { type ConnectionLimits, plainAddress } from "./connection-limits.ts";
import type { GatewayLimits, ListenerSpec, TlsFiles } from "./gateway-deps.ts";
import { ACCEPT_BACKLOG, PROXY_HEADER_TIMEOUT_MS, SOCKET_BUFFER_BYTES } from "./maxima.ts";
import type { RefusalReason, Tally } from "./metrics.ts";
import { parseProxyHeader } from "./proxy-header.ts";

export type Listening = {
  spec: ListenerSpec;
  address: string;
  port: number;
  /** Takes no more connections or datagrams; those there stay. */
  stop(): void;
};

export type AcceptContext = {
  limits: GatewayLimits;
  tally: Tally;
  isDraining: () => boolean;
  isStandby: () => boolean;
  onListenerError: (error: unknown) => void;
};

/** Takes over a connection that came in; `address` is the device's, behind a load balancer too. */
export type Entered = (socket: Socket, address: string) => void;

/**
 * Accepts TCP and TLS connections within the limits. Each waits for nothing here but a PROXY header (where expected) and
 * the TLS handshake, both bounded in time; then it has `entered`. Its place among the limits is given back by
 * `leaveOnClose`, or for TLS when the socket underneath closes.
 */
export async function openAcceptor(
  spec: ListenerSpec,
  context: AcceptContext,
  connections: ConnectionLimits,
  /** Given for a TLS listener only. */
  tls: TlsFiles | undefined,
  entered: Entered,
): Promise<Listening> {
  const acceptor = new Acceptor(context, connections, tls, entered);
  const server = createServer(
    { noDelay: true, highWaterMark: SOCKET_BUFFER_BYTES, allowHalfOpen: true },
    acceptor.connected.bind(acceptor),
  );
  await listen(server, spec.port, context.limits.HOST);
  server.on("error", context.onListenerError);
  const { address, port } = server.address() as AddressInfo;
  return {
    spec,
    address,
    port,
    stop: () => {
      server.close();
    },
  };
}

/** The files of a TLS listener, which can't do without. */
export function requireTls(tls: TlsFiles | undefined): TlsFiles {
  if (tls === undefined) throw new Error("a TLS listener needs a certificate and its key");
  return tls;
}

/** Gives back the place of a connection that has no session of its own to do it. */
export function leaveOnClose(connections: ConnectionLimits, socket: Socket, address: string): void {
  socket.once("close", () => {
    connections.leave();
    connections.leaveAddress(address);
  });
}

class Acceptor {
  readonly #context: AcceptContext;
  readonly #connections: ConnectionLimits;
  readonly #entered: Entered;
  readonly #tlsServer: TlsServer | undefined;
  /** The devices' addresses of the TLS handshakes under way, by the peer of the socket underneath. */
  readonly #handshakes = new Map<string, string>();

  constructor(context: AcceptContext, connections: ConnectionLimits, tls: TlsFiles | undefined, entered: Entered) {
    this.#context = context;
    this.#connections = connections;
    this.#entered = entered;
    if (tls !== undefined) this.#tlsServer = this.#openTls(tls);
  }

  connected(socket: Socket): void {
    const reason = this.#closedFor() ?? this.#connections.enter();
    if (reason !== undefined) this.#refuse(socket, reason);
    else if (this.#context.limits.PROXY_PROTOCOL) this.#awaitHeader(socket);
    else this.#enter(socket, socket.remoteAddress);
  }

  #closedFor(): RefusalReason | undefined {
    if (this.#context.isDraining()) return "draining";
    return this.#context.isStandby() ? "standby" : undefined;
  }

  #awaitHeader(socket: Socket): void {
    const timeoutMs = this.#context.limits.PROXY_HEADER_TIMEOUT_MS ?? PROXY_HEADER_TIMEOUT_MS;
    readProxyHeader(socket, timeoutMs, (outcome) => {
      if (outcome.kind === "header") {
        this.#enter(socket, outcome.sourceAddress ?? socket.remoteAddress);
        return;
      }
      this.#connections.leave();
      this.#refuse(socket, "proxyHeader");
    });
  }

  #enter(socket: Socket, rawAddress: string | undefined): void {
    const address = plainAddress(rawAddress ?? "");
    const limit = this.#connections.enterAddress(address);
    if (limit !== undefined) {
      this.#connections.leave();
      this.#refuse(socket, limit);
    } else if (this.#tlsServer !== undefined) {
      this.#shakeHands(this.#tlsServer, socket, address);
    } else {
      this.#entered(socket, address);
    }
  }

  #shakeHands(tlsServer: TlsServer, socket: Socket, address: string): void {
    const key = peerKey(socket);
    this.#handshakes.set(key, address);
    socket.once("close", () => this.#handshakes.delete(key));
    leaveOnClose(this.#connections, socket, address);
    tlsServer.emit("connection", socket);
  }

  #refuse(socket: Socket, reason: RefusalReason): void {
    this.#context.tally.refusals[reason] += 1;
    socket.on("error", ignoreError);
    socket.destroy();
  }

  #openTls(tls: TlsFiles): TlsServer {
    const server = createTlsServer({
      cert: tls.cert,
      key: tls.key,
      ...(tls.clientAuthority === undefined ? {} : { ca: tls.clientAuthority, requestCert: true }),
      rejectUnauthorized: false,
      minVersion: "TLSv1.2",
      handshakeTimeout: this.#context.limits.LOGIN_TIMEOUT_MS,
      allowHalfOpen: true,
    });
    server.on("secureConnection", (socket) => {
      const key = peerKey(socket);
      const address = this.#handshakes.get(key);
      this.#handshakes.delete(key);
      if (address === undefined) socket.destroy();
      else this.#entered(socket, address);
    });
    server.on("tlsClientError", (_error, socket) => {
      this.#context.tally.refusals.tlsHandshake += 1;
      socket.destroy();
    });
    return server;
  }
}

type HeaderOutcome = { kind: "header"; sourceAddress: string | undefined } | { kind: "refused" };

/** Reads the balancer's header, puts back what follows it, and leaves the socket paused. */
function readProxyHeader(socket: Socket, timeoutMs: number, done: (outcome: HeaderOutcome) => void): void {
  let bytes = Buffer.alloc(0);
  const finish = (outcome: HeaderOutcome, rest?: Buffer) => {
    clearTimeout(timer);
    socket.off("data", onData).off("error", onGone).off("close", onGone);
    socket.pause();
    if (rest !== undefined && rest.length > 0) socket.unshift(rest);
    done(outcome);
  };
  const onGone = () => finish({ kind: "refused" });
  const onData = (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    const header = parseProxyHeader(bytes);
    if (header.kind === "rejected") finish({ kind: "refused" });
    if (header.kind === "header") finish(header, bytes.subarray(header.consumed));
  };
  const timer = setTimeout(onGone, timeoutMs);
  socket.on("data", onData).on("error", onGone).on("close", onGone);
}

function peerKey(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

function ignoreError(): void {
  // A refused connection that breaks on its own is what was wanted.
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, backlog: ACCEPT_BACKLOG }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
