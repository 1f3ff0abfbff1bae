import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";

const RETRY_MS = 500;
/** How often the log says that the database is still away. */
const LOG_EVERY_MS = 10_000;
/** A server that is away, starting up, shutting down, or still busy with the connections of processes that were killed. */
const AWAY_CODES = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "EPIPE"],
  ...["57P01", "57P02", "57P03", "53300", "08000", "08003", "08006"],
]);
/** What the driver says without a code. */
const AWAY_MESSAGES = /^(Connection terminated|Query read timeout|timeout (exceeded|expired)|the connection was lost)/;
const CAUSES_MAX = 8;

/** The start was called off by a signal. */
export class StartAbortedError extends Error {}

/** Does what needs the database as soon as the server answers: one that is away is waited for. All else is final. */
export async function whenReachable<T>(
  work: () => Promise<T>,
  log: Pick<Logger, "warn">,
  signal: AbortSignal,
  retryMs = RETRY_MS,
): Promise<T> {
  for (let loggedAtMs = Number.NEGATIVE_INFINITY; ; ) {
    if (signal.aborted) throw new StartAbortedError("stopped before the database answered");
    try {
      return await work();
    } catch (error) {
      if (!isAway(error)) throw error;
      if (performance.now() - loggedAtMs >= LOG_EVERY_MS) {
        log.warn({ err: error }, "database is away, waiting for it");
        loggedAtMs = performance.now();
      }
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

function isAway(error: unknown): boolean {
  let at = error;
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++) {
    if (AWAY_CODES.has((at as { code?: string }).code ?? "") || AWAY_MESSAGES.test(at.message)) return true;
    at = at.cause;
  }
  return false;
}
