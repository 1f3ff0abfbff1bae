import type { Socket } from "node:net";
import type { Envelope, ProtocolName } from "#decoders/decoder.ts";
import { AckLoop, type FrameSource } from "./ack-loop.ts";
import type { CommandLink } from "./commands/command-deps.ts";
import type { KnownDevice } from "./gateway-deps.ts";
import { CLOSE_TIMEOUT_MS, UNREAD_ACK_BYTES_MAX } from "./maxima.ts";
import type { CloseReason } from "./metrics.ts";
import type { AuthLevel, NoteSubject } from "./notes.ts";
import { enter, leave } from "./presence.ts";
import type { GatewaySession, SessionContext } from "./session-context.ts";
import { listenTo } from "./session-events.ts";
import { setAside } from "./set-aside.ts";

/**
 * One device connection over TCP or TLS.
 *
 *     naming ──login, or a frame naming its device──▶ admitting ──known──▶ open ⇄ (busy: a frame is being committed)
 *       │ LOGIN_TIMEOUT_MS,                              │ unknown,           │ peer, idle, slow, framing lost,
 *       │ data before login                              │ directory away     │ takeover, superseded, drain
 *       └──────────────────────────▶ closed ◀────────────┴────────────────────┘
 *
 * naming     nobody has said who calls; only keep-alives and a login are taken
 * admitting  the directory is being asked; while it is away the connection waits, up to LOGIN_TIMEOUT_MS
 * open       frames are taken one after another: the next is looked at when the last was committed and answered
 *            (`ack-loop.ts`). What arrives meanwhile is held and pauses the socket, which bounds the memory of a
 *            session (`SOCKET_BUFFER_BYTES`).
 * closed     nothing is read or answered any more; the socket is destroyed within CLOSE_TIMEOUT_MS
 *
 * A session has no timer and no closure of its own: one sweep looks at all of them, and an idle session holds no buffer.
 */
export class StreamSession implements GatewaySession, CommandLink, FrameSource {
  readonly #context: SessionContext;
  readonly #socket: Socket;
  readonly #loop: AckLoop;
  readonly remoteAddress: string;
  #state: "naming" | "admitting" | "open" | "closed" = "naming";
  #hasPeerEnded = false;
  #device: KnownDevice | undefined;
  #authLevel: AuthLevel = "id";
  readonly #openedAtMs: number;
  #closedAtMs = 0;

  constructor(context: SessionContext, socket: Socket, remoteAddress: string) {
    this.#context = context;
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
    this.#openedAtMs = context.monotonicMs();
    this.#loop = new AckLoop(context, this, this.#openedAtMs);
    context.tally.sessions += 1;
    context.sessions.add(this);
    listenTo(socket, this);
  }

  get authLevel(): AuthLevel {
    return this.#authLevel;
  }

  get protocol(): ProtocolName {
    return this.#context.protocol;
  }

  /** What the journal is told: TLS is TCP as far as frames are concerned. */
  get transport(): "tcp" {
    return "tcp";
  }

