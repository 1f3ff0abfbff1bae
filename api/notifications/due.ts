import type { StoredEvent } from "#store/events.ts";
import type { AwaitedStop, DueNotification, NotificationNews, NotificationTrigger } from "#store/notifications.ts";

const MINUTE_MS = 60_000;
/** News this old is told to nobody: the stream may be catching up with what happened hours ago. */
const NEWS_MS_MAX = 15 * MINUTE_MS;
/** An ETA this old says nothing about how far away the vehicle is. */
const ETA_MS_MAX = 5 * MINUTE_MS;

/** For how long each thing is worth telling. */
const WORTH_MS: Readonly<Record<NotificationTrigger, number>> = {
  routeStarted: 120 * MINUTE_MS,
  stopsAway: 10 * MINUTE_MS,
  minutesAway: 5 * MINUTE_MS,
  arrived: 10 * MINUTE_MS,
  delivered: 24 * 60 * MINUTE_MS,
  failed: 24 * 60 * MINUTE_MS,
  delayed: 60 * MINUTE_MS,
};

/** The trigger that an event is; `routeStarted` for every stop of its route. */
function triggerOf({ type, data }: StoredEvent): NotificationTrigger | undefined {
  switch (type) {
    case "route.started":
      return "routeStarted";
    case "stop.arrived":
      return "arrived";
    case "stop.at_risk":
      return "delayed";
    case "pod.received":
      return data.outcome === "delivered" || data.outcome === "failed" ? data.outcome : undefined;
    default:
      return undefined;
  }
}

/** What is due by the rules of the brands. Late data and old news are no reason to tell anybody anything. */
export function dueNotifications({ events, touched, ahead }: NotificationNews, nowMs: number): DueNotification[] {
  const due = events.flatMap((event) => dueOfEvent(event, touched, nowMs));
  return [...due, ...ahead.flatMap((stop) => dueOfProgress(stop, nowMs))];
}

function dueOfEvent(event: StoredEvent, touched: readonly AwaitedStop[], nowMs: number): DueNotification[] {
  const trigger = triggerOf(event);
  const isNews = !event.replayed && event.supersedes === null && nowMs - event.occurredAt.getTime() <= NEWS_MS_MAX;
  if (trigger === undefined || trigger === "stopsAway" || trigger === "minutesAway" || !isNews) return [];
  const { stopId, routeId } = event.data;
  return touched
    .filter((stop) => (trigger === "routeStarted" ? String(stop.routeId) === routeId : String(stop.stopId) === stopId))
    .filter(({ notifications }) => notifications.triggers?.[trigger] === true)
    .map((stop) => ({ stop, trigger, threshold: 0, passed: false, expiresAtMs: nowMs + WORTH_MS[trigger] }));
}

/** Of the thresholds that are reached together the nearest is told, the others are passed over for good. */
function dueOfProgress(stop: AwaitedStop, nowMs: number): DueNotification[] {
  const { stopsAway = [], minutesAway = [] } = stop.notifications.triggers ?? {};
  const { stopsBefore, etaP50, etaComputedAt } = stop;
  if (etaComputedAt === null || nowMs - etaComputedAt.getTime() > ETA_MS_MAX) return [];
  const minutes = etaP50 === null ? null : (etaP50.getTime() - nowMs) / MINUTE_MS;
  return [
    ...reached(stop, "stopsAway", stopsAway, stopsBefore, nowMs),
    ...reached(stop, "minutesAway", minutesAway, minutes, nowMs),
  ];
}

function reached(
  stop: AwaitedStop,
  trigger: "stopsAway" | "minutesAway",
  thresholds: readonly number[],
  value: number | null,
  nowMs: number,
): DueNotification[] {
  if (value === null) return [];
  const met = thresholds.filter((threshold) => value <= threshold);
  const nearest = Math.min(...met);
  const expiresAtMs = nowMs + WORTH_MS[trigger];
  return met.map((threshold) => ({ stop, trigger, threshold, passed: threshold !== nearest, expiresAtMs }));
}
