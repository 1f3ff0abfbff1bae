import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { listDayRoutes } from "#store/day-routes.ts";
import { readStopTimeline, STOP_MOMENTS_MAX } from "#store/stop-timeline.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, ID_MAX, parseCursor } from "../cursor.ts";
import { DayRouteSchema, dayRouteJson } from "../day-route-json.ts";
import { Problem } from "../problems.ts";
import { Attributes, Nullable, named, Page, pageOf, Ref, Time, timeText } from "../schemas.ts";
import { PlanIdParams } from "./routes.ts";

/** A route has up to hundreds of stops: fewer of them make a page. */
const ROUTES_MAX = 100;
const ROUTES_DEFAULT = 50;

const Query = Type.Object({
  day: Type.Optional(
    Type.String({ format: "date", description: "Of the fleet's calendar; today by its time zone unless told" }),
  ),
  after: Type.Optional(Type.String({ minLength: 1, description: "next_cursor of the page before" })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: ROUTES_MAX, description: `Routes a page; ${ROUTES_DEFAULT} unless told` }),
  ),
});

export const StopMomentSchema = named(
  "StopMoment",
  Type.Object({
    type: Type.String({ description: "Of an event (stop.arrived, pod.verdict …), or eta.told" }),
    at: Time,
    replayed: Type.Boolean({ description: "Found out later, from data that came late" }),
    data: Attributes,
  }),
);

/** `/v1/routes/progress` and `/v1/stops/{id}/timeline`: what an overview of a delivery day is made of. */
export const dayRouteRoutes =
  ({ database, now }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const read = { config: { scope: "routes:read" } } as const;

    app.get(
      "/routes/progress",
      {
        ...read,
        schema: {
          ...{ tags: ["routes"], summary: "The routes of a day with where each stop stands", querystring: Query },
          description: "A route's day is that of its begin, planned or observed, else of its first window.",
          response: { 200: Page(DayRouteSchema) },
        },
      },
      async ({ principal: { fleetId }, query }) => {
        const limit = query.limit ?? ROUTES_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("dayRoutes", query.after, [ID_MAX]);
        const page = { day: query.day ?? null, nowMs: now(), afterRouteId: Number(after), limit: limit + 1 };
        const rows = await listDayRoutes(database, { fleetId, ...page });
        return pageOf(rows, limit, dayRouteJson, (last) => formatCursor("dayRoutes", last.routeId));
      },
    );

    app.get(
      "/stops/:id/timeline",
      {
        ...read,
        schema: {
          ...{ tags: ["stops"], summary: "What happened at a stop, in order", params: PlanIdParams },
          description: `At most the newest ${STOP_MOMENTS_MAX}. What a later event replaced is left out.`,
          response: {
            200: Type.Object({
              data: Type.Array(Ref(StopMomentSchema)),
              next_cursor: Nullable(Type.String()),
              has_more: Type.Boolean(),
            }),
          },
        },
      },
      async ({ principal: { fleetId }, params }) => {
        const moments = await readStopTimeline(database, fleetId, params.id);
        if (moments === undefined) throw new Problem("not_found");
        const data = moments.map((moment) => ({ ...moment, at: timeText(moment.at) }));
        return { data, next_cursor: null, has_more: false };
      },
    );
  };
