import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { readDeviceFixes } from "#store/fixes.ts";
import { findPosition, listPositions } from "#store/positions.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, INT4_MAX, INT8_MAX, parseCursor, TIME_MS_MAX } from "../cursor.ts";
import { Fix, fixJson, Position, positionJson } from "../fix-json.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { Problem } from "../problems.ts";
import { Page, PageQuery, pageOf, parseTimeMs, Ref, Time, UidParams } from "../schemas.ts";
import { visibleDevice } from "../visible-device.ts";

/** Positions, and the fixes of one device. */
export const positionRoutes =
  ({ database, now, freshness }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/positions",
      {
        config: { scope: "fixes:read" },
        schema: {
          tags: ["positions"],
          summary: "The latest position of every device",
          querystring: PageQuery,
          response: { 200: Page(Position) },
        },
      },
      async ({ principal, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("positions", query.after, [INT4_MAX]);
        const page = { afterDeviceId: Number(after), limit: limit + 1 };
        const rows = await listPositions(database, principal.fleetId, page);
        const nowMs = now();
        return pageOf(
          rows,
          limit,
          (row) => positionJson(row, nowMs, freshness),
          (last) => formatCursor("positions", last.deviceId),
        );
      },
    );

    app.get(
      "/devices/:id/position",
      {
        config: { scope: "fixes:read" },
        schema: {
          tags: ["positions"],
          summary: "The latest position of a device",
          params: UidParams,
          response: { 200: Ref(Position) },
        },
      },
      async (request) => {
        const device = await visibleDevice(database, request, request.params.id);
        const position = await findPosition(database, request.principal.fleetId, device.deviceId);
        if (position === undefined) throw new Problem("no_position");
        return positionJson(position, now(), freshness);
      },
    );

    app.get(
      "/devices/:id/fixes",
      {
        config: { scope: "fixes:read" },
        schema: {
          tags: ["positions"],
          summary: "The fixes of a device in the order of time",
          params: UidParams,
          querystring: Type.Interface([PageQuery], {
            from: Type.Optional(Time),
            to: Type.Optional(Type.String({ format: "date-time", description: "Exclusive" })),
          }),
          response: { 200: Page(Fix) },
        },
      },
      async (request) => {
        const { query, params, principal } = request;
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const after = query.after === undefined ? null : parseCursor("fixes", query.after, [TIME_MS_MAX, INT8_MAX]);
        const range = {
          fromMs: query.from === undefined ? null : parseTimeMs(query.from, "querystring", "/from"),
          toMs: query.to === undefined ? null : parseTimeMs(query.to, "querystring", "/to"),
          after: after && { timeMs: Number(after[0]), fixId: after[1]! },
          limit: limit + 1,
        };
        const device = await visibleDevice(database, request, params.id);
        const rows = await readDeviceFixes(database, principal.fleetId, device.deviceId, range);
        return pageOf(rows, limit, fixJson, (last) => formatCursor("fixes", last.fixTime.getTime(), last.fixId));
      },
    );
  };
