import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Static, Type } from "typebox";
import {
  createDriver,
  type DriverResult,
  findDriver,
  listDrivers,
  removeDriver,
  updateDriver,
} from "#store/drivers.ts";
import { chosenFleet } from "../chosen-fleet.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, INT4_MAX, parseCursor } from "../cursor.ts";
import { DriverSchema, driverJson } from "../driver-json.ts";
import { once } from "../idempotency.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { Problem } from "../problems.ts";
import { Nullable, Page, PageQuery, pageOf, Ref } from "../schemas.ts";
import { ExternalId, Name } from "../stop-input.ts";

/** The fleet that exists from the start. */
const DEFAULT_FLEET_ID = 1;

const Fields = {
  externalId: Type.Optional(Nullable(ExternalId)),
  familyName: Type.Optional(Nullable(Name)),
  phone: Type.Optional(Nullable(Type.String({ minLength: 3, maxLength: 40 }))),
  email: Type.Optional(Nullable(Type.String({ format: "email", maxLength: 254 }))),
};
const NewDriver = Type.Object(
  {
    givenName: Name,
    ...Fields,
    fleetId: Type.Optional(Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) })),
  },
  { additionalProperties: false },
);
const DriverChange = Type.Object(
  { givenName: Type.Optional(Name), ...Fields },
  { additionalProperties: false, minProperties: 1 },
);
const IdParams = Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) }) });

/** `/v1/drivers…`. */
export const driverRoutes =
  ({ database }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const read = { config: { scope: "drivers:read" } } as const;
    const write = { config: { scope: "drivers:write" } } as const;
    const tags = ["drivers"];

    app.get(
      "/drivers",
      {
        ...read,
        schema: {
          ...{ tags, summary: "The drivers of the fleet" },
          querystring: Type.Interface([PageQuery], { externalId: Type.Optional(Name) }),
          response: { 200: Page(DriverSchema) },
        },
      },
      async ({ principal: { fleetId }, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("drivers", query.after, [INT4_MAX]);
        const page = { fleetId, afterDriverId: Number(after), limit: limit + 1, externalId: query.externalId ?? null };
        const rows = await listDrivers(database, page);
        return pageOf(rows, limit, driverJson, (last) => formatCursor("drivers", last.driverId));
      },
    );

    app.post(
      "/drivers",
      {
        config: { ...write.config, idempotent: true },
        schema: { tags, summary: "Add a driver", body: NewDriver, response: { 201: Ref(DriverSchema) } },
      },
      async (request, reply) => {
        const { fleetId: asked, ...body } = request.body;
        const fleetId = chosenFleet(request.principal, asked) ?? DEFAULT_FLEET_ID;
        const content = { externalId: null, familyName: null, phone: null, email: null, ...body };
        return once(database, request, reply, async (inside) => {
          const driver = answer(await createDriver(inside, fleetId, content));
          reply.code(201).header("location", `/v1/drivers/${driver.id}`);
          return driver;
        });
      },
    );

    app.get(
      "/drivers/:id",
      { ...read, schema: { tags, summary: "A driver", params: IdParams, response: { 200: Ref(DriverSchema) } } },
      async ({ principal, params }) => {
        const driver = await findDriver(database, principal.fleetId, params.id);
        if (driver === undefined) throw new Problem("not_found");
        return driverJson(driver);
      },
    );

    app.patch(
      "/drivers/:id",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Change what is known of a driver", params: IdParams, body: DriverChange },
          response: { 200: Ref(DriverSchema) },
        },
      },
      async ({ principal, params, body }) => answer(await updateDriver(database, principal.fleetId, params.id, body)),
    );

    app.delete(
      "/drivers/:id",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Remove a driver", description: "Routes stay, without a driver.", params: IdParams },
          response: { 204: Type.Null({ description: "Removed" }) },
        },
      },
      async ({ principal, params }, reply) => {
        if (!(await removeDriver(database, principal.fleetId, params.id))) throw new Problem("not_found");
        return reply.code(204).send(null);
      },
    );
  };

function answer(result: DriverResult): Static<typeof DriverSchema> {
  switch (result.kind) {
    case "missing":
      throw new Problem("not_found");
    case "taken":
      throw new Problem("external_id_taken");
    case "done":
      return driverJson(result.driver);
  }
}
