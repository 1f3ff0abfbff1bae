import { setTimeout as sleep } from "node:timers/promises";
import { connect, type IPublishPacket, type IStream, type MqttClient } from "mqtt";
import { frameOf } from "#decoders/owntracks/index.ts";
import type { NewFrame } from "#store/journal.ts";
import { JournalClosedError, JournalFullError } from "#store/journal-errors.ts";
import type { KnownDevice } from "../gateway-deps.ts";
import { JOURNAL_FULL_RETRY_MS, PAYLOAD_BYTES_MAX, UPSTREAM_IN_FLIGHT_MAX, UPSTREAM_RECONNECT_MS } from "../maxima.ts";
import type { GatewayMetrics, Tally } from "../metrics.ts";
import type { SharedContext } from "../session-context.ts";
import { commandTopic, uidOfPublish } from "./phone-identity.ts";

/** Stable, so that the broker keeps our session and what it could not deliver while we were away. */
const CLIENT_ID = "telematics-gateway";
const FILTER = "owntracks/#";

export type Upstream = {
  /** Connects once this process leads the journal, and leaves the broker to another that does. */
  sweep(): void;
  /** Takes nothing more; resolves when what was taken is committed and acknowledged. */
  drained(): Promise<void>;
  close(): void;
};

/** Takes the phones' messages from an external broker, which knows users and passwords. Connects again for ever. */
export function openUpstream(url: string, shared: SharedContext, metrics: GatewayMetrics): Upstream {
  const client = connect(url, {
    clientId: CLIENT_ID,
    clean: false,
    protocolVersion: 4,
    resubscribe: false,
    reconnectPeriod: UPSTREAM_RECONNECT_MS,
    manualConnect: true,
  });
  const receiver = new Receiver(client, shared, metrics);
  client.handleMessage = receiver.receive.bind(receiver);
  client.on("error", shared.onListenerError);
  const link = { isSubscribed: false };
  metrics.watchUpstream(() => client.connected && link.isSubscribed);
  client.on("close", () => {
    link.isSubscribed = false;
  });
  client.on("connect", ({ sessionPresent }) => {
    link.isSubscribed = sessionPresent;
    // A subscription that the broker remembers brings what was missed; a new one would bring what is retained again.
    if (sessionPresent) return;
    client.subscribeAsync(FILTER, { qos: 1 }).then(() => {
      link.isSubscribed = true;
    }, shared.onListenerError);
  });
  let isWanted = false;
  return {
    sweep: () => {
      const { ready, standby } = shared.journal;
      const leads = ready || (isWanted && !standby);
      if (leads === isWanted) return;
      isWanted = leads;
      // The broker knows one client by our id: a second would put out the first.
      if (leads) client.reconnect();
      else client.end(true);
    },
    drained: () => receiver.drained(),
    close: () => {
      isWanted = false;
      client.end(true);
    },
  };
}

/** Says to the client library that we acknowledge ourselves: it sends no PUBACK for a message that "failed". */
const HELD = new Error("acknowledged after its commit");

class Receiver {
  readonly #client: MqttClient;
  readonly #shared: SharedContext;
  readonly #tally: Tally;
  readonly #latency;
  #inFlight = 0;
  #isDraining = false;
  /** Resolves when the message before the next one was answered. Never rejects. */
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(client: MqttClient, shared: SharedContext, metrics: GatewayMetrics) {
    this.#client = client;
    this.#shared = shared;
    this.#tally = metrics.openTally("owntracks", "mqttUpstream");
    this.#latency = metrics.ackLatency("owntracks");
  }

