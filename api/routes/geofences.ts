import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Static, Type } from "typebox";
import {
  changeGeofence,
  createGeofence,
  findGeofence,
  type GeofenceContent,
  listGeofences,
  listPresences,
  removeGeofence,
} from "#store/geofences.ts";
import { type FenceFeature, parseNewFence } from "#stream/geofence/parse-feature.ts";
import { chosenFleet } from "../chosen-fleet.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, INT4_MAX, parseCursor } from "../cursor.ts";
import { GeofenceSchema, geofenceJson, PresenceSchema, presenceJson } from "../geofence-json.ts";
import { once } from "../idempotency.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { Problem } from "../problems.ts";
import { Attributes, Page, PageQuery, pageOf, Ref, UidParams } from "../schemas.ts";
import { visibleDevice } from "../visible-device.ts";

/** The fleet that exists from the start. */
const DEFAULT_FLEET_ID = 1;

const Position = Type.Array(Type.Number(), { minItems: 2, maxItems: 3, description: "Longitude, latitude" });
const Line = Type.Array(Position);
const Geometry = Type.Union([
  Type.Object({ type: Type.Literal("Point"), coordinates: Position }),
  Type.Object({ type: Type.Literal("LineString"), coordinates: Line }),
  Type.Object({ type: Type.Literal("Polygon"), coordinates: Type.Array(Line) }),
  Type.Object({ type: Type.Literal("MultiPolygon"), coordinates: Type.Array(Type.Array(Line)) }),
]);

const MEANING = `A circle is a Point with \`radius_m\`, a corridor a LineString with \`width_m\`. Further properties that mean
something: \`name\`, \`min_inside_s\` (10), \`min_outside_s\` (30), \`max_gap_s\` (300), \`dwell_s\` (never); others are kept.`;

const Feature = {
  type: Type.Literal("Feature"),
  id: Type.Optional(Type.Union([Type.String(), Type.Number()], { description: "Not looked at" })),
  bbox: Type.Optional(Type.Array(Type.Number(), { description: "Not looked at" })),
  geometry: Geometry,
  properties: Attributes,
};
const Replacement = Type.Object(Feature, { additionalProperties: false });
const NewGeofence = Type.Object(
  { ...Feature, fleetId: Type.Optional(Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) })) },
  { additionalProperties: false },
);
const Change = Type.Object(
  { type: Type.Optional(Feature.type), geometry: Type.Optional(Geometry), properties: Type.Optional(Attributes) },
  { additionalProperties: false, minProperties: 1 },
);

const IdParams = Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) }) });

/** `/v1/geofences…`, and the geofences that a device is inside of. */
export const geofenceRoutes =
  ({ database }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const read = { config: { scope: "geofences:read" } } as const;
    const write = { config: { scope: "geofences:write" } } as const;
    const tags = ["geofences"];
    const answersGeofence = { 200: Ref(GeofenceSchema) };

    app.get(
      "/geofences",
      {
        ...read,
        schema: {
          ...{ tags, summary: "The geofences of the fleet", querystring: PageQuery },
          response: { 200: Page(GeofenceSchema) },
        },
      },
      async ({ principal: { fleetId }, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("geofences", query.after, [INT4_MAX]);
        const rows = await listGeofences(database, { fleetId, after: Number(after), limit: limit + 1 });
        return pageOf(rows, limit, geofenceJson, (last) => formatCursor("geofences", last.geofenceId));
      },
    );

    app.post(
      "/geofences",
      {
        config: { ...write.config, idempotent: true },
        schema: {
          ...{ tags, summary: "Make a geofence of a GeoJSON Feature", description: MEANING, body: NewGeofence },
          response: { 201: Ref(GeofenceSchema) },
        },
      },
      async (request, reply) => {
        const { principal, body } = request;
        const fleetId = chosenFleet(principal, body.fleetId) ?? DEFAULT_FLEET_ID;
        return once(database, request, reply, async (inside) => {
          const result = await createGeofence(inside, fleetId, fitContent(body));
          if (result.kind === "full") throw new Problem("geofences_full");
          reply.code(201).header("location", `/v1/geofences/${result.geofence.geofenceId}`);
          return geofenceJson(result.geofence);
        });
      },
    );

    app.get(
      "/geofences/:id",
      { ...read, schema: { tags, summary: "A geofence", params: IdParams, response: answersGeofence } },
      async ({ principal, params }) => found(await findGeofence(database, principal.fleetId, params.id)),
    );

    app.put(
      "/geofences/:id",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Replace a geofence", description: MEANING, params: IdParams, body: Replacement },
          response: answersGeofence,
        },
      },
      async ({ principal, params, body }) => {
        const content = fitContent(body);
        return found(await changeGeofence(database, principal.fleetId, params.id, () => content));
      },
    );

    app.patch(
      "/geofences/:id",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Change a geofence", params: IdParams, body: Change, response: answersGeofence },
          description: "Properties are merged; one that is null is taken out.",
        },
      },
      async ({ principal, params, body }) =>
        found(await changeGeofence(database, principal.fleetId, params.id, (content) => merged(content, body))),
    );

    app.delete(
      "/geofences/:id",
      {
        ...write,
        schema: {
          ...{ tags, summary: "Take a geofence away", description: "Visits end with it.", params: IdParams },
          response: { 204: Type.Null({ description: "Taken away" }) },
        },
      },
      async ({ principal, params }, reply) => {
        if (!(await removeGeofence(database, principal.fleetId, params.id))) throw new Problem("not_found");
        return reply.code(204).send(null);
      },
    );

    app.get(
      "/devices/:id/geofences",
      {
        ...read,
        schema: {
          ...{ tags, summary: "The geofences that a device is inside of", params: UidParams, querystring: PageQuery },
          response: { 200: Page(PresenceSchema) },
        },
      },
      async (request) => {
        const { deviceId } = await visibleDevice(database, request, request.params.id);
        const limit = request.query.limit ?? PAGE_ROWS_DEFAULT;
        const cursor = request.query.after;
        const [after] = cursor === undefined ? ["0"] : parseCursor("presences", cursor, [INT4_MAX]);
        const rows = await listPresences(database, deviceId, { after: Number(after), limit: limit + 1 });
        return pageOf(rows, limit, presenceJson, (last) => formatCursor("presences", last.geofenceId));
      },
    );
  };

/** The content of a Feature; throws `geofence_unfit` with what is wrong with it. */
function fitContent({ geometry, properties }: Pick<Static<typeof Replacement>, "geometry" | "properties">) {
  const rule = parseNewFence({ geometry, properties });
  if (!("detail" in rule)) return { geometry, properties };
  throw new Problem("geofence_unfit", {
    detail: rule.detail,
    extensions: { errors: [{ in: "body", ...rule }] },
  });
}

function merged(content: GeofenceContent, change: Static<typeof Change>): GeofenceContent {
  const properties = { ...content.properties, ...change.properties };
  for (const [name, value] of Object.entries(properties)) if (value === null) delete properties[name];
  const geometry = change.geometry ?? (content.geometry as FenceFeature["geometry"]);
  return fitContent({ geometry, properties });
}

function found(geofence: Parameters<typeof geofenceJson>[0] | undefined): Static<typeof GeofenceSchema> {
  if (geofence === undefined) throw new Problem("not_found");
  return geofenceJson(geofence);
}
