import type { FastifyBaseLogger } from "fastify";
import type { Registry } from "prom-client";
import type { Database } from "#store/database.ts";
import type { FreshnessThresholds } from "#stream/freshness.ts";
import type { ApiLimits } from "./limits.ts";

/** One thing that must be well for this process to serve. A check that rejects counts as not well. */
export type ReadinessCheck = { name: string; check: () => Promise<{ ready: boolean; detail: string }> };

/** What the API is given; it opens nothing itself and closes only what it made. */
export type ApiDeps = {
  database: Database;
  /** Calls `listener` whenever the store says that fixes or events were committed; returns the way to stop that. */
  onStored: (listener: () => void) => () => void;
  /** Where the API puts its own metrics. */
  registry: Registry;
  /** What `/metrics` answers, in the Prometheus text format; the registry alone unless given. */
  metrics?: () => Promise<string>;
  freshness: FreshnessThresholds;
  logger: FastifyBaseLogger;
  /** Unix milliseconds. */
  now: () => number;
  /** Besides the database, which is always checked. */
  readiness?: readonly ReadinessCheck[];
  limits?: Partial<ApiLimits>;
};
