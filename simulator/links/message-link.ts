import { connect, type Socket } from "node:net";
import type { DeviceLink, Fault, LinkContext, SimulatedRecord } from "../device.ts";
import { chooseFault, corrupted } from "./fault.ts";
import { createGatherer } from "./gatherer.ts";

/** What is known of a message beside its records when its bytes are made. */
export type MessageHead = {
  number: number;
  /** Unix milliseconds by the device's clock, of the newest record. */
  sentMs: number;
  /** It was made while there was no connection. */
  madeOffline: boolean;
  /** The connection that it was first sent on is gone. */
  outlived: boolean;
};

/** What a TCP protocol of numbered messages adds to the link: its bytes. */
export type MessageDialect = {
  /** First message of a connection; null where the protocol has none. */
  login: ((uid: string, number: number) => Uint8Array) | null;
  /** Records that may share a message, in groups in the given order. */
  group(records: readonly SimulatedRecord[]): SimulatedRecord[][];
  encode(uid: string, records: readonly SimulatedRecord[], head: MessageHead): Uint8Array;
  heartbeat(uid: string, number: number, last: SimulatedRecord | undefined): Uint8Array;
  readAnswer(bytes: Uint8Array, uid: string): MessageAnswer;
  /** `message`: the number stays with the message when it is sent again. `sending`: every sending counts on. */
  numbered: "message" | "sending";
  /** Numbers run from 0 to one below this. */
  numbers: number;
  /** Messages that may wait for their answers at once. */
  inFlightMax: number;
  /** A message that is still unanswered after so many repetitions on one connection ends the connection. */
  repetitionsMax: number;
  /** Whether damaged bytes are noticed. */
  hasChecksum: boolean;
};

export type MessageAnswer =
  | { kind: "answer"; consumed: number; to: "login" | "report" | "heartbeat"; number: number }
  | { kind: "command"; consumed: number; reply(number: number): Uint8Array }
  | { kind: "incomplete" }
  | { kind: "strange" };

type Message = {
  records: SimulatedRecord[];
  /** Number of the last sending; -1 before the first. */
  number: number;
  bytes: Uint8Array;
  madeOffline: boolean;
  outlived: boolean;
  sends: number;
  repetitions: number;
  acknowledged: boolean;
  sentAtMs: number;
  timer: NodeJS.Timeout | undefined;
};

const SPLIT_PAUSE_MS = 30;
const VANISH_AFTER_MAX_MS = 25;
const NOTHING = new Uint8Array(0);

/**
 * A device on a TCP connection whose messages carry numbers and are answered one by one, several under way at once.
 *
 *     offline ⇄ waiting ──▶ connecting ──▶ (loggingIn ──▶) open
 *                 ▲   loss, no answer, strange answer      │
 *                 └────────────────────────────────────────┘
 *
 * A message that is not answered is repeated on its connection, each time after a longer wait, and again on the next one.
 */
