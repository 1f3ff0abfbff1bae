import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { ROUTE_STOPS_MAX } from "#store/plan-draft.ts";
import { insertStop, reorderStops, takeStopOff } from "#store/routes.ts";
import type { RouteContext } from "../context.ts";
import { once } from "../idempotency.ts";
import { expectedVersion } from "../plan-problems.ts";
import { Problem } from "../problems.ts";
import { RouteSchema } from "../route-json.ts";
import { Nullable, Ref } from "../schemas.ts";
import { ExternalId, StopFields, stopContents } from "../stop-input.ts";
import { answer, IfMatch, PlanIdParams } from "./routes.ts";

const StopId = Type.String({ pattern: "^[1-9]\\d{0,15}$" });
const Position = Type.Integer({ minimum: 0, maximum: ROUTE_STOPS_MAX, description: "From 0; at the end unless told" });

const Insertion = Type.Object(
  {
    id: Type.Optional(Type.String({ ...StopId, description: "A stop that there is: it is moved from where it is" })),
    externalId: Type.Optional(Nullable(ExternalId)),
    ...StopFields,
    position: Type.Optional(Position),
  },
  { additionalProperties: false, minProperties: 1 },
);

const Order = Type.Object(
  { stops: Type.Array(StopId, { maxItems: ROUTE_STOPS_MAX, description: "Ids of all stops, in driving order" }) },
  { additionalProperties: false },
);

const StopOfRouteParams = Type.Object({
  ...PlanIdParams.properties,
  stopId: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
});

/** `/v1/routes/{id}/stops…`: stops put on a route, driven in another order and taken off, while it is driven too. */
export const routeStopRoutes =
  ({ database, geocode }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const write = { config: { scope: "routes:write" } } as const;
    const tags = ["routes"];
    const response = { 200: Ref(RouteSchema) };

    app.post(
      "/routes/:id/stops",
      {
        config: { ...write.config, idempotent: true },
        schema: {
          ...{ tags, summary: "Put a stop on the route", params: PlanIdParams, headers: IfMatch, body: Insertion },
          response,
        },
      },
      async (request, reply) => {
        const { principal, params, headers, body } = request;
        const { id, position, ...input } = body;
        const options = {
          expectedVersion: expectedVersion(headers["if-match"]),
          ...(position === undefined ? {} : { position }),
        };
        if (id !== undefined && Object.keys(input).length > 0) {
          throw new Problem("stop_unfit", { detail: "A stop that is named by its id is changed at /v1/stops/{id}." });
        }
        const given =
          id === undefined ? { content: (await stopContents([input], geocode, () => ""))[0]! } : { stopId: Number(id) };
        return once(database, request, reply, async (inside) =>
          answer(await insertStop(inside, principal.fleetId, params.id, given, options), reply),
        );
      },
    );

    app.put(
      "/routes/:id/stops/order",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Drive the stops in another order", params: PlanIdParams, headers: IfMatch, body: Order },
          response,
        },
      },
      async ({ principal, params, headers, body }, reply) => {
        const options = { expectedVersion: expectedVersion(headers["if-match"]), reason: "resequenced" } as const;
        return answer(
          await reorderStops(database, principal.fleetId, params.id, body.stops.map(Number), options),
          reply,
        );
      },
    );

    app.delete(
      "/routes/:id/stops/:stopId",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Take a stop off the route", params: StopOfRouteParams, headers: IfMatch, response },
          description: "It waits for another route; DELETE /v1/stops/{id} for nobody to come at all.",
        },
      },
      async ({ principal, params, headers }, reply) => {
        const expected = { expectedVersion: expectedVersion(headers["if-match"]) };
        return answer(await takeStopOff(database, principal.fleetId, params.id, params.stopId, expected), reply);
      },
    );
  };
