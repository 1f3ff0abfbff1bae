import { type Static, Type } from "typebox";
import type { VehiclePosition } from "#store/vehicle-positions.ts";
import type { Vehicle } from "#store/vehicles.ts";
import type { FreshnessThresholds } from "#stream/freshness.ts";
import { LIVE_REASONS } from "#stream/vehicle/live-source.ts";
import { Position, positionJson } from "./fix-json.ts";
import { Nullable, named, Time, timeText } from "./schemas.ts";

export const VEHICLE_KINDS = ["car", "van", "truck", "bus", "motorcycle", "bicycle", "trailer", "other"] as const;

export const PRIORITY_MAX = 1_000;
/** Where nobody says which device is preferred, none is. */
export const PRIORITY_DEFAULT = 100;

export const Priority = Type.Integer({
  minimum: 0,
  maximum: PRIORITY_MAX,
  description: `The lower is preferred where devices are equally good; ${PRIORITY_DEFAULT} unless told`,
});

export const VehicleSchema = named(
  "Vehicle",
  Type.Object({
    id: Type.String(),
    fleetId: Type.Integer(),
    externalId: Nullable(Type.String({ description: "What the fleet calls it; one vehicle of a fleet has it" })),
    name: Nullable(Type.String()),
    kind: Type.Enum([...VEHICLE_KINDS]),
    devices: Type.Array(
      Type.Object({
        uid: Type.String(),
        protocol: Nullable(Type.String()),
        priority: Priority,
        boundFrom: Time,
      }),
      { description: "The devices in it now, the preferred first" },
    ),
    createdAt: Time,
    updatedAt: Time,
  }),
);

export const VehiclePositionSchema = named(
  "VehiclePosition",
  Type.Object({
    vehicleId: Type.String(),
    externalId: Nullable(Type.String()),
    ...Position.properties,
    source: Type.Object(
      {
        deviceUid: Type.String(),
        protocol: Type.String(),
        reason: Type.Enum([...LIVE_REASONS], {
          description: `first: no device spoke for the vehicle before. stale: the one before was not heard of any more.
fresher, accurate: it was well ahead of the one before, or its error much smaller, for a time. preferred: it has the better
priority and was good for a time.`,
        }),
        since: Time,
      },
      { description: "The device that speaks for the vehicle, and why" },
    ),
  }),
);

export function vehicleJson(vehicle: Vehicle): Static<typeof VehicleSchema> {
  const { vehicleId, fleetId, externalId, name, kind, devices, createdAt, updatedAt } = vehicle;
  return {
    id: String(vehicleId),
    ...{ fleetId, externalId, name },
    kind: kind as (typeof VEHICLE_KINDS)[number],
    devices: devices.map(({ boundFromMs, ...device }) => ({ ...device, boundFrom: timeText(new Date(boundFromMs)) })),
    createdAt: timeText(createdAt),
    updatedAt: timeText(updatedAt),
  };
}

export function vehiclePositionJson(
  position: VehiclePosition,
  nowMs: number,
  thresholds: FreshnessThresholds,
): Static<typeof VehiclePositionSchema> {
  const { vehicleId, externalId, deviceUid, protocol, reason, since } = position;
  return {
    ...{ vehicleId: String(vehicleId), externalId },
    ...positionJson(position, nowMs, thresholds),
    source: { deviceUid, protocol, reason: reason as (typeof LIVE_REASONS)[number], since: timeText(since) },
  };
}
