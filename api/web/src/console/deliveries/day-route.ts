/** The routes of a day as the API tells them (see /docs, DayRoute), and what an operator wants to know of them first. */

export type Named = { id: string; externalId: string | null; name: string | null };

export type DayStop = {
  id: string;
  externalId: string | null;
  position: number;
  kind: "delivery" | "pickup" | "service" | "collection" | "depot";
  lat: number;
  lon: number;
  address: string | null;
  windowStart: string | null;
  windowEnd: string | null;
  promisedBy: string | null;
  status:
    | "planned"
    | "en_route"
    | "approaching"
    | "arrived"
    | "departed"
    | "missed"
    | "delivered"
    | "failed"
    | "cancelled";
  arrivedAt: string | null;
  departedAt: string | null;
  stopsBefore: number | null;
  atRisk: boolean;
  eta: { p10: string; p50: string; p90: string; basis: "live" | "degraded" | "planned" } | null;
  etaReason: string | null;
  verdict: string | null;
  override: "accepted" | "rejected" | null;
};

export type DayRoute = {
  id: string;
  externalId: string | null;
  name: string | null;
  status: "planned" | "started" | "completed" | "cancelled";
  vehicle: Named | null;
  driver: Named | null;
  startsAt: string | null;
  startedAt: string | null;
  completedAt: string | null;
  currentStopId: string | null;
  stops: DayStop[];
};

/**
 * How a stop stands, each with a sign of its own in lists and on the map. `late`: the promise is over and nobody came;
 * `risk`: more likely late than not; `failed`: driven past, or an attempt that failed.
 */
export type Standing = "todo" | "underway" | "risk" | "late" | "done" | "failed" | "cancelled";

/** Until when somebody should be there, Unix milliseconds: what was promised, else the end of the window. */
export function dueMs(stop: DayStop): number | null {
  const due = stop.promisedBy ?? stop.windowEnd;
  return due === null ? null : Date.parse(due);
}

export function standingOf(stop: DayStop, nowMs: number): Standing {
  switch (stop.status) {
    case "delivered":
    case "departed":
      return "done";
    case "failed":
    case "missed":
      return "failed";
    case "cancelled":
      return "cancelled";
    case "arrived":
      return "underway";
    case "planned":
    case "en_route":
    case "approaching": {
      const due = dueMs(stop);
      if (due !== null && nowMs > due) return "late";
      if (stop.atRisk) return "risk";
      return stop.status === "approaching" ? "underway" : "todo";
    }
  }
}

/** Whether what was handed in is contradicted, and nobody has said what to make of it. */
export const isDisputed = (stop: DayStop): boolean => stop.verdict === "contradicted" && stop.override === null;

export type RouteStanding = {
  late: number;
  risk: number;
  failed: number;
  disputed: number;
  over: number;
  degraded: boolean;
};

export function routeStanding({ stops }: DayRoute, nowMs: number): RouteStanding {
  const standings = stops.map((stop) => standingOf(stop, nowMs));
  const count = (wanted: Standing) => standings.filter((standing) => standing === wanted).length;
  return {
    ...{ late: count("late"), risk: count("risk"), failed: count("failed") },
    disputed: stops.filter(isDisputed).length,
    over: count("done") + count("failed") + count("cancelled"),
    degraded: stops.some((stop, i) => stop.eta?.basis === "degraded" && isOpen(standings[i]!)),
  };
}

const isOpen = (standing: Standing): boolean => !["done", "failed", "cancelled"].includes(standing);

/** Those that need somebody first: past their promise, then at risk, then disputed; then what is under way. */
export function lateFirst(routes: readonly DayRoute[], nowMs: number): DayRoute[] {
  const STATUS_RANK = { started: 0, planned: 1, completed: 2, cancelled: 3 } as const;
  const keys = new Map(
    routes.map((route) => {
      const { late, risk, disputed } = routeStanding(route, nowMs);
      return [route.id, [-late, -risk, -disputed, STATUS_RANK[route.status]]];
    }),
  );
  return routes.toSorted((a, b) => {
    const [left, right] = [keys.get(a.id)!, keys.get(b.id)!];
    const differing = left.findIndex((key, i) => key !== right[i]);
    return differing < 0 ? nameOfRoute(a).localeCompare(nameOfRoute(b)) : left[differing]! - right[differing]!;
  });
}

export const nameOfRoute = (route: DayRoute): string => route.name ?? route.externalId ?? `Route ${route.id}`;
export const nameOfStop = (stop: DayStop): string => stop.address ?? stop.externalId ?? `Stop ${stop.id}`;
export const nameOf = (thing: Named): string => thing.name ?? thing.externalId ?? thing.id;

/** Routes whose name, vehicle, driver or a stop of them has every word of a text. */
export function searchRoutes(routes: readonly DayRoute[], text: string): DayRoute[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return routes.filter((route) => {
    const things = [route.vehicle, route.driver].flatMap((thing) => (thing === null ? [] : [nameOf(thing)]));
    const stops = route.stops.flatMap((stop) => [nameOfStop(stop), stop.externalId ?? ""]);
    const all = [nameOfRoute(route), ...things, ...stops].join("\n").toLowerCase();
    return words.every((word) => all.includes(word));
  });
}
