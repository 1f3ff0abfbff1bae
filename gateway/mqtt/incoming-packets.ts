import type { Duplex } from "node:stream";
import type { CloseReason } from "../metrics.ts";
import { readUngated } from "./gated-read.ts";
import type { MqttContext } from "./mqtt-context.ts";
import { PacketMeter } from "./packet-meter.ts";
import type { Publishes } from "./publishes.ts";

/** The session that packets come in on. */
export type PacketGate = {
  /** How many packets may come in now. */
  packetsWelcome(): number;
  close(reason: CloseReason): void;
};

/**
 * What of a connection's bytes is read, and by whom: plain publishes are taken at once, the broker may have the rest,
 * as many packets as are welcome. Bytes of others stay in the connection, which bounds the memory of a session.
 */
export class IncomingPackets {
  readonly #context: MqttContext;
  readonly #connection: Duplex;
  readonly #gate: PacketGate;
  readonly #publishes: Publishes;
  readonly #meter = new PacketMeter();
  #heardAtMs: number;
  /** When the packet was begun of which more is expected. */
  #begunAtMs = 0;
  #hasLeftBytes = false;

  constructor(context: MqttContext, connection: Duplex, gate: PacketGate, publishes: Publishes, openedAtMs: number) {
    this.#context = context;
    this.#connection = connection;
    this.#gate = gate;
    this.#publishes = publishes;
    this.#heardAtMs = openedAtMs;
  }

  /** When a packet, or a part of one, was read last, by the monotonic clock. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Bytes were left in the connection, as too many publishes are in flight. */
  get hasLeftBytes(): boolean {
    return this.#hasLeftBytes;
  }

  /** How long a packet of which more is expected has been begun; 0 at a packet boundary. Milliseconds. */
  begunMs(monotonicMs: number): number {
    return this.#meter.isInside ? monotonicMs - this.#begunAtMs : 0;
  }

  /** What is left of bytes that came in, behind the plain publishes that they begin with. */
  takeFirst(bytes: Buffer): Buffer {
    if (this.#meter.isInside) return bytes;
    const packets = this.#gate.packetsWelcome();
    if (packets <= 0) return bytes;
    this.#heardAtMs = this.#context.monotonicMs();
    const taken = this.#publishes.takePlain(bytes, packets);
    this.#context.tally.bytesReceived += taken;
    return taken === 0 ? bytes : bytes.subarray(taken);
  }

  /** What the broker may have of the bytes that arrived; null for nothing now. */
  read(): Buffer | null {
    if (this.#gate.packetsWelcome() <= 0) {
      this.#hasLeftBytes = true;
      return null;
    }
    const read = readUngated(this.#connection);
    if (read === null) return null;
    const bytes = this.takeFirst(read);
    if (bytes.length === 0) return null;
    this.#heardAtMs = this.#context.monotonicMs();
    const packets = this.#gate.packetsWelcome();
    if (packets <= 0) {
      this.#leave(bytes);
      return null;
    }
    const wasInside = this.#meter.isInside;
    const metered = this.#meter.take(bytes, packets);
    if (metered.kind === "refused") {
      this.#context.tally.frames[metered.reason === "oversize" ? "oversize" : "format"] += 1;
      this.#gate.close(metered.reason);
      return null;
    }
    if (!wasInside || metered.byteCount < bytes.length) this.#begunAtMs = this.#heardAtMs;
    this.#context.tally.bytesReceived += metered.byteCount;
    if (metered.byteCount === bytes.length) return bytes;
    this.#leave(bytes.subarray(metered.byteCount));
    return bytes.subarray(0, metered.byteCount);
  }

  #leave(bytes: Buffer): void {
    this.#hasLeftBytes = true;
    this.#connection.unshift(bytes);
  }

  /** Has the broker read what was left in the connection, where it is welcome now. */
  readLeft(): void {
    if (!this.#hasLeftBytes || this.#gate.packetsWelcome() <= 0) return;
    this.#hasLeftBytes = false;
    this.#connection.emit("readable");
  }
}
