import type { Duplex } from "node:stream";
import type { ConnectPacket, PublishPacket } from "aedes";
import type { CommandLink } from "../commands/command-deps.ts";
import type { KnownDevice } from "../gateway-deps.ts";
import { CLOSE_TIMEOUT_MS, KEEP_ALIVE_S_MAX, PUBLISHES_IN_FLIGHT_MAX, UNREAD_MQTT_BYTES_MAX } from "../maxima.ts";
import type { CloseReason } from "../metrics.ts";
import type { AuthLevel, NoteSubject } from "../notes.ts";
import { passwordHashOf } from "../password-checks.ts";
import { enter, leave } from "../presence.ts";
import type { GatewaySession } from "../session-context.ts";
import { gateReads } from "./gated-read.ts";
import { IncomingPackets, type PacketGate } from "./incoming-packets.ts";
import type { MqttContext } from "./mqtt-context.ts";
import { commandTopic, maySubscribe, uidOfPublish } from "./phone-identity.ts";
import { type LoginRefusal, logIn } from "./phone-login.ts";
import { Pubacks } from "./pubacks.ts";
import type { Acknowledge } from "./publish-turn.ts";
import { type Publisher, Publishes } from "./publishes.ts";
import type { EndsTurns } from "./turn-ends.ts";

/** Publishes to the client at the other end of a connection, with QoS 1. */
export type Deliver = (connection: Duplex, topic: string, payload: Buffer) => void;

/**
 * One MQTT connection, over TCP, TLS or WebSocket. The broker speaks the protocol; the session decides who the client is
 * and how long it may stay, `incoming-packets.ts` what the broker may read, `publishes.ts` when a publish is acknowledged.
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
export class MqttSession implements GatewaySession, PacketGate, Publisher, EndsTurns {
  readonly #context: MqttContext;
  readonly #connection: Duplex;
  readonly remoteAddress: string;
  #state: "naming" | "admitting" | "open" | "closed" = "naming";
  #login: ConnectPacket | undefined;
  #device: KnownDevice | undefined;
  #authLevel: AuthLevel = "id";
  readonly #openedAtMs: number;
  #closedAtMs = 0;
  /** Silence after which the connection is closed: one and a half times the keep-alive (MQTT 3.1.1, 3.1.2.10). */
  #silenceMsMax = Number.POSITIVE_INFINITY;
  readonly incoming: IncomingPackets;
  readonly #publishes: Publishes;
  /** Those that leave at the end of this turn. */
  readonly #pubacks = new Pubacks();
  readonly #deliver: Deliver;
  /** Takes commands once the device has subscribed to them. */
  #link: CommandLink | undefined;

  constructor(context: MqttContext, connection: Duplex, remoteAddress: string, deliver: Deliver) {
    this.#context = context;
    this.#deliver = deliver;
    this.#connection = connection;
    this.remoteAddress = remoteAddress;
    this.#openedAtMs = context.monotonicMs();
    this.#publishes = new Publishes(context, this);
    this.incoming = new IncomingPackets(context, connection, this, this.#publishes, this.#openedAtMs);
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
    return this.incoming.heardAtMs;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  packetsWelcome(): number {
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

  #open(device: KnownDevice, authLevel: AuthLevel): void {
    this.#state = "open";
    this.#device = device;
    this.#authLevel = authLevel;
    enter(this.#context, this, this.#noteSubject(device));
  }

  /** The broker says why in its CONNACK, then closes the connection. */
  #refuse(reason: LoginRefusal, uid: string | undefined): void {
    const { tally, knocks, now } = this.#context;
    tally.refusals[reason] += 1;
    if (reason === "unknownDevice" && uid !== undefined) knocks.add(uid, "owntracks", this.remoteAddress, now());
    this.#end(reason);
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

  /** What the connection brought is committed: no answer to a command comes on it any more. */
  #leaveCommands(): void {
    if (this.#link === undefined || this.#device === undefined) return;
    this.#context.commands?.detach(this.#device.deviceId, this.#link);
    this.#link = undefined;
  }

  /** Commits a publish (or a last will) and lets the broker acknowledge it after that, in the order of arrival. */
  publish(packet: PublishPacket, acknowledge: Acknowledge): void {
    this.#publishes.take(packet, acknowledge);
  }

  published(): void {
    if (this.#publishes.inFlight === 0 && this.isClosed) this.#leaveCommands();
    else if (this.#context.isDraining()) this.drain();
    else if (this.incoming.hasLeftBytes) this.#context.turnEnds.add(this);
  }

  sendPuback(messageId: number): void {
    if (this.#pubacks.add(messageId)) this.#context.turnEnds.add(this);
  }

  /** What the turn brought together leaves with one write, and what was left in the connection is read. */
  turnEnds(): void {
    this.flushPubacks();
    this.incoming.readLeft();
  }

  flushPubacks(): void {
    const bytes = this.#pubacks.take();
    if (bytes === undefined || this.isClosed) return;
    this.#connection.write(bytes);
    this.#context.tally.bytesSent += bytes.length;
  }

  silentMs(monotonicMs: number): number {
    return Math.round(monotonicMs - this.incoming.heardAtMs);
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
        else if (this.#publishes.inFlight > 0) return;
        else if (monotonicMs - this.incoming.heardAtMs > this.#silenceMsMax) this.close("idle");
        else if (this.incoming.begunMs(monotonicMs) > FRAME_TIMEOUT_MS) this.close("slowSender");
        return;
      case "closed":
        if (monotonicMs - this.#closedAtMs > CLOSE_TIMEOUT_MS) this.#connection.destroy();
    }
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
    this.#state = "closed";
    this.#closedAtMs = this.#context.monotonicMs();
    this.#context.tally.closes[reason] += 1;
    if (this.#publishes.inFlight === 0) this.#leaveCommands();
    if (this.#device === undefined) return true;
    leave(this.#context, this, this.#noteSubject(this.#device), {
      closeReason: reason,
      durationMs: Math.round(this.#closedAtMs - this.#openedAtMs),
      frames: this.#publishes.committedCount,
      rejectedFrames: 0,
    });
    return true;
  }

  #noteSubject(device: KnownDevice): NoteSubject {
    const { remoteAddress } = this;
    return { device, protocol: "owntracks", transport: "mqtt", remoteAddress, atMs: this.#context.now() };
  }
}
