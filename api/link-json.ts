import { type Static, Type } from "typebox";
import type { TrackingLink } from "#store/tracking-links.ts";
import { Attributes, Nullable, named, Time, timeText, timeTextOrNull } from "./schemas.ts";

const link = {
  id: Type.String(),
  stopId: Type.String(),
  visibility: Attributes,
  notBefore: Nullable(Time),
  expiresAt: Time,
  revokedAt: Nullable(Time),
  views: Type.Integer({ description: "How often the page was opened; by whom is not kept" }),
  createdAt: Time,
};

export const LinkSchema = named("TrackingLink", Type.Object(link));

export const CreatedLink = named(
  "CreatedTrackingLink",
  Type.Object({ url: Type.String(), token: Type.String({ description: "Answered this once" }), ...link }),
);

export function linkJson(link: TrackingLink): Static<typeof LinkSchema> {
  return {
    id: String(link.linkId),
    stopId: String(link.stopId),
    visibility: link.visibility,
    notBefore: timeTextOrNull(link.notBefore),
    expiresAt: timeText(link.expiresAt),
    revokedAt: timeTextOrNull(link.revokedAt),
    views: link.views,
    createdAt: timeText(link.createdAt),
  };
}
