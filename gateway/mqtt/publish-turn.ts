import type { PublishPacket } from "aedes";
import type { NewFrame, Receipt } from "#store/journal.ts";

/** Lets the broker acknowledge a publish; with an error it closes the connection instead. */
export type Acknowledge = (error?: Error | null) => void;

/** What the publishes of a connection are told of one of theirs. */
type Told = { committed(turn: Turn): void; failed(turn: Turn, error: Error): void };

/** One publish on its way to its acknowledgement. */
export class Turn implements Receipt {
  readonly #told: Told;
  /** What came through the broker; undefined for a plain publish, which has its packet identifier only. */
  readonly fromBroker: { packet: PublishPacket; acknowledge: Acknowledge } | undefined;
  readonly messageId: number;
  readonly startedAtMs: number;
  state: "arrived" | "waiting" | "committing" | "committed" | "unkept" | "refused" | "failed" = "arrived";
  frame: NewFrame | undefined;
  seq = 0;
  error: Error | undefined;

  constructor(told: Told, fromBroker: Turn["fromBroker"], messageId: number, startedAtMs: number) {
    this.#told = told;
    this.fromBroker = fromBroker;
    this.messageId = messageId;
    this.startedAtMs = startedAtMs;
  }

  /** True where a PUBACK is due. */
  get isAcknowledged(): boolean {
    return this.fromBroker === undefined || this.fromBroker.packet.qos !== 0;
  }

  committed(seq: number): void {
    this.seq = seq;
    this.state = "committed";
    this.#told.committed(this);
  }

  failed(error: Error): void {
    this.#told.failed(this, error);
  }
}
