import polyline from "@mapbox/polyline";
import type { TrackedStop } from "#store/tracked-stops.ts";
import { type FreshnessThresholds, freshnessOf } from "#stream/freshness.ts";
import { timeText, timeTextOrNull } from "../schemas.ts";
import { brandView } from "./brand-view.ts";
import { trackedStatus } from "./facts.ts";
import type { TrackView } from "./track-json.ts";
import type { Visible } from "./visible.ts";

type Given = {
  nowMs: number;
  closesAtMs: number;
  freshness: FreshnessThresholds;
  /** Where a photo of the proof can be fetched for a while. */
  photoUrl: (photoId: string) => string;
  /** Where the brand's logo can be fetched. */
  logoUrl: string;
};

const ETA_STEP_MS = 300_000;
/** What `poll_after_ms` advises while the vehicle is on its way, before it sets off, and when it is all over. */
const POLL_LIVE_MS = 5_000;
const POLL_PLANNED_MS = 60_000;
const POLL_OVER_MS = 300_000;

/**
 * What a link shows, as JSON. Of the stop itself, its plan and its brand everything here is for the person waiting; all
 * that moves comes from `visible`. Nothing in it changes only because time passes, but for the freshness of a position.
 */
export function trackView(stop: TrackedStop, visible: Visible, given: Given): TrackView {
  const { position, path, eta, proof, driverFirstName, vehicleKind, plate } = visible;
  return {
    status: trackedStatus(stop),
    stop: {
      kind: stop.kind,
      lat: stop.latDeg,
      lon: stop.lonDeg,
      address: stop.address,
      timeZone: stop.timeZone,
      windowStart: timeTextOrNull(stop.windowStart),
      windowEnd: timeTextOrNull(stop.windowEnd),
      promisedBy: timeTextOrNull(stop.promisedBy ?? stop.windowEnd),
    },
    eta: eta && {
      p10: textOf(eta.p10Ms),
      p50: textOf(eta.p50Ms),
      p90: textOf(eta.p90Ms),
      latestBy: textOf(Math.ceil(eta.p90Ms / ETA_STEP_MS) * ETA_STEP_MS),
      basis: stop.etaBasis,
      toldAt: textOf(eta.toldAtMs),
    },
    stopsAway: visible.stopsAway,
    position: position && {
      lat: position.latDeg,
      lon: position.lonDeg,
      headingDeg: position.headingDeg === null ? null : Math.round(position.headingDeg),
      time: textOf(position.timeMs),
      state: freshnessOf(position.timeMs, position.timeMs, given.nowMs, given.freshness).state,
    },
    path: path && polyline.encode(path.map(({ latDeg, lonDeg }) => [latDeg, lonDeg])),
    driver: driverFirstName === null ? null : { firstName: driverFirstName },
    vehicle: vehicleKind === null && plate === null ? null : { kind: vehicleKind, plate },
    timeline: timelineOf(stop, proof),
    proof: proof && {
      outcome: proof.outcome,
      at: textOf(proof.atMs),
      recipientInitials: proof.recipientInitials,
      reason: proof.reason,
      photos: proof.photoIds.map(given.photoUrl),
    },
    brand: brandView(stop, given.logoUrl),
    closesAt: textOf(given.closesAtMs),
    poll_after_ms: pollAfterMs(stop),
  };
}

function timelineOf(stop: TrackedStop, proof: Visible["proof"]): TrackView["timeline"] {
  const status = trackedStatus(stop);
  const moments: [TrackView["timeline"][number]["status"], Date | null][] = [
    ["started", stop.routeStartedAt],
    ["arrived", stop.arrivedAt],
    ["departed", stop.departedAt],
  ];
  if (proof !== null) moments.push([proof.outcome, new Date(proof.atMs)]);
  else if (status === "missed" || status === "cancelled") moments.push([status, stop.completedAt]);
  return moments.flatMap(([name, at]) => (at === null ? [] : [{ status: name, at: timeText(at) }]));
}

function pollAfterMs(stop: TrackedStop): number {
  if (stop.completedAt !== null) return POLL_OVER_MS;
  return stop.routeStatus === "started" ? POLL_LIVE_MS : POLL_PLANNED_MS;
}

function textOf(timeMs: number): string {
  return timeText(new Date(timeMs));
}
