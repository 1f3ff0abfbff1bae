import { findDecoder } from "#decoders";
import { encodeLogin, encodePacket } from "#decoders/teltonika/encode.ts";
import { type CommandStore, openCommandStore } from "#store/command-delivery.ts";
import { createCommand, findCommand, type NewCommand, readCommandAudit, type StoredCommand } from "#store/commands.ts";
import { type Database, openDatabase } from "#store/database.ts";
import { findDeviceByUid, registerDevice } from "#store/devices.ts";
import type { JournalWriter, NewFrame } from "#store/journal.ts";
import { openPostgresJournal } from "#store/postgres-journal.ts";
import { openTestDatabase } from "#store/testing.ts";
import type { ListenerSpec } from "../gateway-deps.ts";
import { closeTestGateways, openTestGateway, TestDevice, until } from "../test-gateway.ts";
import type { CommandTimes } from "./command-deps.ts";

/** Test support: a database with its journal and command table, gateways on it, and devices that answer. */

/** Datagrams stand before connections, so that their port is any that is free. */
export const LISTENERS: readonly ListenerSpec[] = [
  { protocol: "queclink", transport: "udp", port: 0 },
  { protocol: "teltonika", transport: "tcp", port: 0 },
  { protocol: "queclink", transport: "tcp", port: 0 },
  { protocol: "gt06", transport: "tcp", port: 0 },
  { protocol: "owntracks", transport: "mqtt", port: 0 },
];

/** Long enough to matter only where a test says so. */
export const TIMES: CommandTimes = {
  answerTimeoutMs: 20_000,
  lateAnswerMs: 0,
  evidencePatienceMs: 0,
  pollMs: 20,
};

export type CommandBench = {
  database: Database;
  journal: JournalWriter;
  /** What the command table does for the gateways; a test may stand in its way. */
  store: CommandStore;
  openGateway(options?: {
    times?: Partial<CommandTimes>;
    store?: CommandStore;
    /** Commits no frame of a device before it is `released`; says when one is in hand. */
    holdFrames?: { released: Promise<void>; inHand(): void };
    /** Added to the gateway's clock for time limits; a test may move it on. */
    skew?: { ms: number };
    mqttUpstreamUrl?: string;
  }): Promise<BenchGateway>;
  closeGateways(): Promise<void>;
  register(uid: string, protocol: string, settings?: Record<string, string>): Promise<number>;
  queue(deviceId: number, protocol: string, text: string, options?: Partial<NewCommand>): Promise<string>;
  read(commandId: string): Promise<StoredCommand>;
  /** The command once it has reached this state. */
  reaches(commandId: string, state: StoredCommand["state"]): Promise<StoredCommand>;
  actions(commandId: string): Promise<string[]>;
  observe(deviceId: number, fix: { speedMps: number; ageS: number }): Promise<void>;
  newStore(): Promise<CommandStore>;
  close(): Promise<void>;
};

export type BenchGateway = {
  portOf(protocol: ListenerSpec["protocol"], transport?: ListenerSpec["transport"]): number;
  connect(protocol: ListenerSpec["protocol"]): Promise<TestDevice>;
  drain(): Promise<void>;
};

