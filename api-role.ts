import { AggregatorRegistry } from "prom-client";
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
import { prepareCommand } from "#gateway/commands/prepare.ts";
import { listen, openDatabase } from "#store";
import { openRoads } from "#stream/roads/open.ts";
import { addressRanges, type Config } from "./config.ts";
import { readinessOfRoles } from "./readiness.ts";
import type { Listener, Metrics, Parts } from "./role.ts";

/** Answers people and other systems, and tells them what happened: webhooks, notifications. */
export async function startApi({ config, links, log, registry, closers }: Parts): Promise<Listener[]> {
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
      ...(config.TRUST_PROXY === undefined ? {} : { trustProxy: addressRanges(config.TRUST_PROXY) }),
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
