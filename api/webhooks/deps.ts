import type { FastifyBaseLogger } from "fastify";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Database } from "#store/database.ts";
import type { AddressRules } from "./address-rules.ts";
import type { Resolve } from "./pinned-agent.ts";

/** What the delivery of webhooks is given; it opens nothing itself but connections to endpoints. */
export type WebhookDeps = AddressRules & {
  /** A pool of its own: deliveries must not take the connections of requests. */
  database: Database;
  /** Calls `listener` whenever the store says that there is something to deliver; returns the way to stop that. */
  onQueued: (listener: () => void) => () => void;
  registry: Registry;
  logger: FastifyBaseLogger;
  /** Unix milliseconds: the schedule runs by it. */
  now: () => number;
  /** In [0, 1). */
  random: () => number;
  resolve: Resolve;
  /** Certificate authorities besides the system's; for tests. */
  ca?: string;
  limits: WebhookLimits;
};

export type WebhookLimits = {
  /** The pause before each attempt of a delivery. */
  delaysMs: readonly number[];
  /** For a whole attempt. */
  attemptTimeoutMs: number;
  /** Attempts to one endpoint at a time. */
  endpointAttemptsMax: number;
  /** A process that ends without a word is followed by another after this. Above the pauses of a busy process. */
  leaseMs: number;
  /** How often due deliveries are looked for when nothing woke it. */
  pollMs: number;
  /** What an end leaves to attempts under way. */
  drainMs: number;
  /** How long finished deliveries and their log are kept. */
  logDaysMax: number;
};

export type WebhookMeasures = ReturnType<typeof createWebhookMeasures>;

export function createWebhookMeasures(registry: Registry) {
  return {
    attempts: new Counter({
      name: "webhook_attempts_total",
      help: "Attempts to deliver an event to a webhook, by how they ended",
      labelNames: ["outcome"] as const,
      registers: [registry],
    }),
    attemptSeconds: new Histogram({
      name: "webhook_attempt_seconds",
      help: "Time that attempts to deliver took",
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
      registers: [registry],
    }),
    dead: new Counter({
      name: "webhook_deliveries_dead_total",
      help: "Deliveries given up at the end of their schedule",
      registers: [registry],
    }),
    disabled: new Counter({
      name: "webhook_endpoints_disabled_total",
      help: "Endpoints that were found disabled, by reason",
      labelNames: ["reason"] as const,
      registers: [registry],
    }),
    endpoints: new Gauge({
      name: "webhook_endpoints_delivering",
      help: "Endpoints that this process delivers to now",
      registers: [registry],
    }),
  };
}
