import { type Static, Type } from "typebox";
import type { DriverLink } from "#store/driver-links.ts";
import { Nullable, named, Time, timeText, timeTextOrNull } from "../schemas.ts";

const link = {
  id: Type.String(),
  driverId: Type.String(),
  expiresAt: Time,
  revokedAt: Nullable(Time),
  createdAt: Time,
};

export const DriverLinkSchema = named("DriverLink", Type.Object(link));

export const CreatedDriverLink = named(
  "CreatedDriverLink",
  Type.Object({ url: Type.String(), token: Type.String({ description: "Answered this once" }), ...link }),
);

export function driverLinkJson(link: DriverLink): Static<typeof DriverLinkSchema> {
  return {
    id: String(link.linkId),
    driverId: String(link.driverId),
    expiresAt: timeText(link.expiresAt),
    revokedAt: timeTextOrNull(link.revokedAt),
    createdAt: timeText(link.createdAt),
  };
}
