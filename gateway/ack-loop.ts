import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { answerOf } from "#decoders/answer-of.ts";
import type { Envelope, FatalReason, RejectReason } from "#decoders/decoder.ts";
import type { NewFrame } from "#store/journal.ts";
import { JournalClosedError, JournalFrameError, JournalFullError } from "#store/journal-errors.ts";
import type { FrameHolder } from "./begun-frames.ts";
import type { KnownDevice } from "./gateway-deps.ts";
import { IncomingFrames } from "./incoming-frames.ts";
import { COMMAND_HELD_MAX_MS, FRAMES_PER_TURN_MAX, JOURNAL_FULL_RETRY_MS, LOST_FRAMING_BYTES_KEPT } from "./maxima.ts";
import type { CloseReason } from "./metrics.ts";
import type { SessionContext } from "./session-context.ts";
import { setAside } from "./set-aside.ts";

/** The session that frames come in on. */
export type FrameSource = FrameHolder & {
  readonly remoteAddress: string;
  readonly transport: "tcp";
  /** Undefined until a frame has said who calls. */
  readonly device: KnownDevice | undefined;
  readonly isClosed: boolean;
  /** True for a frame that says who calls, or must and doesn't. */
  isNaming(envelope: Envelope): boolean;
  /** Finds out who calls; false when the connection was closed over it. */
  identify(frame: Uint8Array, envelope: Envelope): Promise<boolean>;
  send(bytes: Uint8Array): void;
  close(reason: CloseReason): void;
  /** The frames in hand are committed and answered. */
  caughtUp(): void;
};

/** A command that waits for the answer to the frame in hand. */
type HeldCommand = { bytes: Uint8Array; untilMs: number; settle: (isWritten: boolean) => void };

/**
 * Takes the frames of one connection one after another: each is committed, then acknowledged, and only then is the next
 * looked at. What is not acknowledged the device sends again.
 */
export class AckLoop {
  readonly #context: SessionContext;
  readonly #source: FrameSource;
  readonly #incoming: IncomingFrames;
  #isBusy = false;
  #heardAtMs: number;
  #committedAtMs: number;
  #heldCommand: HeldCommand | undefined;
  #frameCount = 0;
  #rejectedCount = 0;

  constructor(context: SessionContext, source: FrameSource, openedAtMs: number) {
    this.#context = context;
    this.#source = source;
    this.#incoming = new IncomingFrames(context.decoder, context.begunFrames, source);
    this.#heardAtMs = openedAtMs;
    this.#committedAtMs = openedAtMs;
  }

  /** True while a frame is being committed and answered. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** True where nothing is in hand: the last frame was complete, and is answered. */
  get isIdle(): boolean {
    return !this.#isBusy && this.#incoming.isEmpty;
  }

  /** When bytes came last, by the monotonic clock. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Since when it has been the device's turn: the time that the journal took is not its own. */
  get awaitedSinceMs(): number {
    return Math.max(this.#heardAtMs, this.#committedAtMs);
  }

  get frameCount(): number {
    return this.#frameCount;
  }

  get rejectedCount(): number {
    return this.#rejectedCount;
  }

  /** How long a frame of which more is expected has been begun, milliseconds. */
  begunMs(monotonicMs: number): number {
    return this.#incoming.begunMs(monotonicMs);
  }

  /** False where no more should come until the source is `caughtUp`. */
  receive(chunk: Uint8Array): boolean {
    this.#heardAtMs = this.#context.monotonicMs();
    const isWorthALook = this.#incoming.add(chunk);
    if (this.#isBusy) return false;
    if (isWorthALook) void this.#work();
    return true;
  }

  /** Lets go of all bytes but those of the frame that is being committed. */
  drop(): void {
    this.#incoming.drop();
  }

  /** Sends a command, after the answer to the frame in hand; false where it was not sent. */
  sendCommand(bytes: Uint8Array): boolean | Promise<boolean> {
    if (this.#heldCommand !== undefined) return false;
    if (this.#isBusy) {
      const untilMs = this.#context.monotonicMs() + COMMAND_HELD_MAX_MS;
      return new Promise((resolve) => {
        this.#heldCommand = { bytes, untilMs, settle: resolve };
      });
    }
    this.#source.send(bytes);
    return true;
  }

  /** Runs once at a time: `#isBusy` keeps `receive` from starting another. */
  async #work(): Promise<void> {
    this.#isBusy = true;
    try {
      let count = 0;
      for (let taken = this.#next(); taken !== undefined; taken = this.#next()) {
        const { frame, envelope } = taken;
        const startedAtMs = this.#heardAtMs;
        if (this.#source.isNaming(envelope) && !(await this.#source.identify(frame, envelope))) break;
        const { device } = this.#source;
        if (envelope.keep && device !== undefined) {
          const kept = this.#frameToKeep(frame, device);
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
      if (!this.#source.isClosed) this.#context.onSessionError(error);
      this.#source.close(
        error instanceof JournalFullError || error instanceof JournalClosedError ? "journal" : "defect",
      );
    }
    this.#isBusy = false;
    if (this.#heldCommand !== undefined) this.#writeHeldCommand(this.#heldCommand);
    this.#source.caughtUp();
  }

  /** The next whole and sound frame in hand; undefined when more bytes are needed or the connection is closed. */
  #next(): { frame: Uint8Array; envelope: Envelope } | undefined {
    for (;;) {
      const incoming = this.#incoming.next(this.awaitedSinceMs);
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
      transport: this.#source.transport,
      receivedAtMs: this.#context.now(),
      remoteAddress: this.#source.remoteAddress,
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
      if (!(error instanceof JournalFullError) || this.#source.isClosed) throw error;
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
    this.#committedAtMs = monotonicMs();
    this.#frameCount += 1;
    tally.frames.committed += 1;
    if (envelope.kind === "data") tally.records += envelope.recordCount;
    const ack = answerOf(envelope);
    if (ack === undefined || this.#source.isClosed) return;
    this.#source.send(ack);
    tally.acks += 1;
    ackLatency.observe((monotonicMs() - startedAtMs) / 1_000);
  }

  #answerUnkept(envelope: Envelope): void {
    this.#context.tally.frames.unkept += 1;
    const answer = answerOf(envelope);
    if (answer !== undefined) this.#source.send(answer);
  }

  #writeHeldCommand({ bytes, untilMs, settle }: HeldCommand): void {
    this.#heldCommand = undefined;
    const isWanted = !this.#source.isClosed && this.#context.monotonicMs() <= untilMs;
    if (isWanted) this.#source.send(bytes);
    settle(isWanted);
  }

  #hearReply({ deviceId, bytes, transport, receivedAtMs }: NewFrame, seq: number): void {
    this.#context.commands?.committed(deviceId, { seq, bytes, transport, receivedAtMs });
  }

  /** A frame that is not what it says: never answered, counted, kept for people to look at; the session goes on. */
  #reject(bytes: Uint8Array, reason: RejectReason): void {
    this.#rejectedCount += 1;
    setAside(this.#context, this.#source, bytes, reason, null);
    if (this.#source.device === undefined) this.#source.close("loginExpected");
  }

  #loseFraming(bytes: Uint8Array, reason: FatalReason): void {
    setAside(this.#context, this.#source, bytes.subarray(0, LOST_FRAMING_BYTES_KEPT), reason, "framing lost");
    this.#source.close("framing");
  }
}
