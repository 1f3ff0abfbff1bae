import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname, setPriority } from "node:os";
import type { Logger } from "pino";
import { AggregatorRegistry, collectDefaultMetrics, type MetricObject, Registry } from "prom-client";
import {
  openApi,
  openEmail,
  openGeocoder,
  openNotifier,
  openPhoneListener,
  openResolver,
  openSms,
  openWebhookDelivery,
  WEBHOOK_LIMITS,
} from "#api";
import { findDecoder } from "#decoders";
import { type ListenerSpec, openGateway, prepareCommand } from "#gateway";
import {
  findDeviceByUid,
  listen,
  openCommandStore,
  openDatabase,
  openDeviceDirectory,
  openJournalReader,
  openMaintenance,
  openPostgresJournal,
  quarantineRejected,
  recordKnocks,
  registerDevice,
  verifyPassword,
} from "#store";
import { openStream } from "#stream";
import { openDeliveryFold } from "#stream/delivery/delivery-fold.ts";
import { Estimators } from "#stream/delivery/estimators.ts";
import { openPodJudge } from "#stream/judge/pod-judge.ts";
import { openEtaLearning } from "#stream/learning/learning-loop.ts";
import { openStreamRoads } from "#stream/match/stream-roads.ts";
import { openRoads } from "#stream/roads/open.ts";
import { type InfluxTarget, openInfluxWriter } from "#stream/sink/influx-writer.ts";
import { openMetricsSink } from "#stream/sink/metrics-sink.ts";
import { openSinkThread } from "#stream/sink/sink-thread.ts";
import { openVehicleFold } from "#stream/vehicle/vehicle-fold.ts";
import type { Config } from "./config.ts";
import { readinessOfRoles } from "./readiness.ts";

/** Constructs and starts one role in this process. Roles never call each other: they meet in the store. */

/** In the order in which they start; they stop in reverse. */
export const ROLES = ["api", "stream", "gateway"] as const;
export type RoleName = (typeof ROLES)[number];

/** A bound listener; `setting` is the configuration name that would bind it to the same port again. */
export type Listener = { setting: keyof Config; name: string; host: string; port: number };

export type Metrics = MetricObject[];

export type Role = {
  listeners: Listener[];
  metrics(): Promise<Metrics>;
  stop(): Promise<void>;
};

export type RoleLinks = {
  log: Logger;
  databaseUrl: string;
  /** Metrics of the roles that run beside this one under the same supervisor. */
  otherMetrics(): Promise<Metrics[]>;
  /** True where no supervisor collects this role's metrics: gateway and stream then serve their own. */
  apart: boolean;
};

/** What a role is made of besides its own parts: opened in order, closed in reverse. */
class Closers {
  readonly #closers: (() => Promise<unknown>)[] = [];

  add<T extends { close(): Promise<unknown> }>(opened: T): T {
    this.#closers.push(() => opened.close());
    return opened;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
  }
}

type Parts = { config: Config; links: RoleLinks; log: Logger; registry: Registry; closers: Closers };

