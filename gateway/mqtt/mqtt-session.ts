import type { Duplex } from "node:stream";
import type { ConnectPacket, PublishPacket } from "aedes";
import type { CommandLink } from "../commands/delivery.ts";
import type { KnownDevice } from "../gateway-deps.ts";
import { CLOSE_TIMEOUT_MS, KEEP_ALIVE_S_MAX, PUBLISHES_IN_FLIGHT_MAX, UNREAD_MQTT_BYTES_MAX } from "../maxima.ts";
import type { CloseReason } from "../metrics.ts";
import type { AuthLevel } from "../notes.ts";
import { passwordHashOf } from "../password-checks.ts";
import type { GatewaySession } from "../session-context.ts";
import { gateReads, readUngated } from "./gated-read.ts";
import type { MqttContext } from "./mqtt-context.ts";
import { PacketMeter } from "./packet-meter.ts";
import { commandTopic, maySubscribe, uidOfPublish } from "./phone-identity.ts";
import { type LoginRefusal, logIn } from "./phone-login.ts";
import type { Acknowledge } from "./publish-turn.ts";
import { type Publisher, Publishes } from "./publishes.ts";
import type { EndsTurns } from "./turn-ends.ts";

/** Publishes to the client at the other end of a connection, with QoS 1. */
export type Deliver = (connection: Duplex, topic: string, payload: Buffer) => void;

/**
 * One MQTT connection, over TCP, TLS or WebSocket. The broker speaks the protocol; the session decides what the broker
 * may read, who the client is, and when a publish is acknowledged: see `publishes.ts`.
 *
 *     naming ──CONNECT──▶ admitting ──device known, password right──▶ open
 *       │ LOGIN_TIMEOUT_MS,   │ CONNACK with a refusal                 │ DISCONNECT, keep-alive, slow, violation,
 *       │ no CONNECT          │                                        │ foreign topic, takeover, superseded, drain
 *       └─────────────────▶ closed ◀──────────────────────────────────┘
 *
 * naming     the broker is given one packet, which must be a CONNECT
 * admitting  nothing is read
 * open       publishes are committed as they come and acknowledged in their order; with PUBLISHES_IN_FLIGHT_MAX of them
 *            waiting the rest stays in the socket, which bounds the memory of a session
 * closed     nothing is read or acknowledged any more; the socket is destroyed within CLOSE_TIMEOUT_MS
 */
export class MqttSession implements GatewaySession, Publisher, EndsTurns {
  readonly #context: MqttContext;
  readonly #connection: Duplex;
  readonly #meter = new PacketMeter();
  readonly remoteAddress: string;
  #state: "naming" | "admitting" | "open" | "closed" = "naming";
  #login: ConnectPacket | undefined;
  #device: KnownDevice | undefined;
  #authLevel: AuthLevel = "id";
  readonly #openedAtMs: number;
  #heardAtMs: number;
  #closedAtMs = 0;
  /** When the packet was begun of which more is expected. */
  #packetBegunAtMs = 0;
  /** Silence after which the connection is closed: one and a half times the keep-alive (MQTT 3.1.1, 3.1.2.10). */
  #silenceMsMax = Number.POSITIVE_INFINITY;
  /** Packet identifiers whose PUBACK leaves at the end of this turn. */
  #pubacks: number[] = [];
  /** Bytes were left in the connection, as too many publishes are in flight. */
  #hasLeftBytes = false;
  readonly #publishes: Publishes;
  readonly #deliver: Deliver;
  /** Takes commands once the device has subscribed to them. */
  #link: CommandLink | undefined;

  constructor(context: MqttContext, connection: Duplex, remoteAddress: string, deliver: Deliver) {
    this.#context = context;
    this.#deliver = deliver;
    this.#connection = connection;
    this.remoteAddress = remoteAddress;
    this.#openedAtMs = context.monotonicMs();
    this.#heardAtMs = this.#openedAtMs;
    this.#publishes = new Publishes(context, this);
    context.tally.sessions += 1;
    context.sessions.add(this);
    gateReads(connection, this);
  }

