import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import {
  changeEndpoint,
  createEndpoint,
  enableEndpoint,
  findEndpoint,
  listEndpoints,
  pauseEndpoint,
  removeEndpoint,
  rotateSecret,
} from "#store/webhooks.ts";
import { chosenFleet } from "../chosen-fleet.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, INT4_MAX, parseCursor } from "../cursor.ts";
import { once } from "../idempotency.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { Problem } from "../problems.ts";
import { Nullable, Page, PageQuery, pageOf, Ref } from "../schemas.ts";
import { EventNames, WebhookSchema, WebhookWithSecret, webhookJson } from "../webhook-json.ts";
import { newSecret } from "../webhooks/signature.ts";
import { judgeUrl, URL_CHARACTERS_MAX } from "../webhooks/url-rules.ts";

/** The fleet that exists from the start. */
const DEFAULT_FLEET_ID = 1;
const DESCRIPTION_CHARACTERS_MAX = 200;
/** How long both secrets sign after a rotation, unless told. */
const ROTATION_S_DEFAULT = 86_400;
const ROTATION_S_MAX = 604_800;

const Url = Type.String({
  maxLength: URL_CHARACTERS_MAX,
  description: "https; its host must have public addresses only",
});
const Description = Nullable(Type.String({ maxLength: DESCRIPTION_CHARACTERS_MAX }));
const Events = Nullable(EventNames);

const NewWebhook = Type.Object(
  {
    url: Url,
    events: Type.Optional(Events),
    description: Type.Optional(Description),
    fleetId: Type.Optional(Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) })),
  },
  { additionalProperties: false },
);
const Change = Type.Object(
  {
    url: Type.Optional(Url),
    events: Type.Optional(Events),
    description: Type.Optional(Description),
    enabled: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false, minProperties: 1 },
);
const Rotation = Type.Object(
  {
    overlapSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: ROTATION_S_MAX,
        description: `Both sign so long; ${ROTATION_S_DEFAULT} unless told`,
      }),
    ),
  },
  { additionalProperties: false },
);

export const WebhookParams = Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) }) });

const SIGNED = `Events are posted as JSON, signed by Standard Webhooks (webhook-id, webhook-timestamp, webhook-signature). Any
2xx within 15 s takes one; anything else is tried again for three days. The events of one stop (else device) come in order.`;

/** `/v1/webhooks`. */
export const webhookRoutes =
  ({ database, now, webhookRules = { allowLoopback: false } }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const read = { config: { scope: "webhooks:read" } } as const;
    const write = { config: { scope: "webhooks:write" } } as const;
    const tags = ["webhooks"];
    const answersWebhook = { 200: Ref(WebhookSchema) };

    const fitUrl = (url: string): string => {
      const verdict = judgeUrl(url, webhookRules);
      if (verdict.kind === "fit") return verdict.url.href;
      throw new Problem("webhook_unfit", { detail: `The URL ${verdict.reason}.` });
    };

    app.get(
      "/webhooks",
      {
        ...read,
        schema: {
          tags,
          summary: "The webhooks of the fleet",
          querystring: PageQuery,
          response: { 200: Page(WebhookSchema) },
        },
      },
      async ({ principal: { fleetId }, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("webhooks", query.after, [INT4_MAX]);
        const rows = await listEndpoints(database, { fleetId, after: Number(after), limit: limit + 1 });
        return pageOf(rows, limit, webhookJson, (last) => formatCursor("webhooks", last.endpointId));
      },
    );

    app.post(
      "/webhooks",
      {
        config: { ...write.config, idempotent: true },
        schema: {
          ...{
            tags,
            summary: "Make a webhook; its secret is answered this once",
            description: SIGNED,
            body: NewWebhook,
          },
          response: { 201: Ref(WebhookWithSecret) },
        },
      },
      async (request, reply) => {
        const { principal, body } = request;
        const fleetId = chosenFleet(principal, body.fleetId) ?? DEFAULT_FLEET_ID;
        const { description = null, events = null } = body;
        const endpoint = { url: fitUrl(body.url), description, events, secret: newSecret() };
        return once(database, request, reply, async (inside) => {
          const made = await createEndpoint(inside, fleetId, endpoint);
          if (made.kind === "full") throw new Problem("webhooks_full");
          reply.code(201).header("location", `/v1/webhooks/${made.endpoint.endpointId}`);
          return { ...webhookJson(made.endpoint), secret: endpoint.secret };
        });
      },
    );

    app.get(
      "/webhooks/:id",
      { ...read, schema: { tags, summary: "A webhook", params: WebhookParams, response: answersWebhook } },
      async ({ principal, params }) => found(await findEndpoint(database, principal.fleetId, params.id)),
    );

    app.patch(
      "/webhooks/:id",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Change a webhook", params: WebhookParams, body: Change, response: answersWebhook },
          description: "Disabling one gives up what waits for it. Its events can be asked for again by their time.",
        },
      },
      async ({ principal: { fleetId }, params: { id }, body: { url, enabled, ...rest } }) => {
        const change = { ...rest, ...(url === undefined ? {} : { url: fitUrl(url) }) };
        const changed = await changeEndpoint(database, fleetId, id, change);
        if (enabled === undefined || changed === undefined) return found(changed);
        if (enabled) return found(await enableEndpoint(database, fleetId, id));
        return found(await pauseEndpoint(database, fleetId, id, now()));
      },
    );

    app.delete(
      "/webhooks/:id",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Take a webhook away, with its log", params: WebhookParams },
          response: { 204: Type.Null({ description: "Taken away" }) },
        },
      },
      async ({ principal, params }, reply) => {
        if (!(await removeEndpoint(database, principal.fleetId, params.id))) throw new Problem("not_found");
        return reply.code(204).send(null);
      },
    );

    app.post(
      "/webhooks/:id/enable",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Enable a webhook again", params: WebhookParams, response: answersWebhook },
          description: "Events of the time when it was disabled come when they are asked for: `resend` with that time.",
        },
      },
      async ({ principal, params }) => found(await enableEndpoint(database, principal.fleetId, params.id)),
    );

    app.post(
      "/webhooks/:id/rotate-secret",
      {
        ...write,
        schema: {
          ...{
            tags,
            summary: "Give a webhook a new secret, answered this once",
            params: WebhookParams,
            body: Rotation,
          },
          description: "The secret before signs too for a while: each message has both signatures.",
          response: { 200: Ref(WebhookWithSecret) },
        },
      },
      async ({ principal, params, body }) => {
        const secret = newSecret();
        const previousUntil = new Date(now() + (body.overlapSeconds ?? ROTATION_S_DEFAULT) * 1000);
        const endpoint = await rotateSecret(database, principal.fleetId, params.id, { secret, previousUntil });
        return { ...found(endpoint), secret };
      },
    );
  };

function found(endpoint: Parameters<typeof webhookJson>[0] | undefined) {
  if (endpoint === undefined) throw new Problem("not_found");
  return webhookJson(endpoint);
}
