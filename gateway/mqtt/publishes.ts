import type { PublishPacket } from "aedes";
import { frameOf } from "#decoders/owntracks/index.ts";
import type { NewFrame } from "#store/journal.ts";
import { JournalClosedError, JournalFrameError, JournalFullError } from "#store/journal-errors.ts";
import type { KnownDevice } from "../gateway-deps.ts";
import { JOURNAL_FULL_RETRY_MS, PAYLOAD_BYTES_MAX } from "../maxima.ts";
import type { CloseReason } from "../metrics.ts";
import type { MqttContext } from "./mqtt-context.ts";
import { mayPublish } from "./phone-identity.ts";
import { readPlainPublish } from "./plain-publish.ts";
import { type Acknowledge, Turn } from "./publish-turn.ts";

/** The connection that publishes come on. */
export type Publisher = {
  readonly remoteAddress: string;
  /** Undefined until the client has said who it is. */
  readonly device: KnownDevice | undefined;
  readonly heardAtMs: number;
  readonly isClosed: boolean;
  /** Lets the device of a topic in, where the login named nobody. */
  nameBy(topic: string): Promise<KnownDevice | undefined>;
  /** Sends the PUBACK of a plain publish, before anything else that is sent after the call. */
  sendPuback(messageId: number): void;
  /** Sends the PUBACKs that `sendPuback` still holds. */
  flushPubacks(): void;
  close(reason: CloseReason): void;
  /** One publish less is in flight. */
  published(): void;
};

type Refusal = "foreignTopic" | "retained" | "oversize";

/**
 * The publishes of one connection: each is offered to the journal as it comes, and acknowledged after its commit in the
 * order of arrival.
 *
 *     arrived ──refused──────────────────────▶ connection closed, answered with an error
 *        │ ▲                                         ▲
 *        │ └── JOURNAL_FULL_RETRY_MS, journal full   │ journal broken or closed
 *        ▼                                           │
 *     committing ────────────────────────────────────┘
 *        │ committed, and all before it answered
 *        ▼
 *     acknowledged
 *
 * While the first waits for the name of its device, or for room in the journal, those behind it wait as `arrived`.
 */
export class Publishes {
  readonly #context: MqttContext;
  readonly #publisher: Publisher;
  /** Those that are not answered, the oldest first. */
  readonly #turns: Turn[] = [];
  #committed = 0;
  /** Nothing is offered: the oldest of those that arrived has to be first. */
  #isHeld = false;
  /** A topic that the device may publish to: the one it always does. */
  #usualTopic: { text: string; bytes: Buffer } | undefined;

  constructor(context: MqttContext, publisher: Publisher) {
    this.#context = context;
    this.#publisher = publisher;
  }

  get inFlight(): number {
    return this.#turns.length;
  }

  /** Publishes committed since the connection began. */
  get committedCount(): number {
    return this.#committed;
  }

  /** Takes a publish, or a last will, from the broker. */
  take(packet: PublishPacket, acknowledge: Acknowledge): void {
    const turn = new Turn(this, { packet, acknowledge }, 0, this.#publisher.heardAtMs);
    this.#turns.push(turn);
    if (!this.#isHeld) this.#begin(turn, packet);
    this.#advance();
  }

  /**
   * Takes the plain publishes that `bytes` begin with, `countMax` at most, past the broker, which has nothing to do for
   * them. Returns the offset behind them; what follows is for the broker.
   */
  takePlain(bytes: Buffer, countMax: number): number {
    const { device, heardAtMs } = this.#publisher;
    const topic = this.#usualTopic;
    if (device === undefined || topic === undefined) return 0;
    let at = 0;
    for (let count = 0; count < countMax && at < bytes.length && !this.#isHeld; count++) {
      const publish = readPlainPublish(bytes, at, topic.bytes, PAYLOAD_BYTES_MAX);
      if (publish === undefined) break;
      at = publish.end;
      const turn = new Turn(this, undefined, publish.messageId, heardAtMs);
      this.#turns.push(turn);
      this.#offer(turn, this.#frameOf(topic.text, publish.payload, device));
    }
    // Whatever was refused at once is told of by no receipt.
    if (this.#turns[0]?.state !== "committing") this.#advance();
    return at;
  }

  committed(turn: Turn): void {
    if (turn === this.#turns[0]) this.#advance();
  }

  failed(turn: Turn, error: Error): void {
    this.#setAside(turn, error);
    this.#advance();
  }

  #begin(turn: Turn, packet: PublishPacket): void {
    const { device } = this.#publisher;
    if (device === undefined && turn.state === "arrived") {
      this.#isHeld = true;
      return;
    }
    const refusal = this.#refusalOf(packet, device);
    if (refusal !== undefined) {
      this.#context.tally.frames[refusal] += 1;
      this.#publisher.close(refusal);
      turn.error = new Error(refusal);
      turn.state = "refused";
    } else if (packet.payload.length === 0) {
      // Clears a retained message, of which there are none: nothing to keep.
      this.#context.tally.frames.unkept += 1;
      turn.state = "unkept";
    } else this.#offer(turn, this.#frameOf(packet.topic, packet.payload, device!));
  }

  #offer(turn: Turn, frame: NewFrame): void {
    turn.frame = frame;
    turn.state = "committing";
    const refusal = this.#context.journal.offer(frame, turn);
    if (refusal !== undefined) this.#setAside(turn, refusal);
  }

  /** A publish that the journal has no room for is offered again, before those behind it; any other failure ends it. */
  #setAside(turn: Turn, error: Error): void {
    if (error instanceof JournalFullError && !this.#publisher.isClosed) {
      this.#isHeld = true;
      turn.state = "arrived";
      return;
    }
    turn.error = error;
    turn.state = "failed";
  }

  /** Answers those whose turn it is. The journal commits in order: nearly always nobody is waited for. */
  #advance(): void {
    for (let turn = this.#turns[0]; turn !== undefined; turn = this.#turns[0]) {
      if (turn.state === "committing" || turn.state === "waiting") return;
      if (turn.state === "arrived") {
        turn.state = "waiting";
        if (turn.frame === undefined) void this.#name(turn);
        else setTimeout(() => this.#goOn(), JOURNAL_FULL_RETRY_MS).unref();
        return;
      }
      this.#turns.shift();
      this.#answer(turn);
      this.#publisher.published();
    }
  }

  #answer(turn: Turn): void {
    switch (turn.state) {
      case "committed":
        this.#acknowledge(turn, null);
        this.#wasCommitted(turn, turn.frame!);
        return;
      case "unkept":
        this.#acknowledge(turn, null);
        return;
      case "refused":
        this.#acknowledge(turn, turn.error!);
        return;
      case "failed":
        this.#fail(turn);
        return;
      case "arrived":
      case "waiting":
      case "committing":
    }
  }

