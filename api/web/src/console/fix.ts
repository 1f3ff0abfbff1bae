/** What the API says of a fix (see /docs): the members that the console uses. Times are RFC 3339. */
export type FixJson = {
  id: string;
  deviceUid: string;
  protocol: string;
  time: string;
  valid: boolean;
  lat: number | null;
  lon: number | null;
  altitudeM: number | null;
  speedMps: number | null;
  headingDeg: number | null;
  satellites: number | null;
  hdop: number | null;
  accuracyM: number | null;
  event: string | null;
  attributes: Record<string, unknown>;
  receivedAt: string;
  smoothed: { lat: number; lon: number; sigmaM: number } | null;
  matched: { lat: number; lon: number; confidence: number } | null;
  late?: boolean;
};

export type Place = [lon: number, lat: number];

export const KINDS_OF_TRACK = ["raw", "smoothed", "matched"] as const;
export type TrackKind = (typeof KINDS_OF_TRACK)[number];

/** Where a fix is by one of its three positions; undefined where that one is not known. */
export function placeOf(fix: FixJson, kind: TrackKind): Place | undefined {
  switch (kind) {
    case "raw":
      return fix.lat === null || fix.lon === null ? undefined : [fix.lon, fix.lat];
    case "smoothed":
      return fix.smoothed === null ? undefined : [fix.smoothed.lon, fix.smoothed.lat];
    case "matched":
      return fix.matched === null ? undefined : [fix.matched.lon, fix.matched.lat];
  }
}

/** The best that is known of where a fix is: on the road, else smoothed, else as reported. */
export function bestPlaceOf(fix: FixJson): Place | undefined {
  return placeOf(fix, "matched") ?? placeOf(fix, "smoothed") ?? placeOf(fix, "raw");
}
