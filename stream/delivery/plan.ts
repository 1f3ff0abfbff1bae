import type { EtaPlace, StopKind } from "../eta/eta.ts";
import { driverKey } from "../eta/service-times.ts";

/** A stop as a version of the plan has it. Degrees, Unix milliseconds, seconds. */
export type PlannedStop = EtaPlace & {
  readonly stopId: string;
  readonly kind: StopKind;
  readonly geofenceId: number | null;
  readonly windowStartMs: number | null;
  readonly windowEndMs: number | null;
  readonly promisedByMs: number | null;
  readonly serviceS: number | null;
  /** When an attempt failed that this plan does not count any more, since it has the stop again. */
  readonly failedAtMs?: number | null;
  /** Who serves it, as the learned model calls them; null: not known. */
  readonly driver?: string | null;
};

/** One version of a route's plan, whole: what `route_version.plan` holds. */
export type RoutePlan = {
  readonly vehicleId: number | null;
  readonly status: "planned" | "cancelled";
  readonly startsAtMs: number | null;
  readonly endsAtMs: number | null;
  readonly start: EtaPlace | null;
  readonly end: EtaPlace | null;
  /** In driving order. */
  readonly stops: readonly PlannedStop[];
};

/** `[lat, lon]`, as the API writes places, or an object. */
type StoredPlace = readonly [number, number] | EtaPlace | null | undefined;

type StoredPlan = Omit<RoutePlan, "start" | "end" | "stops"> & {
  driverId?: number | null;
  start?: StoredPlace;
  end?: StoredPlace;
  stops: readonly (Omit<PlannedStop, "stopId" | "driver"> & { stopId: string | number })[];
};

/** Reads a plan that the API has written. */
export function readPlan(stored: unknown): RoutePlan {
  const plan = stored as StoredPlan;
  const driver = driverKey(plan.driverId ?? null, plan.vehicleId ?? null);
  return {
    ...{ vehicleId: plan.vehicleId ?? null, status: plan.status },
    ...{ startsAtMs: plan.startsAtMs ?? null, endsAtMs: plan.endsAtMs ?? null },
    ...{ start: placeOf(plan.start), end: placeOf(plan.end) },
    stops: plan.stops.map((stop) => ({
      ...{ stopId: String(stop.stopId), kind: stop.kind, latDeg: stop.latDeg, lonDeg: stop.lonDeg },
      ...{ geofenceId: stop.geofenceId ?? null, serviceS: stop.serviceS ?? null },
      ...{ windowStartMs: stop.windowStartMs ?? null, windowEndMs: stop.windowEndMs ?? null },
      ...{ promisedByMs: stop.promisedByMs ?? null, failedAtMs: stop.failedAtMs ?? null, driver },
    })),
  };
}

function placeOf(stored: StoredPlace): EtaPlace | null {
  if (stored === null || stored === undefined) return null;
  if ("latDeg" in stored) return { latDeg: stored.latDeg, lonDeg: stored.lonDeg };
  return { latDeg: stored[0], lonDeg: stored[1] };
}

/** Until when the stop is promised, Unix milliseconds; null: no promise. */
export function deadlineOf(stop: PlannedStop): number | null {
  return stop.promisedByMs ?? stop.windowEndMs;
}

/** When the route is to begin: its shift, else its first window; null: not said. */
export function plannedStartMs(plan: RoutePlan): number | null {
  if (plan.startsAtMs !== null) return plan.startsAtMs;
  return plan.stops.reduce<number | null>(
    (first, { windowStartMs }) => (windowStartMs === null ? first : Math.min(first ?? windowStartMs, windowStartMs)),
    null,
  );
}

/** When the last of it was to be over; null: not said. */
export function plannedEndMs(plan: RoutePlan): number | null {
  const ends = [plan.endsAtMs, ...plan.stops.map(deadlineOf)].filter((ms) => ms !== null);
  return ends.length === 0 ? null : Math.max(...ends);
}
