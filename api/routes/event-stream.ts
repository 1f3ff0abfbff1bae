import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import { readFeedEnd } from "#store/feeds.ts";
import { isKeyLive } from "#store/keys.ts";
import { requireScope } from "../auth.ts";
import type { RouteContext } from "../context.ts";
import { FEED_NAMES, formatFeedCursor } from "../cursor.ts";
import { streamEvents } from "../event-stream.ts";
import { type FeedFilter, feedSource, feedStart, matchesFilter } from "../feed-sources.ts";
import { Problem } from "../problems.ts";

const RETRY_MS = 1_000;

const description = `Server-sent events of one feed. The id of a message is the feed's cursor after it: give the last one
as Last-Event-ID (or \`after\`) to go on without loss or repeat. \`types\` (\`stop.*\` for a family), \`stopId\`, \`routeId\` and
\`deviceUid\` leave out the rest. Without either the stream begins now. A reader that takes
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
            feed: Type.Optional(Type.Enum([...FEED_NAMES], { description: "events unless told" })),
            types: Type.Optional(
              Type.String({ pattern: "^[a-z_.*]+(,[a-z_.*]+)*$", maxLength: 1_000, examples: ["stop.arrived,eta.*"] }),
            ),
            stopId: Type.Optional(Type.String({ minLength: 1 })),
            routeId: Type.Optional(Type.String({ minLength: 1 })),
            deviceUid: Type.Optional(Type.String({ minLength: 1 })),
            after: Type.Optional(Type.String({ minLength: 1 })),
          }),
          headers: Type.Object({ "last-event-id": Type.Optional(Type.String()) }),
          response: { 200: { description: "Messages", content: { "text/event-stream": { schema: Type.String() } } } },
        },
      },
      async (request, reply) => {
        const { principal } = request;
        const { feed = "events", after, types, ...wanted } = request.query;
        const source = feedSource(context, feed, principal.fleetId);
        requireScope(principal, source.scope);
        const filter: FeedFilter = { ...wanted, ...typesOf(types) };
        const resume = request.headers["last-event-id"] || after;
        const start = resume ? feedStart(context, feed, resume) : await readFeedEnd(context.database);

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
            read: async (place) => {
              const { items, next, hasMore } = await source.read(place, context.limits.streamPageRows);
              const messages = items
                .filter((item) => matchesFilter(item, filter))
                .map(({ cursor, type, data }) => ({ cursor, event: type, data }));
              return { messages, next, hasMore };
            },
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

/** `stop.arrived,eta.changed` as names. */
function typesOf(text: string | undefined): Pick<FeedFilter, "types"> {
  return text === undefined ? {} : { types: text.split(",") };
}
