import type { DeviceLink, LinkContext, SimulatedRecord } from "../device.ts";
import { createGatherer } from "./gatherer.ts";
import { openTcpConnection } from "./tcp-connection.ts";

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

const NOTHING = new Uint8Array(0);

/**
 * A device on a TCP connection whose messages carry numbers and are answered one by one, several under way at once. A
 * message that is not answered is repeated on its connection, each time after a longer wait, and again on the next one.
 */
export function openMessageLink(context: LinkContext, dialect: MessageDialect): DeviceLink {
  const { uid, outbox, behaviour, random, counters } = context;
  const gatherer = createGatherer(outbox, behaviour);
  let queue: Message[] = [];
  let inFlight: Message[] = [];
  let lastRecord: SimulatedRecord | undefined;
  let loginNumber = -1;
  let heartbeatNumber: number | undefined;
  let nextNumber = 0;
  let gatherTimer: NodeJS.Timeout | undefined;
  let heartbeatTimer: NodeJS.Timeout | undefined;
  const connection = openTcpConnection(context, { login, opened, take, hungUp });

  function wake(): void {
    gatherer.noteWaiting();
    if (connection.state === "open") sendAll();
    else compose(outbox.size);
  }

  function login(): Uint8Array | null {
    if (!dialect.login) return null;
    loginNumber = takeNumber();
    return dialect.login(uid, loginNumber);
  }

  function opened(): void {
    heartbeatTimer = setInterval(beat, behaviour.heartbeatMs);
    sendAll();
  }

  function beat(): void {
    if (heartbeatNumber !== undefined) {
      connection.giveUp();
      return;
    }
    heartbeatNumber = takeNumber();
    connection.write(dialect.heartbeat(uid, heartbeatNumber, lastRecord));
  }

  function take(bytes: Uint8Array): number | undefined {
    const answer = dialect.readAnswer(bytes, uid);
    switch (answer.kind) {
      case "incomplete":
        return 0;
      case "strange":
        return undefined;
      case "command":
        obey(answer);
        return answer.consumed;
      case "answer":
        accept(answer);
        return answer.consumed;
    }
  }

  function obey({ reply }: Extract<MessageAnswer, { kind: "command" }>): void {
    counters.commands++;
    connection.write(reply(takeNumber()));
  }

  /** An answer to nothing that is under way is the second one, to a message that was repeated. */
  function accept({ to, number }: Extract<MessageAnswer, { kind: "answer" }>): void {
    if (to === "login" && connection.state === "loggingIn" && number === loginNumber) connection.open();
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
    connection.prove();
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
      for (const records of dialect.group(next.records)) queue.push(newMessage(records, connection.state !== "open"));
    }
  }

  function sendAll(): void {
    while (connection.state === "open" && inFlight.length < dialect.inFlightMax) {
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
    connection.send(message.bytes, dialect.hasChecksum);
  }

  function repeat(message: Message): void {
    if (message.repetitions++ < dialect.repetitionsMax) transmit(message);
    else connection.giveUp();
  }

  /** What was under way goes back to the front of the queue. */
  function hungUp(): void {
    clearTimeout(gatherTimer);
    clearInterval(heartbeatTimer);
    heartbeatNumber = undefined;
    const unanswered = inFlight.filter(({ acknowledged }) => !acknowledged);
    for (const message of inFlight) clearTimeout(message.timer);
    for (const message of unanswered) Object.assign(message, { outlived: true, repetitions: 0 });
    inFlight = [];
    queue = [...unanswered, ...queue];
  }

  function takeNumber(): number {
    const number = nextNumber;
    nextNumber = (nextNumber + 1) % dialect.numbers;
    return number;
  }

  return {
    wake,
    setOnline: connection.setOnline,
    close: () => connection.setOnline(false),
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
