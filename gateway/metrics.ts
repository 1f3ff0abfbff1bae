import { Counter, Gauge, type Registry } from "prom-client";
import type { ProtocolName } from "#decoders/decoder.ts";
import { AckLatency, registerAckLatencies } from "./ack-latency.ts";
import { COMMAND_OUTCOMES, type CommandTally } from "./commands/command-deps.ts";
import type { ListenerTransport } from "./gateway-deps.ts";

/** What became of a delimited frame. The rejections bear the decoder's own reasons. */
export const FRAME_OUTCOMES = [
  "committed",
  "unkept",
  "beforeLogin",
  "unknownDevice",
  "checksum",
  "length",
  "count",
  "codec",
  "login",
  "format",
  "oversize",
  "preamble",
  "foreignTopic",
  "retained",
] as const;
export type FrameOutcome = (typeof FRAME_OUTCOMES)[number];

/** Why a connection or a datagram was turned away before it meant anything. */
export const REFUSAL_REASONS = [
  "total",
  "perAddress",
  "draining",
  "standby",
  "proxyHeader",
  "tlsHandshake",
  "unknownDevice",
  "datagramRate",
  "datagramsPending",
  "journal",
  "directoryAway",
  "clientId",
  "password",
  "passwordChecks",
  "subscription",
  "request",
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** Why a session ended. */
export const CLOSE_REASONS = [
  "peer",
  "reset",
  "loginTimeout",
  "directoryAway",
  "idle",
  "slowSender",
  "crowdedOut",
  "slowReader",
  "unknownDevice",
  "loginExpected",
  "identityChanged",
  "framing",
  "takeover",
  "superseded",
  "drain",
  "journal",
  "defect",
  "clientId",
  "password",
  "passwordChecks",
  "foreignTopic",
  "retained",
  "oversize",
] as const;
export type CloseReason = (typeof CLOSE_REASONS)[number];

export const SIDE_OUTCOMES = ["stored", "limited", "failed"] as const;
export type SideOutcome = (typeof SIDE_OUTCOMES)[number];

export const NOTE_KINDS = ["connected", "disconnected", "conflict"] as const;
export type NoteKind = (typeof NOTE_KINDS)[number];

/** A listener's transport, or the connection to an external broker. */
export type CountedTransport = ListenerTransport | "mqttUpstream";

/** Plain numbers of one listener: the hot path adds to them, a scrape reads them. */
export class Tally {
  readonly protocol: ProtocolName;
  readonly transport: CountedTransport;
  readonly frames: Record<FrameOutcome, number> = zeros(FRAME_OUTCOMES);
  readonly refusals: Record<RefusalReason, number> = zeros(REFUSAL_REASONS);
  readonly closes: Record<CloseReason, number> = zeros(CLOSE_REASONS);
  sessions = 0;
  records = 0;
  acks = 0;
  bytesReceived = 0;
  bytesSent = 0;

  constructor(protocol: ProtocolName, transport: CountedTransport) {
    this.protocol = protocol;
    this.transport = transport;
  }
}

/** Devices that registered themselves, and those that would have beyond the limit. */
export type RegistrationTally = { registered: number; refused: number };

export type SideTally = Record<SideOutcome, number>;

export type GatewayMetrics = {
  quarantine: SideTally;
  knocks: SideTally;
  registrations: RegistrationTally;
  notes: Record<NoteKind, SideTally>;
  commands: CommandTally;
  openTally(protocol: ProtocolName, transport: CountedTransport): Tally;
  ackLatency(protocol: ProtocolName): AckLatency;
  /** Says whether the external broker's messages reach us. */
  watchUpstream(isConnected: () => boolean): void;
};

/** Registers the gateway's metrics. Every reason of a closed union is a label, from the start at 0. */
export function openMetrics(
  registry: Registry,
  journal: { readonly pendingFrames: number; readonly ready: boolean },
): GatewayMetrics {
  const tallies: Tally[] = [];
  const quarantine = zeros(SIDE_OUTCOMES);
  const knocks = zeros(SIDE_OUTCOMES);
  const registrations: RegistrationTally = { registered: 0, refused: 0 };
  const notes = { connected: zeros(SIDE_OUTCOMES), disconnected: zeros(SIDE_OUTCOMES), conflict: zeros(SIDE_OUTCOMES) };
  const commands = zeros(COMMAND_OUTCOMES);
  const counter = counterOf(registry);

  const sessions = new Gauge({
    name: "gateway_sessions",
    help: "Open device connections",
    labelNames: ["protocol", "transport"],
    registers: [registry],
    collect: () => {
      for (const tally of tallies) {
        sessions.set({ protocol: tally.protocol, transport: tally.transport }, tally.sessions);
      }
    },
  });
  const pending: Gauge = new Gauge({
    name: "gateway_journal_pending_frames",
    help: "Frames waiting for their commit",
    registers: [registry],
    collect: () => {
      pending.set(journal.pendingFrames);
    },
  });
  const ready: Gauge = new Gauge({
    name: "gateway_journal_ready",
    help: "1 while appends commit",
    registers: [registry],
    collect: () => {
      ready.set(journal.ready ? 1 : 0);
    },
  });
  const perTally = (name: string, help: string, read: (tally: Tally) => number) =>
    counter(name, help, ["protocol", "transport"], (add) => {
      for (const tally of tallies) add([tally.protocol, tally.transport], read(tally));
    });
  const perReason = (name: string, help: string, label: string, read: (tally: Tally) => Record<string, number>) =>
    counter(name, help, ["protocol", "transport", label], (add) => {
      for (const tally of tallies) {
        for (const [reason, count] of Object.entries(read(tally)))
          add([tally.protocol, tally.transport, reason], count);
      }
    });
  perTally("gateway_bytes_received_total", "Bytes received from devices", (tally) => tally.bytesReceived);
  perTally("gateway_bytes_sent_total", "Bytes sent to devices", (tally) => tally.bytesSent);
  perTally("gateway_records_total", "Records in committed data frames", (tally) => tally.records);
  perTally("gateway_acks_total", "Acks written after their commit", (tally) => tally.acks);
  perReason("gateway_frames_total", "Frames by what became of them", "outcome", (tally) => tally.frames);
  perReason("gateway_refused_total", "Connections and datagrams turned away", "reason", (tally) => tally.refusals);
  perReason("gateway_closed_total", "Ended connections", "reason", (tally) => tally.closes);
  const side = (name: string, help: string, values: SideTally) =>
    counter(name, help, ["outcome"], (add) => {
      for (const outcome of SIDE_OUTCOMES) add([outcome], values[outcome]);
    });
  side("gateway_quarantined_total", "Rejected frames kept with their bytes", quarantine);
  side("gateway_knocks_total", "Calls of unregistered devices", knocks);
  counter(
    "gateway_auto_registrations_total",
    "Unknown devices that registered themselves or would have",
    ["outcome"],
    (add) => {
      for (const [outcome, count] of Object.entries(registrations)) add([outcome], count);
    },
  );
  counter("gateway_notes_total", "Journalled notes about sessions", ["kind", "outcome"], (add) => {
    for (const kind of NOTE_KINDS) for (const outcome of SIDE_OUTCOMES) add([kind, outcome], notes[kind][outcome]);
  });
  counter("gateway_commands_total", "Attempts to have a command carried out", ["outcome"], (add) => {
    for (const outcome of COMMAND_OUTCOMES) add([outcome], commands[outcome]);
  });
  const latencies = new Map<ProtocolName, AckLatency>();
  registerAckLatencies(registry, latencies);

  return {
    quarantine,
    knocks,
    registrations,
    notes,
    commands,
    openTally: (protocol, transport) => {
      const tally = new Tally(protocol, transport);
      tallies.push(tally);
      return tally;
    },
    watchUpstream: (isConnected) => {
      const upstream: Gauge = new Gauge({
        name: "gateway_upstream_connected",
        help: "1 while messages of the external MQTT broker reach the gateway",
        registers: [registry],
        collect: () => {
          upstream.set(isConnected() ? 1 : 0);
        },
      });
    },
    ackLatency: (protocol) => {
      const latency = latencies.get(protocol) ?? new AckLatency(protocol);
      latencies.set(protocol, latency);
      return latency;
    },
  };
}

/** A counter whose value lives elsewhere: read at each scrape, so that counting costs one addition. */
function counterOf(registry: Registry) {
  return (
    name: string,
    help: string,
    labelNames: string[],
    collect: (add: (labels: string[], value: number) => void) => void,
  ): void => {
    const counter = new Counter({
      name,
      help,
      labelNames,
      registers: [registry],
      collect: () => {
        counter.reset();
        collect((labels, value) => counter.labels(...labels).inc(value));
      },
    });
  };
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
