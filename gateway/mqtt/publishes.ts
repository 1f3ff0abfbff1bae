import { setTimeout as sleep } from "node:timers/promises";
import type { PublishPacket } from "aedes";
import { frameOf } from "#decoders/owntracks/index.ts";
import type { NewFrame } from "#store/journal.ts";
import { JournalClosedError, JournalFrameError, JournalFullError } from "#store/journal-errors.ts";
import type { KnownDevice } from "../gateway-deps.ts";
import { JOURNAL_FULL_RETRY_MS, PAYLOAD_BYTES_MAX } from "../maxima.ts";
import type { CloseReason } from "../metrics.ts";
import type { MqttContext } from "./mqtt-context.ts";
import { mayPublish } from "./phone-identity.ts";

/** Lets the broker acknowledge a publish; with an error it closes the connection instead. */
export type Acknowledge = (error?: Error | null) => void;

/** The connection that publishes come on. */
export type Publisher = {
  readonly remoteAddress: string;
  /** Undefined until the client has said who it is. */
  readonly device: KnownDevice | undefined;
  readonly heardAtMs: number;
  readonly isClosed: boolean;
  /** Lets the device of a topic in, where the login named nobody. */
  nameBy(topic: string): Promise<KnownDevice | undefined>;
  close(reason: CloseReason): void;
  /** One publish less is in flight. */
  published(): void;
};

type Refusal = "foreignTopic" | "retained" | "oversize";

/**
 * The publishes of one connection: each is committed as it comes, and acknowledged after that in the order of arrival.
 *
 *     arrived ──refused──────────────────────▶ connection closed, answered with an error
 *        │ ▲                                         ▲
 *        │ └── JOURNAL_FULL_RETRY_MS, journal full   │ journal broken or closed
 *        ▼                                           │
 *     committing ────────────────────────────────────┘
 *        │ committed, and all before it answered
 *        ▼
 *     acknowledged
 */
export class Publishes {
  readonly #context: MqttContext;
  readonly #publisher: Publisher;
  #arrived = 0;
  #answered = 0;
  #committed = 0;
  /** Resolves when the newest publish is answered. Never rejects. */
  #lastTurn: Promise<void> | undefined;
  #isJournalFull = false;
  /** A topic that the device may publish to: the one it always does. */
  #usualTopic: string | undefined;

  constructor(context: MqttContext, publisher: Publisher) {
    this.#context = context;
    this.#publisher = publisher;
  }

  get inFlight(): number {
    return this.#arrived - this.#answered;
  }

  get committed(): number {
    return this.#committed;
  }

  /** Takes a publish, or a last will. */
  take(packet: PublishPacket, acknowledge: Acknowledge): void {
    const turn = this.#arrived;
    this.#arrived += 1;
    this.#lastTurn = this.#answer(packet, turn, this.#lastTurn, acknowledge);
  }

  async #answer(
    packet: PublishPacket,
    turn: number,
    before: Promise<void> | undefined,
    acknowledge: Acknowledge,
  ): Promise<void> {
    const publisher = this.#publisher;
    try {
      if (publisher.device === undefined) await before;
      const device = publisher.device ?? (await publisher.nameBy(packet.topic));
      const refusal = this.#refusalOf(packet, device);
      if (refusal !== undefined) {
        this.#context.tally.frames[refusal] += 1;
        publisher.close(refusal);
        await before;
        acknowledge(new Error(refusal));
      } else if (packet.payload.length === 0) {
        // Clears a retained message, of which there are none: nothing to keep.
        this.#context.tally.frames.unkept += 1;
        await before;
        acknowledge(null);
      } else await this.#keep(packet, this.#frameOf(packet, device!), turn, before, acknowledge);
    } catch (error) {
      await before;
      if (!publisher.isClosed) this.#context.onSessionError(error);
      publisher.close(error instanceof JournalFullError || error instanceof JournalClosedError ? "journal" : "defect");
    }
    this.#answered += 1;
    publisher.published();
  }

  #refusalOf({ topic, retain, payload }: PublishPacket, device: KnownDevice | undefined): Refusal | undefined {
    if (topic !== this.#usualTopic) {
      if (device === undefined || !mayPublish(device.uid, topic)) return "foreignTopic";
      this.#usualTopic = topic;
    }
    if (retain) return "retained";
    return payload.length > PAYLOAD_BYTES_MAX ? "oversize" : undefined;
  }

  /** Offers the publish again for as long as the journal is full; those behind it then wait for their turn. */
  async #keep(
    packet: PublishPacket,
    frame: NewFrame,
    turn: number,
    before: Promise<void> | undefined,
    acknowledge: Acknowledge,
  ): Promise<void> {
    const startedAtMs = this.#publisher.heardAtMs;
    if (this.#isJournalFull) await before;
    for (;;) {
      try {
        const seq = await this.#context.journal.append(frame);
        // The journal commits in order, so that nearly always nobody is waited for.
        if (this.#answered < turn) await before;
        acknowledge(null);
        this.#wasCommitted(packet, frame, seq, startedAtMs);
        return;
      } catch (error) {
        if (error instanceof JournalFrameError) this.#quarantine(frame);
        if (!(error instanceof JournalFullError) || this.#publisher.isClosed) throw error;
      }
      this.#isJournalFull = true;
      await before;
      await sleep(JOURNAL_FULL_RETRY_MS, undefined, { ref: false });
    }
  }

  #wasCommitted(packet: PublishPacket, frame: NewFrame, seq: number, startedAtMs: number): void {
    const { tally, ackLatency, monotonicMs, commands } = this.#context;
    commands?.committed(frame.deviceId, { ...frame, seq });
    this.#isJournalFull = false;
    this.#committed += 1;
    tally.frames.committed += 1;
    tally.records += 1;
    if (packet.qos === 0 || this.#publisher.isClosed) return;
    tally.acks += 1;
    ackLatency.observe((monotonicMs() - startedAtMs) / 1_000);
  }

  #frameOf({ topic, payload }: PublishPacket, device: KnownDevice): NewFrame {
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
