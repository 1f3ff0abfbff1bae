import type { StopProgress, StopView } from "#store/stops.ts";

export const STOP_STATUSES = [
  "planned",
  "en_route",
  "approaching",
  "arrived",
  "departed",
  "missed",
  "delivered",
  "failed",
  "cancelled",
] as const;
export type StopStatus = (typeof STOP_STATUSES)[number];

/**
 * What is said of a stop: the outcome of its newest proof of delivery over what was observed of it over what was planned.
 * A stop that nobody is to come to any more is cancelled, unless it had its outcome before.
 */
export function stopStatus(
  stop: Pick<StopView, "status" | "routeStatus"> & { progress: Pick<StopProgress, "status"> | null },
  outcome: "delivered" | "failed" | null = null,
): StopStatus {
  if (outcome !== null) return outcome;
  if (stop.status === "removed" || stop.routeStatus === "cancelled") return "cancelled";
  return stop.progress?.status ?? "planned";
}
