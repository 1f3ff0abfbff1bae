/** The columns that `fix`, `device_state` and `vehicle_state` have for smoothed and matched positions, in one order. */
export const TRACK_COLUMNS = [
  "smoothed_lat_deg",
  "smoothed_lon_deg",
  "smoothed_speed_mps",
  "smoothed_heading_deg",
  "smoothed_sigma_m",
  "matched_lat_deg",
  "matched_lon_deg",
  "matched_way_id",
  "matched_forward",
  "matched_confidence",
] as const;

/** The columns of the row `r` as the objects of a `Tracked`. */
export function selectTracked(r: string): string {
  return `case when ${r}.smoothed_lat_deg is not null then json_build_object('latDeg', ${r}.smoothed_lat_deg,
      'lonDeg', ${r}.smoothed_lon_deg, 'speedMps', ${r}.smoothed_speed_mps, 'headingDeg', ${r}.smoothed_heading_deg,
      'sigmaM', ${r}.smoothed_sigma_m) end as smoothed,
    case when ${r}.matched_lat_deg is not null then json_build_object('latDeg', ${r}.matched_lat_deg,
      'lonDeg', ${r}.matched_lon_deg, 'wayId', ${r}.matched_way_id, 'forward', ${r}.matched_forward,
      'confidence', ${r}.matched_confidence) end as matched`;
}
