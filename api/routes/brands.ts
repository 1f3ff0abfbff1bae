import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Static, Type } from "typebox";
import { type BrandResult, createBrand, findBrand, listBrands, removeBrand, updateBrand } from "#store/brands.ts";
import { Appearance, BrandSchema, brandJson, Notifications, Support } from "../brand-json.ts";
import { chosenFleet } from "../chosen-fleet.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, INT4_MAX, parseCursor } from "../cursor.ts";
import { once } from "../idempotency.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { Problem } from "../problems.ts";
import { Nullable, Page, PageQuery, pageOf, Ref } from "../schemas.ts";
import { ExternalId, Name } from "../stop-input.ts";
import { VisibilitySchema } from "../tracking/visibility-json.ts";

/** The fleet that exists from the start. */
const DEFAULT_FLEET_ID = 1;

const Fields = {
  externalId: Type.Optional(Nullable(ExternalId)),
  appearance: Type.Optional(Appearance),
  support: Type.Optional(Support),
  visibility: Type.Optional(VisibilitySchema),
  notifications: Type.Optional(Notifications),
  isDefault: Type.Optional(Type.Boolean()),
};
/** What a brand is where nothing is said. */
const PLAIN = { externalId: null, appearance: {}, support: {}, visibility: {}, notifications: {}, isDefault: false };
const NewBrand = Type.Object(
  {
    name: Name,
    ...Fields,
    fleetId: Type.Optional(Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) })),
  },
  { additionalProperties: false },
);
const BrandChange = Type.Object(
  { name: Type.Optional(Name), ...Fields },
  { additionalProperties: false, minProperties: 1 },
);
const IdParams = Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) }) });

/** `/v1/brands…`. */
export const brandRoutes =
  ({ database }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const read = { config: { scope: "brands:read" } } as const;
    const write = { config: { scope: "brands:write" } } as const;
    const tags = ["brands"];

    app.get(
      "/brands",
      {
        ...read,
        schema: {
          ...{ tags, summary: "The brands of the fleet" },
          querystring: Type.Interface([PageQuery], { externalId: Type.Optional(Name) }),
          response: { 200: Page(BrandSchema) },
        },
      },
      async ({ principal: { fleetId }, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("brands", query.after, [INT4_MAX]);
        const page = { fleetId, afterBrandId: Number(after), limit: limit + 1, externalId: query.externalId ?? null };
        const rows = await listBrands(database, page);
        return pageOf(rows, limit, brandJson, (last) => formatCursor("brands", last.brandId));
      },
    );

    app.post(
      "/brands",
      {
        config: { ...write.config, idempotent: true },
        schema: { tags, summary: "Add a brand", body: NewBrand, response: { 201: Ref(BrandSchema) } },
      },
      async (request, reply) => {
        const { fleetId: asked, ...body } = request.body;
        const fleetId = chosenFleet(request.principal, asked) ?? DEFAULT_FLEET_ID;
        return once(database, request, reply, async (inside) => {
          const brand = answer(await createBrand(inside, fleetId, { ...PLAIN, ...body }));
          reply.code(201).header("location", `/v1/brands/${brand.id}`);
          return brand;
        });
      },
    );

    app.get(
      "/brands/:id",
      { ...read, schema: { tags, summary: "A brand", params: IdParams, response: { 200: Ref(BrandSchema) } } },
      async ({ principal, params }) => {
        const brand = await findBrand(database, principal.fleetId, params.id);
        if (brand === undefined) throw new Problem("not_found");
        return brandJson(brand);
      },
    );

    app.patch(
      "/brands/:id",
      {
        ...write,
        schema: {
          ...{
            tags,
            summary: "Change a brand; a document that is given replaces the one there was",
            params: IdParams,
            body: BrandChange,
          },
          response: { 200: Ref(BrandSchema) },
        },
      },
      async ({ principal, params, body }) => answer(await updateBrand(database, principal.fleetId, params.id, body)),
    );

    app.delete(
      "/brands/:id",
      {
        ...write,
        schema: {
          ...{
            tags,
            summary: "Remove a brand",
            description: "Its routes have the default brand then.",
            params: IdParams,
          },
          response: { 204: Type.Null({ description: "Removed" }) },
        },
      },
      async ({ principal, params }, reply) => {
        if (!(await removeBrand(database, principal.fleetId, params.id))) throw new Problem("not_found");
        return reply.code(204).send(null);
      },
    );
  };

function answer(result: BrandResult): Static<typeof BrandSchema> {
  switch (result.kind) {
    case "missing":
      throw new Problem("not_found");
    case "taken":
      throw new Problem("external_id_taken");
    case "done":
      return brandJson(result.brand);
  }
}
