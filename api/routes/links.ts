import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { createLink, listLinks, revokeLink } from "#store/tracking-links.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, ID_MAX, parseCursor } from "../cursor.ts";
import { once } from "../idempotency.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { CreatedLink, LinkSchema, linkJson } from "../link-json.ts";
import { Problem } from "../problems.ts";
import { Page, PageQuery, pageOf, parseTimeMs, Ref, Time } from "../schemas.ts";
import { LINK_DAYS_MAX, linkEndMs, OPEN_AFTER_COMPLETION_H } from "../tracking/link-window.ts";
import { VisibilitySchema } from "../tracking/visibility-json.ts";

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const StopParams = Type.Object({ id: Id });
const LinkParams = Type.Object({ id: Id, linkId: Id });

const NewLink = Type.Object(
  {
    expiresAt: Type.Optional(Time),
    notBefore: Type.Optional(Time),
    visibility: Type.Optional(VisibilitySchema),
  },
  { additionalProperties: false },
);

const MEANING = `Whoever has the URL follows this stop without a key. The token is answered this once. A link closes
${OPEN_AFTER_COMPLETION_H} h after its stop is over and ${LINK_DAYS_MAX} days after it opens at the latest; a later
\`expiresAt\` is brought forward.`;

/** `/v1/stops/{id}/links`. */
export const linkRoutes =
  ({ database, now, publicUrl }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const tags = ["links"];

    app.post(
      "/stops/:id/links",
      {
        config: { scope: "links:write", idempotent: true },
        schema: {
          ...{ tags, summary: "Make a tracking link to a stop", description: MEANING, params: StopParams },
          body: NewLink,
          response: { 201: Ref(CreatedLink) },
        },
      },
      async (request, reply) => {
        const { params, principal } = request;
        const body = request.body;
        const nowMs = now();
        const notBeforeMs = body.notBefore === undefined ? null : parseTimeMs(body.notBefore, "body", "/notBefore");
        const askedMs = body.expiresAt === undefined ? null : parseTimeMs(body.expiresAt, "body", "/expiresAt");
        const endMs = linkEndMs(nowMs, notBeforeMs, askedMs);
        if (endMs <= Math.max(nowMs, notBeforeMs ?? nowMs)) throw new Problem("link_never_open");
        return once(database, request, reply, async (inside) => {
          const result = await createLink(inside, principal.fleetId, {
            stopId: params.id,
            visibility: body.visibility ?? {},
            notBefore: notBeforeMs === null ? null : new Date(notBeforeMs),
            expiresAt: new Date(endMs),
          });
          switch (result.kind) {
            case "stopUnknown":
              throw new Problem("not_found");
            case "full":
              throw new Problem("links_full");
            case "made": {
              const { link, token } = result;
              reply.code(201).header("cache-control", "no-store");
              return { url: `${publicUrl ?? originOf(request)}/t/${token}`, token, ...linkJson(link) };
            }
          }
        });
      },
    );

    app.get(
      "/stops/:id/links",
      {
        config: { scope: "links:read" },
        schema: {
          ...{ tags, summary: "The tracking links of a stop", params: StopParams, querystring: PageQuery },
          response: { 200: Page(LinkSchema) },
        },
      },
      async ({ params, principal, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("links", query.after, [ID_MAX]);
        const page = { stopId: params.id, afterLinkId: Number(after), limit: limit + 1 };
        const rows = await listLinks(database, principal.fleetId, page);
        if (rows === undefined) throw new Problem("not_found");
        return pageOf(rows, limit, linkJson, (last) => formatCursor("links", last.linkId));
      },
    );

    app.delete(
      "/stops/:id/links/:linkId",
      {
        config: { scope: "links:write" },
        schema: {
          ...{ tags, summary: "Revoke a tracking link", params: LinkParams },
          description: "It answers as if it had never been, at once, and whoever watches is let go.",
          response: { 204: Type.Null({ description: "Revoked" }) },
        },
      },
      async ({ params, principal }, reply) => {
        const link = { stopId: params.id, linkId: params.linkId };
        if (!(await revokeLink(database, principal.fleetId, link))) throw new Problem("not_found");
        return reply.code(204).send(null);
      },
    );
  };

/** Where the request came to, when the configuration does not say under which name the service is known. */
function originOf(request: FastifyRequest): string {
  return `${request.protocol}://${request.host}`;
}
