import { type Static, Type } from "typebox";
import type { Geofence, Presence } from "#store/geofences.ts";
import { Attributes, Nullable, named, Time, timeText } from "./schemas.ts";

const Geometry = Type.Unsafe<Record<string, unknown>>({
  type: "object",
  additionalProperties: true,
  description: "GeoJSON: Point with `radius_m`, Polygon, MultiPolygon, or LineString with `width_m`; longitude first",
});

export const GeofenceSchema = named(
  "Geofence",
  Type.Object({
    type: Type.Literal("Feature"),
    id: Type.String(),
    geometry: Geometry,
    properties: Attributes,
    fleetId: Type.Integer(),
    version: Type.Integer({ description: "Counts the changes; events name the version that they rest on" }),
    createdAt: Time,
    updatedAt: Time,
    effectiveAt: Type.String({ format: "date-time", description: "Fixes from then on are judged by this version" }),
  }),
);

export const PresenceSchema = named(
  "GeofencePresence",
  Type.Object({
    geofenceId: Type.String(),
    name: Nullable(Type.String()),
    enteredAt: Time,
    dwelled: Type.Boolean({ description: "True once the visit was as long as `dwell_s`" }),
  }),
);

export function geofenceJson(geofence: Geofence): Static<typeof GeofenceSchema> {
  const { geofenceId, fleetId, version, geometry, properties, createdAt, updatedAt, effectiveAt } = geofence;
  return {
    type: "Feature",
    id: String(geofenceId),
    geometry: geometry as Record<string, unknown>,
    properties,
    fleetId,
    version,
    createdAt: timeText(createdAt),
    updatedAt: timeText(updatedAt),
    effectiveAt: timeText(effectiveAt),
  };
}

export function presenceJson({ geofenceId, name, enteredAt, dwelled }: Presence): Static<typeof PresenceSchema> {
  return { geofenceId: String(geofenceId), name, enteredAt: timeText(enteredAt), dwelled };
}
