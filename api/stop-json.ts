import { type Static, Type } from "typebox";
import { STOP_KINDS } from "#store/plan-rows.ts";
import type { StopView } from "#store/stops.ts";
import { Attributes, Degrees, Nullable, named, Time, timeText, timeTextOrNull } from "./schemas.ts";
import { STOP_STATUSES, stopStatus } from "./stop-status.ts";

export const Contact = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    phone: Type.Optional(Type.String({ minLength: 3, maxLength: 40 })),
    email: Type.Optional(Type.String({ format: "email", maxLength: 254 })),
    locale: Type.Optional(Type.String({ minLength: 2, maxLength: 35, description: "BCP 47, as in pt-PT" })),
  },
  { additionalProperties: false, description: "The person waiting" },
);

export const ETA_BASES = ["live", "degraded", "planned"] as const;

export const Eta = Type.Object({
  p10: Time,
  p50: Time,
  p90: Time,
  computedAt: Time,
  basis: Type.Enum([...ETA_BASES], {
    description: "live: from fresh positions. degraded: the vehicle is silent. planned: it has not set off",
  }),
  changeReason: Nullable(Type.String({ description: "position, plan, service_time, traffic or data_gap" })),
});

export const StopSchema = named(
  "Stop",
  Type.Object({
    id: Type.String(),
    fleetId: Type.Integer(),
    externalId: Nullable(Type.String()),
    version: Type.Integer({ description: "Counts changes of the stop itself; give as If-Match to change this one" }),
    routeId: Nullable(Type.String({ description: "Null: waits for a route" })),
    routeExternalId: Nullable(Type.String()),
    position: Nullable(Type.Integer({ description: "From 0 along the route" })),
    kind: Type.Enum([...STOP_KINDS]),
    lat: Degrees(90),
    lon: Degrees(180),
    radiusM: Type.Number({ description: "Who comes within this is there, metres" }),
    address: Nullable(Type.String()),
    contact: Contact,
    notes: Nullable(Type.String()),
    windowStart: Nullable(Time),
    windowEnd: Nullable(Time),
    serviceSeconds: Nullable(Type.Integer({ description: "Planned time at the stop; null: learned" })),
    demand: Type.Number({ description: "In the units of the route's capacity" }),
    promisedBy: Nullable(Time),
    timeZone: Nullable(Type.String()),
    policy: Attributes,
    geofenceId: Nullable(Type.String({ description: "Null once the stop is long over" })),
    status: Type.Enum([...STOP_STATUSES]),
    arrivedAt: Nullable(Time),
    departedAt: Nullable(Time),
    stopsBefore: Nullable(Type.Integer({ description: "Stops to be served before this one" })),
    atRisk: Type.Boolean({ description: "Likely late (at least 80 %) for ten minutes, until that is less than even" }),
    eta: Nullable(Eta),
    etaReason: Nullable(Type.String({ description: "Why there is no ETA" })),
    createdAt: Time,
    updatedAt: Time,
  }),
);

export function stopJson(stop: StopView): Static<typeof StopSchema> {
  const { stopId, fleetId, externalId, version, routeId, routeExternalId, position, kind, progress } = stop;
  const { address, contact, notes, serviceS, demand, timeZone, policy, geofenceId } = stop;
  return {
    id: String(stopId),
    ...{ fleetId, externalId, version, routeId: idText(routeId), routeExternalId, position, kind },
    ...{ lat: stop.latDeg, lon: stop.lonDeg, radiusM: stop.radiusM, address, contact, notes },
    windowStart: timeTextOfMs(stop.windowStartMs),
    windowEnd: timeTextOfMs(stop.windowEndMs),
    serviceSeconds: serviceS,
    demand,
    promisedBy: timeTextOfMs(stop.promisedByMs),
    ...{ timeZone, policy, geofenceId: idText(geofenceId) },
    status: stopStatus(stop, stop.outcome),
    arrivedAt: timeTextOrNull(progress?.arrivedAt ?? null),
    departedAt: timeTextOrNull(progress?.departedAt ?? null),
    stopsBefore: progress?.stopsBefore ?? null,
    atRisk: progress?.atRisk ?? false,
    ...etaJson(progress),
    createdAt: timeText(stop.createdAt),
    updatedAt: timeText(stop.updatedAt),
  };
}

function etaJson(progress: StopView["progress"]): Pick<Static<typeof StopSchema>, "eta" | "etaReason"> {
  if (progress === null) return { eta: null, etaReason: null };
  const { etaP10, etaP50, etaP90, etaComputedAt, etaBasis, etaReason } = progress;
  if (etaP10 === null || etaP50 === null || etaP90 === null || etaComputedAt === null || etaBasis === null) {
    return { eta: null, etaReason };
  }
  const [p10, p50, p90, computedAt] = [etaP10, etaP50, etaP90, etaComputedAt].map(timeText) as [
    string,
    string,
    string,
    string,
  ];
  return { eta: { p10, p50, p90, computedAt, basis: etaBasis, changeReason: etaReason }, etaReason: null };
}

export const idText = (id: number | null): string | null => (id === null ? null : String(id));

export const timeTextOfMs = (timeMs: number | null): string | null =>
  timeMs === null ? null : new Date(timeMs).toISOString();
