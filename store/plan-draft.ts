import { isDeepStrictEqual } from "node:util";
import type { PlanReason, Route, RouteContent, Stop, StopContent } from "./plan-rows.ts";

/**
 * Routes and stops as they are being changed, in memory: what was read, what was made, and what has become of both. What
 * equals what was there is no change. `plan-commit.ts` writes it.
 */

/** Stops that a route may have. */
export const ROUTE_STOPS_MAX = 500;

export type DraftStop = {
  /** Null: new. */
  readonly stored: Stop | null;
  /** Whether its geofence is there still. */
  readonly fenced: boolean;
  /** Whether its recipient was erased: nothing personal is taken for it any more. */
  readonly forgotten: boolean;
  content: StopContent;
  status: Stop["status"];
  /** The route that it is on. A removed stop keeps its route, without being on it. */
  route: DraftRoute | null;
};

export type DraftRoute = {
  /** Null: new. */
  readonly stored: Route | null;
  /** As they were stored. */
  readonly storedStops: readonly DraftStop[];
  content: RouteContent;
  status: Route["status"];
  /** In driving order. */
  stops: DraftStop[];
  reason: PlanReason | null;
};

/** Why an edit can't be made; nothing of it is kept. */
export type PlanRefusal =
  | { kind: "missing" }
  /** Another version than the one expected. */
  | { kind: "conflict"; version: number }
  /** Another thing of the fleet has this external id. */
  | { kind: "taken"; externalId: string }
  /** The stop is on another route. */
  | { kind: "elsewhere"; stopId: number; externalId: string | null; routeId: number }
  /** The route would have more stops than a route may have. */
  | { kind: "full" }
  /** The route is cancelled: only putting it again revives it. */
  | { kind: "cancelled" }
  /** The order that was given does not have exactly the stops of the route. */
  | { kind: "mismatch" };

export function newStop(content: StopContent): DraftStop {
  return { stored: null, fenced: false, forgotten: false, content, status: "planned", route: null };
}

export function newRoute(content: RouteContent): DraftRoute {
  return { stored: null, storedStops: [], content, status: "planned", stops: [], reason: "created" };
}

/** Gives a stop new content; one that was removed is expected again. */
export function changeStop(stop: DraftStop, content: StopContent): void {
  stop.content = stop.forgotten ? withoutRecipient(content) : content;
  if (stop.status === "removed") {
    stop.status = "planned";
    stop.route = null;
  }
}

/** The same file or order comes again tomorrow: it must not bring back who was erased. */
function withoutRecipient(content: StopContent): StopContent {
  const { proof } = content.policy;
  const asked = typeof proof === "object" && proof !== null ? Object.entries(proof) : [];
  const policy =
    asked.length === 0
      ? content.policy
      : { ...content.policy, proof: Object.fromEntries(asked.filter(([name]) => name !== "pin")) };
  return { ...content, contact: {}, notes: null, address: null, policy };
}

/** Puts a stop on a route, at a position from 0 (beyond the end: last). On another live route: refused unless `moves`. */
export function placeStop(
  route: DraftRoute,
  stop: DraftStop,
  position = Number.POSITIVE_INFINITY,
  moves = false,
): PlanRefusal | undefined {
  const from = stop.route;
  if (from !== null && from !== route && from.status === "planned" && from.stops.includes(stop) && !moves) {
    const { stopId, externalId } = stop.stored!;
    return { kind: "elsewhere", stopId, externalId, routeId: from.stored!.routeId };
  }
  if (from !== null) takeOff(stop);
  if (route.stops.length >= ROUTE_STOPS_MAX) return { kind: "full" };
  route.stops = route.stops.toSpliced(Math.min(position, route.stops.length), 0, stop);
  stop.route = route;
  return undefined;
}

/** The stop waits for a route again. */
export function takeOff(stop: DraftStop): void {
  if (stop.route !== null) stop.route.stops = stop.route.stops.filter((other) => other !== stop);
  stop.route = null;
}

/** The stop is expected no more. It keeps its route's name for history. */
export function removeStop(stop: DraftStop): void {
  if (stop.route !== null) stop.route.stops = stop.route.stops.filter((other) => other !== stop);
  stop.status = "removed";
}

/** Whether the stop itself has changed, or the route that it is on. */
export function isStopChanged({ stored, status, route, content }: DraftStop): boolean {
  if (stored === null || stored.status !== status || !isSameContent(content, stored)) return true;
  return route === null ? stored.routeId !== null : stored.routeId !== route.stored?.routeId;
}

/**
 * Whether it is planned anew: for another route, or with a later promise. A failure before that is an earlier attempt's.
 * A new order of the same route, or a smaller change, is not meant so.
 */
export function isPlannedAgain({ stored, status, route, content }: DraftStop): boolean {
  if (stored === null || status === "removed" || route === null) return false;
  const [dueMs, wasDueMs] = [content, stored].map(({ promisedByMs, windowEndMs }) => promisedByMs ?? windowEndMs);
  const isLater = dueMs != null && (wasDueMs == null || dueMs > wasDueMs);
  return isLater || stored.status === "removed" || stored.routeId !== route.stored?.routeId;
}

/** Whether anybody will come: on no route yet, or on one that is not cancelled. */
export function isExpected({ status, route }: DraftStop): boolean {
  return status === "planned" && route?.status !== "cancelled";
}

/** Whether a route needs a new version of its plan. */
export function isRouteChanged(route: DraftRoute): boolean {
  const { stored, storedStops, stops } = route;
  if (stored === null || stored.status !== route.status || !isSameContent(route.content, stored)) return true;
  if (stops.length !== storedStops.length || stops.some((stop, index) => stop !== storedStops[index])) return true;
  return stops.some(isStopChanged);
}

/** Whether stops that stay come in another order than before. */
export function isResequenced({ stored, storedStops, stops }: DraftRoute): boolean {
  if (stored === null) return false;
  const staying = storedStops.filter((stop) => stops.includes(stop));
  const now = stops.filter((stop) => storedStops.includes(stop));
  return staying.some((stop, index) => stop !== now[index]);
}

/** Why a route's new version was made, where the edit has not said so itself. */
export function reasonOf(route: DraftRoute): PlanReason {
  if (route.reason !== null) return route.reason;
  if (route.status === "cancelled") return "cancelled";
  const { stored, content } = route;
  if (isResequenced(route)) return "resequenced";
  const isAssigned = stored?.vehicleId !== content.vehicleId || stored?.driverId !== content.driverId;
  return isAssigned ? "assigned" : "updated";
}

/** Whether all of `content` is in `stored`, which may have more. */
function isSameContent<Content extends object>(content: Content, stored: Content): boolean {
  return (Object.keys(content) as (keyof Content)[]).every((name) => {
    const [is, was] = [content[name], stored[name]];
    return is === was || (typeof is === "object" && isDeepStrictEqual(is, was));
  });
}
