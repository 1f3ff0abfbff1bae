/** What a fence encloses. Degrees are WGS 84; rings and lines are flat lists of longitude and latitude. */
export type Shape =
  | { readonly kind: "circle"; readonly latDeg: number; readonly lonDeg: number; readonly radiusM: number }
  /** Each polygon is an outer ring and its holes; rings are closed. */
  | { readonly kind: "area"; readonly polygons: readonly (readonly Float64Array[])[] }
  /** What is at most half the width away from the line. */
  | { readonly kind: "corridor"; readonly line: Float64Array; readonly widthM: number };

/** Longitudes may pass ±180 where a shape lies across the antimeridian. */
export type Bounds = { southDeg: number; westDeg: number; northDeg: number; eastDeg: number };

/** Mean earth radius (IUGG), metres. */
export const EARTH_RADIUS_M = 6_371_008.8;
export const RADIANS_PER_DEG = Math.PI / 180;
export const METRES_PER_DEG = EARTH_RADIUS_M * RADIANS_PER_DEG;

/** Metres of a degree of longitude at a latitude. */
export function metresPerLonDeg(latDeg: number): number {
  return METRES_PER_DEG * Math.cos(latDeg * RADIANS_PER_DEG);
}

/** The smallest box that holds the shape, rounded outwards. */
export function boundsOf(shape: Shape): Bounds {
  switch (shape.kind) {
    case "circle":
      return grown(
        { southDeg: shape.latDeg, westDeg: shape.lonDeg, northDeg: shape.latDeg, eastDeg: shape.lonDeg },
        shape.radiusM,
      );
    case "area":
      return grown(boxOf(shape.polygons.map((rings) => rings[0] as Float64Array)), 0);
    case "corridor":
      return grown(boxOf([shape.line]), shape.widthM / 2);
  }
}

function boxOf(lines: readonly Float64Array[]): Bounds {
  const box = { southDeg: 90, westDeg: 180, northDeg: -90, eastDeg: -180 };
  for (const line of lines) {
    for (let i = 0; i < line.length; i += 2) {
      const lonDeg = line[i]!;
      const latDeg = line[i + 1]!;
      if (lonDeg < box.westDeg) box.westDeg = lonDeg;
      if (lonDeg > box.eastDeg) box.eastDeg = lonDeg;
      if (latDeg < box.southDeg) box.southDeg = latDeg;
      if (latDeg > box.northDeg) box.northDeg = latDeg;
    }
  }
  return box;
}

/** A box with a margin. Meridians meet towards the poles: a margin in metres is most degrees of longitude at the latitude nearest to a pole. */
export function grown(box: Bounds, marginM: number): Bounds {
  const latMarginDeg = (marginM / METRES_PER_DEG) * 1.0001 + 1e-9;
  const polewardDeg = Math.max(Math.abs(box.southDeg), Math.abs(box.northDeg)) + latMarginDeg;
  const lonMarginDeg = latMarginDeg / Math.cos(polewardDeg * RADIANS_PER_DEG);
  return {
    southDeg: box.southDeg - latMarginDeg,
    westDeg: box.westDeg - lonMarginDeg,
    northDeg: box.northDeg + latMarginDeg,
    eastDeg: box.eastDeg + lonMarginDeg,
  };
}
