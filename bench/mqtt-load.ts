import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { generate } from "mqtt-packet";
import { cpuSecondsSince } from "./measure.ts";

/**
 * Phones that publish as fast as they are acknowledged, in a process of their own. Packets are encoded beforehand and
 * answers are counted as bytes, so that the broker is what is measured. The parent sends commands over the channel.
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

const load = new Map<string, Phone[]>();

/** One connection: its publishes differ in time, so that none is a resent one. */
class Phone {
  readonly #socket: Socket;
  readonly #publishes: readonly Buffer[];
  readonly #timeAt: number;
  #rest: Buffer = Buffer.alloc(0);
  #timeS = FIRST_S;
  #inFlight = 0;
  #running = false;
  #pumped: () => void = () => undefined;
  acks = 0;

  private constructor(socket: Socket, uid: string, inFlight: number) {
    this.#socket = socket;
    const location = { _type: "location", tid: "ph", lat: 47.3769, lon: 8.5417, acc: 9, alt: 412, vel: 50, cog: 270 };
    const payload = JSON.stringify({ ...location, batt: 80, conn: "m", t: "t", tst: FIRST_S });
    this.#publishes = Array.from({ length: inFlight }, (_, index) =>
      generate({
        cmd: "publish",
        qos: 1,
        dup: false,
        retain: false,
        topic: `owntracks/${uid}`,
        payload,
        messageId: index + 1,
      }),
    );
    this.#timeAt = this.#publishes[0]!.indexOf(TIME_MARK) + TIME_MARK.length;
  }

  /** Connects and logs in; rejects when the broker refuses. */
  static async connect(port: number, uid: string, inFlight: number): Promise<Phone> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    socket.write(generate({ cmd: "connect", clientId: uid, username: uid, keepalive: KEEP_ALIVE_S, clean: true }));
    const [connack] = (await once(socket, "data")) as [Buffer];
    if (connack[0] !== 0x20 || connack[3] !== 0) throw new Error(`${uid} is refused: ${connack.toString("hex")}`);
    const phone = new Phone(socket, uid, inFlight);
    socket.on("data", (bytes) => phone.#take(bytes));
    socket.on("close", () => phone.#running && process.exit(1));
    return phone;
  }

  start(): void {
    this.#running = true;
    this.acks = 0;
    for (let id = 1; id <= this.#publishes.length; id++) this.#publish(id);
  }

  /** Resolves when all that is in flight is acknowledged. */
  stop(): Promise<void> {
    this.#running = false;
    return this.#inFlight === 0 ? Promise.resolve() : new Promise((resolve) => (this.#pumped = resolve));
  }

  close(): void {
    this.#socket.destroy();
  }

  #publish(id: number): void {
    const packet = Buffer.from(this.#publishes[id - 1]!);
    this.#timeS += 1;
    packet.write(String(this.#timeS), this.#timeAt, "latin1");
    this.#inFlight += 1;
    this.#socket.write(packet);
  }

  #take(received: Buffer): void {
    const bytes = this.#rest.length === 0 ? received : Buffer.concat([this.#rest, received]);
    const end = bytes.length - (bytes.length % PUBACK_BYTES);
    this.#socket.cork();
    for (let at = 0; at < end; at += PUBACK_BYTES) {
      if (bytes[at] !== PUBACK) throw new Error(`not a PUBACK: ${bytes.toString("hex", at, end)}`);
      this.acks += 1;
      this.#inFlight -= 1;
      if (this.#running) this.#publish(bytes.readUInt16BE(at + 2));
      else if (this.#inFlight === 0) this.#pumped();
    }
    this.#socket.uncork();
    this.#rest = bytes.subarray(end);
  }
}

async function open({ name, port, clients, inFlight }: Phones): Promise<LoadAnswer> {
  const phones: Phone[] = [];
  while (phones.length < clients) {
    const some = Array.from({ length: Math.min(CONNECTING_AT_ONCE, clients - phones.length) }, (_, offset) =>
      Phone.connect(port, `u${phones.length + offset}/phone${inFlight}`, inFlight),
    );
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
