import { createConnection, type Socket } from "node:net";
import { pino } from "pino";
import { Registry } from "prom-client";
import type { Envelope, FrameResult, ProtocolDecoder, RejectReason } from "#decoders/decoder.ts";
import type { JournalWriter, NewFrame, Receipt } from "#store/journal.ts";
import {
  type Gateway,
  type GatewayDeps,
  type Knock,
  type KnownDevice,
  openGateway,
  type RejectedFrame,
} from "./index.ts";

/**
 * A gateway on free ports with fakes passed in, and a protocol small enough to write frames of by hand:
 *
 *     FF                                     keep-alive, no answer
 *     kind  length  payload…  checksum       checksum: sum of the payload, modulo 256
 *
 * kind `L`: login, payload = uid, answered 01 or 00 · `D`: data, payload[0] = record count, answered `A` and the count ·
 * `N`: data that names its device, payload = uid, answered `A1`. Anything else: framing lost.
 */
const KEEP_ALIVE = 0xff;
const PAYLOAD_BYTES_MAX = 200;

export const keepAlive = Uint8Array.of(KEEP_ALIVE);
export const login = (uid: string) => frameOf("L", Buffer.from(uid));
export const naming = (uid: string) => frameOf("N", Buffer.from(uid));
export const data = (recordCount: number, note = "") => frameOf("D", Buffer.from([recordCount, ...Buffer.from(note)]));
export const ackOf = (recordCount: number) => `41${recordCount.toString(16).padStart(2, "0")}`;

export function spoiled(frame: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy[copy.length - 1]! ^= 0xff;
  return copy;
}

function frameOf(kind: string, payload: Uint8Array): Uint8Array {
  return Buffer.from([kind.charCodeAt(0), payload.length, ...payload, sumOf(payload)]);
}

function sumOf(payload: Uint8Array): number {
  return payload.reduce((sum, byte) => (sum + byte) % 256, 0);
}

function nextFrame(bytes: Uint8Array): FrameResult {
  if (bytes.length === 0) return { kind: "incomplete", needed: 1 };
  if (bytes[0] === KEEP_ALIVE) return { kind: "frame", frame: bytes.subarray(0, 1), consumed: 1 };
  if (!"LDN".includes(String.fromCharCode(bytes[0]!))) return { kind: "fatal", reason: "preamble" };
  if (bytes.length < 2) return { kind: "incomplete", needed: 2 };
  if (bytes[1]! > PAYLOAD_BYTES_MAX) return { kind: "fatal", reason: "oversize" };
  const consumed = bytes[1]! + 3;
  if (bytes.length < consumed) return { kind: "incomplete", needed: consumed };
  const isSound = sumOf(bytes.subarray(2, consumed - 1)) === bytes[consumed - 1];
  if (!isSound) return { kind: "rejected", consumed, reason: "checksum" };
  return { kind: "frame", frame: bytes.subarray(0, consumed), consumed };
}

function envelope(frame: Uint8Array): Envelope | { kind: "rejected"; reason: RejectReason } {
  const payload = frame.subarray(2, -1);
  const uid = Buffer.from(payload).toString("latin1");
  switch (String.fromCharCode(frame[0]!)) {
    case "L":
      return { kind: "login", deviceUid: uid, keep: false, accept: Uint8Array.of(1), refuse: Uint8Array.of(0) };
    case "N":
      return { kind: "data", deviceUid: uid, keep: true, recordCount: 1, ack: Uint8Array.of(0x41, 1) };
    case "D":
      if (payload[0] === undefined) return { kind: "rejected", reason: "count" };
      return { kind: "data", keep: true, recordCount: payload[0], ack: Uint8Array.of(0x41, payload[0]) };
    default:
      return { kind: "heartbeat", keep: false };
  }
}

export const testDecoder: ProtocolDecoder = {
  protocol: "teltonika",
  frameBytesMax: PAYLOAD_BYTES_MAX + 3,
  openStream: () => ({ next: nextFrame }),
  readDatagram: (bytes) => {
    const step = nextFrame(bytes);
    return step.kind === "frame" || step.kind === "rejected"
      ? step
      : { kind: "rejected", consumed: bytes.length, reason: "length" };
  },
  envelope,
  decode: () => ({ kind: "undecodable", reason: "unsupported", detail: "positions are not the gateway's business" }),
};

/** A journal whose commits can be held back, made to fail, or let through. */
export class FakeJournal implements JournalWriter {
  readonly committed: NewFrame[] = [];
  ready = true;
  standby = false;
  #held: (() => void)[] = [];
  #isHolding = false;
  failWith: Error | undefined;

  get pendingFrames(): number {
    return this.#held.length;
  }

  hold(): void {
    this.#isHolding = true;
    this.ready = false;
  }

