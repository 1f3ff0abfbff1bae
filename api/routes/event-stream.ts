import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import { FEED_START, type FeedPlace, readEventFeed, readFeedEnd, readFixFeed } from "#store/feeds.ts";
import { isKeyLive } from "#store/keys.ts";
import { requireScope } from "../auth.ts";
import type { RouteContext } from "../context.ts";
import { type FeedName, formatFeedCursor, parseFeedCursor } from "../cursor.ts";
import { eventJson } from "../event-json.ts";
import { type StreamPage, streamEvents } from "../event-stream.ts";
import { fixJson } from "../fix-json.ts";
import { Problem } from "../problems.ts";

const RETRY_MS = 1_000;

const description = `Server-sent events of one feed. The id of a message is the feed's cursor after it: give the last one
as Last-Event-ID (or \`after\`) to go on without loss or repeat. Without either the stream begins now. A reader that takes
nothing for 30 s is closed and can resume.`;

/** `GET /v1/events/stream`. */
export const eventStreamRoutes =
  (context: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const open = new Set<AbortController>();
    const streamsByKey = new Map<number, number>();
    app.addHook("preClose", () => {
      for (const controller of open) controller.abort();
    });

    app.get(
      "/events/stream",
      {
        config: { scope: "events:read" },
        schema: {
          tags: ["feeds"],
          summary: "Follow a feed live",
          description,
          querystring: Type.Object({
            feed: Type.Optional(Type.Enum(["events", "fixes"], { description: "events unless told" })),
            after: Type.Optional(Type.String({ minLength: 1 })),
          }),
          headers: Type.Object({ "last-event-id": Type.Optional(Type.String()) }),
          response: { 200: { description: "Messages", content: { "text/event-stream": { schema: Type.String() } } } },
        },
      },
      async (request, reply) => {
        const { principal } = request;
        const feed = request.query.feed ?? "events";
        if (feed === "fixes") requireScope(principal, "fixes:read");
        const resume = request.headers["last-event-id"] || request.query.after;
        const nowMs = context.now();
        const start = resume ? parseFeedCursor(feed, resume, FEED_START, nowMs) : await readFeedEnd(context.database);

        const streams = streamsByKey.get(principal.keyId) ?? 0;
        if (streams >= context.limits.streamsPerKeyMax) {
          throw new Problem("streams_exhausted", { headers: { "retry-after": "60" } });
        }
        streamsByKey.set(principal.keyId, streams + 1);
        const controller = new AbortController();
        const sleeper = context.waker.openSleeper();
        open.add(controller);
        controller.signal.addEventListener("abort", () => sleeper.close());
        reply.raw.on("close", () => controller.abort());
        try {
          writeHead(reply);
          const end = await streamEvents(reply.raw, {
            signal: controller.signal,
            sleeper,
            start,
            read: (after) => readPage(context, feed, principal.fleetId, after),
            cursor: (place) => formatFeedCursor(feed, place, context.now()),
            allowed: () => isKeyLive(context.database, principal.keyId),
            heartbeatMs: context.limits.streamHeartbeatMs,
            pollMs: context.limits.streamPollMs,
            stalledMsMax: context.limits.streamStalledMsMax,
          });
          context.measures.streamEnds.inc({ reason: end });
          // A stalled reader would keep what is buffered, and with it the socket, for as long as it likes.
          if (end === "stalled") reply.raw.destroy();
        } catch (error) {
          context.measures.streamEnds.inc({ reason: "failed" });
          request.log.warn({ err: error }, "event stream ended early; the reader can resume");
        } finally {
          reply.raw.end();
          open.delete(controller);
          controller.abort();
          const left = (streamsByKey.get(principal.keyId) ?? 1) - 1;
          if (left === 0) streamsByKey.delete(principal.keyId);
          else streamsByKey.set(principal.keyId, left);
        }
      },
    );
  };

function writeHead(reply: FastifyReply): void {
  reply.hijack();
  reply.raw.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  reply.raw.write(`retry: ${RETRY_MS}\n\n`);
}

async function readPage(
  { database, limits, now }: RouteContext,
  feed: FeedName,
  fleetId: number | null,
  after: FeedPlace,
): Promise<StreamPage> {
  const cursor = (place: FeedPlace) => formatFeedCursor(feed, place, now());
  switch (feed) {
    case "fixes": {
      const { rows, next, hasMore } = await readFixFeed(database, fleetId, after, limits.streamPageRows);
      const messages = rows.map((fix) => ({ cursor: cursor(fix.place), event: "fix", data: fixJson(fix) }));
      return { messages, next, hasMore };
    }
    case "events": {
      const { rows, next, hasMore } = await readEventFeed(database, fleetId, after, limits.streamPageRows);
      const messages = rows.map((event) => ({
        cursor: cursor(event.place),
        event: event.type,
        data: eventJson(event),
      }));
      return { messages, next, hasMore };
    }
  }
}
