import type { DeliveryEventType } from "#stream/delivery/route-state.ts";
import type { EventType } from "#stream/stage.ts";

/** All that the stream folds: does not compile while one is missing, or is there no more. */
const OF_THE_STREAM = Object.keys({
  "device.connected": true,
  "device.disconnected": true,
  "device.silent": true,
  "device.identity_conflict": true,
  "frame.quarantined": true,
  "geofence.entered": true,
  "geofence.exited": true,
  "geofence.dwelled": true,
  "trip.started": true,
  "trip.ended": true,
  "route.started": true,
  "route.completed": true,
  "stop.en_route": true,
  "stop.approaching": true,
  "stop.arrived": true,
  "stop.departed": true,
  "stop.missed": true,
  "stop.at_risk": true,
  "eta.changed": true,
} satisfies Record<EventType | DeliveryEventType, true>);

/** Every event that there is, by name. */
export const EVENT_NAMES: readonly string[] = [
  ...OF_THE_STREAM,
  ...["route.resequenced", "pod.received", "pod.verdict", "pod.verdict.revised"],
  ...["temperature.excursion_started", "temperature.excursion_ended"],
  ...["link.created", "link.revoked", "webhook.disabled", "notification.due"],
];

/** `stop.*`: all events whose name begins so. */
export const EVENT_FAMILIES = [...new Set(EVENT_NAMES.map((name) => `${name.split(".")[0]!}.*`))];
