import { type Static, Type } from "typebox";
import type { LatLon } from "#store/plan-rows.ts";
import type { Named, RouteSummary, RouteView } from "#store/routes.ts";
import { Attributes, Degrees, Nullable, named, Ref, Time, timeText, timeTextOrNull } from "./schemas.ts";
import { idText, StopSchema, stopJson, timeTextOfMs } from "./stop-json.ts";

export const Place = Type.Object({ lat: Degrees(90), lon: Degrees(180) }, { additionalProperties: false });

export const NamedThing = Type.Object({
  id: Type.String(),
  externalId: Nullable(Type.String()),
  name: Nullable(Type.String()),
});

export const ROUTE_STATUSES = ["planned", "started", "completed", "cancelled"] as const;

const RouteFields = {
  id: Type.String(),
  fleetId: Type.Integer(),
  externalId: Nullable(Type.String()),
  version: Type.Integer({ description: "Counts the plans; give as If-Match to change this one" }),
  name: Nullable(Type.String()),
  status: Type.Enum([...ROUTE_STATUSES]),
  vehicle: Nullable(NamedThing),
  driver: Nullable(NamedThing),
  brand: Nullable(NamedThing),
  start: Nullable(Place),
  end: Nullable(Place),
  startsAt: Nullable(Time),
  endsAt: Nullable(Time),
  capacity: Nullable(Type.Number()),
  policy: Attributes,
  stopsCount: Type.Integer(),
  startedAt: Nullable(Time),
  completedAt: Nullable(Time),
  currentStopId: Nullable(Type.String({ description: "The stop being driven to, or stood at" })),
  createdAt: Time,
  updatedAt: Time,
};

export const RouteSummarySchema = named("RouteSummary", Type.Object(RouteFields));

export const RouteSchema = named(
  "Route",
  Type.Object({
    ...RouteFields,
    remainingPath: Nullable(Type.String({ description: "Encoded polyline, precision 5, from the vehicle on" })),
    stops: Type.Array(Ref(StopSchema), { description: "In driving order" }),
  }),
);

export function routeSummaryJson(route: RouteSummary): Static<typeof RouteSummarySchema> {
  const { routeId, fleetId, externalId, version, name, capacity, policy, stopsCount } = route;
  return {
    id: String(routeId),
    ...{ fleetId, externalId, version, name },
    status: route.status === "cancelled" ? "cancelled" : (route.progressStatus ?? "planned"),
    vehicle: namedJson(route.vehicle),
    driver: namedJson(route.driver),
    brand: namedJson(route.brand),
    start: placeJson(route.start),
    end: placeJson(route.end),
    startsAt: timeTextOfMs(route.startsAtMs),
    endsAt: timeTextOfMs(route.endsAtMs),
    ...{ capacity, policy, stopsCount },
    startedAt: timeTextOrNull(route.startedAt),
    completedAt: timeTextOrNull(route.completedAt),
    currentStopId: idText(route.currentStopId),
    createdAt: timeText(route.createdAt),
    updatedAt: timeText(route.updatedAt),
  };
}

export function routeJson(route: RouteView): Static<typeof RouteSchema> {
  return {
    ...routeSummaryJson(route),
    remainingPath: route.remainingPath,
    stops: route.stops.map(stopJson),
  };
}

export function namedJson(thing: Named | null): Static<typeof NamedThing> | null {
  return thing && { ...thing, id: String(thing.id) };
}

function placeJson(place: LatLon | null): Static<typeof Place> | null {
  return place && { lat: place[0], lon: place[1] };
}
