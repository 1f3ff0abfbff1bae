import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import type { MetricObject, Registry } from "prom-client";
import type { InfluxTarget } from "#stream/sink/influx-writer.ts";
import type { Config } from "./config.ts";

/** What all roles are made of. */

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
export class Closers {
  readonly #closers: (() => Promise<unknown>)[] = [];

  add<T extends { close(): Promise<unknown> }>(opened: T): T {
    this.#closers.push(() => opened.close());
    return opened;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
  }
}

/** What a role is started with, and where it leaves what is to be closed. */
export type Parts = { config: Config; links: RoleLinks; log: Logger; registry: Registry; closers: Closers };

/** The configuration has seen to it that all are set or none. */
export function influxTarget({
  INFLUX_URL,
  INFLUX_TOKEN,
  INFLUX_ORG,
  INFLUX_BUCKET,
}: Config): InfluxTarget | undefined {
  if (!INFLUX_URL || !INFLUX_TOKEN || !INFLUX_ORG || !INFLUX_BUCKET) return undefined;
  return { url: INFLUX_URL, token: INFLUX_TOKEN, org: INFLUX_ORG, bucket: INFLUX_BUCKET };
}

/** Metrics and health of a role that runs without a supervisor and has no HTTP of its own. */
export async function openOwnMetrics(parts: Parts, ready: () => Promise<boolean>): Promise<Listener[]> {
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
