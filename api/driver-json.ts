import { type Static, Type } from "typebox";
import type { Driver } from "#store/drivers.ts";
import { Nullable, named, Time, timeText } from "./schemas.ts";

export const DriverSchema = named(
  "Driver",
  Type.Object({
    id: Type.String(),
    fleetId: Type.Integer(),
    externalId: Nullable(Type.String()),
    givenName: Type.String({ description: "What the person waiting may be told" }),
    familyName: Nullable(Type.String()),
    phone: Nullable(Type.String()),
    email: Nullable(Type.String()),
    createdAt: Time,
    updatedAt: Time,
  }),
);

export function driverJson(driver: Driver): Static<typeof DriverSchema> {
  const { driverId, fleetId, externalId, givenName, familyName, phone, email, createdAt, updatedAt } = driver;
  return {
    id: String(driverId),
    ...{ fleetId, externalId, givenName, familyName, phone, email },
    createdAt: timeText(createdAt),
    updatedAt: timeText(updatedAt),
  };
}
