import type { StopPlace, TrackFix, Visit } from "#stream/verdict/evidence.ts";
import { distanceM } from "#stream/verdict/window.ts";

const RADIUS_M = 80;
const INSIDE_S_MIN = 10;
const OUTSIDE_S_MIN = 30;
/** A silence longer than this ends a visit without a departure that anybody saw. */
const GAP_S_MAX = 300;

/** Arrivals and departures as a geofence of 80 m around each stop sees them: some time inside, some time outside. */
export function visitsOf(fixes: readonly TrackFix[], stops: readonly StopPlace[]): Visit[] {
  return stops.flatMap((stop) => visitsOfStop(fixes, stop));
}

function visitsOfStop(fixes: readonly TrackFix[], stop: StopPlace): Visit[] {
  const visits: Visit[] = [];
  let inside: { fromMs: number; lastMs: number } | undefined;
  const end = (): void => {
    if (inside !== undefined && inside.lastMs - inside.fromMs >= INSIDE_S_MIN * 1000) {
      const evidenceIds = [`event:in-${stop.stopId}-${inside.fromMs}`, `event:out-${stop.stopId}-${inside.fromMs}`];
      visits.push({ stopId: stop.stopId, arrivedAtMs: inside.fromMs, departedAtMs: inside.lastMs, evidenceIds });
    }
    inside = undefined;
  };
  for (const fix of fixes) {
    if (inside !== undefined && fix.timeMs - inside.lastMs > GAP_S_MAX * 1000) end();
    if (isNear(fix, stop) && distanceM(fix, stop) <= RADIUS_M)
      inside = { fromMs: inside?.fromMs ?? fix.timeMs, lastMs: fix.timeMs };
    else if (inside !== undefined && fix.timeMs - inside.lastMs > OUTSIDE_S_MIN * 1000) end();
  }
  end();
  return visits;
}

const NEAR_LAT_DEG = 0.001;

/** Most fixes are far from most stops: a look at the latitude spares the sines. */
function isNear(fix: TrackFix, stop: StopPlace): boolean {
  return Math.abs(fix.latDeg - stop.latDeg) < NEAR_LAT_DEG;
}
