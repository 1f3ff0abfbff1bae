import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyReply } from "fastify";
import { type Static, Type } from "typebox";
import type { Database } from "#store/database.ts";
import { findNamed } from "#store/named-things.ts";
import { cancelStop, createStop, findStop, listStops, putStop, type StopResult, updateStop } from "#store/stops.ts";
import { chosenFleet } from "../chosen-fleet.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, ID_MAX, INT4_MAX, parseCursor } from "../cursor.ts";
import { once } from "../idempotency.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { expectedVersion, planProblem } from "../plan-problems.ts";
import { Problem } from "../problems.ts";
import { Nullable, Page, PageQuery, pageOf, Ref } from "../schemas.ts";
import { checkTimes, ExternalId, Name, StopFields, stopChange, stopContents } from "../stop-input.ts";
import { StopSchema, stopJson } from "../stop-json.ts";
import { IfMatch, PlanIdParams } from "./routes.ts";

/** The fleet that exists from the start. */
const DEFAULT_FLEET_ID = 1;

const RouteName = Type.Optional(
  Nullable(Type.String({ ...Name, description: "External id or id of the route; null: waits for one" })),
);
const FleetId = Type.Optional(Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) }));
const Named = { externalId: Type.Optional(Nullable(ExternalId)) };

const NewStop = Type.Object(
  { ...Named, ...StopFields, route: RouteName, fleetId: FleetId },
  { additionalProperties: false },
);
const WholeStop = Type.Object({ ...StopFields, route: RouteName, fleetId: FleetId }, { additionalProperties: false });
const StopChange = Type.Object(
  { ...Named, ...StopFields, route: RouteName },
  { additionalProperties: false, minProperties: 1 },
);

/** `/v1/stops…`: stops and orders that no route serves yet. */
export const stopRoutes =
  ({ database, geocode }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const read = { config: { scope: "routes:read" } } as const;
    const write = { config: { scope: "routes:write" } } as const;
    const tags = ["stops"];

    app.get(
      "/stops",
      {
        ...read,
        schema: {
          ...{ tags, summary: "The stops of the fleet" },
          querystring: Type.Interface([PageQuery], {
            externalId: Type.Optional(Name),
            route: Type.Optional(Type.String({ ...Name, description: "External id or id of a route" })),
            unassigned: Type.Optional(Type.Boolean({ description: "Only those that no route serves" })),
          }),
          response: { 200: Page(StopSchema) },
        },
      },
      async ({ principal: { fleetId }, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("stops", query.after, [ID_MAX]);
        const routeId =
          query.route === undefined ? null : ((await findNamed(database, "route", fleetId, query.route)) ?? 0);
        const filter = { externalId: query.externalId ?? null, routeId, unassigned: query.unassigned ?? false };
        const rows = await listStops(database, { ...filter, fleetId, afterStopId: Number(after), limit: limit + 1 });
        return pageOf(rows, limit, stopJson, (last) => formatCursor("stops", last.stopId));
      },
    );

    app.post(
      "/stops",
      {
        config: { ...write.config, idempotent: true },
        schema: {
          ...{ tags, summary: "Add a stop", body: NewStop, response: { 201: Ref(StopSchema) } },
          description: "On the route that it names, at its end; or an order that waits for a route.",
        },
      },
      async (request, reply) => {
        const { route, fleetId: asked, ...input } = request.body;
        const fleetId = chosenFleet(request.principal, asked) ?? DEFAULT_FLEET_ID;
        const [content] = await stopContents([input], geocode, () => "");
        return once(database, request, reply, async (inside) => {
          const routeId = (await routeOf(inside, fleetId, route)) ?? null;
          return answer(await createStop(inside, fleetId, content!, routeId), reply, 201);
        });
      },
    );

    app.put(
      "/stops/external/:externalId",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Add a stop, or make it what is said here" },
          description: "The same again changes nothing. Without `route` it stays where it is.",
          params: Type.Object({ externalId: ExternalId }),
          ...{ headers: IfMatch, body: WholeStop, response: { 200: Ref(StopSchema), 201: Ref(StopSchema) } },
        },
      },
      async ({ principal, params: { externalId }, body, headers }, reply) => {
        const { route, fleetId: asked, ...input } = body;
        const fleetId = chosenFleet(principal, asked) ?? DEFAULT_FLEET_ID;
        const options = await optionsOf(database, fleetId, route, headers["if-match"]);
        const [content] = await stopContents([input], geocode, () => "");
        const result = await putStop(database, fleetId, { ...content!, externalId }, options);
        return answer(result, reply, result.kind === "done" && result.created ? 201 : 200);
      },
    );

    app.get(
      "/stops/:id",
      { ...read, schema: { tags, summary: "A stop", params: PlanIdParams, response: { 200: Ref(StopSchema) } } },
      async ({ principal, params }, reply) => {
        const stop = await findStop(database, principal.fleetId, params.id);
        if (stop === undefined) throw new Problem("not_found");
        reply.header("etag", `"${stop.version}"`);
        return stopJson(stop);
      },
    );

    app.patch(
      "/stops/:id",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Change a stop, or move it to another route", params: PlanIdParams, headers: IfMatch },
          ...{ body: StopChange, response: { 200: Ref(StopSchema) } },
        },
      },
      async ({ principal, params, body, headers }, reply) => {
        const { route, ...input } = body;
        const stop = await findStop(database, principal.fleetId, params.id);
        if (stop === undefined) throw new Problem("not_found");
        const options = await optionsOf(database, stop.fleetId, route, headers["if-match"]);
        const change = await stopChange(input, geocode);
        checkTimes({ ...stop, ...change });
        return answer(await updateStop(database, stop.fleetId, params.id, change, options), reply, 200);
      },
    );

    app.delete(
      "/stops/:id",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Cancel a stop", params: PlanIdParams, headers: IfMatch },
          description: "It is taken off its route and kept; nobody is to come any more.",
          response: { 200: Ref(StopSchema) },
        },
      },
      async ({ principal, params, headers }, reply) => {
        const version = expectedVersion(headers["if-match"]);
        return answer(await cancelStop(database, principal.fleetId, params.id, version), reply, 200);
      },
    );
  };

async function optionsOf(
  database: Database,
  fleetId: number,
  route: string | null | undefined,
  ifMatch: string | undefined,
): Promise<{ routeId?: number | null; expectedVersion: number | null }> {
  const routeId = await routeOf(database, fleetId, route);
  return { ...(routeId === undefined ? {} : { routeId }), expectedVersion: expectedVersion(ifMatch) };
}

/** The id of the route that is named; undefined where nothing is said of a route. */
async function routeOf(
  database: Database,
  fleetId: number,
  name: string | null | undefined,
): Promise<number | null | undefined> {
  if (name == null) return name;
  const routeId = await findNamed(database, "route", fleetId, name);
  if (routeId !== undefined) return routeId;
  throw new Problem("reference_unknown", {
    detail: "There is no such route.",
    extensions: { errors: [{ in: "body", pointer: "/route", detail: "is not known" }] },
  });
}

function answer(result: StopResult, reply: FastifyReply, status: 200 | 201): Static<typeof StopSchema> {
  if (result.kind !== "done") throw planProblem(result);
  const { stop } = result;
  reply.code(status).header("etag", `"${stop.version}"`);
  if (status === 201) reply.header("location", `/v1/stops/${stop.stopId}`);
  return stopJson(stop);
}
