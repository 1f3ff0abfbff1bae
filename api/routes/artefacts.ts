import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { openArtefact } from "#store/artefacts.ts";
import { ownSecret } from "#store/own-secrets.ts";
import type { RouteContext } from "../context.ts";
import { isSigned } from "../pod/signed-urls.ts";
import { Problem } from "../problems.ts";

const Params = Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) });
const Query = Type.Object({
  expires: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  for: Type.String({ maxLength: 200 }),
  signature: Type.String({ maxLength: 100 }),
});

/** What a picture of a stranger may do in a browser: be shown. */
const HEADERS = {
  "cache-control": "private, no-store",
  "content-security-policy": "default-src 'none'; sandbox",
  "cross-origin-resource-policy": "same-site",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-robots-tag": "noindex",
} as const;

/** `GET /artefacts/{id}`: by signed URL alone. A wrong, an expired and an unknown one look alike. */
export const artefactRoutes =
  ({ database, now }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/artefacts/:id",
      {
        schema: {
          ...{ tags: ["proof of delivery"], summary: "A photo or signature, by its signed URL" },
          ...{ params: Params, querystring: Query },
        },
      },
      async ({ params, query }, reply) => {
        const artefactId = String(params.id);
        const secret = await ownSecret(database, "artefact urls");
        if (!isSigned(secret, artefactId, query, now())) throw new Problem("not_found");
        const artefact = await openArtefact(database, artefactId, query.for);
        if (artefact === undefined) throw new Problem("not_found");
        return reply
          .headers(HEADERS)
          .header("content-disposition", `inline; filename="${artefactId}"`)
          .type(artefact.mediaType)
          .send(artefact.bytes);
      },
    );
  };
