import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { ProtocolDecoder, ProtocolName } from "#decoders/decoder.ts";
import type { JournalWriter } from "#store/journal.ts";
import type { AckLatency } from "./ack-latency.ts";
import { type Admit, openAdmission } from "./admission.ts";
import type { ConnectionLimits } from "./connection-limits.ts";
import type { GatewayDeps, GatewayLimits, ListenerSpec } from "./gateway-deps.ts";
import { Knocks } from "./knocks.ts";
import { LiveSessions } from "./live-sessions.ts";
import { REPEATED_LOG_INTERVAL_MS } from "./maxima.ts";
import type { GatewayMetrics, Tally } from "./metrics.ts";
import { type AuthLevel, Notes } from "./notes.ts";
import { Quarantine } from "./quarantine.ts";
import type { StreamSession } from "./stream-session.ts";
import { TokenBuckets } from "./token-buckets.ts";

/** What all sessions of the gateway have in common. */
export type SharedContext = {
  limits: GatewayLimits;
  journal: JournalWriter;
  admit: Admit;
  /** Every connection that still has a socket, closed ones included. */
  sessions: Set<StreamSession>;
  live: LiveSessions<StreamSession>;
  notes: Notes;
  knocks: Knocks;
  quarantine: Quarantine;
  now: () => number;
  monotonicMs: () => number;
  isDraining: () => boolean;
  /** Calls `then` once no session is left. */
  onLastSessionGone: (then: () => void) => void;
  sessionGone: (session: StreamSession) => void;
  onSessionError: (error: unknown) => void;
  onListenerError: (error: unknown) => void;
};

/** What the sessions of one listener have in common. */
export type SessionContext = SharedContext & {
  protocol: ProtocolName;
  transport: "tcp" | "tls";
  decoder: ProtocolDecoder;
  tally: Tally;
  ackLatency: AckLatency;
  authLevelOf: (socket: Socket, remoteAddress: string, uid: string) => AuthLevel;
};

export function openSharedContext(
  deps: GatewayDeps,
  metrics: GatewayMetrics,
  state: { readonly isDraining: boolean },
): SharedContext {
  const sessions = new Set<StreamSession>();
  const repeated = new TokenBuckets(1_000 / REPEATED_LOG_INTERVAL_MS, 1, 10);
  const logSeldom = (level: "warn" | "error", message: string) => (error: unknown) => {
    if (repeated.take(message, deps.monotonicMs())) deps.log[level]({ err: error }, message);
  };
  let whenAllGone = () => {};
  return {
    limits: deps.limits,
    journal: deps.journal,
    admit: openAdmission(deps.findDevice, deps.registerDevice, {
      autoRegister: deps.limits.AUTO_REGISTER,
      onDirectoryAway: logSeldom("warn", "device directory does not answer, logins wait"),
    }),
    sessions,
    live: new LiveSessions(),
    notes: new Notes(deps.journal, metrics.notes),
    knocks: new Knocks(deps.recordKnocks, metrics.knocks),
    quarantine: new Quarantine(deps.quarantineRejected, metrics.quarantine),
    now: deps.now,
    monotonicMs: deps.monotonicMs,
    isDraining: () => state.isDraining,
    onLastSessionGone: (then) => {
      whenAllGone = then;
    },
    sessionGone: (session) => {
      sessions.delete(session);
      if (sessions.size === 0) whenAllGone();
    },
    onSessionError: logSeldom("error", "frame was not committed, connection ends unanswered"),
    onListenerError: logSeldom("error", "listener failed"),
  };
}

export function openListenerContext(
  spec: ListenerSpec,
  deps: GatewayDeps,
  shared: SharedContext,
  metrics: GatewayMetrics,
  connections: ConnectionLimits,
): SessionContext {
  const decoder = deps.findDecoder(spec.protocol);
  if (decoder === undefined) throw new Error(`no decoder is registered for ${spec.protocol}`);
  return {
    ...shared,
    protocol: spec.protocol,
    transport: spec.transport === "tls" ? "tls" : "tcp",
    decoder,
    tally: metrics.openTally(spec.protocol, spec.transport),
    ackLatency: metrics.ackLatency(spec.protocol),
    authLevelOf: (socket, remoteAddress, uid) => authLevelOf(deps, socket, remoteAddress, uid),
    sessionGone: (session) => {
      shared.sessionGone(session);
      // A TLS connection is counted until the socket underneath is closed.
      if (spec.transport === "tls") return;
      connections.leave();
      connections.leaveAddress(session.remoteAddress);
    },
  };
}

function authLevelOf(deps: GatewayDeps, socket: Socket, remoteAddress: string, uid: string): AuthLevel {
  if (socket instanceof TLSSocket) return certifiedName(socket) === uid ? "clientCertificate" : "tls";
  const family = remoteAddress.includes(":") ? "ipv6" : "ipv4";
  return deps.trustedNetworks?.check(remoteAddress, family) ? "network" : "id";
}

/** The name in a client certificate that our authority signed. */
function certifiedName(socket: TLSSocket): string | undefined {
  if (!socket.authorized) return undefined;
  const name = socket.getPeerCertificate().subject?.CN;
  return Array.isArray(name) ? name[0] : name;
}
