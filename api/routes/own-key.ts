import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { RouteContext } from "../context.ts";
import { Nullable } from "../schemas.ts";

/** `GET /v1/key`: what the key that asks may do, for pages that offer nobody what would be refused. */
export const ownKeyRoutes =
  (_context: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/key",
      {
        config: { scope: "events:read" },
        schema: {
          ...{ tags: ["keys"], summary: "What the key that asks may do" },
          response: {
            200: Type.Object({
              id: Type.String(),
              fleetId: Nullable(Type.Integer({ description: "Null: every fleet" })),
              scopes: Type.Array(Type.String()),
            }),
          },
        },
      },
      async ({ principal: { keyId, fleetId, scopes } }) => ({ id: String(keyId), fleetId, scopes: [...scopes] }),
    );
  };
