import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { createDriverLink, endOfNextDay, listDriverLinks, revokeDriverLink } from "#store/driver-links.ts";
import { listClaims } from "#store/stop-claims.ts";
import { findStop } from "#store/stops.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, ID_MAX, INT4_MAX, parseCursor } from "../cursor.ts";
import { ClaimSchema, claimJson } from "../driver/claim-json.ts";
import { CreatedDriverLink, DriverLinkSchema, driverLinkJson } from "../driver/link-json.ts";
import { once } from "../idempotency.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { Problem } from "../problems.ts";
import { Page, PageQuery, pageOf, parseTimeMs, Ref, Time } from "../schemas.ts";

const DAY_MS = 86_400_000;
const LINK_DAYS_MAX = 7;

const DriverParams = Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) }) });
const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const LinkParams = Type.Object({ ...DriverParams.properties, linkId: Id });

const NewLink = Type.Object({ expiresAt: Type.Optional(Time) }, { additionalProperties: false });

const MEANING = `Whoever has the URL works as this driver: sees the stops, reports positions, hands in proofs. The token is
answered this once. It ends with the next day of the fleet's time zone unless told, and after ${LINK_DAYS_MAX} days at the latest.`;

/** `/v1/drivers/{id}/links`, and what drivers say of stops: `/v1/stops/{id}/claims`. */
export const driverLinkRoutes =
  ({ database, now, publicUrl }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const tags = ["drivers"];

    app.post(
      "/drivers/:id/links",
      {
        config: { scope: "drivers:write", idempotent: true },
        schema: {
          ...{ tags, summary: "Make a link to the driver's page", description: MEANING, params: DriverParams },
          body: NewLink,
          response: { 201: Ref(CreatedDriverLink) },
        },
      },
      async (request, reply) => {
        const { params, principal, body } = request;
        const nowMs = now();
        const usual = await endOfNextDay(database, principal.fleetId, params.id, new Date(nowMs));
        if (usual === undefined) throw new Problem("not_found");
        const askedMs =
          body.expiresAt === undefined ? usual.getTime() : parseTimeMs(body.expiresAt, "body", "/expiresAt");
        const endMs = Math.min(askedMs, nowMs + LINK_DAYS_MAX * DAY_MS);
        if (endMs <= nowMs) throw new Problem("link_never_open");
        const asked = { driverId: params.id, expiresAt: new Date(endMs), now: new Date(nowMs) };
        return once(database, request, reply, async (inside) => {
          const result = await createDriverLink(inside, principal.fleetId, asked);
          switch (result.kind) {
            case "driverUnknown":
              throw new Problem("not_found");
            case "full":
              throw new Problem("links_full");
            case "made": {
              const { link, token } = result;
              const url = `${publicUrl ?? `${request.protocol}://${request.host}`}/d/${token}`;
              reply.code(201).header("cache-control", "no-store");
              return { url, token, ...driverLinkJson(link) };
            }
          }
        });
      },
    );

    app.get(
      "/drivers/:id/links",
      {
        config: { scope: "drivers:read" },
        schema: {
          ...{ tags, summary: "The links of a driver", params: DriverParams, querystring: PageQuery },
          response: { 200: Page(DriverLinkSchema) },
        },
      },
      async ({ params, principal, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("driver links", query.after, [ID_MAX]);
        const page = { driverId: params.id, afterLinkId: Number(after), limit: limit + 1 };
        const rows = await listDriverLinks(database, principal.fleetId, page);
        if (rows === undefined) throw new Problem("not_found");
        return pageOf(rows, limit, driverLinkJson, (last) => formatCursor("driver links", last.linkId));
      },
    );

    app.delete(
      "/drivers/:id/links/:linkId",
      {
        config: { scope: "drivers:write" },
        schema: {
          ...{ tags, summary: "Revoke a link of a driver", params: LinkParams },
          description:
            "It answers as if it had never been, at once. What the phone still keeps is sent by the next link.",
          response: { 204: Type.Null({ description: "Revoked" }) },
        },
      },
      async ({ params, principal }, reply) => {
        const link = { driverId: params.id, linkId: params.linkId };
        if (!(await revokeDriverLink(database, principal.fleetId, link))) throw new Problem("not_found");
        return reply.code(204).send(null);
      },
    );

    app.get(
      "/stops/:id/claims",
      {
        config: { scope: "routes:read" },
        schema: {
          ...{ tags: ["stops"], summary: "What drivers say of a stop, in the order in which it came" },
          params: Type.Object({ id: Id }),
          response: { 200: Page(ClaimSchema) },
        },
      },
      async ({ params, principal }) => {
        const stop = await findStop(database, principal.fleetId, params.id);
        if (stop === undefined) throw new Problem("not_found");
        const claims = await listClaims(database, [stop.stopId]);
        return { data: claims.map(claimJson), next_cursor: null, has_more: false };
      },
    );
  };
