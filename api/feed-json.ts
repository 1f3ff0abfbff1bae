import { type Static, Type } from "typebox";
import type { StoredEta } from "#store/feeds.ts";
import type { StoredPod } from "#store/pods.ts";
import { Degrees, Nullable, named, Time, timeText, timeTextOrNull } from "./schemas.ts";

/** Rows of the feeds that stand nowhere else in this form. */

export const IssuedEta = named(
  "IssuedEta",
  Type.Object({
    id: Type.String(),
    routeId: Type.String(),
    stopId: Type.String(),
    computedAt: Time,
    p10: Nullable(Time),
    p50: Nullable(Type.String({ format: "date-time", description: "The median; null where none can be given" })),
    p90: Nullable(Time),
    basis: Nullable(Type.String({ description: "live, degraded or planned" })),
    changeReason: Type.String(),
    told: Type.Boolean({ description: "It moved enough for the person waiting to be told" }),
  }),
);

export const ReceivedPod = named(
  "ReceivedPod",
  Type.Object(
    {
      id: Type.String(),
      stopId: Type.String(),
      routeId: Nullable(Type.String()),
      routeVersion: Nullable(Type.Integer()),
      vehicleId: Nullable(Type.String()),
      driverId: Nullable(Type.String()),
      outcome: Type.Enum(["delivered", "failed"]),
      reason: Nullable(Type.String()),
      deviceTime: Time,
      receivedAt: Time,
      position: Nullable(
        Type.Object({ lat: Degrees(90), lon: Degrees(180), accuracyM: Nullable(Type.Number()), time: Nullable(Time) }),
      ),
      mock: Type.Boolean(),
      missing: Type.Array(Type.String({ description: "What the job asks for and this lacks" })),
      pinConfirmed: Nullable(Type.Boolean({ description: "Null where no PIN was asked for" })),
    },
    { description: "A proof as it came in, without what it says of the recipient; verdicts come as events" },
  ),
);

export function issuedEtaJson(eta: StoredEta): Static<typeof IssuedEta> {
  return {
    id: eta.etaId,
    routeId: eta.routeId,
    stopId: eta.stopId,
    computedAt: timeText(eta.computedAt),
    p10: timeTextOrNull(eta.p10),
    p50: timeTextOrNull(eta.p50),
    p90: timeTextOrNull(eta.p90),
    basis: eta.basis,
    changeReason: eta.reason,
    told: eta.told,
  };
}

export function receivedPodJson(pod: StoredPod): Static<typeof ReceivedPod> {
  const { latDeg: lat, lonDeg: lon, accuracyM, positionTime } = pod;
  return {
    id: pod.podId,
    stopId: pod.stopId,
    routeId: pod.routeId,
    routeVersion: pod.routeVersion,
    vehicleId: pod.vehicleId === null ? null : String(pod.vehicleId),
    driverId: pod.driverId === null ? null : String(pod.driverId),
    outcome: pod.outcome,
    reason: pod.reason,
    deviceTime: timeText(pod.deviceTime),
    receivedAt: timeText(pod.receivedAt),
    position: lat === null || lon === null ? null : { lat, lon, accuracyM, time: timeTextOrNull(positionTime) },
    mock: pod.mock,
    missing: pod.missing,
    pinConfirmed: pod.pinConfirmed,
  };
}
