import type { ProtocolName } from "#decoders/decoder.ts";
import type { Listening } from "./acceptor.ts";
import { ConnectionLimits } from "./connection-limits.ts";
import { type DatagramListening, openDatagramListener } from "./datagram-listener.ts";
import type { GatewayDeps, ListenerSpec, ListenerTransport } from "./gateway-deps.ts";
import { openHttpContext, openHttpListener } from "./http/index.ts";
import { SWEEP_INTERVAL_MS } from "./maxima.ts";
import { openMetrics } from "./metrics.ts";
import { type Broker, openBroker, openMqttContext, openMqttListener, openUpstream } from "./mqtt/index.ts";
import { openListenerContext, openSharedContext, type SharedContext } from "./session-context.ts";
import { openStreamListener } from "./stream-listener.ts";

export { COMMAND_TYPES, type CommandType } from "./commands/adapter.ts";
export type * from "./gateway-deps.ts";
export type { CloseReason } from "./metrics.ts";
export type { AuthLevel, ConflictNote, ConnectedNote, DisconnectedNote } from "./notes.ts";

export type GatewayListener = {
  protocol: ListenerSpec["protocol"];
  transport: ListenerTransport;
  address: string;
  port: number;
};

export type Gateway = {
  readonly listeners: readonly GatewayListener[];
  /** True while frames are committed and acknowledged; false while the database is away or the gateway is draining. */
  ready(): boolean;
  /**
   * Stops accepting, lets the frames in flight be committed and acknowledged for at most DRAIN_TIMEOUT_MS, closes every
   * connection and waits, within the same time, for the notes about them. The journal stays open.
   */
  drain(): Promise<void>;
  /** Stops at once: what is not committed yet stays unacknowledged. */
  close(): Promise<void>;
};

/** Opens all listeners, or none: rejects with the error of the first that can't be opened. */
export async function openGateway(deps: GatewayDeps): Promise<Gateway> {
  const metrics = openMetrics(deps.metrics, deps.journal);
  const state = { isDraining: false };
  const shared = openSharedContext(deps, metrics, state);
  const connections = new ConnectionLimits(deps.limits.CONNECTIONS_MAX, deps.limits.CONNECTIONS_PER_ADDRESS_MAX);
  const streams: Listening[] = [];
  const datagrams: DatagramListening[] = [];
  let opening: Promise<Broker> | undefined;
  const broker = () => {
    opening ??= openBroker(deps.limits, shared.onListenerError);
    return opening;
  };
  const closeBroker = () => void opening?.then((opened) => opened.close());
  const stop = () => {
    for (const listening of [...streams, ...datagrams]) listening.stop();
  };
  try {
    for (const spec of deps.listeners) {
      switch (spec.transport) {
        case "udp": {
          const port = spec.port === 0 ? portOf(streams, spec.protocol) : spec.port;
          const context = openListenerContext(spec, deps, shared, metrics, connections);
          datagrams.push(await openDatagramListener({ ...spec, port }, context));
          break;
        }
        case "tcp":
        case "tls": {
          const context = openListenerContext(spec, deps, shared, metrics, connections);
          streams.push(await openStreamListener(spec, context, connections, deps.tls));
          break;
        }
        case "http":
          streams.push(await openHttpListener(spec, openHttpContext(spec, deps, shared, metrics), connections));
          break;
        case "mqtt":
        case "mqttTls":
        case "mqttWs": {
          const context = openMqttContext(spec, shared, metrics);
          streams.push(await openMqttListener(spec, context, connections, await broker(), deps.tls));
          break;
        }
      }
    }
  } catch (error) {
    stop();
    for (const listening of datagrams) listening.close();
    closeBroker();
    throw error;
  }
  const upstream = deps.mqttUpstreamUrl === undefined ? undefined : openUpstream(deps.mqttUpstreamUrl, shared, metrics);
  const sweeper = openSweeper(shared, [...datagrams, ...(upstream ? [upstream] : [])], deps);
  const drain = async (timeoutMs: number) => {
    state.isDraining = true;
    stop();
    for (const session of shared.sessions) session.drain();
    const deadline = deadlineIn(timeoutMs);
    await Promise.race([deadline.passed, Promise.all([allGone(shared, datagrams), upstream?.drained()])]);
    for (const session of shared.sessions) session.abort("drain");
    for (const listening of datagrams) listening.close();
    upstream?.close();
    closeBroker();
    clearInterval(sweeper);
    const written = [
      shared.notes.flush(),
      shared.knocks.flush(),
      shared.quarantine.flush(),
      shared.commands?.close() ?? Promise.resolve(),
    ];
    await Promise.race([deadline.passed, Promise.all(written)]);
    deadline.cancel();
  };
  let closing: Promise<void> | undefined;
  const listeners = [...streams, ...datagrams].map(({ spec, address, port }) => {
    return { protocol: spec.protocol, transport: spec.transport, address, port };
  });
  deps.log.info({ listeners }, "gateway listens");
  return {
    listeners,
    ready: () => deps.journal.ready && !state.isDraining,
    drain: () => {
      closing ??= drain(deps.limits.DRAIN_TIMEOUT_MS);
      return closing;
    },
    close: () => {
      closing ??= drain(0);
      return closing;
    },
  };
}

/** One timer for the time limits of all sessions and for what is written in batches. */
function openSweeper(
  shared: SharedContext,
  swept: readonly { sweep(monotonicMs: number): void }[],
  deps: GatewayDeps,
): NodeJS.Timeout {
  const { LOGIN_TIMEOUT_MS, FRAME_TIMEOUT_MS, IDLE_TIMEOUT_MS } = deps.limits;
  const shortestMs = Math.min(LOGIN_TIMEOUT_MS, FRAME_TIMEOUT_MS, IDLE_TIMEOUT_MS);
  const intervalMs = Math.max(1, Math.min(SWEEP_INTERVAL_MS, shortestMs / 4));
  return setInterval(() => {
    const nowMs = deps.monotonicMs();
    for (const session of shared.sessions) session.checkTime(nowMs);
    for (const part of swept) part.sweep(nowMs);
    shared.quarantine.sweep(nowMs);
    shared.passwords.sweep(nowMs);
    shared.commands?.sweep(nowMs);
    shared.heardLinks?.sweep(nowMs);
    void shared.quarantine.flush();
    void shared.knocks.flush();
  }, intervalMs);
}

/** The number that the TCP listener of a protocol was given: a device is told one port for both. */
function portOf(streams: readonly Listening[], protocol: ProtocolName): number {
  const beside = streams.find(({ spec }) => spec.protocol === protocol && spec.transport === "tcp");
  return beside?.port ?? 0;
}

async function allGone(shared: SharedContext, datagrams: readonly DatagramListening[]): Promise<void> {
  await Promise.all(datagrams.map((listening) => listening.drained()));
  if (shared.sessions.size > 0) await new Promise<void>((resolve) => shared.onLastSessionGone(resolve));
}

function deadlineIn(timeoutMs: number): { passed: Promise<void>; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  return { passed, cancel: () => clearTimeout(timer) };
}
