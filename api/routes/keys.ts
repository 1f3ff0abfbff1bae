import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { createKey, listKeys, revokeKey } from "#store/keys.ts";
import { requireScope } from "../auth.ts";
import { chosenFleet } from "../chosen-fleet.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, INT4_MAX, parseCursor } from "../cursor.ts";
import { once } from "../idempotency.ts";
import { CreatedKey, Key, keyJson, Scopes } from "../key-json.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { Problem } from "../problems.ts";
import { Nullable, Page, PageQuery, pageOf, parseTimeMs, Ref, Time } from "../schemas.ts";

const NAME_CHARACTERS_MAX = 100;

const NewKey = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: NAME_CHARACTERS_MAX }),
    scopes: Scopes,
    fleetId: Type.Optional(
      Nullable(
        Type.Integer({
          minimum: 1,
          maximum: Number(INT4_MAX),
          description: "Null: every fleet; the caller's own unless told",
        }),
      ),
    ),
    expiresAt: Type.Optional(Time),
  },
  { additionalProperties: false },
);

/** `/v1/keys`. A key makes only keys that may do no more than itself, in its own fleet. */
export const keyRoutes =
  ({ database }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/keys",
      {
        config: { scope: "keys:write" },
        schema: { tags: ["keys"], summary: "API keys", querystring: PageQuery, response: { 200: Page(Key) } },
      },
      async ({ principal, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("keys", query.after, [INT4_MAX]);
        const rows = await listKeys(database, principal.fleetId, { afterKeyId: Number(after), limit: limit + 1 });
        return pageOf(rows, limit, keyJson, (last) => formatCursor("keys", last.keyId));
      },
    );

    app.post(
      "/keys",
      {
        config: { scope: "keys:write", idempotent: true },
        schema: {
          tags: ["keys"],
          summary: "Make an API key; its secret is answered this once",
          body: NewKey,
          response: { 201: Ref(CreatedKey) },
        },
      },
      async (request, reply) => {
        const { principal, body } = request;
        for (const scope of body.scopes) requireScope(principal, scope);
        const key = {
          fleetId: chosenFleet(principal, body.fleetId),
          name: body.name,
          scopes: body.scopes,
          expiresAt: body.expiresAt === undefined ? null : new Date(parseTimeMs(body.expiresAt, "body", "/expiresAt")),
        };
        return once(database, request, reply, async (inside) => {
          const created = await createKey(inside, key);
          reply.code(201).header("cache-control", "no-store");
          return { ...keyJson(created.key), secret: created.secret };
        });
      },
    );

    app.delete(
      "/keys/:id",
      {
        config: { scope: "keys:write" },
        schema: {
          tags: ["keys"],
          summary: "Revoke an API key",
          params: Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) }) }),
          response: { 204: Type.Null({ description: "Revoked" }) },
        },
      },
      async ({ principal, params }, reply) => {
        if (!(await revokeKey(database, principal.fleetId, params.id))) throw new Problem("not_found");
        return reply.code(204).send(null);
      },
    );
  };
