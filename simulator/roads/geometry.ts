const EARTH_RADIUS_M = 6_371_008.8;
const RADIANS_PER_DEGREE = Math.PI / 180;

/** Distance in metres between places a city apart at most (equirectangular; within 0.01 % of the sphere there). */
export function distanceM(latADeg: number, lonADeg: number, latBDeg: number, lonBDeg: number): number {
  const north = (latBDeg - latADeg) * RADIANS_PER_DEGREE;
  const east = (lonBDeg - lonADeg) * RADIANS_PER_DEGREE * Math.cos(((latADeg + latBDeg) / 2) * RADIANS_PER_DEGREE);
  return EARTH_RADIUS_M * Math.hypot(north, east);
}

/** Compass direction from one place to another, degrees clockwise from north in [0, 360). */
export function headingDeg(latADeg: number, lonADeg: number, latBDeg: number, lonBDeg: number): number {
  const east = (lonBDeg - lonADeg) * Math.cos(((latADeg + latBDeg) / 2) * RADIANS_PER_DEGREE);
  const degrees = Math.atan2(east, latBDeg - latADeg) / RADIANS_PER_DEGREE;
  return (degrees + 360) % 360;
}

/** The angle between two headings, degrees in [0, 180]. */
export function turnDeg(fromDeg: number, toDeg: number): number {
  const difference = Math.abs(fromDeg - toDeg) % 360;
  return difference > 180 ? 360 - difference : difference;
}

/** Degrees of latitude and longitude of a step north and east in metres, at `latDeg`. */
export function offsetDeg(latDeg: number, northM: number, eastM: number): { latDeg: number; lonDeg: number } {
  const perRadian = EARTH_RADIUS_M * RADIANS_PER_DEGREE;
  return { latDeg: northM / perRadian, lonDeg: eastM / (perRadian * Math.cos(latDeg * RADIANS_PER_DEGREE)) };
}
