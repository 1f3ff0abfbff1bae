import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { ProtocolDecoder, ProtocolName } from "#decoders/decoder.ts";
import type { JournalWriter } from "#store/journal.ts";
import type { AckLatency } from "./ack-latency.ts";
import { type Admit, openAdmission } from "./admission.ts";
import { BegunFrames } from "./begun-frames.ts";
import type { CommandLink } from "./commands/command-deps.ts";
import { Commands } from "./commands/commands.ts";
import { HeardLinks } from "./commands/heard-links.ts";
import type { ConnectionLimits } from "./connection-limits.ts";
import type { GatewayDeps, GatewayLimits, ListenerSpec } from "./gateway-deps.ts";
import { Knocks } from "./knocks.ts";
import { LiveSessions } from "./live-sessions.ts";
import {
  AUTO_REGISTER_MAX,
  BEGUN_FRAMES_BYTES_MAX,
  COMMAND_ANSWER_TIMEOUT_MS,
  COMMAND_EVIDENCE_PATIENCE_MS,
  COMMAND_LATE_ANSWER_MS,
  COMMAND_POLL_MS,
  REPEATED_LOG_INTERVAL_MS,
} from "./maxima.ts";
import type { CloseReason, GatewayMetrics, Tally } from "./metrics.ts";
import { type AuthLevel, Notes } from "./notes.ts";
import { PasswordChecks } from "./password-checks.ts";
import { Quarantine } from "./quarantine.ts";
import { TokenBuckets } from "./token-buckets.ts";

/** A device's connection, whatever the transport, as far as the gateway as a whole deals with it. */
export type GatewaySession = {
  readonly remoteAddress: string;
  readonly authLevel: AuthLevel;
  /** Time since the device was last heard, milliseconds. */
  silentMs(monotonicMs: number): number;
  /** Keeps the time limits; called for every session by one sweep. */
  checkTime(monotonicMs: number): void;
  /** Closes when what is in hand is committed and answered. */
  drain(): void;
  close(reason: CloseReason): void;
  /** Ends the connection at once, whatever is in hand. */
  abort(reason: CloseReason): void;
};

/** What all sessions of the gateway have in common. */
export type SharedContext = {
  limits: GatewayLimits;
  journal: JournalWriter;
  admit: Admit;
  /** As `admit`, but nobody is registered by it. */
  identify: Admit;
  passwords: PasswordChecks;
  /** Every connection that still has a socket, closed ones included. */
  sessions: Set<GatewaySession>;
  live: LiveSessions<GatewaySession>;
  begunFrames: BegunFrames;
  notes: Notes;
  knocks: Knocks;
  quarantine: Quarantine;
  /** Absent where the gateway was given no commands. */
  commands: Commands | undefined;
  heardLinks: HeardLinks | undefined;
  now: () => number;
  monotonicMs: () => number;
  isDraining: () => boolean;
  /** Another process leads the journal: devices belong there. */
  isStandby: () => boolean;
  /** Calls `then` once no session is left. */
  onLastSessionGone: (then: () => void) => void;
  sessionGone: (session: GatewaySession) => void;
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
  const sessions = new Set<GatewaySession>();
  const repeated = new TokenBuckets(1_000 / REPEATED_LOG_INTERVAL_MS, 1, 10);
  const logSeldom = (level: "warn" | "error", message: string) => (error: unknown) => {
    if (repeated.take(message, deps.monotonicMs())) deps.log[level]({ err: error }, message);
  };
  const onDirectoryAway = logSeldom("warn", "device directory does not answer, logins wait");
  const { registrations } = metrics;
  const admission = (registrationsMax: number) =>
    openAdmission(deps.findDevice, deps.registerDevice, { registrationsMax, registrations, onDirectoryAway });
  const live = new LiveSessions<GatewaySession>();
  const commands = openCommands(deps, metrics, live, logSeldom("warn", "commands are not delivered, trying again"));
  let whenAllGone = () => {};
  return {
    limits: deps.limits,
    journal: deps.journal,
    admit: admission(deps.limits.AUTO_REGISTER ? (deps.limits.AUTO_REGISTER_MAX ?? AUTO_REGISTER_MAX) : 0),
    identify: admission(0),
    passwords: new PasswordChecks(deps.verifyPassword ?? (() => Promise.resolve(false))),
    sessions,
    live,
    begunFrames: new BegunFrames(deps.limits.BEGUN_FRAMES_BYTES_MAX ?? BEGUN_FRAMES_BYTES_MAX),
    notes: new Notes(deps.journal, metrics.notes),
    knocks: new Knocks(deps.recordKnocks, metrics.knocks),
    quarantine: new Quarantine(deps.quarantineRejected, metrics.quarantine),
    commands,
    heardLinks: commands && new HeardLinks(commands, deps.commandTimes?.answerTimeoutMs ?? COMMAND_ANSWER_TIMEOUT_MS),
    now: deps.now,
    monotonicMs: deps.monotonicMs,
    isDraining: () => state.isDraining,
    isStandby: () => deps.journal.standby,
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

function openCommands(
  deps: GatewayDeps,
  metrics: GatewayMetrics,
  live: LiveSessions<GatewaySession>,
  onError: (error: unknown) => void,
): Commands | undefined {
  if (deps.commands === undefined) return undefined;
  return new Commands({
    store: deps.commands,
    times: {
      answerTimeoutMs: COMMAND_ANSWER_TIMEOUT_MS,
      lateAnswerMs: COMMAND_LATE_ANSWER_MS,
      evidencePatienceMs: COMMAND_EVIDENCE_PATIENCE_MS,
      pollMs: COMMAND_POLL_MS,
      ...deps.commandTimes,
    },
    findDecoder: deps.findDecoder,
    findLink: (deviceId) => linkOf(live.find(deviceId)),
    tally: metrics.commands,
    monotonicMs: deps.monotonicMs,
    onError,
  });
}

/** Not every kind of session can be talked to. */
function linkOf(session: GatewaySession | undefined): CommandLink | undefined {
  return session !== undefined && "sendCommand" in session ? (session as GatewaySession & CommandLink) : undefined;
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