  /** Commits what waits, in order, and everything from now on. */
  release(): void {
    this.#isHolding = false;
    this.ready = true;
    for (const commit of this.#held.splice(0)) commit();
  }

  offer(frame: NewFrame, receipt: Receipt): Error | undefined {
    this.append(frame).then(
      (seq) => receipt.committed(seq),
      (error: Error) => receipt.failed(error),
    );
    return undefined;
  }

  append(frame: NewFrame): Promise<number> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    return new Promise((resolve) => {
      const commit = () => resolve(this.committed.push({ ...frame, bytes: frame.bytes.slice() }));
      if (this.#isHolding) this.#held.push(commit);
      else commit();
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Hex of the device's frames, committed, in order. */
  frames(): string[] {
    return this.committed.filter((frame) => frame.kind === "frame").map((frame) => hex(frame.bytes));
  }

  notes(): Record<string, unknown>[] {
    return this.committed
      .filter((frame) => frame.kind !== "frame")
      .map((frame) => ({ kind: frame.kind, ...JSON.parse(Buffer.from(frame.bytes).toString()) }));
  }
}

/** A clock for time limits that stands still unless a test moves it. */
export class TestClock {
  nowMs = 1_000;

  readonly monotonicMs = (): number => this.nowMs;
}

export type TestGateway = {
  gateway: Gateway;
  journal: FakeJournal;
  knocks: Knock[];
  quarantined: RejectedFrame[];
  metrics: Registry;
  /** Value of one metric line, such as `gateway_frames_total{…outcome="checksum"}`. */
  metric(name: string, labels: Record<string, string>): Promise<number>;
  port: number;
  connect(options?: { from?: string }): Promise<TestDevice>;
};

const openGateways: Gateway[] = [];
const openDevices: TestDevice[] = [];

export async function openTestGateway(
  overrides: Partial<Omit<GatewayDeps, "limits">> & { limits?: Partial<GatewayDeps["limits"]> } = {},
): Promise<TestGateway> {
  const journal = new FakeJournal();
  const knocks: Knock[] = [];
  const quarantined: RejectedFrame[] = [];
  const deps = testDeps();
  const { metrics } = deps;
  const gateway = await openGateway({
    ...deps,
    journal,
    recordKnocks: async (batch) => void knocks.push(...batch),
    quarantineRejected: async (rows) => void quarantined.push(...rows),
    ...overrides,
    limits: { ...deps.limits, ...overrides.limits },
  });
  openGateways.push(gateway);
  const port = gateway.listeners[0]?.port ?? 0;
  return {
    gateway,
    journal: (overrides.journal as FakeJournal | undefined) ?? journal,
    knocks,
    quarantined,
    metrics,
    metric: (name, labels) => readMetric(metrics, name, labels),
    port,
    connect: async (options) => keep(await TestDevice.connect(port, options?.from)),
  };
}

/** What a gateway needs, as fakes. */
export function testDeps(): GatewayDeps {
  return {
    listeners: [{ protocol: "teltonika", transport: "tcp", port: 0 }],
    findDecoder: () => testDecoder,
    journal: new FakeJournal(),
    findDevice: (uid) => Promise.resolve(deviceOf(uid)),
    registerDevice: ({ uid, fleetId }) => Promise.resolve({ deviceId: 1_000 + uid.length, fleetId, uid }),
    recordKnocks: () => Promise.resolve(),
    quarantineRejected: () => Promise.resolve(),
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    log: pino({ level: "silent" }),
    metrics: new Registry(),
    limits: {
      HOST: "127.0.0.1",
      CONNECTIONS_MAX: 100,
      CONNECTIONS_PER_ADDRESS_MAX: 100,
      LOGIN_TIMEOUT_MS: 30_000,
      IDLE_TIMEOUT_MS: 30_000,
      FRAME_TIMEOUT_MS: 30_000,
      DRAIN_TIMEOUT_MS: 50_000,
      PROXY_PROTOCOL: false,
      PROXY_HEADER_TIMEOUT_MS: 30_000,
      AUTO_REGISTER: false,
    },
  };
}

/** Devices `dev0` … are registered; all others are not. */
export function deviceOf(uid: string): KnownDevice | undefined {
  const match = /^dev(\d+)$/.exec(uid);
  return match === null ? undefined : { deviceId: Number(match[1]), fleetId: 1, uid };
}

export async function closeTestGateways(): Promise<void> {
  for (const device of openDevices.splice(0)) device.socket.destroy();
  for (const gateway of openGateways.splice(0)) await gateway.close();
}

function keep(device: TestDevice): TestDevice {
  openDevices.push(device);
  return device;
}

/** A device's end of a connection; remembers what it was sent. */
export class TestDevice {
  readonly socket: Socket;
  receivedHex = "";
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => {
      this.receivedHex += chunk.toString("hex");
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.isClosed = true;
    });
  }

  static connect(port: number, from?: string): Promise<TestDevice> {
    return new Promise((resolve, reject) => {
      const socket = createConnection({
        port,
        host: "127.0.0.1",
        noDelay: true,
        ...(from ? { localAddress: from } : {}),
      });
      const device = new TestDevice(socket);
      socket.once("connect", () => resolve(device));
      socket.once("error", reject);
    });
  }

  send(...frames: Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  async login(uid: string): Promise<void> {
    this.send(login(uid));
    await until(() => this.receivedHex === "01");
    this.receivedHex = "";
  }

  async receives(expectedHex: string): Promise<void> {
    await until(() => this.receivedHex.length >= expectedHex.length);
    if (this.receivedHex !== expectedHex) throw new Error(`expected ${expectedHex}, received ${this.receivedHex}`);
  }

  closed(): Promise<void> {
    return until(() => this.isClosed);
  }
}

const WAIT_MS = 50_000;

/** Waits for something that happens soon. */
export async function until(condition: () => boolean | Promise<boolean>, waitMs = WAIT_MS): Promise<void> {
  const deadlineMs = performance.now() + waitMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`did not happen within ${waitMs} ms: ${condition}`);
    await pause(5);
  }
}

/** Long enough for bytes to cross the loopback interface and be handled, were they to be. */
export function pause(durationMs = 60): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

async function readMetric(registry: Registry, name: string, labels: Record<string, string>): Promise<number> {
  const metric = await registry.getSingleMetric(name)?.get();
  const matching = metric?.values.filter((value) =>
    Object.entries(labels).every(([label, wanted]) => String(value.labels[label as never]) === wanted),
  );
  return matching?.reduce((sum, value) => sum + value.value, 0) ?? Number.NaN;
}
