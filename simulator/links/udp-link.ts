import { createSocket } from "node:dgram";
import type { DeviceLink, LinkContext, SimulatedRecord } from "../device.ts";
import { chooseFault } from "./fault.ts";
import { createGatherer } from "./gatherer.ts";

/** What a UDP protocol adds to the link: its bytes. One datagram is one packet. */
export type UdpDialect = {
  /** Packet numbers run from 0 to one below this. */
  packetNumbers: number;
  /** How many of the first records a packet can hold together; absent: any number. */
  fit?(records: readonly SimulatedRecord[]): number;
  encode(uid: string, records: readonly SimulatedRecord[], packetNumber: number): Uint8Array;
  readAnswer(bytes: Uint8Array, uid: string): UdpAnswer | undefined;
};

export type UdpAnswer =
  /** Without `records`, all of the packet. */
  | { kind: "ack"; packetNumber: number; records?: number }
  | { kind: "command"; reply(packetNumber: number): Uint8Array };

type Packet = { number: number; records: SimulatedRecord[]; bytes: Uint8Array; sends: number; sentAtMs: number };

/**
 * A device on UDP, one packet in flight: sent again with the same number until acknowledged. An acknowledgement of fewer
 * records than were sent confirms the first of them; the rest goes out as a new packet.
 */
export function openUdpLink(context: LinkContext, dialect: UdpDialect): DeviceLink {
  const { uid, host, port, outbox, behaviour, random, counters } = context;
  const socket = createSocket("udp4");
  let online = true;
  let packet: Packet | undefined;
  /** Taken from the outbox with the packet under way, and not sent yet. */
  let behind: SimulatedRecord[] = [];
  let nextNumber = 0;
  let timer: NodeJS.Timeout | undefined;
  const gatherer = createGatherer(outbox, behaviour);
  socket.on("message", receive);
  // An unreachable port shows as an error on some systems; to the device it is one more lost datagram.
  socket.on("error", () => counters.connectionLosses++);
  counters.connections++;

  function wake(): void {
    gatherer.noteWaiting();
    if (online && !packet) sendNext();
  }

  function sendNext(): void {
    const next = gatherer.take();
    if (!next) return;
    if ("inMs" in next) startTimer(next.inMs, () => online && !packet && sendNext());
    else compose(next.records);
  }

  function compose(records: SimulatedRecord[]): void {
    const fitting = records.slice(0, dialect.fit?.(records));
    behind = records.slice(fitting.length);
    const number = takeNumber();
    packet = { number, records: fitting, bytes: dialect.encode(uid, fitting, number), sends: 0, sentAtMs: 0 };
    transmit(packet);
  }

  function takeNumber(): number {
    const number = nextNumber;
    nextNumber = (nextNumber + 1) % dialect.packetNumbers;
    return number;
  }

  function transmit(sending: Packet): void {
    counters.packets++;
    if (sending.sends++ > 0) counters.resends++;
    sending.sentAtMs = performance.now();
    startTimer(behaviour.responseTimeoutMs * (0.75 + 0.5 * random()), () => {
      counters.responseTimeouts++;
      if (packet) transmit(packet);
    });
    const fault = chooseFault(behaviour.faults, random);
    if (fault) counters.faults++;
    switch (fault) {
      case "vanish":
        return;
      case "cut":
      case "corrupt":
        // UDP carries no checksum of the protocol's own, and the network's drops what it damages: only a piece arrives.
        put(sending.bytes.subarray(0, 1 + Math.floor(random() * (sending.bytes.length - 1))));
        return;
      case "split":
      case "duplicate":
      case null:
        put(sending.bytes);
        if (random() < behaviour.faults.duplicate) {
          counters.duplicates++;
          put(sending.bytes);
        }
        return;
    }
  }

  function put(bytes: Uint8Array): void {
    socket.send(bytes, port, host);
  }

  function receive(bytes: Uint8Array): void {
    const answer = dialect.readAnswer(bytes, uid);
    if (answer?.kind === "ack") acknowledge(answer.packetNumber, answer.records);
    else if (answer?.kind === "command") {
      counters.commands++;
      put(answer.reply(takeNumber()));
    } else counters.strangeAnswers++;
  }

  function acknowledge(packetNumber: number, count: number | undefined): void {
    if (!online || !packet || packetNumber !== packet.number) return;
    const { records, sentAtMs } = packet;
    const taken = count ?? records.length;
    if (taken > records.length || taken === 0) {
      counters.mismatchedAcks++;
      return;
    }
    stopTimer();
    counters.acks++;
    packet = undefined;
    context.onAcknowledged(records.slice(0, taken), performance.now() - sentAtMs);
    const rest = [...records.slice(taken), ...behind];
    if (rest.length > 0) compose(rest);
    else sendNext();
  }

  function setOnline(wanted: boolean): void {
    if (wanted === online) return;
    online = wanted;
    stopTimer();
    if (!online) return;
    if (packet) transmit(packet);
    else sendNext();
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
      socket.close();
    },
    get busy() {
      return outbox.size > 0 || packet !== undefined;
    },
  };
}