  get authLevel(): AuthLevel {
    return this.#authLevel;
  }

  get device(): KnownDevice | undefined {
    return this.#device;
  }

  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** What is left of bytes that came in, behind the plain publishes that they begin with. */
  takeFirst(bytes: Buffer): Buffer {
    if (this.#state !== "open" || this.#meter.isInside) return bytes;
    const packets = this.#packetsWelcome();
    if (packets <= 0) return bytes;
    this.#heardAtMs = this.#context.monotonicMs();
    const taken = this.#publishes.takePlain(bytes, packets);
    this.#context.tally.bytesReceived += taken;
    return taken === 0 ? bytes : bytes.subarray(taken);
  }

  /** What the broker may have of the bytes that arrived; null for nothing now. */
  read(): Buffer | null {
    if (this.#packetsWelcome() <= 0) {
      this.#hasLeftBytes = true;
      return null;
    }
    const read = readUngated(this.#connection);
    if (read === null) return null;
    const bytes = this.takeFirst(read);
    if (bytes.length === 0) return null;
    this.#heardAtMs = this.#context.monotonicMs();
    const packets = this.#packetsWelcome();
    if (packets <= 0) {
      this.#leave(bytes);
      return null;
    }
    const wasInside = this.#meter.isInside;
    const metered = this.#meter.take(bytes, packets);
    if (metered.kind === "refused") {
      this.#context.tally.frames[metered.reason === "oversize" ? "oversize" : "format"] += 1;
      this.close(metered.reason);
      return null;
    }
    if (!wasInside || metered.byteCount < bytes.length) this.#packetBegunAtMs = this.#heardAtMs;
    this.#context.tally.bytesReceived += metered.byteCount;
    if (metered.byteCount === bytes.length) return bytes;
    this.#leave(bytes.subarray(metered.byteCount));
    return bytes.subarray(0, metered.byteCount);
  }

  #leave(bytes: Buffer): void {
    this.#hasLeftBytes = true;
    this.#connection.unshift(bytes);
  }

  #packetsWelcome(): number {
    switch (this.#state) {
      case "naming":
        return 1;
      case "open":
        return this.#context.isDraining() ? 0 : PUBLISHES_IN_FLIGHT_MAX - this.#publishes.inFlight;
      case "admitting":
      case "closed":
        return 0;
    }
  }

