import type { BlockList } from "node:net";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { ProtocolDecoder, ProtocolName, RejectReason, Transport } from "#decoders/decoder.ts";
import type { CommandStore } from "#store/command-delivery.ts";
import type { JournalWriter } from "#store/journal.ts";
import type { CommandTimes } from "./commands/command-deps.ts";

/** What the gateway needs of the world. The composition root passes it in; the names of the limits are the settings'. */

export type GatewayLimits = Readonly<{
  HOST: string;
  CONNECTIONS_MAX: number;
  CONNECTIONS_PER_ADDRESS_MAX: number;
  LOGIN_TIMEOUT_MS: number;
  IDLE_TIMEOUT_MS: number;
  FRAME_TIMEOUT_MS: number;
  /** Time that an HTTP request waits for its commit; 15 s unless told. */
  COMMIT_TIMEOUT_MS?: number;
  DRAIN_TIMEOUT_MS: number;
  PROXY_PROTOCOL: boolean;
  /** Time for a PROXY header; `PROXY_HEADER_TIMEOUT_MS` of `maxima.ts` unless told. */
  PROXY_HEADER_TIMEOUT_MS?: number;
  AUTO_REGISTER: boolean;
  /** Devices that may register themselves; `AUTO_REGISTER_MAX` of `maxima.ts` unless told. */
  AUTO_REGISTER_MAX?: number;
  /** Memory for begun frames; `BEGUN_FRAMES_BYTES_MAX` of `maxima.ts` unless told. */
  BEGUN_FRAMES_BYTES_MAX?: number;
}>;

export type ListenerTransport = "tcp" | "udp" | "tls" | "http" | "mqtt" | "mqttTls" | "mqttWs";

/** Port 0 picks a free one; for UDP that of the same protocol's TCP listener, if one stands before it. */
export type ListenerSpec = { protocol: ProtocolName; transport: ListenerTransport; port: number };

/** What the gateway needs of a registered device. */
export type KnownDevice = {
  deviceId: number;
  fleetId: number;
  uid: string;
  /** Secrets and options by name, as registered. */
  settings?: Readonly<Record<string, unknown>>;
};

/** Rejects while the database is away: the connection then waits, it is never refused. */
export type FindDevice = (uid: string) => Promise<KnownDevice | undefined>;

export type RegisterDevice = (device: {
  uid: string;
  protocol: ProtocolName;
  fleetId: number;
}) => Promise<KnownDevice | undefined>;

/** How often an unregistered device called since the last batch. */
export type Knock = {
  uid: string;
  protocol: ProtocolName;
  knocks: number;
  firstSeenAtMs: number;
  lastSeenAtMs: number;
  lastAddress: string | null;
};

export type RecordKnocks = (knocks: readonly Knock[]) => Promise<void>;

/** A frame that was refused before its ack; `deviceId` and `fleetId` are null where nobody had logged in. */
export type RejectedFrame = {
  deviceId: number | null;
  fleetId: number | null;
  protocol: ProtocolName;
  transport: Transport;
  /** Unix milliseconds. */
  receivedAtMs: number;
  remoteAddress: string | null;
  reason: RejectReason | "preamble";
  detail: string | null;
  bytes: Uint8Array;
};

export type QuarantineRejected = (rows: readonly RejectedFrame[]) => Promise<void>;

/** False for a wrong password; `stored` is the hash from the device's settings. */
export type VerifyPassword = (password: Uint8Array, stored: string) => Promise<boolean>;

export type TlsFiles = {
  /** PEM text of the certificate chain and its key. */
  cert: string;
  key: string;
  /** PEM text of the authority of client certificates; without it none is asked for. */
  clientAuthority?: string;
};

export type GatewayDeps = {
  limits: GatewayLimits;
  listeners: readonly ListenerSpec[];
  findDecoder: (protocol: ProtocolName) => ProtocolDecoder | undefined;
  journal: JournalWriter;
  findDevice: FindDevice;
  registerDevice: RegisterDevice;
  recordKnocks: RecordKnocks;
  quarantineRejected: QuarantineRejected;
  /** Without it no password is right. */
  verifyPassword?: VerifyPassword;
  /** An external MQTT broker to take phones from: `mqtt://`, `mqtts://`, `ws://` or `wss://`. */
  mqttUpstreamUrl?: string;
  /** Where commands to devices wait; without it none are sent. */
  commands?: CommandStore;
  /** The times of commands, where they are not those of `maxima.ts`. */
  commandTimes?: Partial<CommandTimes>;
  /** Needed by `tls` and `mqttTls` listeners. */
  tls?: TlsFiles;
  /** Source networks that prove a device (a private APN): sessions from there are of auth level `network`. */
  trustedNetworks?: BlockList;
  /** Unix milliseconds, for what is stored. */
  now: () => number;
  /** Milliseconds that never jump, for time limits and latencies. */
  monotonicMs: () => number;
  log: Logger;
  metrics: Registry;
};