export function openMessageLink(context: LinkContext, dialect: MessageDialect): DeviceLink {
  const { uid, host, port, outbox, behaviour, random, counters } = context;
  const gatherer = createGatherer(outbox, behaviour);
  let state: "offline" | "waiting" | "connecting" | "loggingIn" | "open" = "waiting";
  let socket: Socket | undefined;
  let received: Uint8Array = NOTHING;
  let queue: Message[] = [];
  let inFlight: Message[] = [];
  let lastRecord: SimulatedRecord | undefined;
  let loginNumber = -1;
  let heartbeatNumber: number | undefined;
  let nextNumber = 0;
  let failures = 0;
  let stateTimer: NodeJS.Timeout | undefined;
  let gatherTimer: NodeJS.Timeout | undefined;
  let heartbeatTimer: NodeJS.Timeout | undefined;

  function wake(): void {
    gatherer.noteWaiting();
    if (state === "open") sendAll();
    else compose(outbox.size);
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
    if (!dialect.login) {
      becomeOpen();
      return;
    }
    state = "loggingIn";
    loginNumber = takeNumber();
    socket?.write(dialect.login(uid, loginNumber));
    stateTimer = setTimeout(giveUpWaiting, behaviour.responseTimeoutMs);
  }

  function becomeOpen(): void {
    clearTimeout(stateTimer);
    state = "open";
    heartbeatTimer = setInterval(beat, behaviour.heartbeatMs);
    sendAll();
  }

  function beat(): void {
    if (heartbeatNumber !== undefined) {
      giveUpWaiting();
      return;
    }
    heartbeatNumber = takeNumber();
    socket?.write(dialect.heartbeat(uid, heartbeatNumber, lastRecord));
  }

  function receive(bytes: Uint8Array): void {
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes]);
    while (received.length > 0) {
      const answer = dialect.readAnswer(received, uid);
      if (answer.kind === "incomplete") return;
      if (answer.kind === "strange") {
        counters.strangeAnswers++;
        lose();
        return;
      }
      received = received.subarray(answer.consumed);
      if (answer.kind === "command") obey(answer);
      else accept(answer);
    }
  }

  function obey({ reply }: Extract<MessageAnswer, { kind: "command" }>): void {
    counters.commands++;
    socket?.write(reply(takeNumber()));
  }

  /** An answer to nothing that is under way is the second one, to a message that was repeated. */
  function accept({ to, number }: Extract<MessageAnswer, { kind: "answer" }>): void {
    if (to === "login" && state === "loggingIn" && number === loginNumber) becomeOpen();
    else if (to === "heartbeat" && number === heartbeatNumber) {
      heartbeatNumber = undefined;
      counters.heartbeats++;
    } else if (to === "report") {
      const message = inFlight.find((sent) => sent.number === number);
      if (message) acknowledge(message);
    }
  }

  function acknowledge(message: Message): void {
    clearTimeout(message.timer);
    inFlight = inFlight.filter((other) => other !== message);
    failures = 0;
    counters.acks++;
    context.onAcknowledged(message.records, performance.now() - message.sentAtMs);
    if (!message.acknowledged && random() < behaviour.faults.duplicate) {
      counters.duplicates++;
      message.acknowledged = true;
      transmit(message);
      return;
    }
    sendAll();
  }

  /** Makes messages of records as soon as they are to leave, or while there is no connection to leave by. */
  function compose(recordsMax: number): void {
    for (let composed = 0; composed < recordsMax; ) {
      const next = gatherer.take();
      if (next && "inMs" in next) {
        clearTimeout(gatherTimer);
        gatherTimer = setTimeout(wake, next.inMs);
      }
      if (!next || "inMs" in next) return;
      composed += next.records.length;
      lastRecord = next.records.at(-1);
      for (const records of dialect.group(next.records)) queue.push(newMessage(records, state !== "open"));
    }
  }

  function sendAll(): void {
    while (state === "open" && inFlight.length < dialect.inFlightMax) {
      if (queue.length === 0) compose(1);
      const message = queue.shift();
      if (!message) return;
      transmit(message);
    }
  }

  function transmit(message: Message): void {
    if (!inFlight.includes(message)) inFlight.push(message);
    if (message.number < 0 || dialect.numbered === "sending") message.number = takeNumber();
    const { records, number, madeOffline, outlived } = message;
    const sentMs = Math.max(...records.map(({ timeMs }) => timeMs));
    message.bytes = dialect.encode(uid, records, { number, sentMs, madeOffline, outlived });
    counters.packets++;
    if (message.sends++ > 0) counters.resends++;
    message.sentAtMs = performance.now();
    message.timer = setTimeout(() => repeat(message), behaviour.responseTimeoutMs * (1 + message.repetitions));
    const fault = chooseFault(behaviour.faults, random);
    if (fault) counters.faults++;
    write(message.bytes, fault === "corrupt" && !dialect.hasChecksum ? "cut" : fault);
  }

  function repeat(message: Message): void {
    if (message.repetitions++ < dialect.repetitionsMax) transmit(message);
    else giveUpWaiting();
  }

  function write(bytes: Uint8Array, fault: Fault | null): void {
    const mine = socket;
    const cutAt = 1 + Math.floor(random() * (bytes.length - 1));
    switch (fault) {
      case "cut":
        mine?.write(bytes.subarray(0, cutAt));
        loseSoon(0);
        return;
      case "vanish":
        mine?.write(bytes);
        loseSoon(random() * VANISH_AFTER_MAX_MS);
        return;
      case "split":
        mine?.write(bytes.subarray(0, cutAt));
        mine?.cork();
        mine?.write(bytes.subarray(cutAt));
        setTimeout(() => mine?.uncork(), SPLIT_PAUSE_MS);
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

  /** Nothing more is sent on this connection, which breaks in a moment; answers that still come are not heard. */
  function loseSoon(afterMs: number): void {
    const mine = socket;
    socket = undefined;
    mine?.removeAllListeners("data");
    mine?.resume();
    mine?.on("error", () => undefined);
    setTimeout(() => mine?.destroy(), afterMs);
    lose();
  }

  function giveUpWaiting(): void {
    counters.responseTimeouts++;
    lose();
  }

  function lose(): void {
    counters.connectionLosses++;
    hangUp();
    state = "waiting";
    const { backoffMs } = behaviour;
    const pauseMs = backoffMs[Math.min(failures++, backoffMs.length - 1)] ?? 0;
    stateTimer = setTimeout(dial, pauseMs * (0.75 + 0.5 * random()));
  }

  /** What was under way goes back to the front of the queue. */
  function hangUp(): void {
    clearTimeout(stateTimer);
    clearTimeout(gatherTimer);
    clearInterval(heartbeatTimer);
    heartbeatNumber = undefined;
    const unanswered = inFlight.filter(({ acknowledged }) => !acknowledged);
    for (const message of inFlight) clearTimeout(message.timer);
    for (const message of unanswered) Object.assign(message, { outlived: true, repetitions: 0 });
    inFlight = [];
    queue = [...unanswered, ...queue];
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

  function takeNumber(): number {
    const number = nextNumber;
    nextNumber = (nextNumber + 1) % dialect.numbers;
    return number;
  }

  dial();
  return {
    wake,
    setOnline,
    close: () => setOnline(false),
    get busy() {
      return outbox.size > 0 || queue.length > 0 || inFlight.some(({ acknowledged }) => !acknowledged);
    },
  };
}

function newMessage(records: SimulatedRecord[], madeOffline: boolean): Message {
  return {
    records,
    number: -1,
    bytes: NOTHING,
    madeOffline,
    outlived: false,
    sends: 0,
    repetitions: 0,
    acknowledged: false,
    sentAtMs: 0,
    timer: undefined,
  };
}
