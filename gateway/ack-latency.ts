import type { Histogram, Registry } from "prom-client";
import type { ProtocolName } from "#decoders/decoder.ts";

const UPPER_BOUNDS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const NAME = "gateway_ack_seconds";

/** Time from the receipt of a frame to its ack being written, for one protocol. */
export class AckLatency {
  readonly protocol: ProtocolName;
  /** By the first bound that is not below; the last slot has no bound. */
  readonly counts = new Array<number>(UPPER_BOUNDS_S.length + 1).fill(0);
  sumSeconds = 0;

  constructor(protocol: ProtocolName) {
    this.protocol = protocol;
  }

  observe(seconds: number): void {
    let slot = 0;
    while (slot < UPPER_BOUNDS_S.length && seconds > UPPER_BOUNDS_S[slot]!) slot += 1;
    this.counts[slot]! += 1;
    this.sumSeconds += seconds;
  }
}

/**
 * Registers the latencies as one histogram that is written out at each scrape. The library's own `observe` builds a key
 * of the labels for every call: 0.8 of the 14 microseconds that a packet costs.
 */
export function registerAckLatencies(registry: Registry, latencies: ReadonlyMap<ProtocolName, AckLatency>): void {
  const histogram = {
    name: NAME,
    help: "From the receipt of a frame to its ack being written",
    type: "histogram",
    aggregator: "sum",
    get: () =>
      Promise.resolve({
        name: NAME,
        help: histogram.help,
        type: histogram.type,
        aggregator: histogram.aggregator,
        values: [...latencies.values()].flatMap(valuesOf),
      }),
  };
  // The registry asks no more of a metric than a name and `get()`; its types know only the library's own classes.
  registry.registerMetric(histogram as unknown as Histogram);
}

function valuesOf(latency: AckLatency) {
  const { protocol } = latency;
  let total = 0;
  const buckets = latency.counts.map((count, slot) => {
    total += count;
    return { metricName: `${NAME}_bucket`, labels: { le: UPPER_BOUNDS_S[slot] ?? "+Inf", protocol }, value: total };
  });
  return [
    ...buckets,
    { metricName: `${NAME}_sum`, labels: { protocol }, value: latency.sumSeconds },
    { metricName: `${NAME}_count`, labels: { protocol }, value: total },
  ];
}
