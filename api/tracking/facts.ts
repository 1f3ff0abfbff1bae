import polyline from "@mapbox/polyline";
import type { PrivacyZone, TrackedStop } from "#store/tracked-stops.ts";
import type { FreshnessThresholds } from "#stream/freshness.ts";
import { type FenceFeature, parseFence } from "#stream/geofence/parse-feature.ts";
import type { Shape } from "#stream/geofence/shape.ts";
import { stopStatus } from "../stop-status.ts";
import { resolveVisibility } from "./visibility-rule.ts";
import type { Place, Proof, ToldEta, TrackedStatus, TrackingFacts } from "./visible.ts";

type Given = {
  nowMs: number;
  /** As stored with the link. */
  linkVisibility: unknown;
  privacyZones: readonly Shape[];
  freshness: FreshnessThresholds;
};

/** What is known of a stop, for `visibleOf` to decide on. */
export function factsOf(stop: TrackedStop, { nowMs, linkVisibility, privacyZones, freshness }: Given): TrackingFacts {
  return {
    nowMs,
    visibility: resolveVisibility(linkVisibility, stop.brandVisibility),
    offlineS: freshness.offlineS,
    route: routeOf(stop),
    stop: {
      latDeg: stop.latDeg,
      lonDeg: stop.lonDeg,
      status: trackedStatus(stop),
      completedAtMs: stop.completedAt?.getTime() ?? null,
      stopsBefore: stop.stopsBefore,
      eta: toldEta(stop),
      proof: proofOf(stop),
    },
    vehicle: vehicleOf(stop),
    driverGivenName: stop.driverGivenName,
    privacyZones,
  };
}

/** How the stop stands, in one word. */
export function trackedStatus({ planStatus, routePlanStatus, status, pod }: TrackedStop): TrackedStatus {
  const plan = { status: planStatus, routeStatus: routePlanStatus, progress: status && { status } };
  return stopStatus(plan, pod?.outcome ?? null);
}

function proofOf({ pod }: TrackedStop): Proof | null {
  if (pod === null) return null;
  const { outcome, reason, at, recipientName, photoIds } = pod;
  const recipientInitials = recipientName === null ? null : initialsOf(recipientName);
  return { outcome, reason, atMs: at.getTime(), recipientInitials, photoIds: photoIds.map(String) };
}

const INITIALS_MAX = 4;

/** `Ana de Sousa` → `A. D. S.`: enough to recognise, too little to learn. Null where nobody is named. */
export function initialsOf(name: string): string | null {
  const words = name.trim().split(/[\s-]+/u, INITIALS_MAX);
  const initials = words.map((word) => /[\p{L}\p{N}]/u.exec(word)?.[0]).filter((letter) => letter !== undefined);
  return initials.length === 0 ? null : initials.map((letter) => `${letter.toLocaleUpperCase("en")}.`).join(" ");
}

function routeOf(stop: TrackedStop): TrackingFacts["route"] {
  if (stop.routePlanStatus === null) return null;
  const status = stop.routePlanStatus === "cancelled" ? "cancelled" : (stop.routeStatus ?? "planned");
  return {
    status,
    startedAtMs: stop.routeStartedAt?.getTime() ?? null,
    remainingPath: stop.remainingPath === null ? null : placesOf(stop.remainingPath),
  };
}

function toldEta({ toldP10, toldP50, toldP90, toldAt }: TrackedStop): ToldEta | null {
  if (toldP10 === null || toldP50 === null || toldP90 === null || toldAt === null) return null;
  return {
    p10Ms: toldP10.getTime(),
    p50Ms: toldP50.getTime(),
    p90Ms: toldP90.getTime(),
    toldAtMs: toldAt.getTime(),
  };
}

function vehicleOf(stop: TrackedStop): TrackingFacts["vehicle"] {
  if (stop.vehicleKind === null) return null;
  const [drawn, ...others] = [
    placeOf(stop.latMatchedDeg, stop.lonMatchedDeg),
    placeOf(stop.latSmoothedDeg, stop.lonSmoothedDeg),
    placeOf(stop.latRawDeg, stop.lonRawDeg),
  ].filter((place) => place !== null);
  const { headingDeg, fixTime } = stop;
  const fix =
    drawn === undefined || fixTime === null
      ? null
      : { places: [drawn, ...others] as const, headingDeg, timeMs: fixTime.getTime() };
  // Fleets call their vehicles by the plate.
  return { kind: stop.vehicleKind, plate: stop.vehicleName, fix };
}

function placeOf(latDeg: number | null, lonDeg: number | null): Place | null {
  return latDeg === null || lonDeg === null ? null : { latDeg, lonDeg };
}

function placesOf(encoded: string): Place[] {
  return polyline.decode(encoded).map(([latDeg, lonDeg]) => ({ latDeg, lonDeg }));
}

/** The shapes of privacy zones by fleet. A zone was checked when it was made; one that does not parse is a fault of ours. */
export function zonesByFleet(zones: readonly PrivacyZone[]): Map<number, Shape[]> {
  const shapes = new Map<number, Shape[]>();
  for (const { fleetId, geometry, properties } of zones) {
    const rule = parseFence({ geometry: geometry as FenceFeature["geometry"], properties });
    if ("detail" in rule) throw new Error(`a stored privacy zone cannot be read: ${rule.detail}`);
    shapes.set(fleetId, [...(shapes.get(fleetId) ?? []), rule.shape]);
  }
  return shapes;
}
