import type { Attributes, ProtocolName } from "#decoders/decoder.ts";
import type { Outbox } from "./outbox.ts";
import type { Random } from "./random.ts";

/** One report that a simulated device made, in SI units, before any protocol has shaped it. */
export type SimulatedRecord = {
  /** Time by the device's own clock, Unix milliseconds; wrong where the clock is not synchronised. */
  timeMs: number;
  latDeg: number;
  lonDeg: number;
  altitudeM: number;
  speedMps: number;
  headingDeg: number;
  satellites: number;
  hdop: number;
  ignition: boolean;
  odometerM: number;
  event: "ignition" | null;
  /** Which run of the simulator made the record, and its number there, counted per device from 0: travels in the record. */
  run: number;
  marker: number;
};

/** How often a device sends, gives up and misbehaves. */
export type Behaviour = {
  recordsPerPacket: number;
  /** A packet that is not full leaves this long after its first record, milliseconds. */
  sendAfterMs: number;
  order: "newestFirst" | "oldestFirst";
  /** Silence after which an unanswered packet is sent again (TCP: on a new connection), milliseconds. */
  responseTimeoutMs: number;
  /** How often a device whose protocol has heartbeats sends one, milliseconds. */
  heartbeatMs: number;
  /** Pauses before the first, second … attempt to connect again, milliseconds; the last one repeats. */
  backoffMs: readonly number[];
  faults: FaultRates;
};

/** Chance of each fault per packet sent, in [0, 1]; at most one happens to a packet. */
export type FaultRates = {
  /** The connection breaks in the middle of the packet. */
  cut: number;
  /** The whole packet is sent and the connection breaks before the answer: stored, not acknowledged. */
  vanish: number;
  /** The packet arrives in pieces with pauses between them. */
  split: number;
  /** One bit is wrong: must not be acknowledged. A protocol without a checksum is cut instead: TCP would have noticed. */
  corrupt: number;
  /** The packet is sent once more after it was acknowledged. */
  duplicate: number;
};

export type Fault = keyof FaultRates;

export const NO_FAULTS: FaultRates = { cut: 0, vanish: 0, split: 0, corrupt: 0, duplicate: 0 };

/** What one device's link did; the sums over a fleet are in the summary. */
export type LinkCounters = {
  connections: number;
  refusals: number;
  packets: number;
  resends: number;
  duplicates: number;
  faults: number;
  acks: number;
  /** Answers that confirm another number of records than were sent. */
  mismatchedAcks: number;
  /** Bytes from the gateway that are no answer of the protocol. */
  strangeAnswers: number;
  responseTimeouts: number;
  connectionLosses: number;
  /** Heartbeats that were answered. */
  heartbeats: number;
  /** Commands of the gateway that the device answered. */
  commands: number;
};

export function noCounts(): LinkCounters {
  return {
    connections: 0,
    refusals: 0,
    packets: 0,
    resends: 0,
    duplicates: 0,
    faults: 0,
    acks: 0,
    mismatchedAcks: 0,
    strangeAnswers: 0,
    responseTimeouts: 0,
    connectionLosses: 0,
    heartbeats: 0,
    commands: 0,
  };
}

export type LinkContext = {
  uid: string;
  /** Null where the protocol has none. */
  password: string | null;
  host: string;
  port: number;
  outbox: Outbox;
  behaviour: Behaviour;
  random: Random;
  counters: LinkCounters;
  /** These records were acknowledged: the device may forget them, the gateway must have stored them. */
  onAcknowledged(records: readonly SimulatedRecord[], latencyMs: number): void;
};

/** A device's way to the gateway: takes records from the outbox and sends each until it is acknowledged. */
export type DeviceLink = {
  /** Looks at the outbox again; called when a record was added. */
  wake(): void;
  /** Loses and regains the network. Records keep waiting in the outbox meanwhile. */
  setOnline(online: boolean): void;
  /** True while a packet waits for its answer or records wait to be sent. */
  readonly busy: boolean;
  close(): void;
};

/** A kind of device that the fleet can drive. A new protocol is one of these and one line in `devices/index.ts`. */
export type DeviceProtocol = {
  readonly protocol: ProtocolName;
  /** Model to register, so that the profile knows its elements; null for a phone. */
  readonly model: string | null;
  /** Whether the device proves itself by a password, which is registered with it. */
  readonly hasPassword: boolean;
  readonly clock: {
    /** The protocol writes times in whole steps of so many milliseconds. */
    stepMs: number;
    /** A phone's clock is always set; a tracker's was perhaps never. */
    canBeUnset: boolean;
  };
  /** A plausible uid of the device number `index` of a fleet; the same for the same numbers drawn. */
  makeUid(random: Random, index: number): string;
  openLink(context: LinkContext): DeviceLink;
  /** Finds a record's marker in the attributes of a stored fix; undefined where the fix is not of this run. */
  readMarker(attributes: Attributes, run: number): number | undefined;
};
