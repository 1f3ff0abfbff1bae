import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { HttpError, InfluxDB } from "@influxdata/influxdb-client";

/** Where points go: an InfluxDB 2 write API, or a server that speaks it. */
export type InfluxTarget = { url: string; token: string; org: string; bucket: string };

/**
 * What became of a request. `refused`: the server is well and will never take these lines as they are. `failed`: anything
 * else; the same lines may be sent again, not before `retryAfterMs`.
 */
export type WriteResult =
  | { kind: "stored"; expired: number }
  | { kind: "refused"; reason: string }
  | { kind: "failed"; reason: string; retryAfterMs: number };

export type WriteLines = (lines: readonly string[], closing: AbortSignal) => Promise<WriteResult>;

export type InfluxWriter = { write: WriteLines; close(): Promise<void> };

const REQUEST_MS_MAX = 15_000;
const REASON_CHARACTERS_MAX = 200;
const REFUSALS = new Set([400, 413, 422]);

/**
 * Sends lines in one request each, by the vendor's client without its own buffers and retries: it keeps those in memory
 * and lets them go after minutes, while our lines are safe where they came from.
 */
export function openInfluxWriter(target: InfluxTarget, requestMsMax = REQUEST_MS_MAX): InfluxWriter {
  const Agent = target.url.startsWith("https:") ? HttpsAgent : HttpAgent;
  const agent = new Agent({ keepAlive: true });
  return {
    async write(lines, closing) {
      const finished = new AbortController();
      const signal = AbortSignal.any([closing, finished.signal, AbortSignal.timeout(requestMsMax)]);
      if (signal.aborted) return { kind: "failed", reason: "closing", retryAfterMs: 0 };
      // The client leaves the connection open when a request times out: the signal ends it.
      const client = new InfluxDB({ url: target.url, token: target.token, transportOptions: { agent, signal } });
      const api = client.getWriteApi(target.org, target.bucket, "ns", {
        // It never sends by itself, and an error is only returned.
        ...{ batchSize: lines.length + 1, maxBatchBytes: Number.MAX_SAFE_INTEGER, flushInterval: 0, maxRetries: 0 },
        writeFailed: (error) => Promise.reject(error),
      });
      try {
        api.writeRecords([...lines]);
        await api.flush();
        return { kind: "stored", expired: 0 };
      } catch (error) {
        finished.abort();
        return resultOf(error);
      } finally {
        api.dispose();
      }
    },
    close: () => Promise.resolve(agent.destroy()),
  };
}

function resultOf(error: unknown): WriteResult {
  if (!(error instanceof HttpError)) return { kind: "failed", reason: shortReason(error), retryAfterMs: 0 };
  const reason = `${error.statusCode}: ${shortReason(error)}`;
  if (!REFUSALS.has(error.statusCode)) {
    return { kind: "failed", reason, retryAfterMs: retryAfterMs(error.headers?.["retry-after"], Date.now()) };
  }
  // The bucket keeps less than we send. The other lines of the request are stored.
  const expired = /retention.*dropped=(\d+)/i.exec(error.body ?? "");
  return expired === null ? { kind: "refused", reason } : { kind: "stored", expired: Number(expired[1]) };
}

/** `Retry-After` is seconds or a date; 0 where it is neither. */
export function retryAfterMs(header: string | readonly string[] | null | undefined, nowMs: number): number {
  const text = String(header ?? "");
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? 0 : Math.max(0, atMs - nowMs);
}

function shortReason(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.slice(0, REASON_CHARACTERS_MAX);
}
