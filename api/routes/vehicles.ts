import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { createVehicle, listVehicles, removeVehicle, updateVehicle } from "#store/vehicles.ts";
import { chosenFleet } from "../chosen-fleet.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, INT4_MAX, parseCursor } from "../cursor.ts";
import { once } from "../idempotency.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { Problem } from "../problems.ts";
import { Nullable, Page, PageQuery, pageOf, Ref } from "../schemas.ts";
import { VEHICLE_KINDS, VehicleSchema, vehicleJson } from "../vehicle-json.ts";
import { VehicleParams, visibleVehicle } from "../visible-vehicle.ts";

/** The fleet that exists from the start. */
const DEFAULT_FLEET_ID = 1;
const TEXT_CHARACTERS_MAX = 200;

const Text = Type.String({ minLength: 1, maxLength: TEXT_CHARACTERS_MAX, pattern: "^[^\\u0000-\\u001f\\u007f]+$" });
const Kind = Type.Enum([...VEHICLE_KINDS]);

const NewVehicle = Type.Object(
  {
    kind: Kind,
    externalId: Type.Optional(Nullable(Text)),
    name: Type.Optional(Nullable(Text)),
    fleetId: Type.Optional(Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) })),
  },
  { additionalProperties: false },
);

const VehicleChange = Type.Object(
  {
    kind: Type.Optional(Kind),
    externalId: Type.Optional(Nullable(Text)),
    name: Type.Optional(Nullable(Text)),
  },
  { additionalProperties: false, minProperties: 1 },
);

/** `/v1/vehicles…`. */
export const vehicleRoutes =
  ({ database }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/vehicles",
      {
        config: { scope: "vehicles:read" },
        schema: {
          tags: ["vehicles"],
          summary: "The vehicles of the fleet",
          querystring: Type.Interface([PageQuery], { externalId: Type.Optional(Text) }),
          response: { 200: Page(VehicleSchema) },
        },
      },
      async ({ principal: { fleetId }, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("vehicles", query.after, [INT4_MAX]);
        const page = { fleetId, afterVehicleId: Number(after), limit: limit + 1, externalId: query.externalId ?? null };
        const rows = await listVehicles(database, page);
        return pageOf(rows, limit, vehicleJson, (last) => formatCursor("vehicles", last.vehicleId));
      },
    );

    app.post(
      "/vehicles",
      {
        config: { scope: "vehicles:write", idempotent: true },
        schema: {
          tags: ["vehicles"],
          summary: "Add a vehicle",
          body: NewVehicle,
          response: { 201: Ref(VehicleSchema) },
        },
      },
      async (request, reply) => {
        const { principal, body } = request;
        const fleetId = chosenFleet(principal, body.fleetId) ?? DEFAULT_FLEET_ID;
        return once(database, request, reply, async (inside) => {
          const result = await createVehicle(inside, { ...body, fleetId });
          if (result.kind === "taken") throw new Problem("external_id_taken");
          reply.code(201).header("location", `/v1/vehicles/${result.vehicle.vehicleId}`);
          return vehicleJson(result.vehicle);
        });
      },
    );

    app.get(
      "/vehicles/:id",
      {
        config: { scope: "vehicles:read" },
        schema: {
          tags: ["vehicles"],
          summary: "A vehicle and the devices in it",
          params: VehicleParams,
          response: { 200: Ref(VehicleSchema) },
        },
      },
      async (request) => vehicleJson(await visibleVehicle(database, request, request.params.id)),
    );

    app.patch(
      "/vehicles/:id",
      {
        config: { scope: "vehicles:write" },
        schema: {
          tags: ["vehicles"],
          summary: "Change what is known of a vehicle",
          params: VehicleParams,
          body: VehicleChange,
          response: { 200: Ref(VehicleSchema) },
        },
      },
      async ({ principal, params, body }) => {
        const result = await updateVehicle(database, principal.fleetId, params.id, body);
        if (result === undefined) throw new Problem("not_found");
        if (result.kind === "taken") throw new Problem("external_id_taken");
        return vehicleJson(result.vehicle);
      },
    );

    app.delete(
      "/vehicles/:id",
      {
        config: { scope: "vehicles:write" },
        schema: {
          tags: ["vehicles"],
          summary: "Remove a vehicle",
          description: "Its devices and what they reported stay.",
          params: VehicleParams,
          response: { 204: Type.Null({ description: "Removed" }) },
        },
      },
      async ({ principal, params }, reply) => {
        if (!(await removeVehicle(database, principal.fleetId, params.id))) throw new Problem("not_found");
        return reply.code(204).send(null);
      },
    );
  };
