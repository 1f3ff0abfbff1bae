import type { MetricObject } from "prom-client";
import type { ReadinessCheck } from "#api";
import { type Database, readStreamLagS } from "#store";

/** What `/readyz` of a service whose roles run together asks besides the database. Apart, each role answers for itself. */

/** Frames that wait longer than this for the stream mean that positions are not current. */
const STREAM_LAG_S_MAX = 60;
const JOURNAL_READY = "gateway_journal_ready";
const ROLE_ANSWERS = "service_role_answers";

/** The metric that says of a role beside this one whether its process answers. */
export function roleAnswers(role: string, answers: boolean): MetricObject {
  const values = [{ labels: { role }, value: answers ? 1 : 0 }];
  const help = "1 while every process of the role answers its supervisor";
  return { name: ROLE_ANSWERS, help, type: "gauge", values, aggregator: "min" } as unknown as MetricObject;
}

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
  const answers = valuesOf(metrics, ROLE_ANSWERS).find(({ labels }) => labels.role === "gateway");
  if (answers?.value === 0) return { ready: false, detail: "the process of the gateway does not answer" };
  const values = valuesOf(metrics, JOURNAL_READY);
  if (values.length === 0) return { ready: true, detail: "no gateway answers beside this role" };
  const ready = values.some(({ value }) => value === 1);
  return { ready, detail: ready ? "commits" : "does not commit: devices are not acknowledged" };
}

type Value = { labels: Readonly<Record<string, string>>; value: number };

function valuesOf(metrics: readonly MetricObject[], name: string): Value[] {
  return metrics.flatMap((metric) => (metric.name === name ? (metric as unknown as { values: Value[] }).values : []));
}

export function streamReadiness(lagS: number): { ready: boolean; detail: string } {
  const waits = `the oldest frame not folded waits for ${lagS.toFixed(1)} s`;
  return { ready: lagS <= STREAM_LAG_S_MAX, detail: lagS === 0 ? "nothing waits" : waits };
}