  #acknowledge({ fromBroker, messageId }: Turn, error: Error | null): void {
    if (fromBroker === undefined) {
      this.#publisher.sendPuback(messageId);
      return;
    }
    this.#publisher.flushPubacks();
    fromBroker.acknowledge(error);
  }

  async #name(turn: Turn): Promise<void> {
    try {
      await this.#publisher.nameBy(turn.fromBroker!.packet.topic);
      this.#goOn();
    } catch (error) {
      this.failed(turn, error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** What was waited for has come, or may have: the first and those behind it are begun. */
  #goOn(): void {
    this.#isHeld = false;
    for (const turn of this.#turns) {
      if (this.#isHeld) break;
      if (turn.state !== "arrived" && turn.state !== "waiting") continue;
      if (turn.frame !== undefined) this.#offer(turn, turn.frame);
      else this.#begin(turn, turn.fromBroker!.packet);
    }
    this.#advance();
  }

  /** No answer: the client keeps what it sent, and sends it again on its next connection. */
  #fail({ error, frame }: Turn): void {
    const publisher = this.#publisher;
    if (error instanceof JournalFrameError && frame !== undefined) this.#quarantine(frame);
    if (!publisher.isClosed) this.#context.onSessionError(error);
    publisher.close(error instanceof JournalFullError || error instanceof JournalClosedError ? "journal" : "defect");
  }

  #refusalOf({ topic, retain, payload }: PublishPacket, device: KnownDevice | undefined): Refusal | undefined {
    if (topic !== this.#usualTopic?.text) {
      if (device === undefined || !mayPublish(device.uid, topic)) return "foreignTopic";
      this.#usualTopic = { text: topic, bytes: Buffer.from(topic) };
    }
    if (retain) return "retained";
    return payload.length > PAYLOAD_BYTES_MAX ? "oversize" : undefined;
  }

  #wasCommitted(turn: Turn, frame: NewFrame): void {
    const { tally, ackLatency, monotonicMs, commands } = this.#context;
    const { bytes, transport, receivedAtMs } = frame;
    commands?.committed(frame.deviceId, { seq: turn.seq, bytes, transport, receivedAtMs });
    this.#committed += 1;
    tally.frames.committed += 1;
    tally.records += 1;
    if (!turn.isAcknowledged || this.#publisher.isClosed) return;
    tally.acks += 1;
    ackLatency.observe((monotonicMs() - turn.startedAtMs) / 1_000);
  }

  #frameOf(topic: string, payload: Buffer | string, device: KnownDevice): NewFrame {
    return {
      deviceId: device.deviceId,
      kind: "frame",
      protocol: "owntracks",
      transport: "mqtt",
      receivedAtMs: this.#context.now(),
      remoteAddress: this.#publisher.remoteAddress,
      bytes: frameOf(topic, typeof payload === "string" ? Buffer.from(payload) : payload),
    };
  }

  #quarantine(frame: NewFrame): void {
    const { deviceId, protocol, transport, receivedAtMs, remoteAddress, bytes } = frame;
    const fleetId = this.#publisher.device?.fleetId ?? null;
    const where = { deviceId, fleetId, protocol, transport, receivedAtMs, remoteAddress };
    this.#context.tally.frames.format += 1;
    this.#context.quarantine.offer({ ...where, reason: "format", detail: null, bytes }, this.#publisher.heardAtMs);
  }
}
