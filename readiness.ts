import type { MetricObject } from "prom-client";
import type { ReadinessCheck } from "#api";
import { type Database, readStreamLagS } from "#store";

/** What `/readyz` of a service whose roles run together asks besides the database. Apart, each role answers for itself. */

/** Frames that wait longer than this for the stream mean that positions are not current. */
const STREAM_LAG_S_MAX = 60;
const JOURNAL_READY = "gateway_journal_ready";

export function readinessOfRoles(
  database: Database,
  otherMetrics: () => Promise<MetricObject[][]>,
  now: () => number,
): ReadinessCheck[] {
  return [
    { name: "journal", check: async () => journalReadiness((await otherMetrics()).flat()) },
    { name: "stream", check: async () => streamReadiness(await readStreamLagS(database, now())) },
  ];
}

/** Whether the gateway commits what devices send. A service may be started without one: that is said, and no fault. */
export function journalReadiness(metrics: readonly MetricObject[]): { ready: boolean; detail: string } {
  const metric = metrics.find(({ name }) => name === JOURNAL_READY) as { values?: { value: number }[] } | undefined;
  if (metric === undefined) return { ready: true, detail: "no gateway answers beside this role" };
  const ready = metric.values?.some(({ value }) => value === 1) ?? false;
  return { ready, detail: ready ? "commits" : "does not commit: devices are not acknowledged" };
}

export function streamReadiness(lagS: number): { ready: boolean; detail: string } {
  const waits = `the oldest frame not folded waits for ${lagS.toFixed(1)} s`;
  return { ready: lagS <= STREAM_LAG_S_MAX, detail: lagS === 0 ? "nothing waits" : waits };
}
