import { Worker } from "node:worker_threads";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { InfluxTarget } from "./influx-writer.ts";
import { newSinkTally, registerSinkMetrics, type SinkTally } from "./sink-metrics.ts";

const RESTART_MS = 2_000;

/** What the thread is started with: plain values only. */
export type SinkThreadSettings = {
  databaseUrl: string;
  target: InfluxTarget;
  retentionDays: number;
  logLevel: string;
};

/**
 * Runs the fix sink in a thread of its own: reading pages, writing lines and compressing them would take the event loop
 * from the fold. A thread that dies is started again; it goes on from its cursor.
 */
export function openSinkThread(
  settings: SinkThreadSettings,
  { log, registry }: { log: Logger; registry: Registry },
): { close(): Promise<void> } {
  let tally = newSinkTally();
  /** What earlier threads counted. */
  let before = newSinkTally();
  let closing = false;
  let restart: NodeJS.Timeout | undefined;
  registerSinkMetrics(registry, () => sum(before, tally));
  let thread = start();

  function start(): { worker: Worker; ended: Promise<void> } {
    const worker = new Worker(new URL("sink-worker.ts", import.meta.url), { workerData: settings });
    worker.on("message", (latest: SinkTally) => {
      tally = latest;
    });
    worker.on("error", (error) => log.error({ err: error }, "the sink's thread failed"));
    const ended = new Promise<void>((resolve) => {
      worker.once("exit", () => {
        before = { ...sum(before, tally), sending: 0, lagSeconds: 0 };
        tally = newSinkTally();
        if (!closing) {
          restart = setTimeout(() => {
            thread = start();
          }, RESTART_MS);
        }
        resolve();
      });
    });
    return { worker, ended };
  }

  return {
    close: async () => {
      closing = true;
      clearTimeout(restart);
      thread.worker.postMessage("close");
      await thread.ended;
    },
  };
}

function sum(a: SinkTally, b: SinkTally): SinkTally {
  const entries = Object.entries(a) as [keyof SinkTally, number][];
  return Object.fromEntries(entries.map(([key, value]) => [key, value + b[key]])) as SinkTally;
}
