import { EARTH_RADIUS_M, METRES_PER_DEG, metresPerLonDeg, RADIANS_PER_DEG, type Shape } from "./shape.ts";

/**
 * How far a place is from the edge of a shape, in metres: positive inside, negative outside. Edges of areas and corridors
 * are straight in longitude and latitude (RFC 7946, section 3.1.1); distances to them are measured in the plane that
 * touches the earth at the place, so they are right near the edge, where it matters. Circles are great-circle distances.
 */
export function signedDistanceM(shape: Shape, latDeg: number, lonDeg: number): number {
  switch (shape.kind) {
    case "circle":
      return shape.radiusM - greatCircleM(shape.latDeg, shape.lonDeg, latDeg, lonDeg);
    case "area": {
      let best = Number.NEGATIVE_INFINITY;
      for (const rings of shape.polygons) best = Math.max(best, distanceToPolygonM(rings, latDeg, lonDeg));
      return best;
    }
    case "corridor":
      return shape.widthM / 2 - Math.sqrt(squareToLineM2(shape.line, latDeg, lonDeg));
  }
}

export function greatCircleM(lat1Deg: number, lon1Deg: number, lat2Deg: number, lon2Deg: number): number {
  const sinLat = Math.sin(((lat2Deg - lat1Deg) * RADIANS_PER_DEG) / 2);
  const sinLon = Math.sin(((lon2Deg - lon1Deg) * RADIANS_PER_DEG) / 2);
  const a =
    sinLat * sinLat + Math.cos(lat1Deg * RADIANS_PER_DEG) * Math.cos(lat2Deg * RADIANS_PER_DEG) * sinLon * sinLon;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(a)));
}

/**
 * Inside is what the outer ring encloses and no hole does, wherever holes lie; each by the parity of edges to the east. No
 * ring crosses the antimeridian, so only distances go the short way round. Where holes overlap, or reach beyond the outer
 * ring, the edge is farther than said, never nearer.
 */
function distanceToPolygonM(rings: readonly Float64Array[], latDeg: number, lonDeg: number): number {
  const lonScale = metresPerLonDeg(latDeg);
  let inside = true;
  let isHole = false;
  let nearestM2 = Number.POSITIVE_INFINITY;
  for (const ring of rings) {
    let enclosed = false;
    let x1 = ring[0]! - lonDeg;
    let y1 = ring[1]! - latDeg;
    for (let i = 2; i < ring.length; i += 2) {
      const x2 = ring[i]! - lonDeg;
      const y2 = ring[i + 1]! - latDeg;
      if (y1 > 0 !== y2 > 0 && x1 * y2 - x2 * y1 > 0 === y2 > y1) enclosed = !enclosed;
      if (!onAntimeridian(ring[i - 2]!, ring[i]!)) {
        const squareM2 = squareToEdge(x1, y1, x2, y2, lonScale);
        if (squareM2 < nearestM2) nearestM2 = squareM2;
      }
      x1 = x2;
      y1 = y2;
    }
    if (enclosed === isHole) inside = false;
    isHole = true;
  }
  return inside ? Math.sqrt(nearestM2) : -Math.sqrt(nearestM2);
}

function squareToLineM2(line: Float64Array, latDeg: number, lonDeg: number): number {
  const lonScale = metresPerLonDeg(latDeg);
  let nearestM2 = Number.POSITIVE_INFINITY;
  let x1 = line[0]! - lonDeg;
  let y1 = line[1]! - latDeg;
  for (let i = 2; i < line.length; i += 2) {
    const x2 = line[i]! - lonDeg;
    const y2 = line[i + 1]! - latDeg;
    nearestM2 = Math.min(nearestM2, squareToEdge(x1, y1, x2, y2, lonScale));
    x1 = x2;
    y1 = y2;
  }
  return nearestM2;
}

/** The edge in degrees from the place, metres squared; the short way round the earth. */
function squareToEdge(x1Deg: number, y1Deg: number, x2Deg: number, y2Deg: number, lonScale: number): number {
  const turnDeg = x1Deg > 180 ? -360 : x1Deg < -180 ? 360 : 0;
  return squareToSegment(
    (x1Deg + turnDeg) * lonScale,
    y1Deg * METRES_PER_DEG,
    (x2Deg + turnDeg) * lonScale,
    y2Deg * METRES_PER_DEG,
  );
}

/** Square of the distance from the origin to a segment. */
function squareToSegment(x1: number, y1: number, x2: number, y2: number): number {
  const dx = x2 - x1;
  const dy = y2 - y1;
  const length2 = dx * dx + dy * dy;
  const share = length2 > 0 ? Math.min(1, Math.max(0, -(x1 * dx + y1 * dy) / length2)) : 0;
  const x = x1 + share * dx;
  const y = y1 + share * dy;
  return x * x + y * y;
}

/** The seam along which RFC 7946 has shapes cut is no edge of theirs. */
function onAntimeridian(lon1Deg: number, lon2Deg: number): boolean {
  return lon1Deg === lon2Deg && (lon1Deg === 180 || lon1Deg === -180);
}
