import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { PathSegmentRow } from "#store/track-rows.ts";
import { findTrip, listTrips, readPath } from "#store/trips.ts";
import { revisedPath } from "#stream/match/revised-path.ts";
import type { RouteContext } from "../context.ts";
import { parseTripCursor, tripCursor } from "../cursor.ts";
import { PAGE_ROWS_DEFAULT, PATH_SEGMENTS_MAX } from "../limits.ts";
import { PathSchema, pathGeoJson, pathGpx } from "../path-json.ts";
import { Problem } from "../problems.ts";
import { Page, PageQuery, pageOf, parseTimeMs, Ref, Time, UidParams } from "../schemas.ts";
import { Trip, tripJson } from "../trip-json.ts";
import { visibleDevice } from "../visible-device.ts";

const DAY_MS = 86_400_000;
const GPX = "application/gpx+xml";
const GEO_JSON = "application/geo+json";
const TRIP_ID_CHARACTERS_MAX = 64;

const Range = {
  from: Type.Optional(Time),
  to: Type.Optional(Type.String({ format: "date-time", description: "Exclusive" })),
};
const Format = Type.Optional(
  Type.Enum(["geojson", "gpx"], { description: "Instead of `Accept`; GeoJSON unless asked otherwise" }),
);
const TripParams = Type.Object({
  ...UidParams.properties,
  tripId: Type.String({ minLength: 1, maxLength: TRIP_ID_CHARACTERS_MAX }),
});
const PathAnswer = {
  200: {
    description: "The way that was driven, as GeoJSON or GPX",
    content: { [GEO_JSON]: { schema: Ref(PathSchema) }, [GPX]: { schema: Type.String() } },
  },
};

/** Trips of a device, and the ways that it drove. */
export const tripRoutes =
  ({ database, now }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/devices/:id/trips",
      {
        config: { scope: "fixes:read" },
        schema: {
          tags: ["trips"],
          summary: "The trips of a device, newest first",
          params: UidParams,
          querystring: Type.Interface([PageQuery], Range),
          response: { 200: Page(Trip) },
        },
      },
      async (request) => {
        const { query, principal } = request;
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const range = {
          fromMs: query.from === undefined ? null : parseTimeMs(query.from, "querystring", "/from"),
          toMs: query.to === undefined ? null : parseTimeMs(query.to, "querystring", "/to"),
          before: query.after === undefined ? null : parseTripCursor(query.after),
          limit: limit + 1,
        };
        const device = await visibleDevice(database, request, request.params.id);
        const rows = await listTrips(database, principal.fleetId, device.deviceId, range);
        return pageOf(rows, limit, tripJson, (last) => tripCursor(last.startedAt.getTime(), last.tripId));
      },
    );

    app.get(
      "/devices/:id/trips/:tripId",
      {
        config: { scope: "fixes:read" },
        schema: { tags: ["trips"], summary: "A trip", params: TripParams, response: { 200: Ref(Trip) } },
      },
      async (request) => tripJson(await tripOf(request, request.params)),
    );

    app.get(
      "/devices/:id/trips/:tripId/path",
      {
        config: { scope: "fixes:read" },
        schema: {
          tags: ["trips"],
          summary: "The matched path of a trip",
          description:
            "Written as it is decided: what was driven last is there when the vehicle has driven on or stood.",
          params: TripParams,
          querystring: Type.Object({ format: Format }),
          response: PathAnswer,
        },
      },
      async (request, reply) => {
        const { deviceId } = await visibleDevice(database, request, request.params.id);
        const trip = await tripOf(request, request.params);
        const range = { fromMs: trip.startedAt.getTime(), toMs: trip.endedAt?.getTime() ?? now() };
        const segments = await segmentsOf(request, deviceId, range);
        return answerPath(request, reply, segments, `Trip of ${request.params.id}`);
      },
    );

    app.get(
      "/devices/:id/path",
      {
        config: { scope: "fixes:read" },
        schema: {
          tags: ["trips"],
          summary: "The matched path of a device in a time",
          description: `The last day unless told; at most ${PATH_SEGMENTS_MAX} stretches, the earliest of the time.`,
          params: UidParams,
          querystring: Type.Object({ ...Range, format: Format }),
          response: PathAnswer,
        },
      },
      async (request, reply) => {
        const { query, params } = request;
        const toMs = query.to === undefined ? now() : parseTimeMs(query.to, "querystring", "/to");
        const fromMs = query.from === undefined ? toMs - DAY_MS : parseTimeMs(query.from, "querystring", "/from");
        const { deviceId } = await visibleDevice(database, request, params.id);
        const segments = await segmentsOf(request, deviceId, { fromMs, toMs });
        return answerPath(request, reply, segments, `Path of ${params.id}`);
      },
    );

    async function tripOf(request: FastifyRequest, { id, tripId }: { id: string; tripId: string }) {
      const { deviceId } = await visibleDevice(database, request, id);
      const trip = await findTrip(database, request.principal.fleetId, deviceId, tripId);
      if (trip === undefined) throw new Problem("not_found");
      return trip;
    }

    /** As it is known now: what late fixes told counts instead of what was said before them. */
    async function segmentsOf(
      { principal }: FastifyRequest,
      deviceId: number,
      range: { fromMs: number; toMs: number },
    ): Promise<PathSegmentRow[]> {
      const said = await readPath(database, principal.fleetId, deviceId, { ...range, limit: PATH_SEGMENTS_MAX });
      return revisedPath(said).filter(({ enteredMs, leftMs }) => leftMs > range.fromMs && enteredMs < range.toMs);
    }
  };

/** `format` decides, else what the client accepts. */
function answerPath(
  request: FastifyRequest<{ Querystring: { format?: "geojson" | "gpx" } }>,
  reply: FastifyReply,
  segments: readonly PathSegmentRow[],
  name: string,
) {
  const { format } = request.query;
  const isGpx = format === "gpx" || (format === undefined && (request.headers.accept ?? "").includes(GPX));
  if (isGpx) return reply.type(GPX).send(pathGpx(segments, name));
  return reply.type(GEO_JSON).send(pathGeoJson(segments));
}
