import { type Static, Type } from "typebox";
import type { StoredEvent } from "#store/events.ts";
import { Attributes, Nullable, named, Time, timeText } from "./schemas.ts";

export const Event = named(
  "Event",
  Type.Object({
    id: Type.String({ description: "Deterministic: a replay makes the same id" }),
    type: Type.String({ description: "Dotted, past tense: device.connected" }),
    deviceUid: Nullable(Type.String()),
    occurredAt: Time,
    detectedAt: Time,
    replayed: Type.Boolean({ description: "History revised by late data; never a live notification" }),
    supersedes: Nullable(Type.String({ description: "id of the event that this one replaces" })),
    data: Attributes,
  }),
);

export function eventJson(event: StoredEvent): Static<typeof Event> {
  return {
    id: event.eventId,
    type: event.type,
    deviceUid: event.deviceUid,
    occurredAt: timeText(event.occurredAt),
    detectedAt: timeText(event.detectedAt),
    replayed: event.replayed,
    supersedes: event.supersedes,
    data: event.data,
  };
}
