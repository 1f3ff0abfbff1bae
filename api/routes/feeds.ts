import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { FEED_START, readEventFeed, readFixFeed, type FeedPage as StoredPage } from "#store/feeds.ts";
import type { RouteContext } from "../context.ts";
import { type FeedName, formatFeedCursor, parseFeedCursor } from "../cursor.ts";
import { Event, eventJson } from "../event-json.ts";
import { Fix, fixJson } from "../fix-json.ts";
import { FEED_POLL_AFTER_MS, PAGE_ROWS_DEFAULT } from "../limits.ts";
import { FeedPage, PageQuery } from "../schemas.ts";

const description = `In the order of commits: late data appears later, never before a cursor. Ask again after
\`poll_after_ms\`. Without \`after\` the feed begins with the oldest row kept. A cursor is honoured for 30 days; then 410 with
\`earliestCursor\`.`;

/** `GET /v1/feeds/…`. */
export const feedRoutes =
  ({ database, now }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const startOf = (feed: FeedName, after: string | undefined) =>
      after === undefined ? FEED_START : parseFeedCursor(feed, after, FEED_START, now());

    const answer = <Row, Item>(feed: FeedName, page: StoredPage<Row>, item: (row: Row) => Item) => ({
      data: page.rows.map(item),
      next_cursor: formatFeedCursor(feed, page.next, now()),
      has_more: page.hasMore,
      poll_after_ms: page.hasMore ? 0 : FEED_POLL_AFTER_MS,
    });

    app.get(
      "/feeds/fixes",
      {
        config: { scope: "fixes:read" },
        schema: {
          tags: ["feeds"],
          summary: "Every fix of the fleet",
          description,
          querystring: PageQuery,
          response: { 200: FeedPage(Fix) },
        },
      },
      async ({ principal, query }) => {
        const start = startOf("fixes", query.after);
        const page = await readFixFeed(database, principal.fleetId, start, query.limit ?? PAGE_ROWS_DEFAULT);
        return answer("fixes", page, fixJson);
      },
    );

    app.get(
      "/feeds/events",
      {
        config: { scope: "events:read" },
        schema: {
          tags: ["feeds"],
          summary: "Every event of the fleet",
          description,
          querystring: PageQuery,
          response: { 200: FeedPage(Event) },
        },
      },
      async ({ principal, query }) => {
        const start = startOf("events", query.after);
        const page = await readEventFeed(database, principal.fleetId, start, query.limit ?? PAGE_ROWS_DEFAULT);
        return answer("events", page, eventJson);
      },
    );
  };
