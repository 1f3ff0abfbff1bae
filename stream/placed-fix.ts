import type { Fix } from "./stage.ts";

/** A fix that says where the device was, at a time that can be believed. */
export type PlacedFix = Fix & { latDeg: number; lonDeg: number };

/** A position dated by the time of receipt because the device's clock is wrong tells nothing of a drive. */
export function isPlaced(fix: Fix): fix is PlacedFix {
  if (fix.kind !== "fix" || !fix.valid || fix.latDeg === null || fix.lonDeg === null) return false;
  return fix.dated || fix.clockFault === null;
}

/** Nothing on wheels is faster: what lies farther apart than that was not driven. */
export const DRIVEN_MPS_MAX = 70;
/** A speed beyond this is what a device writes for "unknown", or was made up. */
const REPORTED_MPS_MAX = 100;

/** The reported speed where it can be one, m/s; null otherwise. */
export function believedSpeedMps({ speedMps }: Pick<Fix, "speedMps">): number | null {
  return speedMps !== null && speedMps <= REPORTED_MPS_MAX ? speedMps : null;
}
