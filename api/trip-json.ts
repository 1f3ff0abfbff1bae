import { type Static, Type } from "typebox";
import type { StoredTrip } from "#store/trips.ts";
import { Degrees, Nullable, named, Time, timeText, timeTextOrNull } from "./schemas.ts";

const Place = Type.Object({ lat: Degrees(90), lon: Degrees(180) });
const Reason = Type.Enum(["ignition", "motion", "gap"]);

export const Trip = named(
  "Trip",
  Type.Object({
    id: Type.String({ description: "Stable: it stays when late data revises the trip" }),
    version: Type.Integer({ description: "Grows when late data revises the trip" }),
    state: Type.Enum(["open", "ended"]),
    startedAt: Time,
    endedAt: Nullable(Time),
    start: Place,
    end: Nullable(Place),
    startReason: Reason,
    endReason: Nullable(Reason),
    distanceM: Nullable(Type.Number({ description: "Along the matched path, straight where there is none" })),
    odometerM: Nullable(Type.Number({ description: "By the vehicle's own odometer" })),
    durationS: Nullable(Type.Number()),
    idleS: Nullable(Type.Number({ description: "Standing between start and end" })),
    stops: Nullable(
      Type.Array(Type.Object({ from: Time, to: Time, lat: Degrees(90), lon: Degrees(180) }), {
        description: "Times of standing of two minutes and more, at most 50",
      }),
    ),
    maxSpeedMps: Nullable(Type.Number()),
    fixes: Nullable(Type.Integer()),
    replayed: Type.Boolean({ description: "Late data made this version" }),
  }),
);

export function tripJson(trip: StoredTrip): Static<typeof Trip> {
  const { tripId, version, startedAt, endedAt, startReason, endReason, distanceM, odometerM, idleS } = trip;
  const { maxSpeedMps, fixes, replayed, endLatDeg, endLonDeg } = trip;
  return {
    ...{ id: tripId, version, state: endedAt === null ? "open" : "ended" },
    ...{ startedAt: timeText(startedAt), endedAt: timeTextOrNull(endedAt) },
    start: { lat: trip.startLatDeg, lon: trip.startLonDeg },
    end: endLatDeg === null || endLonDeg === null ? null : { lat: endLatDeg, lon: endLonDeg },
    ...{ startReason, endReason, distanceM, odometerM, idleS, maxSpeedMps, fixes, replayed },
    durationS: endedAt === null ? null : (endedAt.getTime() - startedAt.getTime()) / 1000,
    stops:
      trip.stops?.map(({ fromMs, toMs, latDeg, lonDeg }) => ({
        ...{ from: timeText(new Date(fromMs)), to: timeText(new Date(toMs)), lat: latDeg, lon: lonDeg },
      })) ?? null,
  };
}
