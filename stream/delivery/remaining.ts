import type { PlannedStop, RoutePlan } from "./plan.ts";
import type { RouteState, StopState, Visit } from "./route-state.ts";

/** A stop that was left out while this many later ones were served is expected after the others. */
const DEFERRED_AFTER_STOPS = 2;

type Folded = { readonly plan: RoutePlan; readonly state: RouteState };

/** The stops still to be reached, in the order in which they are expected; the one stood at is not among them. */
export function remainingStops({ plan, state }: Folded): PlannedStop[] {
  const { stops } = plan;
  const lastStop = stops.at(-1);
  const deferred: PlannedStop[] = [];
  const next: PlannedStop[] = [];
  let servedLater = 0;
  for (let index = stops.length - 1; index >= 0; index--) {
    const stop = stops[index] as PlannedStop;
    const status = state.stops[stop.stopId]?.status ?? "planned";
    if (isServed(status)) {
      servedLater++;
      continue;
    }
    if (status === "missed" || status === "cancelled") continue;
    if (servedLater >= DEFERRED_AFTER_STOPS) deferred.push(stop);
    else next.push(stop);
  }
  next.reverse();
  deferred.reverse();
  if (deferred.length === 0) return next;
  const endsAtDepot = lastStop?.kind === "depot" && next.at(-1) === lastStop;
  return endsAtDepot ? [...next.slice(0, -1), ...deferred, lastStop] : [...next, ...deferred];
}

/** How many stops behind this one in the plan have been served. */
export function servedBehind({ plan, state }: Folded, stopId: string): number {
  const index = plan.stops.findIndex((stop) => stop.stopId === stopId);
  return plan.stops.slice(index + 1).filter((stop) => isServed(state.stops[stop.stopId]?.status)).length;
}

export function isServed(status: StopState["status"] | undefined): boolean {
  return status === "arrived" || status === "departed";
}

export type Serving = { readonly stop: PlannedStop; readonly visit: Visit };

/** The stop that the vehicle stands at, and since when. */
export function servingStop({ plan, state }: Folded): Serving | null {
  let serving: Serving | null = null;
  for (const stop of plan.stops) {
    const visit = state.stops[stop.stopId]?.visits.at(-1);
    if (visit === undefined || visit.departedAtMs !== null) continue;
    if (serving === null || visit.arrivedAtMs > serving.visit.arrivedAtMs) serving = { stop, visit };
  }
  return serving;
}
