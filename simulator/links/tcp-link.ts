import { connect, type Socket } from "node:net";
import type { DeviceLink, Fault, LinkContext, SimulatedRecord } from "../device.ts";
import { chooseFault, corrupted } from "./fault.ts";
import { createGatherer } from "./gatherer.ts";

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

const SPLIT_PAUSE_MS = 30;
const VANISH_AFTER_MAX_MS = 25;
const NOTHING = new Uint8Array(0);

/**
 * A device on a TCP connection, one packet in flight.
 *
 *     offline ⇄ waiting ──▶ connecting ──▶ loggingIn ──▶ ready ⇄ awaitingAck
 *                 ▲  any loss, refusal, timeout or strange answer  │
 *                 └────────────────────────────────────────────────┘
 *
 * A packet keeps its bytes until it is acknowledged in full; every new connection sends it again first.
 */
export function openTcpLink(context: LinkContext, dialect: TcpDialect): DeviceLink {
  const { uid, host, port, outbox, behaviour, random, counters } = context;
  let state: "offline" | "waiting" | "connecting" | "loggingIn" | "ready" | "awaitingAck" = "waiting";
  let socket: Socket | undefined;
  let received: Uint8Array = NOTHING;
  let packet: Packet | undefined;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  const gatherer = createGatherer(outbox, behaviour);

  function wake(): void {
    gatherer.noteWaiting();
    if (state === "ready") sendNext();
  }

  function dial(): void {
    state = "connecting";
    received = NOTHING;
    counters.connections++;
    const mine = connect({ host, port, noDelay: true });
    socket = mine;
    mine.on("connect", () => mine === socket && logIn());
    mine.on("data", (bytes) => mine === socket && receive(bytes));
    mine.on("error", () => mine === socket && lose());
    mine.on("close", () => mine === socket && lose());
  }

  function logIn(): void {
    const login = dialect.login(uid);
    if (!login) {
      becomeReady();
      return;
    }
    state = "loggingIn";
    socket?.write(login);
    startTimer(behaviour.responseTimeoutMs, giveUpWaiting);
  }

  function receive(bytes: Uint8Array): void {
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes]);
    while (received.length > 0 && (state === "loggingIn" || state === "awaitingAck" || state === "ready")) {
      const answer = dialect.readAnswer(received, state === "loggingIn" ? "login" : "ack");
      if (answer.kind === "incomplete") return;
      if (answer.kind === "command") {
        received = received.subarray(answer.consumed);
        counters.commands++;
        socket?.write(answer.reply);
        continue;
      }
      if (answer.kind === "strange" || state === "ready") {
        counters.strangeAnswers++;
        lose();
        return;
      }
      received = received.subarray(answer.consumed);
      if (answer.kind === "accepted") becomeReady();
      else if (answer.kind === "refused") {
        counters.refusals++;
        failures = Math.max(failures, behaviour.backoffMs.length);
        lose();
      } else acknowledge(answer.records);
    }
  }

  function becomeReady(): void {
    stopTimer();
    state = "ready";
    failures = 0;
    sendNext();
  }

  function sendNext(): void {
    if (!packet) {
      const next = gatherer.take();
      if (!next) return;
      if ("inMs" in next) {
        startTimer(next.inMs, () => state === "ready" && sendNext());
        return;
      }
      const { records } = next;
      packet = { records, bytes: dialect.encode(uid, records), sends: 0, acknowledged: false, sentAtMs: 0 };
    }
    send(packet);
  }

  function send(sending: Packet): void {
    state = "awaitingAck";
    counters.packets++;
    if (sending.sends++ > 0) counters.resends++;
    sending.sentAtMs = performance.now();
    startTimer(behaviour.responseTimeoutMs, giveUpWaiting);
    const fault = chooseFault(behaviour.faults, random);
    if (fault) counters.faults++;
    write(sending, fault);
  }

  function write(sending: Packet, fault: Fault | null): void {
    const { bytes } = sending;
    const mine = socket;
    const cutAt = 1 + Math.floor(random() * (bytes.length - 1));
    switch (fault) {
      case "cut":
        mine?.write(bytes.subarray(0, cutAt), () => mine === socket && lose());
        return;
      case "vanish":
        mine?.write(bytes);
        setTimeout(() => mine === socket && lose(), random() * VANISH_AFTER_MAX_MS);
        return;
      case "split":
        mine?.write(bytes.subarray(0, cutAt));
        setTimeout(() => mine === socket && mine?.write(bytes.subarray(cutAt)), SPLIT_PAUSE_MS);
        return;
      case "corrupt":
        mine?.write(corrupted(bytes, random));
        return;
      case "duplicate":
      case null:
        mine?.write(bytes);
        return;
    }
  }

  function acknowledge(count: number): void {
    if (!packet) return;
    stopTimer();
    if (count !== packet.records.length) {
      counters.mismatchedAcks++;
      lose();
      return;
    }
    counters.acks++;
    context.onAcknowledged(packet.records, performance.now() - packet.sentAtMs);
    if (!packet.acknowledged && random() < behaviour.faults.duplicate) {
      counters.duplicates++;
      packet.acknowledged = true;
      send(packet);
      return;
    }
    packet = undefined;
    state = "ready";
    sendNext();
  }

  function giveUpWaiting(): void {
    counters.responseTimeouts++;
    lose();
  }

  function lose(): void {
    counters.connectionLosses++;
    hangUp();
    if (packet?.acknowledged) packet = undefined;
    state = "waiting";
    const { backoffMs } = behaviour;
    const pauseMs = backoffMs[Math.min(failures++, backoffMs.length - 1)] ?? 0;
    startTimer(pauseMs * (0.75 + 0.5 * random()), dial);
  }

  function hangUp(): void {
    stopTimer();
    const old = socket;
    socket = undefined;
    old?.destroy();
  }

  function setOnline(online: boolean): void {
    if (online === (state !== "offline")) return;
    hangUp();
    state = online ? "waiting" : "offline";
    failures = 0;
    if (online) dial();
  }

  function startTimer(afterMs: number, action: () => void): void {
    stopTimer();
    timer = setTimeout(action, afterMs);
  }

  function stopTimer(): void {
    clearTimeout(timer);
  }

  dial();
  return {
    wake,
    setOnline,
    close: () => setOnline(false),
    get busy() {
      return outbox.size > 0 || (packet !== undefined && !packet.acknowledged);
    },
  };
}
