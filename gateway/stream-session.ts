import type { Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { Envelope, FatalReason, ProtocolName, RejectReason } from "#decoders/decoder.ts";
import type { NewFrame } from "#store/journal.ts";
import { JournalClosedError, JournalFrameError, JournalFullError } from "#store/journal-errors.ts";
import type { KnownDevice } from "./gateway-deps.ts";
import { IncomingFrames } from "./incoming-frames.ts";
import {
  CLOSE_TIMEOUT_MS,
  COMMAND_HELD_MAX_MS,
  FRAMES_PER_TURN_MAX,
  JOURNAL_FULL_RETRY_MS,
  LOST_FRAMING_BYTES_KEPT,
  UNREAD_ACK_BYTES_MAX,
} from "./maxima.ts";
import type { CloseReason } from "./metrics.ts";
import type { AuthLevel } from "./notes.ts";
import type { SessionContext } from "./session-context.ts";
import { listenTo } from "./session-events.ts";

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
 * open       frames are taken one after another: the next is looked at when the last was committed and answered.
 *            What arrives meanwhile is held and pauses the socket, which bounds the memory of a session
 *            (`SOCKET_BUFFER_BYTES`).
 * closed     nothing is read or answered any more; the socket is destroyed within CLOSE_TIMEOUT_MS
 *
 * A session has no timer and no closure of its own: one sweep looks at all of them, and an idle session holds no buffer.
 */
export class StreamSession {
  readonly #context: SessionContext;
  readonly #socket: Socket;
  readonly #incoming: IncomingFrames;
  readonly remoteAddress: string;
  #state: "naming" | "admitting" | "open" | "closed" = "naming";
  #isBusy = false;
  #hasPeerEnded = false;
  #device: KnownDevice | undefined;
  #authLevel: AuthLevel = "id";
  readonly #openedAtMs: number;
  #closedAtMs = 0;
  #heardAtMs: number;
  #heldCommand: HeldCommand | undefined;
  #frameCount = 0;
  #rejectedCount = 0;

  constructor(context: SessionContext, socket: Socket, remoteAddress: string) {
    this.#context = context;
    this.#socket = socket;
    this.#incoming = new IncomingFrames(context.decoder, context.begunFrames, this);
    this.remoteAddress = remoteAddress;
    this.#openedAtMs = context.monotonicMs();
    this.#heardAtMs = this.#openedAtMs;
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

  /**
   * Writes a command, after the answer to the frame in hand. False where it was not written: the connection has ended,
   * or the frame took longer than what was known when the command was decided on may be believed.
   */
  sendCommand(bytes: Uint8Array): boolean | Promise<boolean> {
    if (this.#state !== "open" || this.#heldCommand !== undefined) return false;
    if (this.#isBusy) {
      const untilMs = this.#context.monotonicMs() + COMMAND_HELD_MAX_MS;
      return new Promise((resolve) => {
        this.#heldCommand = { bytes, untilMs, settle: resolve };
      });
    }
    this.#send(bytes);
    return true;
  }

  receive(chunk: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#context.tally.bytesReceived += chunk.length;
    this.#heardAtMs = this.#context.monotonicMs();
    const isWorthALook = this.#incoming.add(chunk);
    if (this.#isBusy) this.#socket.pause();
    else if (isWorthALook) void this.#work();
  }

  /** The peer sends no more; what it sent is still committed and answered. */
  peerEnded(): void {
    this.#hasPeerEnded = true;
    if (!this.#isBusy) this.close("peer");
  }

  socketClosed(): void {
    this.close("reset");
    this.#context.tally.sessions -= 1;
    this.#context.sessionGone(this);
  }

  /** Closes when the frame in hand is committed and answered, and a begun frame is complete. */
  drain(): void {
    if (!this.#isBusy && this.#incoming.isEmpty) this.close("drain");
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
    return Math.round(monotonicMs - this.#heardAtMs);
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
        if (this.#isBusy) return;
        if (this.#incoming.begunMs(monotonicMs) > limits.FRAME_TIMEOUT_MS) this.close("slowSender");
        else if (monotonicMs - this.#heardAtMs > limits.IDLE_TIMEOUT_MS) this.close("idle");
        return;
      case "closed":
        if (monotonicMs - this.#closedAtMs > CLOSE_TIMEOUT_MS) this.#socket.destroy();
    }
  }

  close(reason: CloseReason): void {
    if (this.#state === "closed") return;
    const { tally, live, notes, now, monotonicMs, protocol } = this.#context;
    this.#state = "closed";
    this.#closedAtMs = monotonicMs();
    this.#incoming.drop();
    tally.closes[reason] += 1;
    if (this.#device !== undefined) {
      const wasLive = live.leave(this.#device.deviceId, this);
      const about = { device: this.#device, protocol, remoteAddress: this.remoteAddress, atMs: now() };
      notes.write("disconnected", about, {
        authLevel: this.#authLevel,
        transport: this.#context.transport,
        sessions: wasLive ? 0 : 1,
        closeReason: reason,
        durationMs: Math.round(this.#closedAtMs - this.#openedAtMs),
        frames: this.#frameCount,
        rejectedFrames: this.#rejectedCount,
      });
    }
    if (!this.#isBusy) this.#leaveCommands();
    if (reason === "slowReader" || reason === "reset") this.#socket.destroy();
    else this.#socket.destroySoon();
  }

  /** Takes the frames in hand one after another. Runs once at a time: `#isBusy` keeps `receive` from starting another. */
  async #work(): Promise<void> {
    this.#isBusy = true;
    try {
      let count = 0;
      for (let taken = this.#next(); taken !== undefined; taken = this.#next()) {
        const { frame, envelope } = taken;
        const startedAtMs = this.#heardAtMs;
        if (this.#isNaming(envelope) && !(await this.#identify(frame, envelope))) break;
        if (envelope.keep && this.#device !== undefined) {
          const kept = this.#frameToKeep(frame, this.#device);
          try {
            const seq = await this.#context.journal.append(kept);
            this.#answer(envelope, startedAtMs);
            if (envelope.kind === "commandReply") this.#hearReply(kept, seq);
          } catch (error) {
            const seq = await this.#appendAfter(error, kept);
            if (seq !== undefined) this.#answer(envelope, startedAtMs);
            if (seq !== undefined && envelope.kind === "commandReply") this.#hearReply(kept, seq);
          }
        } else this.#answerUnkept(envelope);
        if (this.#heldCommand !== undefined) this.#writeHeldCommand(this.#heldCommand);
        count += 1;
        if (count % FRAMES_PER_TURN_MAX === 0) await nextTurn();
      }
    } catch (error) {
      if (!this.#isClosed()) this.#context.onSessionError(error);
      this.close(error instanceof JournalFullError || error instanceof JournalClosedError ? "journal" : "defect");
    }
    this.#isBusy = false;
    this.#goOn();
  }

  #goOn(): void {
    if (this.#heldCommand !== undefined) this.#writeHeldCommand(this.#heldCommand);
    if (this.#isClosed()) {
      this.#leaveCommands();
      return;
    }
    if (this.#context.isDraining()) this.drain();
    // The end is heard of even while paused, once all that came before it was taken: nothing is left to resume for.
    if (this.#hasPeerEnded) this.close("peer");
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** The next whole and sound frame in hand; undefined when more bytes are needed or the connection is closed. */
  #next(): { frame: Uint8Array; envelope: Envelope } | undefined {
    for (;;) {
      const incoming = this.#incoming.next(this.#heardAtMs);
      if (incoming === undefined || incoming.kind === "frame") return incoming;
      if (incoming.kind === "rejected") this.#reject(incoming.bytes, incoming.reason);
      else this.#loseFraming(incoming.bytes, incoming.reason);
    }
  }

  #frameToKeep(bytes: Uint8Array, device: KnownDevice): NewFrame {
    return {
      deviceId: device.deviceId,
      kind: "frame",
      protocol: this.#context.protocol,
      transport: "tcp",
      receivedAtMs: this.#context.now(),
      remoteAddress: this.remoteAddress,
      bytes,
    };
  }

  /**
   * Offers the frame again for as long as the journal is full; its seq when it was committed. A frame that the database
   * never takes is set aside unanswered. Throws when the session ended or the journal failed.
   */
  async #appendAfter(firstError: unknown, frame: NewFrame): Promise<number | undefined> {
    for (let error = firstError; ; ) {
      if (error instanceof JournalFrameError) {
        this.#reject(frame.bytes, "format");
        return undefined;
      }
      if (!(error instanceof JournalFullError) || this.#isClosed()) throw error;
      await sleep(JOURNAL_FULL_RETRY_MS, undefined, { ref: false });
      try {
        return await this.#context.journal.append(frame);
      } catch (nextError) {
        error = nextError;
      }
    }
  }

  /** The frame is committed: only now may the device forget it. */
  #answer(envelope: Envelope, startedAtMs: number): void {
    const { tally, ackLatency, monotonicMs } = this.#context;
    this.#frameCount += 1;
    tally.frames.committed += 1;
    if (envelope.kind === "data") tally.records += envelope.recordCount;
    const ack = answerOf(envelope);
    if (ack === undefined || this.#isClosed()) return;
    this.#send(ack);
    tally.acks += 1;
    ackLatency.observe((monotonicMs() - startedAtMs) / 1_000);
  }

  #writeHeldCommand({ bytes, untilMs, settle }: HeldCommand): void {
    this.#heldCommand = undefined;
    const isWanted = !this.#isClosed() && this.#context.monotonicMs() <= untilMs;
    if (isWanted) this.#send(bytes);
    settle(isWanted);
  }

  #hearReply({ bytes, transport, receivedAtMs }: NewFrame, seq: number): void {
    if (this.#device === undefined) return;
    this.#context.commands?.committed(this.#device.deviceId, { seq, bytes, transport, receivedAtMs });
  }

  #leaveCommands(): void {
    if (this.#device !== undefined) this.#context.commands?.disconnected(this.#device.deviceId, this);
  }

  #answerUnkept(envelope: Envelope): void {
    this.#context.tally.frames.unkept += 1;
    const answer = answerOf(envelope);
    if (answer !== undefined) this.#send(answer);
  }

  #send(bytes: Uint8Array): void {
    this.#context.tally.bytesSent += bytes.length;
    this.#socket.write(bytes);
    if (this.#socket.writableLength > UNREAD_ACK_BYTES_MAX) this.close("slowReader");
  }

  /** True for a frame that says who calls, or must and doesn't. A command's reply is that of the device it was sent to. */
  #isNaming(envelope: Envelope): boolean {
    if (this.#device === undefined) return envelope.kind !== "heartbeat" || envelope.deviceUid !== undefined;
    if (envelope.deviceUid === undefined || envelope.kind === "commandReply") return false;
    return envelope.deviceUid !== this.#device.uid;
  }

  /** Asks the directory who calls. False when the connection was closed over it. */
  async #identify(frame: Uint8Array, envelope: Envelope): Promise<boolean> {
    const uid = envelope.deviceUid;
    if (this.#device !== undefined) {
      this.#quarantine(frame, "login", "frame names another device than its session");
      this.#context.tally.frames.login += 1;
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
    const admission = await admit(uid, protocol, () => !this.#isClosed());
    if (this.#isClosed() || admission.kind === "abandoned") return false;
    if (admission.kind === "unknown") {
      knocks.add(uid, protocol, this.remoteAddress, now());
      tally.frames.unknownDevice += 1;
      tally.refusals.unknownDevice += 1;
      if (envelope.kind === "login") this.#send(envelope.refuse);
      this.close("unknownDevice");
      return false;
    }
    this.#open(admission.device);
    return true;
  }

  #open(device: KnownDevice): void {
    const { live, notes, protocol, transport, now, monotonicMs } = this.#context;
    this.#state = "open";
    this.#device = device;
    this.#authLevel = this.#context.authLevelOf(this.#socket, this.remoteAddress, device.uid);
    const previous = live.enter(device.deviceId, this, monotonicMs());
    const about = { device, protocol, remoteAddress: this.remoteAddress, atMs: now() };
    notes.write("connected", about, { authLevel: this.#authLevel, transport, sessions: 1 });
    this.#context.commands?.connected(device.deviceId);
    if (previous === undefined) return;
    notes.write("conflict", about, {
      authLevel: this.#authLevel,
      previousAuthLevel: previous.authLevel,
      previousAddress: previous.remoteAddress,
      previousSilentMs: previous.silentMs(monotonicMs()),
    });
  }

  /** A frame that is not what it says: never answered, counted, kept for people to look at; the session goes on. */
  #reject(bytes: Uint8Array, reason: RejectReason): void {
    this.#rejectedCount += 1;
    this.#context.tally.frames[reason] += 1;
    this.#quarantine(bytes, reason, null);
    if (this.#device === undefined) this.close("loginExpected");
  }

  #loseFraming(bytes: Uint8Array, reason: FatalReason): void {
    this.#context.tally.frames[reason] += 1;
    this.#quarantine(bytes.subarray(0, LOST_FRAMING_BYTES_KEPT), reason, "framing lost");
    this.close("framing");
  }

  #quarantine(bytes: Uint8Array, reason: RejectReason | FatalReason, detail: string | null): void {
    const row = {
      deviceId: this.#device?.deviceId ?? null,
      fleetId: this.#device?.fleetId ?? null,
      protocol: this.#context.protocol,
      transport: "tcp" as const,
      receivedAtMs: this.#context.now(),
      remoteAddress: this.remoteAddress,
      reason,
      detail,
      bytes,
    };
    this.#context.quarantine.offer(row, this.#heardAtMs);
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }
}

/** A command that waits for the answer to the frame in hand. */
type HeldCommand = { bytes: Uint8Array; untilMs: number; settle: (isWritten: boolean) => void };

function answerOf(envelope: Envelope): Uint8Array | undefined {
  return envelope.kind === "login" ? envelope.accept : envelope.ack;
}
