import { type ApiClient, ApiProblem } from "./api-client.ts";
import { readEventStream } from "./event-stream.ts";

/** An event as the API tells it (see /docs): the members that the console uses. */
export type EventJson = { type: string; replayed: boolean; data: Record<string, unknown> };

const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 20_000;

/** Calls back for every event of these types from now on, and goes on after breaks, until `signal` aborts. */
export async function followEvents(
  client: ApiClient,
  types: readonly string[],
  signal: AbortSignal,
  take: (event: EventJson) => void,
): Promise<void> {
  let lastEventId: string | null = null;
  let retryMs = RETRY_MS_MIN;
  while (!signal.aborted) {
    try {
      const body = await client.open(`/v1/events/stream?types=${types.join(",")}`, lastEventId, signal);
      for await (const { id, data } of readEventStream(body)) {
        lastEventId = id ?? lastEventId;
        retryMs = RETRY_MS_MIN;
        if (data !== "") take(JSON.parse(data) as EventJson);
      }
    } catch (error) {
      if (signal.aborted) return;
      // A place that is not honoured any more: begin with what is now.
      if (error instanceof ApiProblem && error.status !== 429 && error.status < 500) lastEventId = null;
    }
    await pause(retryMs, signal);
    retryMs = Math.min(RETRY_MS_MAX, retryMs * 2);
  }
}

export function pause(timeMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, timeMs);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