  /** The library hands over one message after another; the next comes when `next` is called. */
  receive(packet: IPublishPacket, next: (error?: Error) => void): void {
    if (this.#isDraining) return;
    this.#inFlight += 1;
    const turn = this.#take(packet, this.#client.stream, this.#lastTurn);
    this.#lastTurn = turn;
    if (this.#inFlight < UPSTREAM_IN_FLIGHT_MAX) next(HELD);
    else void turn.then(() => next(HELD));
  }

  async drained(): Promise<void> {
    this.#isDraining = true;
    await this.#lastTurn;
  }

  async #take(packet: IPublishPacket, stream: IStream, before: Promise<void>): Promise<void> {
    const startedAtMs = this.#shared.monotonicMs();
    try {
      const device = await this.#admit(packet, stream);
      if (device === undefined) {
        await before;
        this.#acknowledge(packet, stream);
      } else await this.#keep(packet, this.#frameOf(packet, device), stream, before);
      this.#latency.observe((this.#shared.monotonicMs() - startedAtMs) / 1_000);
    } catch (error) {
      if (!(error instanceof JournalClosedError)) this.#shared.onSessionError(error);
      // Not acknowledged: the broker sends it again on the next connection, so that there must be one.
      if (!this.#isDraining && this.#isCurrent(stream)) stream.destroy();
    }
    this.#inFlight -= 1;
  }

  /**
   * The device of a message; undefined for one that is not kept. Those are acknowledged: the broker would deliver nothing
   * more once its window is full of them, and its client has been told long ago that the message was taken.
   */
  async #admit(packet: IPublishPacket, stream: IStream): Promise<KnownDevice | undefined> {
    const { frames, refusals } = this.#tally;
    const uid = uidOfPublish(packet.topic);
    if (uid === undefined) frames.foreignTopic += 1;
    else if (packet.payload.length > PAYLOAD_BYTES_MAX) frames.oversize += 1;
    else if (packet.payload.length === 0 || packet.topic.endsWith("/cmd")) frames.unkept += 1;
    else {
      const admission = await this.#shared.admit(uid, "owntracks", () => this.#isCurrent(stream));
      if (admission.kind === "known") return admission.device;
      if (admission.kind === "abandoned") throw new Error("the broker's connection ended");
      this.#shared.knocks.add(uid, "owntracks", null, this.#shared.now());
      frames.unknownDevice += 1;
      refusals.unknownDevice += 1;
    }
    return undefined;
  }

  async #keep(packet: IPublishPacket, frame: NewFrame, stream: IStream, before: Promise<void>): Promise<void> {
    for (;;) {
      // A commit that failed tells so once the messages before this one are answered, and `before` never rejects.
      const [commit] = await Promise.allSettled([this.#shared.journal.append(frame), before]);
      if (commit.status === "fulfilled") {
        this.#acknowledge(packet, stream);
        this.#offerCommands(frame, commit.value, packet.topic);
        this.#tally.frames.committed += 1;
        this.#tally.records += 1;
        return;
      }
      if (!(commit.reason instanceof JournalFullError)) throw commit.reason;
      await sleep(JOURNAL_FULL_RETRY_MS, undefined, { ref: false });
    }
  }

  /** What was committed may be an answer; and the phone is there now: the broker hands a command on to it. */
  #offerCommands(frame: NewFrame, seq: number, topic: string): void {
    const { commands, heardLinks, monotonicMs } = this.#shared;
    commands?.committed(frame.deviceId, { ...frame, seq });
    const uid = uidOfPublish(topic);
    if (uid === undefined) return;
    const send = (bytes: Uint8Array) => {
      if (!this.#client.connected) return false;
      this.#tally.bytesSent += bytes.length;
      this.#client.publishAsync(commandTopic(uid), Buffer.from(bytes), { qos: 1 }).catch(this.#shared.onListenerError);
      return true;
    };
    heardLinks?.heard(frame.deviceId, "owntracks", send, monotonicMs());
  }

  /**
   * PUBACK, MQTT 3.1.1 section 3.4, on the connection that the message came on: on another its packet identifier may
   * mean another message.
   */
  #acknowledge({ qos, messageId = 0 }: IPublishPacket, stream: IStream): void {
    if (qos === 0 || !this.#isCurrent(stream)) return;
    stream.write(Buffer.of(0x40, 2, messageId >> 8, messageId & 0xff));
    this.#tally.acks += 1;
    this.#tally.bytesSent += 4;
  }

  #isCurrent(stream: IStream): boolean {
    return this.#client.connected && this.#client.stream === stream;
  }

  #frameOf(packet: IPublishPacket, device: KnownDevice): NewFrame {
    const bytes = frameOf(packet.topic, Buffer.from(packet.payload as Buffer));
    this.#tally.bytesReceived += bytes.length;
    return {
      deviceId: device.deviceId,
      kind: "frame",
      protocol: "owntracks",
      transport: "mqtt",
      receivedAtMs: this.#shared.now(),
      remoteAddress: null,
      bytes,
    };
  }
}
