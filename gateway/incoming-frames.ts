import type { Envelope, FatalReason, ProtocolDecoder, RejectReason, StreamFramer } from "#decoders/decoder.ts";
import type { BegunFrames, FrameHolder } from "./begun-frames.ts";
import { ReceivedBytes } from "./received-bytes.ts";

export type Incoming =
  | { kind: "frame"; frame: Uint8Array; envelope: Envelope }
  /** Not what it says: to be skipped. */
  | { kind: "rejected"; bytes: Uint8Array; reason: RejectReason }
  /** No telling where the next frame begins. */
  | { kind: "lost"; bytes: Uint8Array; reason: FatalReason };

/** Cuts what a connection sends into frames. Holds bytes only while a frame is begun or waits to be taken. */
export class IncomingFrames {
  readonly #decoder: ProtocolDecoder;
  readonly #framer: StreamFramer;
  readonly #begun: BegunFrames;
  readonly #holder: FrameHolder;
  #received: ReceivedBytes | undefined;
  #begunAtMs = 0;

  constructor(decoder: ProtocolDecoder, begun: BegunFrames, holder: FrameHolder) {
    this.#decoder = decoder;
    this.#framer = decoder.openStream();
    this.#begun = begun;
    this.#holder = holder;
  }

  /** True where nothing is held: the last frame was complete. */
  get isEmpty(): boolean {
    return this.#received === undefined;
  }

  /** How long a frame of which more is expected has been begun; 0 at a frame boundary. Milliseconds. */
  begunMs(monotonicMs: number): number {
    return this.#begunAtMs === 0 ? 0 : monotonicMs - this.#begunAtMs;
  }

  /** True when there are enough bytes to look for a frame. */
  add(chunk: Uint8Array): boolean {
    if (this.#received === undefined) this.#received = new ReceivedBytes(chunk);
    else this.#received.append(chunk);
    return this.#received.length >= this.#received.needed;
  }

  /** Undefined when more bytes are needed. `awaitedSinceMs`: since when they can have come, by the monotonic clock. */
  next(awaitedSinceMs: number): Incoming | undefined {
    if (this.#received === undefined) return undefined;
    const bytes = this.#received.view();
    const step = this.#framer.next(bytes);
    switch (step.kind) {
      case "incomplete":
        return this.#awaitRest(this.#received, step.needed, awaitedSinceMs);
      case "fatal":
        return { kind: "lost", bytes, reason: step.reason };
      case "rejected":
        this.#consume(this.#received, step.consumed);
        return { kind: "rejected", bytes: bytes.subarray(0, step.consumed), reason: step.reason };
      case "frame": {
        this.#consume(this.#received, step.consumed);
        const envelope = this.#decoder.envelope(step.frame, "tcp");
        if (envelope.kind === "rejected") return { kind: "rejected", bytes: step.frame, reason: envelope.reason };
        return { kind: "frame", frame: step.frame, envelope };
      }
    }
  }

  /** Lets go of everything. */
  drop(): void {
    this.#received = undefined;
    this.#boundary();
  }

  #consume(received: ReceivedBytes, byteCount: number): void {
    this.#boundary();
    received.consume(byteCount);
    received.needed = 0;
    if (received.length === 0) this.#received = undefined;
  }

  #awaitRest(received: ReceivedBytes, needed: number, awaitedSinceMs: number): Incoming | undefined {
    if (received.length > this.#decoder.frameBytesMax) {
      return { kind: "lost", bytes: received.view(), reason: "oversize" };
    }
    if (this.#begunAtMs === 0) this.#begunAtMs = awaitedSinceMs;
    received.needed = needed;
    received.shrink();
    this.#begun.hold(this.#holder, received.storageBytes);
    return undefined;
  }

  #boundary(): void {
    if (this.#begunAtMs === 0) return;
    this.#begunAtMs = 0;
    this.#begun.release(this.#holder);
  }
}
