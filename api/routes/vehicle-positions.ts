import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { findVehiclePosition, listVehiclePositions } from "#store/vehicle-positions.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, INT4_MAX, parseCursor } from "../cursor.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { Problem } from "../problems.ts";
import { Page, PageQuery, pageOf, Ref } from "../schemas.ts";
import { VehiclePositionSchema, vehiclePositionJson } from "../vehicle-json.ts";
import { VehicleParams, visibleVehicle } from "../visible-vehicle.ts";

/** Where vehicles are, by whichever of their devices is live. */
export const vehiclePositionRoutes =
  ({ database, now, freshness }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/vehicles/positions",
      {
        config: { scope: "fixes:read" },
        schema: {
          tags: ["vehicles"],
          summary: "The latest position of every vehicle",
          querystring: PageQuery,
          response: { 200: Page(VehiclePositionSchema) },
        },
      },
      async ({ principal, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("vehicle-positions", query.after, [INT4_MAX]);
        const page = { afterVehicleId: Number(after), limit: limit + 1 };
        const rows = await listVehiclePositions(database, principal.fleetId, page);
        const nowMs = now();
        return pageOf(
          rows,
          limit,
          (row) => vehiclePositionJson(row, nowMs, freshness),
          (last) => formatCursor("vehicle-positions", last.vehicleId),
        );
      },
    );

    app.get(
      "/vehicles/:id/position",
      {
        config: { scope: "fixes:read" },
        schema: {
          tags: ["vehicles"],
          summary: "The latest position of a vehicle",
          description:
            "A fix of the device that speaks for it; it never goes back in time while the devices stay the same.",
          params: VehicleParams,
          response: { 200: Ref(VehiclePositionSchema) },
        },
      },
      async (request) => {
        const { vehicleId } = await visibleVehicle(database, request, request.params.id);
        const position = await findVehiclePosition(database, request.principal.fleetId, vehicleId);
        if (position === undefined) throw new Problem("no_position");
        return vehiclePositionJson(position, now(), freshness);
      },
    );
  };
