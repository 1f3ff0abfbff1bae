import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyReply } from "fastify";
import { type Static, Type } from "typebox";
import { findNamed } from "#store/named-things.ts";
import { ROUTE_STOPS_MAX } from "#store/plan-draft.ts";
import {
  cancelRoute,
  createRoute,
  findRoute,
  listRoutes,
  putRoute,
  type RouteResult,
  updateRoute,
} from "#store/routes.ts";
import { chosenFleet } from "../chosen-fleet.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, ID_MAX, INT4_MAX, parseCursor } from "../cursor.ts";
import { once } from "../idempotency.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { expectedVersion, planProblem } from "../plan-problems.ts";
import { Problem } from "../problems.ts";
import { checkShift, RouteFields, routeChange, routeContent } from "../route-input.ts";
import { RouteSchema, RouteSummarySchema, routeJson, routeSummaryJson } from "../route-json.ts";
import { Nullable, Page, PageQuery, pageOf, Ref } from "../schemas.ts";
import { ExternalId, Name, StopFields, StopInput, stopContents } from "../stop-input.ts";

/** The fleet that exists from the start. */
const DEFAULT_FLEET_ID = 1;

export const PlanIdParams = Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) });
const ExternalIdParams = Type.Object({ externalId: ExternalId });
export const IfMatch = Type.Object({
  "if-match": Type.Optional(Type.String({ description: 'The version that is to be changed, as in "3"' })),
});

const FleetId = Type.Optional(Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) }));
const Stops = Type.Array(StopInput, { maxItems: ROUTE_STOPS_MAX, description: "In driving order" });
/** Upserts find their stops by external id: all have one. */
const NamedStop = Type.Object({ externalId: ExternalId, ...StopFields }, { additionalProperties: false });

const NewRoute = Type.Object(
  {
    externalId: Type.Optional(Nullable(ExternalId)),
    ...RouteFields,
    stops: Type.Optional(Stops),
    fleetId: FleetId,
  },
  { additionalProperties: false },
);
const WholeRoute = Type.Object(
  {
    ...RouteFields,
    stops: Type.Optional(Type.Array(NamedStop, { maxItems: ROUTE_STOPS_MAX, description: "In driving order" })),
    fleetId: FleetId,
  },
  { additionalProperties: false },
);
const RouteChange = Type.Object(
  { externalId: Type.Optional(Nullable(ExternalId)), ...RouteFields },
  { additionalProperties: false, minProperties: 1 },
);

/** `/v1/routes…`, but for the stops of one. */
export const routeRoutes =
  ({ database, geocode }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const read = { config: { scope: "routes:read" } } as const;
    const write = { config: { scope: "routes:write" } } as const;
    const tags = ["routes"];

    app.get(
      "/routes",
      {
        ...read,
        schema: {
          ...{ tags, summary: "The routes of the fleet, without their stops" },
          querystring: Type.Interface([PageQuery], {
            externalId: Type.Optional(Name),
            vehicle: Type.Optional(Name),
            status: Type.Optional(Type.Enum(["planned", "cancelled"])),
          }),
          response: { 200: Page(RouteSummarySchema) },
        },
      },
      async ({ principal: { fleetId }, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("routes", query.after, [ID_MAX]);
        const vehicleId =
          query.vehicle === undefined ? null : ((await findNamed(database, "vehicle", fleetId, query.vehicle)) ?? 0);
        const filter = { externalId: query.externalId ?? null, vehicleId, status: query.status ?? null };
        const rows = await listRoutes(database, { ...filter, fleetId, afterRouteId: Number(after), limit: limit + 1 });
        return pageOf(rows, limit, routeSummaryJson, (last) => formatCursor("routes", last.routeId));
      },
    );

    app.post(
      "/routes",
      {
        config: { ...write.config, idempotent: true },
        schema: {
          ...{ tags, summary: "Plan a route", body: NewRoute, response: { 201: Ref(RouteSchema) } },
          description: "A stop whose external id waits without a route is taken along, with what is said of it here.",
        },
      },
      async (request, reply) => {
        const { principal, body } = request;
        const fleetId = chosenFleet(principal, body.fleetId) ?? DEFAULT_FLEET_ID;
        const stops = await stopContents(body.stops ?? [], geocode, pointerOfStop);
        return once(database, request, reply, async (inside) => {
          const content = await routeContent(inside, fleetId, body);
          return answer(await createRoute(inside, fleetId, content, stops), reply);
        });
      },
    );

    app.put(
      "/routes/external/:externalId",
      {
        ...write,
        schema: {
          ...{
            tags,
            summary: "Plan a route, or make it what is said here",
            params: ExternalIdParams,
            body: WholeRoute,
          },
          description: `The same again changes nothing. Where \`stops\` are given the route has these, in this order, and
others wait for a route again. A cancelled route is planned again.`,
          headers: IfMatch,
          response: { 200: Ref(RouteSchema), 201: Ref(RouteSchema) },
        },
      },
      async ({ principal, params: { externalId }, body, headers }, reply) => {
        const fleetId = chosenFleet(principal, body.fleetId) ?? DEFAULT_FLEET_ID;
        const content = { ...(await routeContent(database, fleetId, body)), externalId };
        const stops = body.stops && (await stopContents(body.stops, geocode, pointerOfStop));
        const expected = { expectedVersion: expectedVersion(headers["if-match"]) };
        return answer(await putRoute(database, fleetId, content, stops, expected), reply);
      },
    );

    app.get(
      "/routes/:id",
      {
        ...read,
        schema: { tags, summary: "A route with its stops", params: PlanIdParams, response: { 200: Ref(RouteSchema) } },
      },
      async ({ principal, params }, reply) => {
        const route = await findRoute(database, principal.fleetId, params.id);
        if (route === undefined) throw new Problem("not_found");
        reply.header("etag", `"${route.version}"`);
        return routeJson(route);
      },
    );

    app.patch(
      "/routes/:id",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Change a route, or assign it", params: PlanIdParams, headers: IfMatch },
          ...{ body: RouteChange, response: { 200: Ref(RouteSchema) } },
        },
      },
      async ({ principal, params, body, headers }, reply) => {
        const route = await findRoute(database, principal.fleetId, params.id);
        if (route === undefined) throw new Problem("not_found");
        const change = await routeChange(database, route.fleetId, body);
        checkShift({ ...route, ...change });
        const expected = { expectedVersion: expectedVersion(headers["if-match"]) };
        return answer(await updateRoute(database, route.fleetId, params.id, change, expected), reply);
      },
    );

    app.delete(
      "/routes/:id",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Cancel a route", params: PlanIdParams, headers: IfMatch },
          description: "It is kept with its stops; nobody is to come any more.",
          response: { 200: Ref(RouteSchema) },
        },
      },
      async ({ principal, params, headers }, reply) => {
        const expected = { expectedVersion: expectedVersion(headers["if-match"]) };
        return answer(await cancelRoute(database, principal.fleetId, params.id, expected), reply);
      },
    );
  };

const pointerOfStop = (index: number) => `/stops/${index}`;

/** The route as it is now; 201 with its place where it is new. */
export function answer(result: RouteResult, reply: FastifyReply): Static<typeof RouteSchema> {
  if (result.kind !== "done") throw planProblem(result);
  const { route, created } = result;
  reply.header("etag", `"${route.version}"`);
  if (created) reply.code(201).header("location", `/v1/routes/${route.routeId}`);
  return routeJson(route);
}
