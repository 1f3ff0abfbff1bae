import type { Attributes, Report } from "./decoder.ts";

/** A report that says nothing yet, for decoders to fill in. `bytesStart` and `bytesEnd` are its place in the frame. */
export function emptyReport(
  kind: Report["kind"],
  bytesStart: number,
  bytesEnd: number,
  attributes: Attributes,
): Report {
  return {
    kind,
    timeMs: null,
    valid: false,
    latDeg: null,
    lonDeg: null,
    altitudeM: null,
    speedMps: null,
    headingDeg: null,
    satellites: null,
    hdop: null,
    accuracyM: null,
    event: null,
    buffered: false,
    attributes,
    bytesStart,
    bytesEnd,
  };
}

/**
 * Puts a position into a report. Where the device had no fix, or the numbers are outside the world, the report has none;
 * what the device repeated as its last known position is kept in the attributes.
 */
export function placeReport(report: Report, latDeg: number, lonDeg: number, fixed: boolean): void {
  const inWorld = Math.abs(latDeg) <= 90 && Math.abs(lonDeg) <= 180;
  if (fixed && inWorld) {
    report.valid = true;
    // Adding zero turns a negative zero of a southern or western device into zero.
    report.latDeg = latDeg + 0;
    report.lonDeg = lonDeg + 0;
  } else if (inWorld && (latDeg !== 0 || lonDeg !== 0)) {
    report.attributes["lastKnown.lat"] = latDeg + 0;
    report.attributes["lastKnown.lon"] = lonDeg + 0;
  }
}

/** A heading as 0..360, null where the number is none. */
export function headingOf(degrees: number): number | null {
  return Number.isFinite(degrees) && degrees >= 0 && degrees <= 360 ? degrees : null;
}
