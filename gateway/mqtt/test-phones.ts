import { Duplex } from "node:stream";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { findDecoder } from "#decoders";
import { frameOf } from "#decoders/owntracks/index.ts";
import type { CommandLink } from "../commands/command-deps.ts";
import type { Commands } from "../commands/commands.ts";
import type { GatewayDeps, KnownDevice, ListenerTransport } from "../index.ts";
import { openMetrics } from "../metrics.ts";
import { openSharedContext } from "../session-context.ts";
import { hex, openTestGateway, TestDevice, type TestGateway, testDeps, until } from "../test-gateway.ts";
import { type Broker, openBroker } from "./broker.ts";
import { openMqttContext } from "./mqtt-context.ts";
import { connectBytes, type TestLogin } from "./test-packets.ts";

export { connectBytes, packetBytes, publishBytes, subscribeBytes } from "./test-packets.ts";

export const TOPIC = "owntracks/ana/phone";

/** A publish as the journal keeps it, in hexadecimal. */
export const framed = (payload: string, topic = TOPIC): string => hex(frameOf(topic, Buffer.from(payload)));

/** A gateway with the real decoders and phones `ana/phone`, `bo/phone` … whose password is `right` and their user. */
export type PhoneGateway = TestGateway & {
  /** Connects with the `mqtt` library; rejects when refused. */
  phone(user?: string, options?: IClientOptions): Promise<MqttClient>;
  raw(): Promise<TestDevice>;
  rawTls(options?: ConnectionOptions): Promise<TestDevice>;
  portOf(transport: ListenerTransport): number;
};

type Overrides = Parameters<typeof openTestGateway>[0];

const openClients: MqttClient[] = [];
const openBrokers: Broker[] = [];

export async function openPhoneGateway(overrides: Overrides = {}): Promise<PhoneGateway> {
  const test = await openTestGateway({
    listeners: [{ protocol: "owntracks", transport: "mqtt", port: 0 }],
    findDecoder,
    findDevice: (uid) => Promise.resolve(phoneOf(uid)),
    verifyPassword: async (password, stored) => Buffer.from(password).toString() === stored,
    ...overrides,
  });
  const portOf = (transport: ListenerTransport) =>
    test.gateway.listeners.find((listener) => listener.transport === transport)?.port ?? 0;
  return {
    ...test,
    portOf,
    phone: async (user = "ana", options = {}) => {
      const client = await connectAsync(`mqtt://127.0.0.1:${portOf("mqtt")}`, {
        username: user,
        password: `right ${user}`,
        clientId: `${user} phone`,
        reconnectPeriod: 0,
        connectTimeout: 50_000,
        ...options,
      });
      client.on("error", () => client.end(true));
      openClients.push(client);
      return client;
    },
    raw: () => TestDevice.connect(portOf("mqtt")),
    rawTls: (options) =>
      new Promise((resolve, reject) => {
        const socket = connectTls({
          port: portOf("mqttTls"),
          host: "127.0.0.1",
          rejectUnauthorized: false,
          ...options,
        });
        const device = new TestDevice(socket);
        socket.once("secureConnect", () => resolve(device));
        socket.once("error", reject);
      }),
  };
}

export function closePhones(): void {
  for (const broker of openBrokers.splice(0)) broker.close();
  for (const client of openClients.splice(0)) client.end(true);
}

/** Phones have a password; `open/…` devices have none; others are not registered. */
export function phoneOf(uid: string): KnownDevice | undefined {
  const [user = "", device] = uid.split("/");
  if (device !== "phone" || user.startsWith("stranger")) return undefined;
  const settings = user === "open" ? {} : { "auth.passwordHash": `right ${user}` };
  return {
    deviceId: 1 + [...user].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7),
    fleetId: 1,
    uid,
    settings,
  };
}

export const CONNACK = "20020000";
export const puback = (messageId: number) => `4002${messageId.toString(16).padStart(4, "0")}`;

/** A raw client that is logged in. */
export async function loggedIn(device: TestDevice, options?: TestLogin): Promise<TestDevice> {
  device.send(connectBytes(options));
  await until(() => device.receivedHex === CONNACK);
  device.receivedHex = "";
  return device;
}

export const location = (tst: number) => JSON.stringify({ _type: "location", lat: 41, lon: -8, tst });

/** A connection whose other end reads nothing, unless `isRead`. */
export class StuckConnection extends Duplex {
  written = 0;
  isRead = false;

  override _read(): void {
    // Bytes are pushed by the test.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.length;
    if (this.isRead) done();
  }
}

/** The broker without a listener, for connections that no socket would be; notes the links that commands would take. */
export async function openLooseBroker(
  limits: Partial<GatewayDeps["limits"]> = {},
  links: Map<number, CommandLink> = new Map(),
) {
  const deps: GatewayDeps = {
    ...testDeps(),
    findDevice: (uid) => Promise.resolve(phoneOf(uid)),
    verifyPassword: () => Promise.resolve(true),
  };
  const metrics = openMetrics(deps.metrics, deps.journal);
  const shared = openSharedContext({ ...deps, limits: { ...deps.limits, ...limits } }, metrics, { isDraining: false });
  const commands = {
    attach: (deviceId: number, link: CommandLink) => links.set(deviceId, link),
    detach: (deviceId: number) => links.delete(deviceId),
    committed: () => undefined,
  } as unknown as Commands;
  const spec = { protocol: "owntracks", transport: "mqtt", port: 0 } as const;
  const context = { ...openMqttContext(spec, shared, metrics), commands };
  const broker = await openBroker(shared.limits, (error) => {
    throw error;
  });
  openBrokers.push(broker);
  return { broker, context, tally: context.tally };
}
