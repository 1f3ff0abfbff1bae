import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import type { Logger } from "pino";
import { findDecoder } from "#decoders";
import { type ListenerSpec, openGateway } from "#gateway";
import {
  findDeviceByUid,
  openCommandStore,
  openDatabase,
  openDeviceDirectory,
  openPostgresJournal,
  quarantineRejected,
  recordKnocks,
  registerDevice,
  verifyPassword,
} from "#store";
import { openInfluxWriter } from "#stream/sink/influx-writer.ts";
import { openMetricsSink } from "#stream/sink/metrics-sink.ts";
import type { Config } from "./config.ts";
import { influxTarget, type Listener, openOwnMetrics, type Parts } from "./role.ts";

/** Devices connect here; what they send is journalled and acknowledged. */
export async function startGateway({ config, links, log, registry, closers }: Parts): Promise<Listener[]> {
  const url = links.databaseUrl;
  const database = closers.add(await openDatabase({ url, applicationName: "telematics gateway", connectionsMax: 4 }));
  const pendingBytesMax = config.JOURNAL_PENDING_BYTES_MAX;
  const journal = closers.add(
    await openPostgresJournal({ url, pendingBytesMax, log: (line, level) => log[level](line) }),
  );
  const directory = closers.add(await openDeviceDirectory(database));
  const commands = closers.add(await openCommandStore(database));
  const specs = openableListeners(config, log);
  const gateway = await openGateway({
    limits: config,
    listeners: specs,
    ...(config.TLS_CERT && config.TLS_KEY
      ? { tls: { cert: await readFile(config.TLS_CERT, "utf8"), key: await readFile(config.TLS_KEY, "utf8") } }
      : {}),
    findDecoder,
    journal,
    findDevice: (uid) => directory.find(uid),
    registerDevice: async ({ uid, protocol, fleetId }) => {
      const result = await registerDevice(database, { uid, protocol, fleetId });
      return result.kind === "registered" ? result.device : findDeviceByUid(database, uid);
    },
    recordKnocks: (knocks) => recordKnocks(database, knocks),
    quarantineRejected: (rows) => quarantineRejected(database, rows),
    verifyPassword,
    commands,
    ...(config.MQTT_UPSTREAM_URL === undefined ? {} : { mqttUpstreamUrl: config.MQTT_UPSTREAM_URL }),
    now: Date.now,
    monotonicMs: () => performance.now(),
    log,
    metrics: registry,
  });
  closers.add({ close: () => gateway.drain() });
  const target = influxTarget(config);
  if (target !== undefined) {
    const { write } = closers.add(openInfluxWriter(target));
    const tags = { host: hostname() };
    closers.add(openMetricsSink({ registry, write, tags, log, now: Date.now }));
  }
  const ready = () => Promise.resolve(gateway.ready());
  const listeners = gateway.listeners.map(({ protocol, transport, address, port }): Listener => {
    const { setting, name } = DEVICE_LISTENERS.find((known) => isOf(known, protocol, transport))!;
    return { setting, name, host: address, port };
  });
  return [...listeners, ...(await openOwnMetrics({ config, links, log, registry, closers }, ready))];
}

type DeviceListener = Pick<ListenerSpec, "protocol" | "transport"> & { setting: keyof Config; name: string };

/** Where devices connect. TCP stands before UDP of the same setting: with port 0 both get one number. */
const DEVICE_LISTENERS: readonly DeviceListener[] = [
  { protocol: "teltonika", transport: "tcp", setting: "TELTONIKA_PORT", name: "teltonika tcp" },
  { protocol: "teltonika", transport: "udp", setting: "TELTONIKA_PORT", name: "teltonika udp" },
  { protocol: "teltonika", transport: "tls", setting: "TELTONIKA_TLS_PORT", name: "teltonika tls" },
  { protocol: "queclink", transport: "tcp", setting: "QUECLINK_PORT", name: "queclink tcp" },
  { protocol: "queclink", transport: "udp", setting: "QUECLINK_PORT", name: "queclink udp" },
  { protocol: "gt06", transport: "tcp", setting: "GT06_PORT", name: "gt06 tcp" },
  { protocol: "osmand", transport: "http", setting: "OSMAND_PORT", name: "osmand http" },
  { protocol: "owntracks", transport: "mqtt", setting: "MQTT_PORT", name: "mqtt" },
  { protocol: "owntracks", transport: "mqttTls", setting: "MQTT_TLS_PORT", name: "mqtt tls" },
  { protocol: "owntracks", transport: "mqttWs", setting: "MQTT_WS_PORT", name: "mqtt ws" },
];

const isOf = (known: DeviceListener, protocol: string, transport: string) =>
  known.protocol === protocol && known.transport === transport;

/** The listeners that are asked for and whose protocol can be read; no broker of our own beside an external one. */
function openableListeners(config: Config, log: Logger): ListenerSpec[] {
  return DEVICE_LISTENERS.flatMap(({ protocol, transport, setting, name }) => {
    const port = config[setting];
    if (typeof port !== "number") return [];
    if (config.MQTT_UPSTREAM_URL !== undefined && protocol === "owntracks") return [];
    if (findDecoder(protocol) !== undefined) return [{ protocol, transport, port }];
    log.warn({ listener: name }, "no decoder for this listener, it stays closed");
    return [];
  });
}
