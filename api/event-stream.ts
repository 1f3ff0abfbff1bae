import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { FeedPlace } from "#store/feeds.ts";
import type { FeedSleeper } from "./feed-waker.ts";

/** What an event stream sends next: messages, each with the cursor to resume after it, and the place it has reached. */
export type StreamPage = {
  messages: { cursor: string; event: string; data: unknown }[];
  next: FeedPlace;
  hasMore: boolean;
};

export type EventStreamOptions = {
  /** Aborted when the client is gone or the server closes. */
  signal: AbortSignal;
  sleeper: FeedSleeper;
  start: FeedPlace;
  read: (after: FeedPlace) => Promise<StreamPage>;
  cursor: (place: FeedPlace) => string;
  /** Whether the key may still listen; asked at each heartbeat. */
  allowed: () => Promise<boolean>;
  heartbeatMs: number;
  pollMs: number;
  stalledMsMax: number;
};

export type StreamEnd = "gone" | "stalled" | "refused";

/**
 * Server-sent events (WHATWG HTML, section 9.2) over a response whose head is written. One page is read, written and
 * taken by the client before the next is read: memory is bounded by a page, however slow the reader. A heartbeat is an
 * `id` without data, so that a quiet client's place moves on too, and a comment for intermediaries.
 */
export async function streamEvents(response: ServerResponse, options: EventStreamOptions): Promise<StreamEnd> {
  const { signal, sleeper, heartbeatMs } = options;
  let place = options.start;
  let beatAtMs = performance.now();
  response.write(heartbeat(options.cursor(place)));
  while (!signal.aborted) {
    const page = await options.read(place);
    place = page.next;
    for (const message of page.messages) {
      if (!(await taken(response, messageText(message), options))) return endOf(signal);
    }
    if (performance.now() - beatAtMs >= heartbeatMs) {
      beatAtMs = performance.now();
      if (!(await options.allowed())) return "refused";
      if (!(await taken(response, heartbeat(options.cursor(place)), options))) return endOf(signal);
    }
    if (!page.hasMore) await sleeper.wait(Math.min(options.pollMs, heartbeatMs));
  }
  return "gone";
}

/** Writes one message and waits until the client's side has taken what waits; false when it does not within the limit. */
async function taken(
  response: ServerResponse,
  text: string,
  { signal, stalledMsMax }: EventStreamOptions,
): Promise<boolean> {
  if (response.write(text)) return !signal.aborted;
  const stalled = AbortSignal.timeout(stalledMsMax);
  try {
    await once(response, "drain", { signal: AbortSignal.any([signal, stalled]) });
    return true;
  } catch (error) {
    if (signal.aborted || stalled.aborted) return false;
    throw error;
  }
}

function endOf(signal: AbortSignal): StreamEnd {
  return signal.aborted ? "gone" : "stalled";
}

function messageText({ cursor, event, data }: StreamPage["messages"][number]): string {
  return `id: ${cursor}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function heartbeat(cursor: string): string {
  return `: waiting\nid: ${cursor}\n\n`;
}
