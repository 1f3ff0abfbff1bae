import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { cellToBoundary, cellToParent } from "h3-js";
import { type Static, Type } from "typebox";
import { type AreaCounts, readAreas } from "#store/areas.ts";
import { AREA_RESOLUTION } from "#stream/area/area-stage.ts";
import type { RouteContext } from "../context.ts";
import { AREA_CELLS_MAX, AREA_DAYS_MAX } from "../limits.ts";
import { Problem } from "../problems.ts";
import { Nullable, named, parseTimeMs, Ref, Time } from "../schemas.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const RESOLUTION_MIN = 3;
const RESOLUTION_DEFAULT = 8;

const NO_RANGE = {
  extensions: {
    errors: [
      { in: "querystring", pointer: "/to", detail: `not after from, or more than ${AREA_DAYS_MAX} days after it` },
    ],
  },
};

export const Areas = named(
  "Areas",
  Type.Object({
    type: Type.Literal("FeatureCollection"),
    features: Type.Array(
      Type.Object({
        type: Type.Literal("Feature"),
        id: Type.String({ description: "H3 index" }),
        geometry: Type.Object({
          type: Type.Literal("Polygon"),
          coordinates: Type.Array(Type.Array(Type.Array(Type.Number(), { minItems: 2, maxItems: 2 }))),
        }),
        properties: Type.Object({
          fixes: Type.Integer(),
          delayedShare: Type.Number({ description: "Fixes that came late or were kept back: poor coverage" }),
          speedMps: Nullable(Type.Number({ description: "Mean of the fixes that moved" })),
          speedMpsMax: Nullable(Type.Number()),
        }),
      }),
    ),
    truncated: Type.Boolean({ description: "There are more areas than one answer holds; the busiest are here" }),
  }),
);

/** What fixes say of areas: heat map, coverage, learned speed. */
export const areaRoutes =
  ({ database, now }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/reports/areas",
      {
        config: { scope: "fixes:read" },
        schema: {
          tags: ["reports"],
          summary: "Fixes by area: heat map, coverage and speed as GeoJSON hexagons",
          description: `All whole hours that the time touches, at most ${AREA_DAYS_MAX} days; the last day unless told.`,
          querystring: Type.Object({
            from: Type.Optional(Time),
            to: Type.Optional(Type.String({ format: "date-time", description: "Exclusive" })),
            resolution: Type.Optional(
              Type.Integer({
                minimum: RESOLUTION_MIN,
                maximum: AREA_RESOLUTION,
                description: `H3 resolution of the hexagons; ${RESOLUTION_DEFAULT} (0.7 km²) unless told`,
              }),
            ),
          }),
          response: { 200: Ref(Areas) },
        },
      },
      async ({ query, principal }) => {
        const toMs = query.to === undefined ? now() + HOUR_MS : parseTimeMs(query.to, "querystring", "/to");
        const fromMs = query.from === undefined ? toMs - DAY_MS : parseTimeMs(query.from, "querystring", "/from");
        if (!(fromMs < toMs && toMs - fromMs <= AREA_DAYS_MAX * DAY_MS)) throw new Problem("validation", NO_RANGE);
        const range = { fromMs, toMs: Math.ceil(toMs / HOUR_MS) * HOUR_MS, limit: AREA_CELLS_MAX + 1 };
        const cells = await readAreas(database, principal.fleetId, range);
        const areas = merged(cells.slice(0, AREA_CELLS_MAX), query.resolution ?? RESOLUTION_DEFAULT);
        return {
          type: "FeatureCollection" as const,
          features: areas.map(featureOf),
          truncated: cells.length > AREA_CELLS_MAX,
        };
      },
    );
  };

/** Cells of this resolution made of the finer ones that are stored. */
function merged(cells: readonly AreaCounts[], resolution: number): AreaCounts[] {
  const areas = new Map<string, AreaCounts>();
  for (const counts of cells) {
    const cell = resolution === AREA_RESOLUTION ? counts.cell : cellToParent(counts.cell, resolution);
    const known = areas.get(cell);
    areas.set(cell, known === undefined ? { ...counts, cell } : sumOf(known, counts));
  }
  return [...areas.values()];
}

function sumOf(a: AreaCounts, b: AreaCounts): AreaCounts {
  return {
    cell: a.cell,
    fixes: a.fixes + b.fixes,
    delayedFixes: a.delayedFixes + b.delayedFixes,
    movingFixes: a.movingFixes + b.movingFixes,
    movingSpeedMpsSum: a.movingSpeedMpsSum + b.movingSpeedMpsSum,
    speedMpsMax: a.speedMpsMax === null ? b.speedMpsMax : Math.max(a.speedMpsMax, b.speedMpsMax ?? 0),
  };
}

function featureOf(counts: AreaCounts): Static<typeof Areas>["features"][number] {
  const { cell, fixes, delayedFixes, movingFixes, movingSpeedMpsSum, speedMpsMax } = counts;
  return {
    ...{ type: "Feature", id: cell },
    geometry: { type: "Polygon", coordinates: [outlineOf(cell)] },
    properties: {
      fixes,
      delayedShare: Math.round((delayedFixes / fixes) * 1000) / 1000,
      speedMps: movingFixes === 0 ? null : Math.round((movingSpeedMpsSum / movingFixes) * 100) / 100,
      speedMpsMax,
    },
  };
}

/** The closed ring of a hexagon, longitude first. Across the antimeridian it goes on beyond 180: cut in two it were no hexagon. */
function outlineOf(cell: string): [number, number][] {
  const ring = cellToBoundary(cell, true);
  const isAcross = ring.some(([lonDeg]) => lonDeg > 90) && ring.some(([lonDeg]) => lonDeg < -90);
  return isAcross ? ring.map(([lonDeg, latDeg]) => [lonDeg < 0 ? lonDeg + 360 : lonDeg, latDeg]) : ring;
}