  /** Bends a CONNECT to what is kept: no session state between connections, a keep-alive within our limits. */
  connecting(packet: ConnectPacket): void {
    this.#state = "admitting";
    this.#login = packet;
    packet.clean = true;
    const idleS = Math.max(1, Math.floor(this.#context.limits.IDLE_TIMEOUT_MS / 1_500));
    this.#silenceMsMax = 1_500 * Math.min(packet.keepalive || idleS, KEEP_ALIVE_S_MAX);
    // The broker's own timer would not hear of the publishes that are taken past it.
    packet.keepalive = 0;
  }

  /** Resolves with the reason for which the login is refused; undefined when the client is in. */
  async logIn(clientId: string, password: Uint8Array | undefined): Promise<LoginRefusal | undefined> {
    const { limits, monotonicMs, transport } = this.#context;
    const login = this.#login;
    this.#login = undefined;
    const startedAtMs = monotonicMs();
    const isWanted = () => !this.isClosed && monotonicMs() - startedAtMs < limits.LOGIN_TIMEOUT_MS;
    const outcome = await logIn(
      this.#context,
      {
        clientId,
        username: login?.username,
        willTopic: login?.will?.topic,
        password,
        remoteAddress: this.remoteAddress,
        isTls: transport === "mqttTls",
      },
      isWanted,
    );
    if (this.isClosed) return undefined;
    switch (outcome.kind) {
      case "refused":
        this.#refuse(outcome.reason, outcome.uid);
        return outcome.reason;
      case "unnamed":
        this.#state = "open";
        return undefined;
      case "device":
        this.#open(outcome.device, outcome.authLevel);
        return undefined;
    }
  }

  maySubscribe(filter: string): boolean {
    const { commands, tally } = this.#context;
    const device = this.#device;
    if (device === undefined || this.isClosed || !maySubscribe(device.uid, filter)) {
      tally.refusals.subscription += 1;
      return false;
    }
    if (this.#link === undefined && commands !== undefined) {
      this.#link = { protocol: "owntracks", sendCommand: (bytes) => this.#sendCommand(device, bytes) };
      commands.attach(device.deviceId, this.#link);
    }
    return true;
  }

  #sendCommand(device: KnownDevice, payload: Uint8Array): boolean {
    if (this.isClosed) return false;
    this.#context.tally.bytesSent += payload.length;
    this.#deliver(this.#connection, commandTopic(device.uid), Buffer.from(payload));
    if (this.#connection.writableLength > UNREAD_MQTT_BYTES_MAX) this.close("slowReader");
    return true;
  }

  /** Commits a publish (or a last will) and lets the broker acknowledge it after that, in the order of arrival. */
  publish(packet: PublishPacket, acknowledge: Acknowledge): void {
    this.#publishes.take(packet, acknowledge);
  }

  /** The broker gave the connection up. */
  failed(error: Error & { code?: unknown }): void {
    if (error.message === "drain timeout") this.close("slowReader");
    else this.close(error.code === undefined ? "framing" : "reset");
  }

  connectionClosed(): void {
    this.close("peer");
    this.#context.tally.sessions -= 1;
    this.#context.sessionGone(this);
  }

  drain(): void {
    if (this.#publishes.inFlight === 0) this.close("drain");
  }

  abort(reason: CloseReason): void {
    this.close(reason);
    this.#connection.destroy();
  }

  silentMs(monotonicMs: number): number {
    return Math.round(monotonicMs - this.#heardAtMs);
  }

  checkTime(monotonicMs: number): void {
    const { LOGIN_TIMEOUT_MS, FRAME_TIMEOUT_MS } = this.#context.limits;
    switch (this.#state) {
      case "naming":
        if (monotonicMs - this.#openedAtMs > LOGIN_TIMEOUT_MS) this.close("loginTimeout");
        return;
      case "admitting":
        return;
      case "open":
        if (this.#connection.writableLength > UNREAD_MQTT_BYTES_MAX) this.close("slowReader");
        else if (this.#publishes.inFlight === 0 && monotonicMs - this.#heardAtMs > this.#silenceMsMax)
          this.close("idle");
        else if (
          this.#publishes.inFlight === 0 &&
          this.#meter.isInside &&
          monotonicMs - this.#packetBegunAtMs > FRAME_TIMEOUT_MS
        )
          this.close("slowSender");
        return;
      case "closed":
        if (monotonicMs - this.#closedAtMs > CLOSE_TIMEOUT_MS) this.#connection.destroy();
    }
  }

  close(reason: CloseReason): void {
    if (reason === "drain") this.flushPubacks();
    if (!this.#end(reason)) return;
    // What is acknowledged leaves before a drained connection does.
    if (reason === "drain") this.#connection.end();
    else this.#connection.destroy();
  }

  /** False when the session was closed before. */
  #end(reason: CloseReason): boolean {
    if (this.#state === "closed") return false;
    const { tally, live, notes, monotonicMs, transport } = this.#context;
    this.#state = "closed";
    this.#closedAtMs = monotonicMs();
    tally.closes[reason] += 1;
    if (this.#publishes.inFlight === 0) this.#leaveCommands();
    if (this.#device === undefined) return true;
    const wasLive = live.leave(this.#device.deviceId, this);
    notes.write("disconnected", this.#noteSubject(this.#device), {
      authLevel: this.#authLevel,
      transport,
      sessions: wasLive ? 0 : 1,
      closeReason: reason,
      durationMs: Math.round(this.#closedAtMs - this.#openedAtMs),
      frames: this.#publishes.committedCount,
      rejectedFrames: 0,
    });
    return true;
  }

  /** The broker says why in its CONNACK, then closes the connection. */
  #refuse(reason: LoginRefusal, uid: string | undefined): void {
    const { tally, knocks, now } = this.#context;
    tally.refusals[reason] += 1;
    if (reason === "unknownDevice" && uid !== undefined) knocks.add(uid, "owntracks", this.remoteAddress, now());
    this.#end(reason);
  }

  #open(device: KnownDevice, authLevel: AuthLevel): void {
    const { live, notes, monotonicMs, transport } = this.#context;
    this.#state = "open";
    this.#device = device;
    this.#authLevel = authLevel;
    const previous = live.enter(device.deviceId, this, monotonicMs());
    notes.write("connected", this.#noteSubject(device), { authLevel, transport, sessions: 1 });
    if (previous === undefined) return;
    notes.write("conflict", this.#noteSubject(device), {
      authLevel,
      previousAuthLevel: previous.authLevel,
      previousAddress: previous.remoteAddress,
      previousSilentMs: previous.silentMs(monotonicMs()),
    });
  }

  published(): void {
    if (this.#publishes.inFlight === 0 && this.isClosed) this.#leaveCommands();
    else if (this.#context.isDraining()) this.drain();
    else if (this.#hasLeftBytes) this.#context.turnEnds.add(this);
  }

  sendPuback(messageId: number): void {
    if (this.#pubacks.push(messageId) === 1) this.#context.turnEnds.add(this);
  }

  /** What the turn brought together leaves with one write, and what was left in the connection is read. */
  turnEnds(): void {
    this.flushPubacks();
    if (!this.#hasLeftBytes || this.#packetsWelcome() <= 0) return;
    this.#hasLeftBytes = false;
    this.#connection.emit("readable");
  }

  flushPubacks(): void {
    const ids = this.#pubacks;
    if (ids.length === 0) return;
    if (!this.isClosed) {
      const bytes = pubackBytes(ids);
      this.#connection.write(bytes);
      this.#context.tally.bytesSent += bytes.length;
    }
    ids.length = 0;
  }

  /** What the connection brought is committed: no answer to a command comes on it any more. */
  #leaveCommands(): void {
    if (this.#link === undefined || this.#device === undefined) return;
    this.#context.commands?.detach(this.#device.deviceId, this.#link);
    this.#link = undefined;
  }

  /** Lets the device of a topic in, where devices may register themselves and the login named nobody. */
  async nameBy(topic: string): Promise<KnownDevice | undefined> {
    const uid = uidOfPublish(topic);
    if (uid === undefined || this.isClosed) return undefined;
    const known = await this.#context.admit(uid, "owntracks", () => !this.isClosed);
    // A device with a password has to log in with it.
    if (known.kind !== "known" || this.isClosed || passwordHashOf(known.device) !== undefined) return undefined;
    this.#open(known.device, this.#context.transport === "mqttTls" ? "tls" : "id");
    return known.device;
  }

  #noteSubject(device: KnownDevice) {
    const { now } = this.#context;
    const where = { protocol: "owntracks", transport: "mqtt", remoteAddress: this.remoteAddress } as const;
    return { ...where, device, atMs: now() };
  }
}

/** PUBACKs, MQTT 3.1.1 section 3.4. */
function pubackBytes(messageIds: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(4 * messageIds.length);
  let at = 0;
  for (const id of messageIds) {
    bytes[at++] = 0x40;
    bytes[at++] = 2;
    bytes[at++] = id >> 8;
    bytes[at++] = id & 0xff;
  }
  return bytes;
}
