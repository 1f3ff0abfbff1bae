import type { DeviceLink, LinkContext, SimulatedRecord } from "../device.ts";
import { createGatherer } from "./gatherer.ts";
import { openTcpConnection } from "./tcp-connection.ts";

/** What a TCP protocol adds to the link: its bytes. */
export type TcpDialect = {
  /** First bytes of a connection; null where the protocol has no login. */
  login(uid: string): Uint8Array | null;
  encode(uid: string, records: readonly SimulatedRecord[]): Uint8Array;
  /** Reads one answer from the front of `bytes`; `awaiting` says what the device waits for. */
  readAnswer(bytes: Uint8Array, awaiting: "login" | "ack"): TcpAnswer;
};

export type TcpAnswer =
  | { kind: "accepted"; consumed: number }
  | { kind: "refused"; consumed: number }
  | { kind: "ack"; consumed: number; records: number }
  | { kind: "command"; consumed: number; reply: Uint8Array }
  | { kind: "incomplete" }
  | { kind: "strange" };

type Packet = { records: SimulatedRecord[]; bytes: Uint8Array; sends: number; acknowledged: boolean; sentAtMs: number };

/**
 * A device on a TCP connection, one packet in flight. A packet keeps its bytes until it is acknowledged in full; every new
 * connection sends it again first.
 */
export function openTcpLink(context: LinkContext, dialect: TcpDialect): DeviceLink {
  const { uid, outbox, behaviour, random, counters } = context;
  const gatherer = createGatherer(outbox, behaviour);
  let packet: Packet | undefined;
  let isAwaited = false;
  /** Until the answer must have come, or a packet is to be made of what waits. */
  let timer: NodeJS.Timeout | undefined;
  const connection = openTcpConnection(context, { login: () => dialect.login(uid), opened, take, hungUp });

  function wake(): void {
    gatherer.noteWaiting();
    if (connection.state === "open" && !isAwaited) sendNext();
  }

  function opened(): void {
    connection.prove();
    sendNext();
  }

  function take(bytes: Uint8Array): number | undefined {
    const isLogin = connection.state === "loggingIn";
    const answer = dialect.readAnswer(bytes, isLogin ? "login" : "ack");
    switch (answer.kind) {
      case "incomplete":
        return 0;
      case "strange":
        return undefined;
      case "command":
        counters.commands++;
        connection.write(answer.reply);
        return answer.consumed;
      case "accepted":
        if (!isLogin) return undefined;
        connection.open();
        return answer.consumed;
      case "refused":
        if (!isLogin) return undefined;
        connection.refuse();
        return answer.consumed;
      case "ack":
        if (!packet || !isAwaited) return undefined;
        acknowledge(packet, answer.records);
        return answer.consumed;
    }
  }

  function sendNext(): void {
    if (!packet) {
      const next = gatherer.take();
      if (!next) return;
      if ("inMs" in next) {
        startTimer(next.inMs, sendNext);
        return;
      }
      const { records } = next;
      packet = { records, bytes: dialect.encode(uid, records), sends: 0, acknowledged: false, sentAtMs: 0 };
    }
    send(packet);
  }

  function send(sending: Packet): void {
    isAwaited = true;
    counters.packets++;
    if (sending.sends++ > 0) counters.resends++;
    sending.sentAtMs = performance.now();
    startTimer(behaviour.responseTimeoutMs, connection.giveUp);
    connection.send(sending.bytes, true);
  }

  function acknowledge(sent: Packet, count: number): void {
    clearTimeout(timer);
    isAwaited = false;
    if (count !== sent.records.length) {
      counters.mismatchedAcks++;
      connection.lose();
      return;
    }
    counters.acks++;
    context.onAcknowledged(sent.records, performance.now() - sent.sentAtMs);
    if (!sent.acknowledged && random() < behaviour.faults.duplicate) {
      counters.duplicates++;
      sent.acknowledged = true;
      send(sent);
      return;
    }
    packet = undefined;
    sendNext();
  }

  function hungUp(): void {
    clearTimeout(timer);
    isAwaited = false;
    if (packet?.acknowledged) packet = undefined;
  }

  function startTimer(afterMs: number, action: () => void): void {
    clearTimeout(timer);
    timer = setTimeout(action, afterMs);
  }

  return {
    wake,
    setOnline: connection.setOnline,
    close: () => connection.setOnline(false),
    get busy() {
      return outbox.size > 0 || (packet !== undefined && !packet.acknowledged);
    },
  };
}
