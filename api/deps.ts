import type { FastifyBaseLogger } from "fastify";
import type { Registry } from "prom-client";
import type { CommandClass, CommandCondition } from "#store/commands.ts";
import type { Database } from "#store/database.ts";
import type { FreshnessThresholds } from "#stream/freshness.ts";
import type { RoadNetwork } from "#stream/roads/network-file.ts";
import type { HandPositions } from "./driver/phone-listener.ts";
import type { Geocode } from "./geocoder.ts";
import type { ApiLimits } from "./limits.ts";
import type { AddressRules } from "./webhooks/address-rules.ts";

/** One thing that must be well for this process to serve. A check that rejects counts as not well. */
export type ReadinessCheck = { name: string; check: () => Promise<{ ready: boolean; detail: string }> };

/** Looks at a command before it is queued: its text, its class and its condition as its protocol has them. */
export type PrepareCommand = (asked: {
  protocol: string;
  text?: string;
  type?: "locate" | "status" | "version" | "restart";
  options: Record<string, string | number>;
  class?: CommandClass;
  condition: CommandCondition | null;
}) =>
  | { kind: "fit"; text: string; class: CommandClass; condition: CommandCondition | null }
  | { kind: "misfit"; detail: string };

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
  prepareCommand: PrepareCommand;
  /** Looks addresses up; without it stops need coordinates. */
  geocode?: Geocode;
  logger: FastifyBaseLogger;
  /** Unix milliseconds. */
  now: () => number;
  /** How long rows of feeds are kept, days: no cursor is honoured for longer. */
  retention?: { fixDays: number; eventDays: number };
  /** Which addresses webhooks may be delivered to; public ones only unless told. */
  webhookRules?: AddressRules;
  /** Besides the database, which is always checked. */
  readiness?: readonly ReadinessCheck[];
  /** Where the built web pages lie; `api/web/dist` unless told. */
  pagesFolder?: string;
  /** The road network that the map shows; a plain ground without. */
  roads?: RoadNetwork | undefined;
  /** Under which the outside knows this service (`https://track.example.org`); where a request came to unless told. */
  publicUrl?: string;
  /** Addresses and CIDR ranges of load balancers that are believed when they say who asks; nobody is unless told. */
  trustProxy?: readonly string[];
  /** Stores positions of drivers' phones; without it they keep them. */
  handPositions?: HandPositions;
  limits?: Partial<ApiLimits>;
};
