import type { Shape } from "#stream/geofence/shape.ts";
import { greatCircleM, signedDistanceM } from "#stream/geofence/signed-distance.ts";
import { pathToStop } from "./path-to-stop.ts";
import type { Field, Visibility } from "./visibility-rule.ts";

/** Degrees, WGS 84. */
export type Place = { readonly latDeg: number; readonly lonDeg: number };

/** What a person is told of a stop's progress. `departed`: the vehicle has left and nobody has said yet how it went. */
export type TrackedStatus =
  | "planned"
  | "en_route"
  | "approaching"
  | "arrived"
  | "departed"
  | "delivered"
  | "failed"
  | "missed"
  | "cancelled";

export type ToldEta = {
  readonly p10Ms: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly toldAtMs: number;
};

export type Proof = {
  readonly outcome: "delivered" | "failed";
  readonly atMs: number;
  readonly recipientInitials: string | null;
  /** Why an attempt failed, as a code. */
  readonly reason: string | null;
  readonly photoIds: readonly string[];
};

/** Everything that is known; nothing of it leaves but through `visibleOf`. Times are Unix milliseconds. */
export type TrackingFacts = {
  readonly nowMs: number;
  readonly visibility: Visibility;
  /** Positions older than this are not shown at all, seconds. */
  readonly offlineS: number;
  /** Null: no route serves the stop. */
  readonly route: {
    readonly status: "planned" | "started" | "completed" | "cancelled";
    readonly startedAtMs: number | null;
    /** From the vehicle through all stops that are left. */
    readonly remainingPath: readonly Place[] | null;
  } | null;
  readonly stop: Place & {
    readonly status: TrackedStatus;
    readonly completedAtMs: number | null;
    readonly stopsBefore: number | null;
    readonly eta: ToldEta | null;
    readonly proof: Proof | null;
  };
  readonly vehicle: {
    readonly kind: string;
    readonly plate: string | null;
    readonly fix: {
      /** The same fix as matched, smoothed and raw, as far as there is: the first is drawn. */
      readonly places: readonly [Place, ...Place[]];
      readonly headingDeg: number | null;
      readonly timeMs: number;
    } | null;
  } | null;
  readonly driverGivenName: string | null;
  readonly privacyZones: readonly Shape[];
};

/** What may be shown: null where it may not, or is not known. The person who looks cannot tell which. */
export type Visible = {
  readonly position: (Place & { readonly headingDeg: number | null; readonly timeMs: number }) | null;
  /** To this stop, when it is the next one. */
  readonly path: readonly Place[] | null;
  readonly eta: ToldEta | null;
  readonly stopsAway: number | null;
  readonly driverFirstName: string | null;
  readonly vehicleKind: string | null;
  readonly plate: string | null;
  readonly proof: Proof | null;
};

/** From this far coordinates are rounded, metres. */
const EXACT_M_MAX = 1_000;
const ROUNDED_DECIMALS = 4;
/** A fix this near to a privacy zone may have been inside, metres. */
export const ZONE_MARGIN_M = 30;

const OVER: ReadonlySet<TrackedStatus> = new Set(["departed", "delivered", "failed", "missed", "cancelled"]);

/** The one place that decides what a tracking link shows. Pure: the same facts show the same. */
export function visibleOf(facts: TrackingFacts): Visible {
  const { route, stop, vehicle, nowMs } = facts;
  const isOver = OVER.has(stop.status) || stop.completedAtMs !== null;
  const isLive = route?.status === "started" && !isOver;
  const fix = isLive ? showableFix(facts) : null;
  const may = (field: Field) => isGranted(facts, field, { isOver, distanceM: fix?.distanceM ?? null });

  const position = fix !== null && may("position") ? fix : null;
  const isExpected = !isOver && stop.status !== "arrived" && (route === null || route.status === "planned" || isLive);
  const hasProof = stop.proof !== null && stop.proof.outcome === stop.status && stop.proof.atMs <= nowMs;
  return {
    position: position && {
      ...shownPlace(position.place, stop),
      headingDeg: position.headingDeg,
      timeMs: position.timeMs,
    },
    path: position && shownPath(facts),
    eta: isExpected && may("eta") ? stop.eta : null,
    stopsAway: isLive && may("stopsAway") ? stop.stopsBefore : null,
    driverFirstName: isLive && may("driver") ? firstName(facts.driverGivenName) : null,
    vehicleKind: isLive && may("vehicle") ? (vehicle?.kind ?? null) : null,
    plate: isLive && may("plate") ? (vehicle?.plate ?? null) : null,
    proof: hasProof && may("proof") ? { ...stop.proof, photoIds: may("photo") ? stop.proof.photoIds : [] } : null,
  };
}

/** A limit counts while the stop is ahead, and only where what it is measured by is known. */
function isGranted(
  { visibility, stop, nowMs }: TrackingFacts,
  field: Field,
  { isOver, distanceM }: { isOver: boolean; distanceM: number | null },
): boolean {
  const rule = visibility[field];
  if (rule === "never" || rule === "always") return rule === "always";
  if (isOver) return false;
  if ("withinStops" in rule) return stop.stopsBefore !== null && stop.stopsBefore <= rule.withinStops;
  if ("withinMinutes" in rule) return stop.eta !== null && stop.eta.p50Ms - nowMs <= rule.withinMinutes * 60_000;
  return distanceM !== null && distanceM <= rule.withinMetres;
}

/** The newest fix, if it is of the route's time, of today's interest and in no privacy zone. */
function showableFix({ route, vehicle, stop, offlineS, nowMs, privacyZones }: TrackingFacts) {
  const fix = vehicle?.fix ?? null;
  const startedAtMs = route?.startedAtMs ?? null;
  if (fix === null || startedAtMs === null || fix.timeMs < startedAtMs) return null;
  if (nowMs - fix.timeMs >= offlineS * 1000) return null;
  if (fix.places.some((place) => isPrivate(place, privacyZones))) return null;
  const place = fix.places[0];
  const distanceM = greatCircleM(place.latDeg, place.lonDeg, stop.latDeg, stop.lonDeg);
  return { place, distanceM, headingDeg: fix.headingDeg, timeMs: fix.timeMs };
}

/** Only when this stop is the next: further on the path would lead past other people's doors. */
function shownPath({ route, stop, privacyZones }: TrackingFacts): readonly Place[] | null {
  if (stop.stopsBefore !== 0 || stop.status === "arrived") return null;
  if (route === null || route.remainingPath === null) return null;
  const path = pathToStop(route.remainingPath, stop);
  if (path === null || path.some((place) => isPrivate(place, privacyZones))) return null;
  return path.map((place) => shownPlace(place, stop));
}

function isPrivate({ latDeg, lonDeg }: Place, zones: readonly Shape[]): boolean {
  return zones.some((zone) => signedDistanceM(zone, latDeg, lonDeg) >= -ZONE_MARGIN_M);
}

function shownPlace({ latDeg, lonDeg }: Place, stop: Place): Place {
  if (greatCircleM(latDeg, lonDeg, stop.latDeg, stop.lonDeg) <= EXACT_M_MAX) return { latDeg, lonDeg };
  return { latDeg: rounded(latDeg), lonDeg: rounded(lonDeg) };
}

function rounded(degrees: number): number {
  return Number(degrees.toFixed(ROUNDED_DECIMALS));
}

/** A family name that was typed into the field of the given one stays here. */
function firstName(givenName: string | null): string | null {
  return givenName?.trim().split(/\s+/u, 1)[0] || null;
}
