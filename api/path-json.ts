import { BaseBuilder, buildGPX } from "gpx-builder";
import { type Static, Type } from "typebox";
import type { PathSegmentRow } from "#store/track-rows.ts";
import { decodeLine } from "#stream/match/line.ts";
import { named, Time, timeText } from "./schemas.ts";

/** Segments whose ends are further apart than this (degrees) are not one drive. */
const JOINED_DEG = 1e-5;
const { Point, Segment, Track, Metadata } = BaseBuilder.MODELS;

/** A driven path as GeoJSON: one feature a stretch of a way, in the order of driving. */
export const PathSchema = named(
  "Path",
  Type.Object({
    type: Type.Literal("FeatureCollection"),
    features: Type.Array(
      Type.Object({
        type: Type.Literal("Feature"),
        geometry: Type.Object({
          type: Type.Literal("LineString"),
          coordinates: Type.Array(Type.Array(Type.Number(), { minItems: 2, maxItems: 2 })),
        }),
        properties: Type.Object({
          wayId: Type.Integer({ description: "OpenStreetMap way" }),
          forward: Type.Boolean({ description: "Along the order of the way's nodes" }),
          enteredAt: Time,
          leftAt: Time,
          lengthM: Type.Number(),
        }),
      }),
    ),
  }),
);

export function pathGeoJson(segments: readonly PathSegmentRow[]): Static<typeof PathSchema> {
  return {
    type: "FeatureCollection",
    features: segments.flatMap((segment) => {
      const coordinates = decodeLine(segment.line).map(([lat, lon]) => [lon, lat]);
      // A line has two positions (RFC 7946, 3.1.4); a way that was only touched is none.
      return coordinates.length < 2 ? [] : [featureOf(segment, coordinates)];
    }),
  };
}

function featureOf({ wayId, forward, enteredMs, leftMs, lengthM }: PathSegmentRow, coordinates: number[][]) {
  return {
    type: "Feature" as const,
    geometry: { type: "LineString" as const, coordinates },
    properties: {
      ...{ wayId, forward, lengthM: Math.round(lengthM * 10) / 10 },
      ...{ enteredAt: timeText(new Date(enteredMs)), leftAt: timeText(new Date(leftMs)) },
    },
  };
}

/** Characters that XML 1.0 (section 2.2) does not have, not even escaped. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are meant
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** The same as GPX 1.1: one track, one of its segments for each unbroken drive; times run evenly along a way. */
export function pathGpx(segments: readonly PathSegmentRow[], given: string): string {
  const name = given.replace(NOT_XML, "\ufffd");
  const drives: InstanceType<typeof Point>[][] = [];
  let end: [number, number] | undefined;
  for (const segment of segments) {
    const places = decodeLine(segment.line);
    const [first] = places;
    if (first === undefined) continue;
    if (end === undefined || !isSame(end, first)) drives.push([]);
    drives.at(-1)!.push(...pointsOf(segment, places));
    end = places.at(-1);
  }
  const builder = new BaseBuilder();
  builder.setMetadata(new Metadata({ name, desc: "Matched to roads of OpenStreetMap, © its contributors, ODbL" }));
  builder.setTracks([
    new Track(
      drives.map((points) => new Segment(points)),
      { name },
    ),
  ]);
  return buildGPX(builder.toObject());
}

function pointsOf({ enteredMs, leftMs }: PathSegmentRow, places: readonly [number, number][]) {
  const lengths = places.map((place, index) => (index === 0 ? 0 : apartDeg(places[index - 1]!, place)));
  const totalDeg = lengths.reduce((sum, length) => sum + length, 0) || 1;
  let goneDeg = 0;
  return places.map(([lat, lon], index) => {
    goneDeg += lengths[index]!;
    const time = new Date(Math.round(enteredMs + ((leftMs - enteredMs) * goneDeg) / totalDeg));
    return new Point(lat, lon, { time });
  });
}

/** Only shares of it are used: longitude shrinks with the cosine of latitude. */
function apartDeg(a: [number, number], b: [number, number]): number {
  return Math.hypot(b[0] - a[0], (b[1] - a[1]) * Math.cos((a[0] * Math.PI) / 180));
}

function isSame(a: [number, number], b: [number, number]): boolean {
  return Math.abs(a[0] - b[0]) <= JOINED_DEG && Math.abs(a[1] - b[1]) <= JOINED_DEG;
}
