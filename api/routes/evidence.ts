import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { type EvidenceLink, listEvidenceLinks } from "#store/evidence-links.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, INT4_MAX, INT8_MAX, parseCursor } from "../cursor.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { Nullable, named, Page, PageQuery, pageOf, Time, timeText } from "../schemas.ts";

const Hash = Type.String({ pattern: "^[0-9a-f]{64}$", description: "SHA-256, hexadecimal" });

export const EvidenceLinkSchema = named(
  "EvidenceLink",
  Type.Object({
    fleetId: Type.Integer(),
    position: Type.Integer({ description: "From 1, without a gap" }),
    kind: Type.Enum(["verdict", "override", "erasure"]),
    podId: Nullable(Type.String()),
    contentSha256: Hash,
    chainSha256: Hash,
    at: Time,
  }),
);

const MEANING = `The first is the head of the chain. \`telematics verify FILE --head HASH\` takes the \`chainSha256\` of the
position at which the archive ends: whoever noted it once sees whether anything before it was changed.`;

/** `GET /v1/evidence`. */
export const evidenceRoutes =
  ({ database }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/evidence",
      {
        config: { scope: "pods:read" },
        schema: {
          ...{
            tags: ["proof of delivery"],
            summary: "The fleet's chain of evidence, newest first",
            description: MEANING,
          },
          querystring: Type.Interface([PageQuery], {
            position: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
          }),
          response: { 200: Page(EvidenceLinkSchema) },
        },
      },
      async ({ principal, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [fleetId, position] =
          query.after === undefined ? [] : parseCursor("evidence", query.after, [INT4_MAX, INT8_MAX]);
        const after = fleetId === undefined ? null : { fleetId: Number(fleetId), position: position! };
        const page = { after, position: query.position ?? null, limit: limit + 1 };
        const rows = await listEvidenceLinks(database, principal.fleetId, page);
        return pageOf(rows, limit, linkJson, (last) => formatCursor("evidence", last.fleetId, last.position));
      },
    );
  };

const linkJson = ({ at, ...link }: EvidenceLink) => ({ ...link, at: timeText(at) });
