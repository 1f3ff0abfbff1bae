import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { pause } from "../pause.ts";
import type { WriteLines } from "./influx-writer.ts";
import { metricLines } from "./line-protocol.ts";

const INTERVAL_MS = 10_000;
/** Readings kept while the server is away: an hour of them; then the oldest go. */
const READINGS_MAX = 360;

export type MetricsSinkDeps = {
  registry: Registry;
  write: WriteLines;
  /** Tags of every point besides the metrics' own labels: which process this is. */
  tags: Readonly<Record<string, string>>;
  log: Logger;
  /** Unix milliseconds. */
  now: () => number;
  intervalMs?: number;
};

/**
 * Reads the metrics of this process every ten seconds and sends them as the measurement `gateway`. Readings wait in
 * memory while the server is away; unlike fixes they may be lost, with the process or after an hour.
 */
export function openMetricsSink(deps: MetricsSinkDeps): { close(): Promise<void> } {
  const ending = new AbortController();
  const running = run(deps, ending.signal);
  return {
    close: async () => {
      ending.abort();
      await running;
    },
  };
}

async function run(deps: MetricsSinkDeps, closing: AbortSignal): Promise<void> {
  const { registry, write, tags, log, now, intervalMs = INTERVAL_MS } = deps;
  const waiting: string[][] = [];
  let isAway = false;
  while (!closing.aborted) {
    await pause(intervalMs, closing);
    if (closing.aborted) return;
    waiting.push(metricLines(await registry.getMetricsAsJSON(), tags, now()));
    if (waiting.length > READINGS_MAX) waiting.shift();
    for (let oldest = waiting[0]; oldest !== undefined; oldest = waiting[0]) {
      const result = await write(oldest, closing);
      if (result.kind === "failed") {
        if (!isAway && !closing.aborted) log.warn({ reason: result.reason }, "InfluxDB does not take the metrics");
        isAway = true;
        break;
      }
      if (result.kind === "refused") log.error({ reason: result.reason }, "InfluxDB refuses a reading of the metrics");
      isAway = false;
      waiting.shift();
    }
  }
}
