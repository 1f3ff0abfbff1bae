import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import {
  findQuarantined,
  listQuarantine,
  readQuarantinedBytes,
  requestQuarantineRetry,
} from "#store/quarantine-reads.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, INT8_MAX, parseCursor } from "../cursor.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { Problem } from "../problems.ts";
import { Quarantined, quarantinedJson } from "../quarantine-json.ts";
import { Page, PageQuery, pageOf, Ref } from "../schemas.ts";

const QuarantineParams = Type.Object({ id: Type.String({ pattern: "^[0-9]{1,18}$" }) });

const QuarantineQuery = Type.Interface([PageQuery], {
  deviceUid: Type.Optional(Type.String()),
  reason: Type.Optional(Type.String()),
  open: Type.Optional(Type.Boolean({ description: "True: only what is not resolved yet" })),
});

/** Frames that were refused or not understood: `/v1/quarantine…`. */
export const quarantineRoutes =
  ({ database }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/quarantine",
      {
        config: { scope: "quarantine:read" },
        schema: {
          tags: ["quarantine"],
          summary: "Frames refused or not understood, newest first",
          querystring: QuarantineQuery,
          response: { 200: Page(Quarantined) },
        },
      },
      async ({ principal, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [beforeId = null] = query.after === undefined ? [] : parseCursor("quarantine", query.after, [INT8_MAX]);
        const filter = { deviceUid: query.deviceUid ?? null, reason: query.reason ?? null, open: query.open ?? null };
        const rows = await listQuarantine(database, principal.fleetId, filter, { beforeId, limit: limit + 1 });
        return pageOf(rows, limit, quarantinedJson, (last) => formatCursor("quarantine", last.quarantineId));
      },
    );

    app.get(
      "/quarantine/:id",
      {
        config: { scope: "quarantine:read" },
        schema: {
          tags: ["quarantine"],
          summary: "A quarantined frame",
          params: QuarantineParams,
          response: { 200: Ref(Quarantined) },
        },
      },
      async ({ principal, params }) => {
        const frame = await findQuarantined(database, principal.fleetId, params.id);
        if (frame === undefined) throw new Problem("not_found");
        return quarantinedJson(frame);
      },
    );

    app.get(
      "/quarantine/:id/bytes",
      {
        config: { scope: "quarantine:read" },
        schema: {
          tags: ["quarantine"],
          summary: "The bytes of a quarantined frame, as they came",
          params: QuarantineParams,
          response: {
            200: {
              description: "Bytes",
              content: { "application/octet-stream": { schema: Type.String({ format: "binary" }) } },
            },
          },
        },
      },
      async ({ principal, params }, reply) => {
        const bytes = await readQuarantinedBytes(database, principal.fleetId, params.id);
        if (bytes === undefined) throw new Problem("not_found");
        reply.type("application/octet-stream").header("content-disposition", `attachment; filename="${params.id}.bin"`);
        return reply.send(bytes as never);
      },
    );

    app.post(
      "/quarantine/:id/retry",
      {
        config: { scope: "quarantine:write" },
        schema: {
          tags: ["quarantine"],
          summary: "Decode a kept frame again",
          params: QuarantineParams,
          response: { 202: Ref(Quarantined) },
        },
      },
      async ({ principal, params }, reply) => {
        const asked = await requestQuarantineRetry(database, principal.fleetId, params.id);
        const frame = await findQuarantined(database, principal.fleetId, params.id);
        if (frame === undefined) throw new Problem("not_found");
        if (!asked) throw new Problem("not_retryable", { detail: whyNotRetryable(frame.source) });
        return reply.code(202).send(quarantinedJson(frame));
      },
    );
  };

function whyNotRetryable(source: string): string {
  return source === "gateway"
    ? "The frame was refused and not acknowledged: the device sends it again by itself."
    : "The frame has been resolved already.";
}
