import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import { Registry } from "prom-client";
import { type Database, openDatabase } from "#store/database.ts";
import { insertEvents, type NewEvent } from "#store/event-writes.ts";
import { openTestDatabase } from "#store/testing.ts";
import { inTransaction } from "#store/transaction.ts";
import { findDelivery, listDeliveries, type StoredAttempt, type StoredDelivery } from "#store/webhook-log.ts";
import { createEndpoint, type NewEndpoint } from "#store/webhooks.ts";
import { openWebhookDelivery, WEBHOOK_LIMITS } from "./delivery.ts";
import type { WebhookDeps, WebhookLimits } from "./deps.ts";
import { newSecret } from "./signature.ts";

/** Test support: an outbox on a database of its own, and deliveries whose clock the test holds. */

export type Logged = StoredDelivery & { log: StoredAttempt[] };

export type DeliveryFixture = Awaited<ReturnType<typeof openDeliveryFixture>>;

/** Nothing is late because the machine is: leases and attempts end by what a test does. */
const LIMITS: WebhookLimits = {
  ...WEBHOOK_LIMITS,
  pollMs: 20,
  leaseMs: 600_000,
  attemptTimeoutMs: 600_000,
  drainMs: 200,
};

export async function openDeliveryFixture() {
  const server = await openTestDatabase();
  const database: Database = await openDatabase({ url: server.url, applicationName: "webhook test" });
  const clock = { nowMs: Date.now() };
  const running: { close(): Promise<void> }[] = [];
  let events = 0;

  const deliver = (options: Partial<WebhookDeps> = {}, limits: Partial<WebhookLimits> = {}) => {
    const opened = openWebhookDelivery({
      ...{ database, registry: new Registry(), logger: pino({ level: "silent" }), random: () => 0.5 },
      ...{ now: () => clock.nowMs, onQueued: () => () => undefined, allowLoopback: true },
      resolve: () => Promise.resolve(["127.0.0.1"]),
      ...options,
      limits: { ...LIMITS, ...limits },
    });
    running.push(opened);
    return opened;
  };
  const happen = async (given: Partial<NewEvent>[]): Promise<string[]> => {
    const rows = given.map(
      (event): NewEvent => ({
        ...{ eventId: `event-${++events}`, fleetId: 1, deviceId: null, type: "stop.arrived", replayed: false },
        ...{ occurredAtMs: clock.nowMs, detectedAtMs: clock.nowMs, supersedes: null, frameSeq: null, data: {} },
        ...event,
      }),
    );
    await inTransaction(database, (_query, client) => insertEvents(client, rows));
    return rows.map(({ eventId }) => eventId);
  };
  const endpoint = async (url: string, options: Partial<NewEndpoint> = {}) => {
    const secret = newSecret();
    const made = await createEndpoint(database, 1, { url, description: null, events: null, secret, ...options });
    if (made.kind === "full") throw new Error("no more endpoints");
    return { ...made.endpoint, secret };
  };
  /** Every delivery of an endpoint with its log, the oldest first. */
  const deliveries = async (endpointId: number): Promise<Logged[]> => {
    const statuses = ["new", "waiting", "ready", "delivered", "dead"] as const;
    const rows = await listDeliveries(database, endpointId, {
      statuses,
      isFailedOnly: false,
      before: null,
      limit: 10_000,
    });
    const found = await Promise.all(rows.map((row) => findDelivery(database, endpointId, row.deliveryId)));
    return found.filter((row) => row !== undefined).reverse();
  };
  /** Waits until all deliveries of an endpoint are as asked. */
  const until = async (endpointId: number, isSo: (rows: Logged[]) => boolean): Promise<Logged[]> => {
    for (;;) {
      const rows = await deliveries(endpointId);
      if (isSo(rows)) return rows;
      await sleep(10);
    }
  };
  const stop = async () => {
    await Promise.all(running.splice(0).map((opened) => opened.close()));
  };
  return {
    ...{ database, clock, deliver, happen, endpoint, deliveries, until, stop, url: server.url },
    close: async () => {
      await stop();
      await database.close();
      await server.close();
    },
  };
}

/** True when there are as many deliveries and each has been attempted so often, with none under way. */
export const attempted = (count: number, attempts: number) => (rows: Logged[]) =>
  rows.length === count && rows.every((row) => row.log.length >= attempts && !row.isUnderWay);

export const allDelivered = (count: number) => (rows: Logged[]) =>
  rows.length === count && rows.every((row) => row.status === "delivered");
