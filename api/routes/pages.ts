import fastifyStatic from "@fastify/static";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { PAGE_HEADERS } from "../built-pages.ts";
import type { RouteContext } from "../context.ts";
import { Problem } from "../problems.ts";
import { Time, timeText } from "../schemas.ts";

const ASSET_AGE_S = 31_536_000;

/** Pages that are the same for everybody: what they show they ask for with a key. */
const PAGES = [
  ["/", "index"],
  ["/reports", "reports"],
] as const;

const ConsoleSettings = Type.Object({
  now: Time,
  freshness: Type.Object(
    { delayedS: Type.Number(), staleS: Type.Number(), offlineS: Type.Number() },
    { description: "Ages in seconds from which a position is called so" },
  ),
});

/** The console at `/`, the reports at `/reports`, what it needs to know before anybody logs in, and the assets of every page. */
export const pageRoutes =
  ({ pages, freshness, now }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const [path, name] of PAGES) {
      app.get(path, { schema: { hide: true } }, async (_request, reply) => {
        const html = pages.html.get(name);
        if (html === undefined) throw new Problem("page_not_built");
        return reply.headers(PAGE_HEADERS).send(html);
      });
    }

    app.get(
      "/console.json",
      {
        schema: {
          tags: ["operation"],
          summary: "The server's time and the ages from which positions are not live any more",
          response: { 200: ConsoleSettings },
        },
      },
      async (_request, reply) => {
        reply.header("cache-control", "no-store");
        return { now: timeText(new Date(now())), freshness };
      },
    );

    if (pages.html.size === 0) return;
    await app.register(fastifyStatic, {
      root: `${pages.folder}/assets`,
      prefix: "/assets/",
      preCompressed: true,
      index: false,
      // Names carry a hash of the contents.
      maxAge: ASSET_AGE_S * 1_000,
      immutable: true,
    });
  };
