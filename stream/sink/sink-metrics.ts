import { Counter, Gauge, type Registry } from "prom-client";

/** Plain numbers of the fix sink; they cross from its thread as they are. */
export type SinkTally = {
  /** 1 while this process holds the claim. */
  sending: number;
  sent: number;
  requests: number;
  failures: number;
  /** Fixes stored without the device's own attributes, because the server refused those. */
  reduced: number;
  refused: number;
  /** Fixes older than what the bucket keeps. */
  expiredThere: number;
  cursorsExpired: number;
  restarts: number;
  /** Age of the oldest fix not sent yet, since it was stored. */
  lagSeconds: number;
};

export function newSinkTally(): SinkTally {
  return {
    ...{ sending: 0, sent: 0, requests: 0, failures: 0, reduced: 0, refused: 0 },
    ...{ expiredThere: 0, cursorsExpired: 0, restarts: 0, lagSeconds: 0 },
  };
}

const COUNTERS: readonly (readonly [keyof SinkTally, name: string, help: string])[] = [
  ["sent", "sink_fixes_total", "Fixes that InfluxDB has stored"],
  ["requests", "sink_requests_total", "Requests that InfluxDB has stored"],
  ["failures", "sink_failures_total", "Requests that failed and were repeated"],
  ["reduced", "sink_reduced_fixes_total", "Fixes stored without their attributes, which InfluxDB refused"],
  ["refused", "sink_refused_fixes_total", "Fixes that InfluxDB refused in every form"],
  ["expiredThere", "sink_expired_fixes_total", "Fixes older than what the bucket keeps"],
  ["cursorsExpired", "sink_cursors_expired_total", "Cursors older than what the feed keeps"],
  ["restarts", "sink_restarts_total", "Starts from the cursor after a failure"],
];

const GAUGES: readonly (readonly [keyof SinkTally, name: string, help: string])[] = [
  ["sending", "sink_sending", "1 while this process sends"],
  ["lagSeconds", "sink_lag_seconds", "Age of the oldest fix not sent yet, 0 when none waits"],
];

/** Registers metrics that read the tally at each scrape. */
export function registerSinkMetrics(registry: Registry, read: () => SinkTally): void {
  for (const [key, name, help] of COUNTERS) {
    const counter: Counter = new Counter({
      ...{ name, help, registers: [registry] },
      collect: () => {
        counter.reset();
        counter.inc(read()[key]);
      },
    });
  }
  for (const [key, name, help] of GAUGES) {
    const gauge: Gauge = new Gauge({ name, help, registers: [registry], collect: () => gauge.set(read()[key]) });
  }
}
