/** Mean earth radius (IUGG), metres. */
export const EARTH_RADIUS_M = 6_371_008.8;
const DEG_TO_RAD = Math.PI / 180;
/** Metres per 1e-7 degree of latitude. */
export const METRES_PER_E7 = (EARTH_RADIUS_M * DEG_TO_RAD) / 1e7;

/** 180 degrees of longitude: what lies farther apart is nearer round the other side. */
export const HALF_TURN_E7 = 1.8e9;

/** Metres per 1e-7 degree of longitude at a latitude in degrees. */
export function lonMetresPerE7(latDeg: number): number {
  return METRES_PER_E7 * Math.cos(latDeg * DEG_TO_RAD);
}

/** Great-circle distance in metres between two places in degrees (haversine). */
export function haversineM(lat1: number, lon1: number, lat2: number, lon2: number): number {
  const a =
    Math.sin(((lat2 - lat1) * DEG_TO_RAD) / 2) ** 2 +
    Math.cos(lat1 * DEG_TO_RAD) * Math.cos(lat2 * DEG_TO_RAD) * Math.sin(((lon2 - lon1) * DEG_TO_RAD) / 2) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(a)));
}

/** Bearing of a vector (east, north) in 1/256 turns clockwise from north. */
export function bearing256(eastM: number, northM: number): number {
  return Math.round((Math.atan2(eastM, northM) / (2 * Math.PI)) * 256) & 255;
}
