import { connect, type Socket } from "node:net";
import { MqttClient } from "mqtt";
import type { DeviceLink, LinkContext, SimulatedRecord } from "../device.ts";
import { chooseFault } from "./fault.ts";
import { createGatherer } from "./gatherer.ts";

/** What a phone on MQTT adds to the link: who it says it is, and its messages. */
export type MqttDialect = {
  clientId(uid: string): string;
  username(uid: string): string;
  topic(uid: string): string;
  /** What the broker publishes under the same topic when the connection breaks. */
  lastWill(connectedMs: number): Uint8Array;
  commandTopic(uid: string): string;
  encode(record: SimulatedRecord): Uint8Array;
  /** The message that a command asks for; undefined where this phone does not know the command. */
  answerTo(command: Uint8Array, last: SimulatedRecord | undefined): Uint8Array | undefined;
};

const IN_FLIGHT_MAX = 4;
const VANISH_AFTER_MAX_MS = 25;
const KEEPALIVE_S = 60;
const RECONNECT_MIN_MS = 50;

/**
 * A phone that publishes with QoS 1, a few messages under way at once. The session is kept: what was not confirmed by a
 * PUBACK when the connection broke is sent again with DUP and its own packet id by the client library.
 */
export function openMqttLink(context: LinkContext, dialect: MqttDialect): DeviceLink {
  const { uid, password, host, port, outbox, random, counters } = context;
  // One message holds one record.
  const behaviour = { ...context.behaviour, recordsPerPacket: 1 };
  const gatherer = createGatherer(outbox, behaviour);
  const topic = dialect.topic(uid);
  const timers = new Map<number, NodeJS.Timeout>();
  const sent = new Set<number>();
  const returned: SimulatedRecord[] = [];
  let online = true;
  let closed = false;
  let underWay = 0;
  let last: SimulatedRecord | undefined;
  let socket: Socket | undefined;
  const backoffMs = behaviour.backoffMs[1] ?? behaviour.backoffMs[0] ?? 0;
  const client = new MqttClient(dial, {
    protocolVersion: 4,
    clientId: dialect.clientId(uid),
    username: dialect.username(uid),
    ...(password === null ? {} : { password }),
    clean: false,
    will: { topic, payload: Buffer.from(dialect.lastWill(Date.now())), qos: 1, retain: false },
    keepalive: KEEPALIVE_S,
    connectTimeout: behaviour.responseTimeoutMs,
    reconnectPeriod: Math.max(RECONNECT_MIN_MS, backoffMs * (0.75 + 0.5 * random())),
    reconnectOnConnackError: true,
  });
  client.on("error", (error) => {
    if ("code" in error && typeof error.code === "number") counters.refusals++;
  });
  client.on("connect", () => {
    client.subscribe(dialect.commandTopic(uid), { qos: 1 }, (error) => {
      if (error && !closed && client.connected) counters.strangeAnswers++;
    });
    for (const number of timers.keys()) awaitAnswer(number);
    sendAll();
  });
  client.on("close", () => {
    if (!closed) counters.connectionLosses++;
  });
  client.on("packetsend", (packet) => {
    if (packet.cmd !== "publish" || packet.messageId === undefined) return;
    counters.packets++;
    if (sent.has(packet.messageId)) counters.resends++;
    sent.add(packet.messageId);
  });
  client.on("packetreceive", (packet) => {
    if (packet.cmd === "puback" && packet.messageId !== undefined) sent.delete(packet.messageId);
  });
  client.on("message", (_topic, command) => {
    const answer = dialect.answerTo(command, last);
    if (!answer) return;
    counters.commands++;
    client.publish(topic, Buffer.from(answer), { qos: 1 });
  });

  /** Without a network there is nothing to connect to: the attempt ends at once. */
  function dial(): Socket {
    const mine = connect({ host, port, noDelay: true });
    if (online) counters.connections++;
    else mine.destroy();
    socket = mine;
    return mine;
  }

  function wake(): void {
    gatherer.noteWaiting();
    sendAll();
  }

  function sendAll(): void {
    while (client.connected && online && underWay < IN_FLIGHT_MAX) {
      const next = returned.length > 0 ? { records: returned.splice(0, 1) } : gatherer.take();
      if (!next || "inMs" in next) return;
      for (const record of next.records) publish(record);
    }
  }

  function publish(record: SimulatedRecord, isDuplicate = false): void {
    const sentAtMs = performance.now();
    const number = record.marker;
    last = record;
    underWay++;
    awaitAnswer(number);
    client.publish(topic, Buffer.from(dialect.encode(record)), { qos: 1 }, (error) => {
      underWay--;
      clearTimeout(timers.get(number));
      timers.delete(number);
      if (error) {
        // The library takes no message while it repeats old ones, and gives it back when the connection breaks meanwhile.
        if (!isDuplicate) returned.push(record);
        return;
      }
      counters.acks++;
      context.onAcknowledged([record], performance.now() - sentAtMs);
      if (!isDuplicate && random() < behaviour.faults.duplicate) {
        counters.duplicates++;
        publish(record, true);
      }
      sendAll();
    });
    strike();
  }

  /** MQTT has no checksum of its own: what TCP would have noticed breaks the connection. */
  function strike(): void {
    const fault = chooseFault(behaviour.faults, random);
    if (!fault) return;
    counters.faults++;
    const mine = socket;
    if (fault === "vanish") setTimeout(() => mine?.destroy(), random() * VANISH_AFTER_MAX_MS);
    else if (fault !== "split") mine?.destroy();
  }

  /** MQTT repeats nothing on the same connection: who gets no answer connects again. */
  function awaitAnswer(number: number): void {
    clearTimeout(timers.get(number));
    const giveUp = (): void => {
      awaitAnswer(number);
      if (!client.connected) return;
      counters.responseTimeouts++;
      socket?.destroy();
    };
    timers.set(number, setTimeout(giveUp, behaviour.responseTimeoutMs));
  }

  function setOnline(wanted: boolean): void {
    if (wanted === online) return;
    online = wanted;
    if (!online) socket?.destroy();
  }

  return {
    wake,
    setOnline,
    close() {
      closed = true;
      client.end(true);
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
    get busy() {
      return outbox.size > 0 || returned.length > 0 || underWay > 0;
    },
  };
}
