import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import type { DeviceLink, Fault, LinkContext, SimulatedRecord } from "../device.ts";
import { chooseFault } from "./fault.ts";
import { createGatherer } from "./gatherer.ts";

export type PhoneRequest = {
  method: "GET" | "POST";
  path: string;
  headers: { readonly [name: string]: string };
  body: Uint8Array;
};

/** What an HTTP protocol adds to the link: its requests. */
export type HttpDialect = {
  /** Records that share a request, at most. */
  recordsMax: number;
  encode(uid: string, password: string | null, records: readonly SimulatedRecord[]): PhoneRequest;
};

type Packet = {
  records: SimulatedRecord[];
  request: PhoneRequest;
  sends: number;
  acknowledged: boolean;
  sentAtMs: number;
};

const SPLIT_PAUSE_MS = 30;
const VANISH_AFTER_MAX_MS = 25;

/**
 * A phone that posts what it has, one request at a time, over a connection that is kept. Any status of the 200s lets it
 * forget the records of the request; anything else makes it send the same request again after a pause.
 */
export function openHttpLink(context: LinkContext, dialect: HttpDialect): DeviceLink {
  const { uid, password, host, port, outbox, random, counters } = context;
  const recordsPerPacket = Math.min(context.behaviour.recordsPerPacket, dialect.recordsMax);
  const behaviour = { ...context.behaviour, recordsPerPacket };
  const gatherer = createGatherer(outbox, behaviour);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let online = true;
  let packet: Packet | undefined;
  let underWay: ClientRequest | undefined;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  agent.on("free", (socket) => socket.unref());

  function wake(): void {
    gatherer.noteWaiting();
    if (online && !packet) sendNext();
  }

  function sendNext(): void {
    const next = gatherer.take();
    if (!next) return;
    if ("inMs" in next) {
      startTimer(next.inMs, () => online && !packet && sendNext());
      return;
    }
    const { records } = next;
    packet = { records, request: dialect.encode(uid, password, records), sends: 0, acknowledged: false, sentAtMs: 0 };
    send(packet);
  }

  function send(sending: Packet): void {
    const { method, path, headers, body } = sending.request;
    counters.packets++;
    if (sending.sends++ > 0) counters.resends++;
    sending.sentAtMs = performance.now();
    startTimer(behaviour.responseTimeoutMs, () => {
      counters.responseTimeouts++;
      lose();
    });
    const length = body.length > 0 ? { "content-length": String(body.length) } : {};
    const mine = request({ host, port, method, path, headers: { ...headers, ...length }, agent });
    underWay = mine;
    mine.on("response", (response) => mine === underWay && hear(response));
    mine.on("error", () => mine === underWay && lose());
    mine.on("socket", (socket) => socket.connecting && counters.connections++);
    const fault = chooseFault(behaviour.faults, random);
    if (fault) counters.faults++;
    write(mine, body, fault);
  }

  function write(mine: ClientRequest, body: Uint8Array, fault: Fault | null): void {
    const cutAt = Math.floor(random() * body.length);
    switch (fault) {
      case "cut":
      case "corrupt":
        // No checksum of the protocol's own: what TCP would have noticed breaks the connection.
        mine.write(body.subarray(0, cutAt));
        mine.flushHeaders();
        setTimeout(() => mine === underWay && lose(), SPLIT_PAUSE_MS);
        return;
      case "vanish":
        mine.end(body);
        setTimeout(() => mine === underWay && lose(), random() * VANISH_AFTER_MAX_MS);
        return;
      case "split":
        mine.write(body.subarray(0, cutAt));
        setTimeout(() => mine.end(body.subarray(cutAt)), SPLIT_PAUSE_MS);
        return;
      case "duplicate":
      case null:
        mine.end(body);
        return;
    }
  }

  function hear(response: IncomingMessage): void {
    const mine = underWay;
    const { statusCode = 0 } = response;
    response.resume();
    response.on("end", () => mine === underWay && (statusCode >= 200 && statusCode < 300 ? acknowledge() : refuse()));
  }

  function acknowledge(): void {
    if (!packet) return;
    stopTimer();
    underWay = undefined;
    failures = 0;
    counters.acks++;
    context.onAcknowledged(packet.records, performance.now() - packet.sentAtMs);
    if (!packet.acknowledged && random() < behaviour.faults.duplicate) {
      counters.duplicates++;
      packet.acknowledged = true;
      send(packet);
      return;
    }
    packet = undefined;
    sendNext();
  }

  function refuse(): void {
    counters.refusals++;
    lose();
  }

  function lose(): void {
    counters.connectionLosses++;
    hangUp();
    if (packet?.acknowledged) packet = undefined;
    const { backoffMs } = behaviour;
    const pauseMs = backoffMs[Math.min(failures++, backoffMs.length - 1)] ?? 0;
    startTimer(pauseMs * (0.75 + 0.5 * random()), goOn);
  }

  function goOn(): void {
    if (packet) send(packet);
    else sendNext();
  }

  function hangUp(): void {
    stopTimer();
    const old = underWay;
    underWay = undefined;
    old?.on("error", () => undefined);
    old?.destroy();
  }

  function setOnline(wanted: boolean): void {
    if (wanted === online) return;
    online = wanted;
    hangUp();
    failures = 0;
    if (online) goOn();
  }

  function startTimer(afterMs: number, action: () => void): void {
    stopTimer();
    timer = setTimeout(action, afterMs);
  }

  function stopTimer(): void {
    clearTimeout(timer);
  }

  return {
    wake,
    setOnline,
    close() {
      setOnline(false);
      agent.destroy();
    },
    get busy() {
      return outbox.size > 0 || (packet !== undefined && !packet.acknowledged);
    },
  };
}
