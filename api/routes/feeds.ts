import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { FEED_START } from "#store/feeds.ts";
import type { RouteContext } from "../context.ts";
import { FEED_NAMES, formatFeedCursor } from "../cursor.ts";
import { feedSource, feedStart } from "../feed-sources.ts";
import { FEED_POLL_AFTER_MS, PAGE_ROWS_DEFAULT } from "../limits.ts";
import { FeedPage, PageQuery } from "../schemas.ts";

const description = `In the order of commits: late data appears later, never before a cursor. Ask again after
\`poll_after_ms\`. Without \`after\` the feed begins with the oldest row kept. A cursor is honoured for 30 days, and no longer
than the rows are kept; then 410 with \`earliestCursor\`.`;

/** `GET /v1/feeds/…`. */
export const feedRoutes =
  (context: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const feed of FEED_NAMES) {
      const { scope, summary, schema } = feedSource(context, feed, null);
      app.get(
        `/feeds/${feed}`,
        {
          config: { scope },
          schema: {
            ...{ tags: ["feeds"], summary, description, querystring: PageQuery },
            response: { 200: FeedPage(schema) },
          },
        },
        async ({ principal, query: { after, limit = PAGE_ROWS_DEFAULT } }) => {
          const start = after === undefined ? FEED_START : feedStart(context, feed, after);
          const page = await feedSource(context, feed, principal.fleetId).read(start, limit);
          return {
            data: page.items.map(({ data }) => data),
            next_cursor: formatFeedCursor(feed, page.next, context.now()),
            has_more: page.hasMore,
            poll_after_ms: page.hasMore ? 0 : FEED_POLL_AFTER_MS,
          };
        },
      );
    }
  };
