import { type Static, Type } from "typebox";
import type { DayRoute, DayStop } from "#store/day-routes.ts";
import { STOP_KINDS } from "#store/plan-rows.ts";
import { NamedThing, namedJson, ROUTE_STATUSES } from "./route-json.ts";
import { Degrees, Nullable, named, Time, timeTextOrNull } from "./schemas.ts";
import { ETA_BASES, idText, timeTextOfMs } from "./stop-json.ts";
import { STOP_STATUSES, stopStatus } from "./stop-status.ts";

const DayStopObject = Type.Object({
  id: Type.String(),
  externalId: Nullable(Type.String()),
  position: Type.Integer({ description: "From 0 along the route" }),
  kind: Type.Enum([...STOP_KINDS]),
  lat: Degrees(90),
  lon: Degrees(180),
  address: Nullable(Type.String()),
  windowStart: Nullable(Time),
  windowEnd: Nullable(Time),
  promisedBy: Nullable(Time),
  status: Type.Enum([...STOP_STATUSES]),
  arrivedAt: Nullable(Time),
  departedAt: Nullable(Time),
  stopsBefore: Nullable(Type.Integer({ description: "Stops to be served before this one" })),
  atRisk: Type.Boolean({ description: "Likely late (at least 80 %) for ten minutes, until that is less than even" }),
  eta: Nullable(Type.Object({ p10: Time, p50: Time, p90: Time, basis: Type.Enum([...ETA_BASES]) })),
  etaReason: Nullable(Type.String({ description: "Why there is no ETA" })),
  verdict: Nullable(Type.String({ description: "Of the newest proof; see PodVerdict" })),
  override: Nullable(Type.Enum(["accepted", "rejected"], { description: "What a person said of that proof" })),
});

export const DayRouteSchema = named(
  "DayRoute",
  Type.Object({
    id: Type.String(),
    externalId: Nullable(Type.String()),
    name: Nullable(Type.String()),
    status: Type.Enum([...ROUTE_STATUSES]),
    vehicle: Nullable(NamedThing),
    driver: Nullable(NamedThing),
    startsAt: Nullable(Time),
    startedAt: Nullable(Time),
    completedAt: Nullable(Time),
    currentStopId: Nullable(Type.String()),
    stops: Type.Array(DayStopObject, { description: "In driving order" }),
  }),
);

export function dayRouteJson(route: DayRoute): Static<typeof DayRouteSchema> {
  const { routeId, externalId, name, stops } = route;
  return {
    ...{ id: String(routeId), externalId, name },
    status: route.status === "cancelled" ? "cancelled" : (route.progressStatus ?? "planned"),
    vehicle: namedJson(route.vehicle),
    driver: namedJson(route.driver),
    startsAt: timeTextOfMs(route.startsAtMs),
    startedAt: timeTextOrNull(route.startedAt),
    completedAt: timeTextOrNull(route.completedAt),
    currentStopId: idText(route.currentStopId),
    stops: stops.map((stop) => dayStopJson(stop, route.status)),
  };
}

function dayStopJson(stop: DayStop, routeStatus: DayRoute["status"]): Static<typeof DayStopObject> {
  const { stopId, externalId, position, kind, address, progress, verdict, override } = stop;
  return {
    ...{ id: String(stopId), externalId, position, kind, lat: stop.latDeg, lon: stop.lonDeg, address },
    windowStart: timeTextOfMs(stop.windowStartMs),
    windowEnd: timeTextOfMs(stop.windowEndMs),
    promisedBy: timeTextOfMs(stop.promisedByMs),
    status: stopStatus({ status: stop.status, routeStatus, progress }, stop.outcome),
    arrivedAt: timeTextOfMs(progress?.arrivedAtMs ?? null),
    departedAt: timeTextOfMs(progress?.departedAtMs ?? null),
    stopsBefore: progress?.stopsBefore ?? null,
    atRisk: progress?.atRisk ?? false,
    ...etaJson(progress),
    ...{ verdict, override },
  };
}

function etaJson(progress: DayStop["progress"]): Pick<Static<typeof DayStopObject>, "eta" | "etaReason"> {
  if (progress === null) return { eta: null, etaReason: null };
  const { p10Ms, p50Ms, p90Ms, basis, reason } = progress;
  if (p10Ms === null || p50Ms === null || p90Ms === null || basis === null) return { eta: null, etaReason: reason };
  const [p10, p50, p90] = [p10Ms, p50Ms, p90Ms].map((ms) => new Date(ms).toISOString()) as [string, string, string];
  return { eta: { p10, p50, p90, basis }, etaReason: null };
}