/** Starts a role; when something can't be opened, what was opened before is closed again. */
export async function startRole(role: RoleName, config: Config, links: RoleLinks): Promise<Role> {
  const registry = new Registry();
  registry.setDefaultLabels({ role });
  collectDefaultMetrics({ register: registry });
  const closers = new Closers();
  const parts: Parts = { config, links, log: links.log.child({ role }), registry, closers };
  try {
    const listeners = await START[role](parts);
    return { listeners, metrics: () => registry.getMetricsAsJSON() as Promise<Metrics>, stop: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

const START: Readonly<Record<RoleName, (parts: Parts) => Promise<Listener[]>>> = {
  gateway: startGateway,
  stream: startStream,
  api: startApi,
};

async function startGateway({ config, links, log, registry, closers }: Parts): Promise<Listener[]> {
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

/** Weaker than the gateway's: where both share cores, an ack does not wait for a fold. */
const STREAM_NICENESS = 10;

async function startStream(parts: Parts): Promise<Listener[]> {
  const { config, links, log, registry, closers } = parts;
  if (!links.apart) setPriority(STREAM_NICENESS);
  const url = links.databaseUrl;
  const database = closers.add(await openDatabase({ url, applicationName: "telematics stream", connectionsMax: 4 }));
  closers.add(
    openMaintenance(database, {
      frameRetentionDays: config.FRAME_RETENTION_DAYS,
      fixRetentionDays: config.FIX_RETENTION_DAYS,
      eventRetentionDays: config.EVENT_RETENTION_DAYS,
      proofRetentionDays: config.PROOF_RETENTION_DAYS,
      now: Date.now,
      log: (line) => log.warn(line),
    }),
  );
  const roads = config.ROADS === undefined ? undefined : openStreamRoads(config.ROADS);
  const hear = (channels: readonly string[], heard: (channel: string) => void) =>
    listen(url, Object.fromEntries(channels.map((channel) => [channel, () => heard(channel)])));
  const stream = closers.add(
    await openStream({
      database,
      journal: openJournalReader(database),
      findDecoder,
      log,
      registry,
      listen: hear,
      silentS: config.FRESH_OFFLINE_S,
      roads,
    }),
  );
  closers.add(await openVehicleFold({ databaseUrl: url, listen: hear, log }));
  closers.add(await openPodJudge({ databaseUrl: url, listen: hear, log, now: Date.now }));
  const network = config.ROADS === undefined ? null : openRoads(config.ROADS);
  closers.add(openEtaLearning({ databaseUrl: url, roads: network, now: Date.now, log }));
  const estimators = new Estimators(network);
  closers.add(await openDeliveryFold({ databaseUrl: url, listen: hear, log, now: Date.now, estimators }));
  const target = influxTarget(config);
  if (target !== undefined) {
    const settings = { databaseUrl: url, target, retentionDays: config.FIX_RETENTION_DAYS, logLevel: config.LOG_LEVEL };
    closers.add(openSinkThread(settings, { log, registry }));
  }
  return openOwnMetrics(parts, () => Promise.resolve(stream.ready));
}

/** The configuration has seen to it that all are set or none. */
function influxTarget({ INFLUX_URL, INFLUX_TOKEN, INFLUX_ORG, INFLUX_BUCKET }: Config): InfluxTarget | undefined {
  if (!INFLUX_URL || !INFLUX_TOKEN || !INFLUX_ORG || !INFLUX_BUCKET) return undefined;
  return { url: INFLUX_URL, token: INFLUX_TOKEN, org: INFLUX_ORG, bucket: INFLUX_BUCKET };
}

async function startApi({ config, links, log, registry, closers }: Parts): Promise<Listener[]> {
  const url = links.databaseUrl;
  const database = closers.add(await openDatabase({ url, applicationName: "telematics api", connectionsMax: 10 }));
  const stored = openAnnouncer();
  const queued = openAnnouncer();
  closers.add(await listen(url, { fixes: stored.tell, events: stored.tell, webhooks: queued.tell }));
  const api = await openApi(
    {
      database,
      onStored: stored.hear,
      metrics: async () => {
        const all = [(await registry.getMetricsAsJSON()) as Metrics, ...(await links.otherMetrics())];
        return AggregatorRegistry.aggregate(all).metrics();
      },
      registry,
      prepareCommand,
      webhookRules: { allowLoopback: config.WEBHOOK_ALLOW_LOOPBACK },
      retention: { fixDays: config.FIX_RETENTION_DAYS, eventDays: config.EVENT_RETENTION_DAYS },
      ...(config.GEOCODER_URL === undefined ? {} : { geocode: openGeocoder(config.GEOCODER_URL) }),
      freshness: { delayedS: config.FRESH_DELAYED_S, staleS: config.FRESH_STALE_S, offlineS: config.FRESH_OFFLINE_S },
      ...(config.ROADS === undefined ? {} : { roads: openRoads(config.ROADS) }),
      ...(config.PUBLIC_URL === undefined ? {} : { publicUrl: config.PUBLIC_URL }),
      ...phonesOf(config),
      logger: log,
      now: Date.now,
      readiness: links.apart ? [] : readinessOfRoles(database, links.otherMetrics, Date.now),
    },
    { host: config.HOST, port: config.HTTP_PORT },
  );
  closers.add(api);
  await startWebhooks({ config, links, log, registry, closers }, queued.hear);
  closers.add(
    openNotifier({
      ...{ database, onStored: stored.hear, registry, logger: log, now: Date.now, publicUrl: config.PUBLIC_URL },
      channels: {
        email:
          config.SMTP_URL && config.SMTP_FROM ? openEmail({ url: config.SMTP_URL, from: config.SMTP_FROM }) : undefined,
        sms: config.SMS_URL ? openSms({ url: config.SMS_URL, token: config.SMS_TOKEN }) : undefined,
      },
    }),
  );
  return [{ setting: "HTTP_PORT", name: "http", host: config.HOST, port: api.port }];
}

/**
 * Where positions of the driver's page go. The default is the gateway of this machine; a listener that wants PROXY headers
 * or has a port of its own choice must be named.
 */
function phonesOf({ PHONES_URL, OSMAND_PORT, PROXY_PROTOCOL, HOST }: Config) {
  if (PHONES_URL !== undefined) return { handPositions: openPhoneListener(PHONES_URL) };
  if (PROXY_PROTOCOL || OSMAND_PORT === 0) return {};
  const host = ["0.0.0.0", "::"].includes(HOST) ? "127.0.0.1" : HOST;
  return { handPositions: openPhoneListener(`http://${host.includes(":") ? `[${host}]` : host}:${OSMAND_PORT}`) };
}

/** Hands what a channel says on to whoever listens. */
function openAnnouncer() {
  const listeners = new Set<() => void>();
  return {
    tell: () => {
      for (const listener of listeners) listener();
    },
    hear: (listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Deliveries have connections of their own: requests do not wait for them. */
const WEBHOOK_CONNECTIONS_MAX = 4;

async function startWebhooks(
  { config, links, log, registry, closers }: Parts,
  onQueued: (listener: () => void) => () => void,
): Promise<void> {
  const database = closers.add(
    await openDatabase({
      ...{ url: links.databaseUrl, applicationName: "telematics webhooks" },
      connectionsMax: WEBHOOK_CONNECTIONS_MAX,
    }),
  );
  const delaysMs = config.WEBHOOK_RETRY_DELAYS_S.split(",").map((seconds) => Number(seconds) * 1000);
  closers.add(
    openWebhookDelivery({
      ...{ database, onQueued, registry, logger: log, now: Date.now, random: Math.random, resolve: openResolver() },
      allowLoopback: config.WEBHOOK_ALLOW_LOOPBACK,
      limits: { ...WEBHOOK_LIMITS, delaysMs },
    }),
  );
}

/** Metrics and health of a role that runs without a supervisor and has no HTTP of its own. */
async function openOwnMetrics(parts: Parts, ready: () => Promise<boolean>): Promise<Listener[]> {
  const { config, links, registry, closers } = parts;
  if (!links.apart) return [];
  const server = createServer((request, response) => {
    const answer = (status: number, text: string) =>
      response.writeHead(status, { "content-type": "text/plain" }).end(text);
    if (request.url === "/healthz") answer(200, "ok\n");
    else if (request.url === "/readyz")
      void ready().then((isReady) => answer(isReady ? 200 : 503, isReady ? "ready\n" : "not ready\n"));
    else if (request.url === "/metrics") void registry.metrics().then((text) => answer(200, text));
    else answer(404, "not found\n");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(config.METRICS_PORT, config.HOST, resolve);
  });
  closers.add({ close: () => new Promise<void>((resolve) => server.close(() => resolve())) });
  const { port } = server.address() as AddressInfo;
  return [{ setting: "METRICS_PORT", name: "metrics", host: config.HOST, port }];
}