  get device(): KnownDevice | undefined {
    return this.#device;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  receive(chunk: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#context.tally.bytesReceived += chunk.length;
    if (!this.#loop.receive(chunk)) this.#socket.pause();
  }

  /**
   * Writes a command, after the answer to the frame in hand. False where it was not written: the connection has ended,
   * or the frame took longer than what was known when the command was decided on may be believed.
   */
  sendCommand(bytes: Uint8Array): boolean | Promise<boolean> {
    return this.#state === "open" && this.#loop.sendCommand(bytes);
  }

  send(bytes: Uint8Array): void {
    this.#context.tally.bytesSent += bytes.length;
    this.#socket.write(bytes);
    if (this.#socket.writableLength > UNREAD_ACK_BYTES_MAX) this.close("slowReader");
  }

  /** A command's reply is that of the device it was sent to. */
  isNaming(envelope: Envelope): boolean {
    if (this.#device === undefined) return envelope.kind !== "heartbeat" || envelope.deviceUid !== undefined;
    if (envelope.deviceUid === undefined || envelope.kind === "commandReply") return false;
    return envelope.deviceUid !== this.#device.uid;
  }

  async identify(frame: Uint8Array, envelope: Envelope): Promise<boolean> {
    const uid = envelope.deviceUid;
    if (this.#device !== undefined) {
      setAside(this.#context, this, frame, "login", "frame names another device than its session");
      this.close("identityChanged");
      return false;
    }
    if (uid === undefined) {
      this.#context.tally.frames.beforeLogin += 1;
      this.close("loginExpected");
      return false;
    }
    this.#state = "admitting";
    const { admit, protocol, tally, knocks, now } = this.#context;
    const admission = await admit(uid, protocol, () => !this.isClosed);
    if (this.isClosed || admission.kind === "abandoned") return false;
    if (admission.kind === "unknown") {
      knocks.add(uid, protocol, this.remoteAddress, now());
      tally.frames.unknownDevice += 1;
      tally.refusals.unknownDevice += 1;
      if (envelope.kind === "login") this.send(envelope.refuse);
      this.close("unknownDevice");
      return false;
    }
    this.#open(admission.device);
    return true;
  }

  #open(device: KnownDevice): void {
    this.#state = "open";
    this.#device = device;
    this.#authLevel = this.#context.authLevelOf(this.#socket, this.remoteAddress, device.uid);
    enter(this.#context, this, this.#noteSubject(device));
    this.#context.commands?.connected(device.deviceId);
  }

  caughtUp(): void {
    if (this.isClosed) {
      this.#leaveCommands();
      return;
    }
    if (this.#context.isDraining()) this.drain();
    // The end is heard of even while paused, once all that came before it was taken: nothing is left to resume for.
    if (this.#hasPeerEnded) this.close("peer");
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** The peer sends no more; what it sent is still committed and answered. */
  peerEnded(): void {
    this.#hasPeerEnded = true;
    if (!this.#loop.isBusy) this.close("peer");
  }

  socketClosed(): void {
    this.close("reset");
    this.#context.tally.sessions -= 1;
    this.#context.sessionGone(this);
  }

  /** Closes when the frame in hand is committed and answered, and a begun frame is complete. */
  drain(): void {
    if (this.#loop.isIdle) this.close("drain");
  }

  crowdedOut(): void {
    this.abort("crowdedOut");
  }

  /** Ends the connection at once, whatever is in hand. */
  abort(reason: CloseReason): void {
    this.close(reason);
    this.#socket.destroy();
  }

  silentMs(monotonicMs: number): number {
    return Math.round(monotonicMs - this.#loop.heardAtMs);
  }

  /** Keeps the time limits; called for every session by one sweep. */
  checkTime(monotonicMs: number): void {
    const { limits } = this.#context;
    const isLoginOverdue = monotonicMs - this.#openedAtMs > limits.LOGIN_TIMEOUT_MS;
    switch (this.#state) {
      case "naming":
        if (isLoginOverdue) this.close("loginTimeout");
        return;
      case "admitting":
        if (isLoginOverdue) this.close("directoryAway");
        return;
      case "open":
        if (this.#loop.isBusy) return;
        if (this.#loop.begunMs(monotonicMs) > limits.FRAME_TIMEOUT_MS) this.close("slowSender");
        else if (monotonicMs - this.#loop.awaitedSinceMs > limits.IDLE_TIMEOUT_MS) this.close("idle");
        return;
      case "closed":
        if (monotonicMs - this.#closedAtMs > CLOSE_TIMEOUT_MS) this.#socket.destroy();
    }
  }

  close(reason: CloseReason): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#closedAtMs = this.#context.monotonicMs();
    this.#loop.drop();
    this.#context.tally.closes[reason] += 1;
    if (this.#device !== undefined) {
      leave(this.#context, this, this.#noteSubject(this.#device), {
        closeReason: reason,
        durationMs: Math.round(this.#closedAtMs - this.#openedAtMs),
        frames: this.#loop.frameCount,
        rejectedFrames: this.#loop.rejectedCount,
      });
    }
    if (!this.#loop.isBusy) this.#leaveCommands();
    if (reason === "slowReader" || reason === "reset") this.#socket.destroy();
    else this.#socket.destroySoon();
  }

  #leaveCommands(): void {
    if (this.#device !== undefined) this.#context.commands?.disconnected(this.#device.deviceId, this);
  }

  #noteSubject(device: KnownDevice): NoteSubject {
    const { protocol, now } = this.#context;
    return { device, protocol, remoteAddress: this.remoteAddress, atMs: now() };
  }
}