export async function openCommandBench(): Promise<CommandBench> {
  const server = await openTestDatabase();
  const database = await openDatabase({ url: server.url, applicationName: "command test" });
  const journal = await openPostgresJournal({ url: server.url, pendingBytesMax: 16_000_000 });
  const stores: (CommandStore & { close(): Promise<void> })[] = [];
  const devices: TestDevice[] = [];
  const newStore = async () => {
    const opened = await openCommandStore(database);
    stores.push(opened);
    return opened;
  };
  const store = await newStore();
  /** As the store; resolves `looked` when a gateway has looked at the table first. */
  const lookedAt = (given: CommandStore) => {
    const looked = Promise.withResolvers<void>();
    const sweep: CommandStore["sweep"] = async (...asked) => {
      const found = await given.sweep(...asked);
      looked.resolve();
      return found;
    };
    return { commands: { ...given, sweep }, looked: looked.promise };
  };
  const closeGateways = async () => {
    for (const device of devices.splice(0)) device.socket.destroy();
    await closeTestGateways();
  };
  const read = async (commandId: string) => (await findCommand(database, null, commandId))!;
  return {
    database,
    journal,
    store,
    newStore,
    openGateway: async (options = {}) => {
      const { commands, looked } = lookedAt(options.store ?? store);
      const { gateway } = await openTestGateway({
        listeners: LISTENERS,
        findDecoder,
        journal: options.holdFrames === undefined ? journal : holding(journal, options.holdFrames),
        findDevice: (uid) => findDeviceByUid(database, uid),
        monotonicMs: () => performance.now() + (options.skew?.ms ?? 0),
        verifyPassword: async (password, stored) => Buffer.from(password).toString() === stored,
        commands,
        commandTimes: { ...TIMES, ...options.times },
        ...(options.mqttUpstreamUrl === undefined ? {} : { mqttUpstreamUrl: options.mqttUpstreamUrl }),
        limits: { LOGIN_TIMEOUT_MS: 200_000, FRAME_TIMEOUT_MS: 200_000, IDLE_TIMEOUT_MS: 80 * 1_000 },
      });
      await looked;
      const portOf: BenchGateway["portOf"] = (protocol, transport) =>
        gateway.listeners.find((listener) => {
          return listener.protocol === protocol && listener.transport === (transport ?? listener.transport);
        })!.port;
      return {
        portOf,
        connect: async (protocol) => {
          const device = await TestDevice.connect(portOf(protocol, "tcp"));
          devices.push(device);
          return device;
        },
        drain: () => gateway.drain(),
      };
    },
    register: async (uid, protocol, settings = {}) => {
      const registered = await registerDevice(database, { fleetId: 1, uid, protocol, settings });
      if (registered.kind === "exists") throw new Error(`${uid} exists`);
      return registered.device.deviceId;
    },
    queue: (deviceId, protocol, text, options = {}) =>
      createCommand(database, {
        fleetId: 1,
        deviceId,
        protocol,
        text,
        class: "normal",
        condition: null,
        keyId: null,
        ttlS: 600,
        attemptsMax: 3,
        ...options,
      }),
    read,
    reaches: async (commandId, state) => {
      await until(async () => (await read(commandId)).state === state);
      return read(commandId);
    },
    actions: async (commandId) => (await readCommandAudit(database, commandId)).map(({ action }) => action),
    observe: async (deviceId, { speedMps, ageS }) => {
      await database.pool.query(
        `insert into device_state (device_id, partition, last_seq, fix_time, received_at, valid, speed_mps)
         values ($1, 0, 1, now() - make_interval(secs => $2), now() - make_interval(secs => $2), true, $3)
         on conflict (device_id) do update set fix_time = excluded.fix_time, received_at = excluded.received_at,
           speed_mps = excluded.speed_mps`,
        [deviceId, ageS, speedMps],
      );
    },
    closeGateways,
    close: async () => {
      await closeGateways();
      await journal.close();
      for (const opened of stores) await opened.close();
      await database.close();
      await server.close();
    },
  };
}

function holding(journal: JournalWriter, hold: { released: Promise<void>; inHand(): void }): JournalWriter {
  const append = async (frame: NewFrame) => {
    if (frame.kind === "frame") {
      hold.inHand();
      await hold.released;
    }
    return journal.append(frame);
  };
  return {
    append,
    offer: (frame, receipt) => {
      append(frame).then(
        (seq) => receipt.committed(seq),
        (error: Error) => receipt.failed(error),
      );
      return undefined;
    },
    get ready() {
      return journal.ready;
    },
    get standby() {
      return journal.standby;
    },
    get pendingFrames() {
      return journal.pendingFrames;
    },
    close: () => journal.close(),
  };
}

/** A Teltonika tracker that has logged in. `answer` gives the words for a command's words, or nothing. */
export async function connectTeltonika(
  gateway: BenchGateway,
  imei: string,
  answer: (text: string) => string | undefined,
): Promise<TestDevice & { heard: string[] }> {
  const device = await gateway.connect("teltonika");
  const heard: string[] = [];
  device.socket.on("data", (chunk) => {
    for (const text of codec12Texts(chunk)) {
      heard.push(text);
      const words = answer(text);
      if (words !== undefined) device.send(codec12Answer(words));
    }
  });
  device.send(encodeLogin(imei));
  await until(() => device.receivedHex.startsWith("01"));
  return Object.assign(device, { heard });
}

export function codec12Answer(words: string): Uint8Array {
  return encodePacket({ kind: "command", codec: 0x0c, type: 6, body: Buffer.from(words) });
}

/** The words of the commands in a piece of what the gateway wrote. */
function codec12Texts(bytes: Buffer): string[] {
  const texts: string[] = [];
  for (let at = bytes.indexOf("00000000", 0, "hex"); at >= 0 && at + 16 < bytes.length; ) {
    const isAddressed = bytes[at + 8] === 0x0e;
    const textAt = at + 15 + (isAddressed ? 8 : 0);
    texts.push(bytes.subarray(textAt, at + 15 + bytes.readUInt32BE(at + 11)).toString("latin1"));
    at = bytes.indexOf("00000000", at + 8 + bytes.readUInt32BE(at + 4), "hex");
  }
  return texts;
}
