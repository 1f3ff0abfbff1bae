import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import {
  DELIVERY_STATUSES,
  findDelivery,
  listDeliveries,
  RESENT_EVENTS_MAX,
  resendDelivery,
  resendRange,
} from "#store/webhook-log.ts";
import { findEndpoint, type WebhookEndpoint } from "#store/webhooks.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, INT4_MAX, INT8_MAX, parseCursor } from "../cursor.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { Problem } from "../problems.ts";
import { Page, PageQuery, pageOf, parseTimeMs, Ref, Time } from "../schemas.ts";
import { DeliverySchema, DeliveryWithLog, deliveryJson, deliveryLogJson } from "../webhook-json.ts";
import { WebhookParams } from "./webhooks.ts";

const DeliveryParams = Type.Object({
  id: Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) }),
  deliveryId: Type.String({ pattern: "^[1-9]\\d{0,17}$" }),
});

const ListQuery = Type.Object({
  ...PageQuery.properties,
  status: Type.Optional(Type.Enum([...DELIVERY_STATUSES])),
  failed: Type.Optional(Type.Boolean({ description: "Only those that failed last, or were given up" })),
});

const Range = Type.Object(
  {
    from: Time,
    to: Time,
    include: Type.Optional(
      Type.Enum(["failed", "all"], {
        description: "failed (unless told): given up, or never queued; all: delivered ones too",
      }),
    ),
  },
  { additionalProperties: false },
);

const Resent = Type.Object({
  queued: Type.Integer(),
  has_more: Type.Boolean({
    description: `True when there are more than the ${RESENT_EVENTS_MAX} that one call queues`,
  }),
});

/** `/v1/webhooks/{id}/deliveries…` and what is asked for again. */
export const webhookDeliveryRoutes =
  ({ database, now }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const read = { config: { scope: "webhooks:read" } } as const;
    const write = { config: { scope: "webhooks:write" } } as const;
    const tags = ["webhooks"];

    const visible = async (request: FastifyRequest, id: number): Promise<WebhookEndpoint> => {
      const endpoint = await findEndpoint(database, request.principal.fleetId, id);
      if (endpoint === undefined) throw new Problem("not_found");
      return endpoint;
    };
    const enabled = async (request: FastifyRequest, id: number): Promise<WebhookEndpoint> => {
      const endpoint = await visible(request, id);
      if (endpoint.disabledAt !== null) throw new Problem("webhook_disabled");
      return endpoint;
    };

    app.get(
      "/webhooks/:id/deliveries",
      {
        ...read,
        schema: {
          ...{ tags, summary: "What was delivered and what was not, the newest first", params: WebhookParams },
          ...{ querystring: ListQuery, response: { 200: Page(DeliverySchema) } },
        },
      },
      async (request) => {
        const { endpointId } = await visible(request, request.params.id);
        const { limit = PAGE_ROWS_DEFAULT, after, status, failed = false } = request.query;
        const before = after === undefined ? null : parseCursor("deliveries", after, [INT8_MAX])[0]!;
        const statuses = status === undefined ? DELIVERY_STATUSES : [status];
        const page = { statuses, isFailedOnly: failed, before, limit: limit + 1 };
        const rows = await listDeliveries(database, endpointId, page);
        return pageOf(rows, limit, deliveryJson, (last) => formatCursor("deliveries", last.deliveryId));
      },
    );

    app.get(
      "/webhooks/:id/deliveries/:deliveryId",
      {
        ...read,
        schema: {
          ...{ tags, summary: "A delivery with every attempt", params: DeliveryParams },
          response: { 200: Ref(DeliveryWithLog) },
        },
      },
      async (request) => {
        const { endpointId } = await visible(request, request.params.id);
        const delivery = await findDelivery(database, endpointId, request.params.deliveryId);
        if (delivery === undefined) throw new Problem("not_found");
        return deliveryLogJson(delivery);
      },
    );

    app.post(
      "/webhooks/:id/deliveries/:deliveryId/resend",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Deliver once more", params: DeliveryParams, response: { 202: Ref(DeliveryWithLog) } },
          description: "From the beginning of the schedule; what waits for its next attempt has it now.",
        },
      },
      async (request, reply) => {
        const { endpointId } = await enabled(request, request.params.id);
        const { deliveryId } = request.params;
        if (!(await resendDelivery(database, endpointId, deliveryId, now()))) throw new Problem("not_found");
        const delivery = await findDelivery(database, endpointId, deliveryId);
        if (delivery === undefined) throw new Problem("not_found");
        return reply.code(202).send(deliveryLogJson(delivery));
      },
    );

    app.post(
      "/webhooks/:id/resend",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Deliver the events of a time once more", params: WebhookParams, body: Range },
          description:
            "Events detected from `from` on and before `to`, the oldest first; also those of when it was disabled.",
          response: { 202: Resent },
        },
      },
      async (request, reply) => {
        const { endpointId } = await enabled(request, request.params.id);
        const { from, to, include = "failed" } = request.body;
        const range = { fromMs: parseTimeMs(from, "body", "/from"), toMs: parseTimeMs(to, "body", "/to") };
        const { queued, hasMore } = await resendRange(database, endpointId, { ...range, isAll: include === "all" });
        return reply.code(202).send({ queued, has_more: hasMore });
      },
    );
  };
