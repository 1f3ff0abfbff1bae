import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { generate } from "mqtt-packet";
import { cpuSecondsSince } from "./measure.ts";

/**
 * Phones that publish as fast as they are acknowledged, in a process of their own. Packets are encoded beforehand, only
 * their time is written anew in place; answers are read into one buffer of all phones, past the stream's own, and what
 * they let go leaves with one write. So the broker is what is measured. The parent sends commands over the channel.
 */

/** `inFlight` publishes of each phone wait for their PUBACK at any time. */
export type Phones = { name: string; port: number; clients: number; inFlight: number };
export type LoadCommand =
  | { kind: "open"; phones: Phones }
  | { kind: "pump"; name: string; seconds: number }
  | { kind: "close"; name: string };
export type LoadAnswer =
  | { kind: "opened" | "closed" }
  | { kind: "pumped"; acks: number; acksPerS: number; cpuShare: number };

const CONNECTING_AT_ONCE = 50;
const PUBACK = 0x40;
const PUBACK_BYTES = 4;
const FIRST_S = 1_700_000_000;
const KEEP_ALIVE_S = 1_800;
const TIME_MARK = '"tst":';

const NOTHING = Buffer.alloc(0);

const load = new Map<string, Phone[]>();

/** The phones' answers: read by one process, one after another. */
const received = Buffer.alloc(65_536);

/** One connection: its publishes differ in time, so that none is a resent one. */
class Phone {
  readonly #socket: Socket;
  /** All publishes of the phone, one behind the other, by packet identifier; all of one length. */
  readonly #publishes: Buffer;
  readonly #publishBytes: number;
  readonly #inFlightMax: number;
  readonly #timeAt: number;
  /** Bytes of a PUBACK whose end has not come. */
  #rest: Buffer = NOTHING;
  #timeS = FIRST_S;
  #inFlight = 0;
  #running = false;
  #pumped: () => void = () => undefined;
  #take: (bytes: Buffer) => void;
  acks = 0;

  constructor(port: number, uid: string, inFlight: number) {
    const location = { _type: "location", tid: "ph", lat: 47.3769, lon: 8.5417, acc: 9, alt: 412, vel: 50, cog: 270 };
    const payload = JSON.stringify({ ...location, batt: 80, conn: "m", t: "t", tst: FIRST_S });
    const topic = `owntracks/${uid}`;
    const publishes = Array.from({ length: inFlight }, (_, index) =>
      generate({ cmd: "publish", qos: 1, dup: false, retain: false, topic, payload, messageId: index + 1 }),
    );
    this.#inFlightMax = inFlight;
    this.#publishes = Buffer.concat(publishes);
    this.#publishBytes = publishes[0]!.length;
    this.#timeAt = publishes[0]!.indexOf(TIME_MARK) + TIME_MARK.length;
    this.#take = (bytes) => this.#welcome(bytes, uid);
    this.#socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer: received,
        callback: (byteCount) => {
          this.#take(received.subarray(0, byteCount));
          return true;
        },
      },
    });
    this.#socket.on("close", () => this.#running && process.exit(1));
  }

  /** Logs in; rejects when the broker cannot be reached. A refusal ends the process. */
  async logIn(uid: string): Promise<void> {
    await once(this.#socket, "connect");
    const welcomed = new Promise<void>((resolve) => (this.#pumped = resolve));
    this.#socket.write(
      generate({ cmd: "connect", clientId: uid, username: uid, keepalive: KEEP_ALIVE_S, clean: true }),
    );
    await welcomed;
  }

  start(): void {
    this.#running = true;
    this.acks = 0;
    this.#publish(1, this.#inFlightMax);
  }

  /** Resolves when all that is in flight is acknowledged. */
  stop(): Promise<void> {
    this.#running = false;
    return this.#inFlight === 0 ? Promise.resolve() : new Promise((resolve) => (this.#pumped = resolve));
  }

  close(): void {
    this.#socket.destroy();
  }

  #welcome(connack: Buffer, uid: string): void {
    if (connack[0] !== 0x20 || connack[3] !== 0) throw new Error(`${uid} is refused: ${connack.toString("hex")}`);
    this.#take = (bytes) => this.#acknowledged(bytes);
    this.#pumped();
  }

  /** Sends `count` publishes with consecutive identifiers; what they overwrite was acknowledged, so it has left. */
  #publish(firstId: number, count: number): void {
    const start = (firstId - 1) * this.#publishBytes;
    const end = start + count * this.#publishBytes;
    for (let at = start; at < end; at += this.#publishBytes) {
      this.#timeS += 1;
      this.#publishes.write(String(this.#timeS), at + this.#timeAt, "latin1");
    }
    this.#inFlight += count;
    this.#socket.write(this.#publishes.subarray(start, end));
  }

  #acknowledged(answers: Buffer): void {
    const bytes = this.#rest.length === 0 ? answers : Buffer.concat([this.#rest, answers]);
    const end = bytes.length - (bytes.length % PUBACK_BYTES);
    this.#rest = end === bytes.length ? NOTHING : Buffer.from(bytes.subarray(end));
    let firstId = 0;
    let count = 0;
    for (let at = 0; at < end; at += PUBACK_BYTES) {
      if (bytes[at] !== PUBACK) throw new Error(`not a PUBACK: ${bytes.toString("hex", at, end)}`);
      this.acks += 1;
      this.#inFlight -= 1;
      const id = bytes.readUInt16BE(at + 2);
      if (count > 0 && id !== firstId + count) {
        this.#goOn(firstId, count);
        count = 0;
      }
      if (count === 0) firstId = id;
      count += 1;
    }
    if (count > 0) this.#goOn(firstId, count);
  }

  #goOn(firstId: number, count: number): void {
    if (this.#running) this.#publish(firstId, count);
    else if (this.#inFlight === 0) this.#pumped();
  }
}

async function open({ name, port, clients, inFlight }: Phones): Promise<LoadAnswer> {
  const phones: Phone[] = [];
  while (phones.length < clients) {
    const some = Array.from({ length: Math.min(CONNECTING_AT_ONCE, clients - phones.length) }, async (_, offset) => {
      const uid = `u${phones.length + offset}/phone${inFlight}`;
      const phone = new Phone(port, uid, inFlight);
      await phone.logIn(uid);
      return phone;
    });
    phones.push(...(await Promise.all(some)));
  }
  load.set(name, phones);
  return { kind: "opened" };
}

async function pump(name: string, seconds: number): Promise<LoadAnswer> {
  const phones = load.get(name)!;
  const cpuBegin = process.cpuUsage();
  const startMs = performance.now();
  for (const phone of phones) phone.start();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  await Promise.all(phones.map((phone) => phone.stop()));
  const tookS = (performance.now() - startMs) / 1000;
  const acks = phones.reduce((sum, phone) => sum + phone.acks, 0);
  return { kind: "pumped", acks, acksPerS: acks / tookS, cpuShare: cpuSecondsSince(cpuBegin) / tookS };
}

async function answer(command: LoadCommand): Promise<LoadAnswer> {
  switch (command.kind) {
    case "open":
      return open(command.phones);
    case "pump":
      return pump(command.name, command.seconds);
    case "close":
      for (const phone of load.get(command.name)!) phone.close();
      return { kind: "closed" };
  }
}

process.on("message", (command: LoadCommand) => {
  void answer(command).then((message) => process.send?.(message));
});
process.on("disconnect", () => process.exit(0));
